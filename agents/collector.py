"""Collector: conversations with Claude, from the first question to graded rollouts, within a budget.

First answers come through the Batches API, repairs from concurrent requests, a turn of every conversation before the
next turn of any, so that a small budget reaches every spec. What the ledger and the rollout log hold is never asked
for again, and an answer that was not graded when a process ended is graded first.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence

from cudagym import grader, prompts
from cudagym.agents import claude
from cudagym.agents.claude import BATCH_REQUESTS, Claude, dollars, most_usd, new_id
from cudagym.agents.conversation import AGENT, Conversation, system_message
from cudagym.agents.ledger import NANO, Answered, Asked, Exhausted, Ledger
from cudagym.agents.rollout import make_rollout
from cudagym.config import ClaudeConfig
from cudagym.devices import gpu_of, resolve_device
from cudagym.errors import CudagymError, UsageError
from cudagym.grader import Progress
from cudagym.record import Record
from cudagym.rewards.terms import Weights
from cudagym.rollouts import RolloutLog, read
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

GRADED_AT_ONCE = 16
Say = Callable[[str], None]


class Summary(Record):
    """What a run's ledger and rollouts amount to."""

    conversations: int
    answers: int
    correct: int
    stops: dict[str, int]
    """Answers by the reason that they ended for: end_turn, max_tokens, refusal, ..."""
    failures: dict[str, int]
    """Requests that brought no answer, by reason."""
    usd: float
    """Spent, what broke off being counted at its most."""
    exhausted: bool
    """Whether the budget ended the collection."""
    unfinished: int
    """Conversations that would go on with more budget or tries."""


