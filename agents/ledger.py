"""Ledger: what a paid teacher was asked, what came back, and what it cost, in a file that survives crashes.

Every request is written down before it is sent, with the most it can cost, and every answer before anything is done
with it. Each line is one of

asked     a request that is about to be sent
batched   the id of the batch that requests were sent in
lost      a request broke off after it was sent and is sent again: it counts at its most
answered  a message came back, with its usage and price
dropped   no message will come back, with the price that must be assumed

Money is counted in whole nano-dollars, every price rounded up, so that sums are exact and never too low.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from cudagym.config import Prices
from cudagym.errors import UsageError
from cudagym.lines import LineFile
from cudagym.record import Record, complaint

NANO = 10**9


class Exhausted(Exception):
    """The budget has no room for a request at its most. Not an error of anybody's: collection ends."""


class Usage(Record):
    """The tokens of one message, under the Messages API's names for them. `input_tokens` excludes cached ones."""

    input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    output_tokens: int = 0

    def usd(self, prices: Prices, share: float = 1.0) -> float:
        """What they cost at `share` of the prices, rounded up to a nano-dollar."""
        million = (
            self.input_tokens * prices.input
            + self.cache_creation_input_tokens * prices.cache_write
            + self.cache_read_input_tokens * prices.cache_read
            + self.output_tokens * prices.output
        )
        return math.ceil(round(million * share * 1000, 3)) / NANO


class Asked(Record):
    kind: Literal["asked"] = "asked"
    id: str
    """Of the request: in a batch its `custom_id`."""
    key: str
    """Of the attempt, and of its rollout: `claude/<spec>/<sample>.<turn>`."""
    most_usd: float
    request: dict[str, Any]
    """Its parameters, messages and system prompt apart."""
    batch: str | None = None
    """Our name for the batch it is sent in."""
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Batched(Record):
    kind: Literal["batched"] = "batched"
    batch: str
    batch_id: str
    """The server's name for it."""


class Lost(Record):
    kind: Literal["lost"] = "lost"
    id: str
    reason: str
    usd: float


class Answered(Record):
    kind: Literal["answered"] = "answered"
    id: str
    key: str
    message_id: str
    request_id: str | None = None
    model: str
    stop_reason: str
    refusal: str | None = None
    """Why it was refused, as far as the server says."""
    text: str
    usage: Usage
    usd: float
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))

    @property
    def is_candidate(self) -> bool:
        """Whether it ended by itself. A refusal or half an answer says nothing about a kernel."""
        return self.stop_reason in ("end_turn", "stop_sequence")


class Dropped(Record):
    kind: Literal["dropped"] = "dropped"
    id: str
    key: str
    reason: str
    usd: float = 0.0
    counts: bool = True
    """Whether it was one of the tries for this answer. A request that was never sent is none."""
    final: bool = False
    """Whether the same request would fail again."""


Event = Annotated[Asked | Batched | Lost | Answered | Dropped, Field(discriminator="kind")]
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def nano(usd: float) -> int:
    return round(usd * NANO)


class Ledger:
    """The state that a file of events amounts to, and the only way to add to it. One process has it at a time.

    `budget_usd` is for everything in the file. Use as a context manager.
    """

    def __init__(self, path: Path, budget_usd: float = 0.0) -> None:
        """Raises UsageError for a damaged file, and while another process has it."""
        self.path = path
        self.budget = math.floor(budget_usd * NANO)
        self.spent = 0
        self.open: dict[str, Asked] = {}
        self.batches: dict[str, str] = {}
        self.answers: dict[str, Answered] = {}
        self.drops: Counter[str] = Counter()
        """Tries that brought no answer, by key; `failures` by reason."""
        self.failures: Counter[str] = Counter()
        self.hopeless: dict[str, dict[str, Any]] = {}
        """Attempts by key whose requests the server does not take, with the parameters of such a request."""
        self._file = LineFile(path, exclusive=True)
        for event in read(path):
            self._apply(event)

    @property
    def reserved(self) -> int:
        """The most that requests in flight can cost."""
        return sum(nano(each.most_usd) for each in self.open.values())

    @property
    def free(self) -> int:
        return self.budget - self.spent - self.reserved

    def fitting(self, asked: Sequence[Asked]) -> int:
        """How many of these requests, from the first, the budget has room for."""
        free = self.free
        for number, each in enumerate(asked):
            free -= nano(each.most_usd)
            if free < 0:
                return number
        return len(asked)

    def ask(self, asked: Sequence[Asked]) -> None:
        """Reserve the money for requests that are sent next. Raises Exhausted, for all or none."""
        if self.fitting(asked) < len(asked):
            raise Exhausted
        self._write(asked)

    def batched(self, batch: str, batch_id: str) -> None:
        self._write([Batched(batch=batch, batch_id=batch_id)])

    def answer(self, answered: Answered) -> None:
        self._write([answered])

    def drop(self, asked: Asked, reason: str, usd: float = 0.0, *, counts: bool = True, final: bool = False) -> None:
        self._write([Dropped(id=asked.id, key=asked.key, reason=reason, usd=usd, counts=counts, final=final)])

    def lose(self, asked: Asked, reason: str) -> None:
        """Count a request that broke off as paid in full, and reserve the same again, as it is sent again.

        Raises Exhausted, the request being dropped, when there is no room for that.
        """
        if self.free < nano(asked.most_usd):
            self.drop(asked, reason, asked.most_usd)
            raise Exhausted
        self._write([Lost(id=asked.id, reason=reason, usd=asked.most_usd)])

    def _write(self, events: Sequence[Event]) -> None:
        lines = [json.dumps(event.model_dump(mode="json"), separators=(",", ":")) + "\n" for event in events]
        self._file.write("".join(lines).encode("ascii"), durable=True)
        for event in events:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        match event:
            case Asked():
                self.open[event.id] = event
            case Batched():
                self.batches[event.batch] = event.batch_id
            case Lost():
                self.spent += nano(event.usd)
            case Answered():
                self.open.pop(event.id, None)
                self.answers[event.key] = event
                self.spent += nano(event.usd)
            case Dropped():
                asked = self.open.pop(event.id, None)
                self.drops[event.key] += event.counts
                self.failures[event.reason] += event.counts
                self.spent += nano(event.usd)
                if event.final and asked is not None:
                    self.hopeless[event.key] = asked.request

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(path: Path) -> list[Event]:
    """The events of a ledger's file, oldest first; none when there is no such file. A torn last line is skipped.

    Raises UsageError for a damaged line, naming it.
    """
    if not path.exists():
        return []
    found: list[Event] = []
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            break
        try:
            found.append(_EVENT.validate_python(json.loads(line)))
        except ValueError as error:
            raise UsageError(f"{path}, line {number}, is no event of a ledger: {complaint(error)}") from None
    return found
