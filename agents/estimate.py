"""Estimate: what asking Claude would cost, without a key and without asking.

Prompts are counted at so many characters per token, answers at the length that the run's own answers had so far, or at
`claude.typical_tokens`. What is really paid depends on how much Claude thinks; the budget is what bounds it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from cudagym.agents.collector import plan
from cudagym.agents.conversation import Conversation, system_message
from cudagym.agents.ledger import Answered, Event, Usage
from cudagym.config import ClaudeConfig
from cudagym.record import Record
from cudagym.rewards.terms import Weights
from cudagym.rollouts import Message
from cudagym.specs.spec import KernelSpec

CHARACTERS_PER_TOKEN = 3.0
FEEDBACK_TOKENS = 500
"""Of a verdict, typically."""


class Row(Record):
    """The cost of one spec's conversations, or of all."""

    spec: str
    conversations: int
    first_usd: float
    """When every conversation ends with its first answer."""
    all_usd: float
    """When every conversation uses all its attempts."""
    longest_usd: float
    """When, moreover, every answer uses all of max_tokens."""


class Estimate(Record):
    """What a collection would cost from its beginning, and what of it has been spent."""

    model: str
    answer_tokens: int
    measured: bool
    """Whether `answer_tokens` is the mean of this run's answers, and not an assumption."""
    budget_usd: float
    spent_usd: float
    rows: tuple[Row, ...]
    total: Row


def estimate(
    kernels: Sequence[KernelSpec],
    config: ClaudeConfig,
    events: Sequence[Event],
    *,
    device: str,
    weights: Weights,
) -> Estimate:
    """Raises UsageError for a model whose price is not known. `events` are those of the run's ledger."""
    lengths = [event.usage.output_tokens for event in events if isinstance(event, Answered)]
    answer = round(sum(lengths) / len(lengths)) if lengths else config.typical_tokens
    answer = min(answer, config.max_tokens)
    firsts = [each for each in plan(kernels, config, device, weights) if each.sample == 0]
    rows = tuple(_row(each, config, answer) for each in firsts)
    return Estimate(
        model=config.model,
        answer_tokens=answer,
        measured=bool(lengths),
        budget_usd=config.budget_usd,
        spent_usd=round(sum(getattr(event, "usd", 0.0) for event in events), 9),
        rows=rows,
        total=Row(
            spec="all",
            conversations=sum(row.conversations for row in rows),
            first_usd=sum(row.first_usd for row in rows),
            all_usd=sum(row.all_usd for row in rows),
            longest_usd=sum(row.longest_usd for row in rows),
        ),
    )


def _row(each: Conversation, config: ClaudeConfig, answer: int) -> Row:
    samples = config.samples
    return Row(
        spec=each.spec.name,
        conversations=samples,
        first_usd=samples * _cost(each, config, answer, turns=1),
        all_usd=samples * _cost(each, config, answer, turns=config.attempts),
        longest_usd=samples * _cost(each, config, config.max_tokens, turns=config.attempts),
    )


def _cost(each: Conversation, config: ClaudeConfig, answer: int, *, turns: int) -> float:
    """Of one conversation: each turn reads from the cache what was said before it, and writes what is new."""
    read, written = _tokens(system_message()), _tokens(each.messages()[0])
    total = 0.0
    for turn in range(turns):
        usage = Usage(cache_read_input_tokens=read, cache_creation_input_tokens=written, output_tokens=answer)
        total += usage.usd(config.price, config.batch_price if config.batch and turn == 0 else 1.0)
        read, written = read + written, answer + FEEDBACK_TOKENS
    return total


def _tokens(message: Message) -> int:
    return round(len(message.content) / CHARACTERS_PER_TOKEN)


def estimate_table(found: Estimate) -> Table:
    """The estimate, a row per spec and one for all."""
    length = f"answers of {found.answer_tokens:,} tokens, {'as measured here' if found.measured else 'as assumed'}"
    budget = f"${found.spent_usd:.2f} of the budget of ${found.budget_usd:.2f} are spent"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=f"{found.model}; {length}; {budget}")
    table.add_column("spec", no_wrap=True)
    for heading in ("conversations", "first answers", "all attempts", "longest answers"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in (*found.rows, found.total):
        costs = (f"${cost:,.2f}" for cost in (row.first_usd, row.all_usd, row.longest_usd))
        table.add_row(row.spec, str(row.conversations), *costs, end_section=row is found.rows[-1])
    return table