class Collector:
    """One collection into a ledger and a rollout log, both opened by the caller."""

    def __init__(
        self,
        kernels: Sequence[KernelSpec],
        config: ClaudeConfig,
        ledger: Ledger,
        log: RolloutLog,
        *,
        device: str = "auto",
        seed: int = 0,
        weights: Weights | None = None,
        agent: str = AGENT,
        progress: Progress | None = None,
        say: Say = lambda _: None,
    ) -> None:
        """`agent` is what keys of rollouts begin with: teachers' rollouts are learned from, others are not."""
        self.config, self.ledger, self.log = config, ledger, log
        self.device, self.seed, self.weights = resolve_device(device), seed, weights or Weights()
        self.progress, self.say = progress or (lambda *_: None), say
        self.agent = agent
        self.conversations = plan(kernels, config, self.device, self.weights, agent)
        self._exhausted = False
        self._asked_now = 0
        self._failure: CudagymError | OSError | None = None
        self._stopping = False
        self._freed = asyncio.Condition()
        self._in_flight = 0
        self._restore()

    def _restore(self) -> None:
        """Take answers from the ledger and verdicts from the log."""
        verdicts = {rollout.key: rollout.verdict for rollout in read(self.log.path) if rollout.agent == self.agent}
        for each in self.conversations:
            while each.key in self.ledger.answers:
                key = each.key
                each.answers.append(self.ledger.answers[key])
                if key not in verdicts:
                    break
                each.verdicts.append(verdicts[key])

    async def run(self) -> Summary:
        """Collect until every conversation is over or the budget is used up. Cancelling waits for what is paid for.

        Raises UsageError and InfrastructureError for what keeps Claude from answering, after everything that had
        come back was stored and graded.
        """
        self._report()
        await self._grade([each for each in self.conversations if self._is_ungraded(each)])
        for each in [asked for asked in self.ledger.open.values() if asked.batch is None]:
            self.ledger.drop(each, "interrupted: it may have been billed", each.most_usd, counts=False)
        if not self._is_waiting() and not self._next():
            return self.summary
        async with Claude(self.config, self.ledger, self.say) as teacher:
            await self._collect_open_batches(teacher)
            if self.config.batch:
                await self._ask_in_batches(teacher)
            await self._ask_concurrently(teacher)
        if self._failure is not None:
            raise self._failure
        if self._exhausted and not self._asked_now:
            raise UsageError(
                f"the budget of {dollars(self.ledger.budget)} is used up: {dollars(self.ledger.spent)} are spent, and "
                f"the next request could cost more than the rest. Raise claude.budget_usd, or lower claude.max_tokens."
            )
        return self.summary

    @property
    def summary(self) -> Summary:
        answers = [answered for each in self.conversations for answered in each.answers]
        verdicts = [verdict for each in self.conversations for verdict in each.verdicts]
        return Summary(
            conversations=len(self.conversations),
            answers=len(answers),
            correct=sum(verdict.status == "correct" for verdict in verdicts),
            stops=dict(Counter(answered.stop_reason for answered in answers)),
            failures={reason: count for reason, count in self.ledger.failures.items() if count},
            usd=self.ledger.spent / NANO,
            exhausted=self._exhausted,
            unfinished=len(self._next()),
        )

    def _is_waiting(self) -> bool:
        return any(asked.batch is not None for asked in self.ledger.open.values())

    def _is_ungraded(self, each: Conversation) -> bool:
        return len(each.verdicts) < len(each.answers) and each.answers[-1].is_candidate

    def _is_over(self, each: Conversation) -> bool:
        hopeless = self.ledger.hopeless.get(each.key) == claude.parameters(self.config)
        tried = self.ledger.drops[each.key] >= self.config.tries
        return hopeless or tried or each.is_over(attempts=self.config.attempts, until=self.config.until)

    def _next(self) -> list[Conversation]:
        """The conversations that have something left to ask, those with the fewest answers first."""
        waiting = {asked.key for asked in self.ledger.open.values()}
        left = [each for each in self.conversations if not self._is_over(each) and each.key not in waiting]
        return sorted(left, key=lambda each: len(each.answers))

    # Batches: first answers.

    async def _collect_open_batches(self, teacher: Claude) -> None:
        """Pick up the batches of an earlier process."""
        by_name: dict[str, list[Asked]] = {}
        for asked in self.ledger.open.values():
            if asked.batch is not None:
                by_name.setdefault(asked.batch, []).append(asked)
        for name, asked_ in by_name.items():
            self.say(f"picking up a batch of {_requests(asked_)} that was sent earlier")
            if name not in self.ledger.batches:
                await teacher.recover(name, asked_, self._waiting)
            if name in self.ledger.batches:
                await self._receive(teacher, name, asked_)

    async def _ask_in_batches(self, teacher: Claude) -> None:
        while todo := [each for each in self._next() if not each.answers][:BATCH_REQUESTS]:
            name = new_id()
            asked = [self._asked(each, batch=name) for each in todo]
            fitting = self.ledger.fitting(asked)
            if not fitting:
                self._exhausted = True
                return
            asked, todo = asked[:fitting], todo[:fitting]
            bodies = {a.id: self._body(each) for a, each in zip(asked, todo, strict=True)}
            self.ledger.ask(asked)
            await teacher.send(asked, bodies)
            self._asked_now += len(asked)
            self.say(
                f"sent a batch of {_requests(asked)}: up to 24 hours; if interrupted, the same command picks it up"
            )
            await self._receive(teacher, name, asked)

    async def _receive(self, teacher: Claude, name: str, asked: Sequence[Asked]) -> None:
        by_key = {each.key: each for each in self.conversations}
        answers = await teacher.receive(name, asked, self._waiting)
        arrived = []
        for answered in answers:
            # A conversation that the settings no longer ask for keeps its answer in the ledger.
            if (each := by_key.get(answered.key)) is not None:
                each.answers.append(answered)
                arrived.append(each)
        self._report()
        await self._grade([each for each in arrived if self._is_ungraded(each)])

    def _waiting(self, left: int) -> None:
        self._report()

    # Concurrent requests: repairs, and everything when batches are off.

    async def _ask_concurrently(self, teacher: Claude) -> None:
        todo = deque(self._next())
        count = min(self.config.concurrency, len(todo))
        workers = [asyncio.create_task(self._work(teacher, todo)) for _ in range(count)]
        working = asyncio.gather(*workers)
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            self._stopping = True
            if self._in_flight and not any(worker.cancelling() for worker in workers):
                self.say(f"waiting for {self._in_flight} answers that are being paid for; interrupt again to drop them")
            await working
            raise

    async def _work(self, teacher: Claude, todo: deque[Conversation]) -> None:
        while todo and not self._stopping:
            each = todo.popleft()
            try:
                await self._turn(teacher, each)
            except Exhausted:
                self._exhausted = self._stopping = True
            except (CudagymError, OSError) as error:
                self._failure = self._failure or error
                self._stopping = True
            if not self._is_over(each):
                todo.append(each)

    async def _turn(self, teacher: Claude, each: Conversation) -> None:
        """One question, answer and verdict."""
        asked = await self._reserved(each)
        if asked is None:
            return
        try:
            answered = await teacher.ask(asked, each.messages(), continues=self._continues(each))
        finally:
            async with self._freed:
                self._in_flight -= 1
                self._freed.notify_all()
        if answered is not None:
            each.answers.append(answered)
            if self._is_ungraded(each):
                await self._grade([each])
        self._report()

    async def _reserved(self, each: Conversation) -> Asked | None:
        """The next request, its money reserved as soon as there is room; None when the collection is stopping.

        Requests in flight mostly cost less than their most, so what they leave is waited for. Raises Exhausted.
        """
        asked = self._asked(each)
        async with self._freed:
            while not self._stopping:
                if self.ledger.fitting([asked]):
                    self.ledger.ask([asked])
                    self._in_flight += 1
                    self._asked_now += 1
                    return asked
                if not self._in_flight:
                    raise Exhausted
                await self._freed.wait()
        return None

    def _asked(self, each: Conversation, batch: str | None = None) -> Asked:
        most = most_usd(each.messages(), self.config, batched=batch is not None)
        return Asked(id=new_id(), key=each.key, most_usd=most, request=claude.parameters(self.config), batch=batch)

    def _body(self, each: Conversation) -> dict[str, object]:
        return claude.body(each.messages(), self.config, continues=self._continues(each))

    def _continues(self, each: Conversation) -> bool:
        """Whether another turn may follow the next one."""
        return len(each.answers) + 1 < self.config.attempts

    # Verdicts.

    async def _grade(self, conversations: Sequence[Conversation]) -> None:
        """Grade each conversation's last answer and log it."""
        for start in range(0, len(conversations), GRADED_AT_ONCE):
            some = conversations[start : start + GRADED_AT_ONCE]
            items = [(each.spec, prompts.extract_source(each.answers[-1].text)) for each in some]
            verdicts = await asyncio.to_thread(grader.grade_many, items, device=self.device, seed=self.seed)
            for each, verdict in zip(some, verdicts, strict=True):
                self._keep(each, verdict)
            self._report()

    def _keep(self, each: Conversation, verdict: Verdict) -> None:
        answered = each.answers[-1]
        self.log.append(
            make_rollout(
                answered.key,
                each.spec,
                (system_message(), *each.messages()),
                answered.text,
                verdict,
                weights=self.weights,
                seed=self.seed,
                usage=_usage(answered),
                model=answered.model,
            )
        )
        each.verdicts.append(verdict)

    def _report(self) -> None:
        self.progress(sum(self._is_over(each) for each in self.conversations), len(self.conversations))


def plan(
    kernels: Sequence[KernelSpec], config: ClaudeConfig, device: str, weights: Weights, agent: str = AGENT
) -> list[Conversation]:
    """Every conversation that the settings ask for, one sample of every spec before the next sample of any."""
    card = gpu_of(device)
    questions = {spec.name: prompts.render(spec, card, weights=weights.model_dump()) for spec in kernels}
    pairs = _samples(kernels, config.samples)
    return [Conversation(spec, sample, questions[spec.name], agent=agent) for sample, spec in pairs]


def _requests(asked: Sequence[Asked]) -> str:
    return f"{len(asked)} request{'s' * (len(asked) > 1)}"


def _samples(kernels: Sequence[KernelSpec], samples: int) -> Iterator[tuple[int, KernelSpec]]:
    return ((sample, spec) for sample in range(samples) for spec in kernels)


def _usage(answered: Answered) -> dict[str, float]:
    return {
        "input_tokens": answered.usage.input_tokens,
        "cache_write_tokens": answered.usage.cache_creation_input_tokens,
        "cache_read_tokens": answered.usage.cache_read_input_tokens,
        "output_tokens": answered.usage.output_tokens,
        "usd": answered.usd,
    }
