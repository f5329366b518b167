"""Claude: requests to Anthropic's Messages and Message Batches APIs, metered by a ledger.

The SDK retries: it waits as the server asks, or longer each time. What it cannot know is that a request which broke off
may have been billed, so each of its attempts passes a meter that asks the ledger for the money. Creating a batch is
never repeated blindly: when the answer to that is lost, the batch is looked for among the workspace's batches.

The key is read from the environment by the SDK alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from cudagym.agents.conversation import SYSTEM, size, system_message
from cudagym.agents.ledger import NANO, Answered, Asked, Exhausted, Ledger, Usage
from cudagym.config import ClaudeConfig, Prices
from cudagym.errors import CudagymError, InfrastructureError, UsageError
from cudagym.rollouts import Message

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import Message as Reply
    from anthropic.types.messages import MessageBatchIndividualResponse

KEY = "ANTHROPIC_API_KEY"
BATCH_REQUESTS = 10_000
"""In one batch, at most. The API takes 100 000, or 256 MB."""
CLOCK_SKEW = timedelta(hours=1)
"""How much this machine's clock and the server's may differ when a batch is looked for by its time."""


class Uncertain(Exception):
    """Whether the server created a batch is not known."""


def most_usd(messages: Sequence[Message], config: ClaudeConfig, *, batched: bool) -> float:
    """The most that one request can cost: every byte a token that is written to the cache, and all of max_tokens."""
    prices = config.price
    dearest = Prices(
        input=max(prices.input, prices.cache_write, prices.cache_read),
        output=prices.output,
        cache_write=0,
        cache_read=0,
    )
    usage = Usage(input_tokens=size([system_message(), *messages]), output_tokens=config.max_tokens)
    return usage.usd(dearest, config.batch_price if batched else 1.0)


def parameters(config: ClaudeConfig) -> dict[str, Any]:
    """What every request has in common, messages and system prompt apart."""
    chosen: dict[str, Any] = {"model": config.model, "max_tokens": config.max_tokens}
    if config.thinking is not None:
        chosen["thinking"] = config.thinking
    if config.effort is not None:
        chosen["output_config"] = {"effort": config.effort}
    return chosen


def body(messages: Sequence[Message], config: ClaudeConfig, *, continues: bool) -> dict[str, Any]:
    """One request. The system prompt is cached; so is the conversation when another turn may follow it."""
    cached = {"cache_control": {"type": "ephemeral"}}
    *before, last = ({"role": each.role, "content": [{"type": "text", "text": each.content}]} for each in messages)
    if continues:
        cast(list[dict[str, Any]], last["content"])[0] |= cached
    system = [{"type": "text", "text": SYSTEM, **cached}]
    return {**parameters(config), "system": system, "messages": [*before, last]}


class Claude:
    """A connection to the API. Use as an async context manager."""

    def __init__(self, config: ClaudeConfig, ledger: Ledger, say: Callable[[str], None]) -> None:
        """Raises UsageError when there is no key, InfrastructureError when the SDK is missing."""
        try:
            import anthropic
        except ModuleNotFoundError:
            raise InfrastructureError(
                "asking Claude needs the package anthropic: pip install 'cudagym[claude]'."
            ) from None
        self.config, self.ledger, self.say = config, ledger, say
        try:
            self._client: AsyncAnthropic = anthropic.AsyncAnthropic(
                base_url=config.base_url, max_retries=config.max_retries, timeout=config.timeout_seconds
            )
        except anthropic.AnthropicError as error:
            raise UsageError(f"the Anthropic SDK found no usable key: {error} Or export {KEY}=...") from None
        client = self._client
        if not (client.api_key or client.auth_token or client.credentials):
            raise UsageError(f"Claude needs a key: export {KEY}=..., from console.anthropic.com. Nothing was asked.")

    async def __aenter__(self) -> Claude:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(self, asked: Asked, messages: Sequence[Message], *, continues: bool) -> Answered | None:
        """Send one request that the ledger holds as asked, and note its answer; None when that broke off.

        Raises UsageError and InfrastructureError for what would befall other requests, too, Exhausted when the budget
        has no room for a repetition. In every case the ledger knows what must be paid.
        """
        from anthropic import AnthropicError

        meter = _meter(self.ledger, asked)
        client = self._client.with_options(middleware=[*self._client.middleware, meter])
        request = body(messages, self.config, continues=continues)
        begun = False
        try:
            async with client.messages.stream(**request) as stream:
                begun = True
                reply = await stream.get_final_message()
                if reply.stop_reason is None:
                    raise ConnectionError("the stream ended before the message did")
        except Exhausted:
            raise
        except Exception as error:
            if begun:  # the SDK cannot repeat this
                self.ledger.drop(asked, f"broke off: {_short(error)}", asked.most_usd)
                return None
            self.ledger.drop(asked, _short(error), counts=False)
            if isinstance(error, AnthropicError):
                raise self._explained(error) from None
            raise
        return self._note(asked, reply, stream.request_id)

    async def send(self, asked: Sequence[Asked], bodies: Mapping[str, dict[str, Any]]) -> None:
        """Create a batch of requests that the ledger holds as asked, all under one name of ours, and note its id.

        Raises InfrastructureError or UsageError when it could not be created, nothing being owed then.
        """
        from anthropic import AnthropicError
        from anthropic.types.messages.batch_create_params import Request

        requests = [cast(Request, {"custom_id": each.id, "params": bodies[each.id]}) for each in asked]
        client = self._client.with_options(middleware=[*self._client.middleware, _doubt])
        name = cast(str, asked[0].batch)
        for _ in range(self.config.max_retries + 1):
            try:
                batch = await client.messages.batches.create(requests=requests)
                self.ledger.batched(name, batch.id)
                return
            except Uncertain as doubt:
                reason = str(doubt)
                await asyncio.sleep(min(self.config.poll_seconds, 5))
                if await self.find(name, asked):
                    return
            except AnthropicError as error:
                self._unsent(asked, _short(error))
                raise self._explained(error) from None
        self._unsent(asked, reason)
        raise InfrastructureError(f"{self._server} did not take a batch: {reason}. {_LATER}")

    async def find(self, name: str, asked: Sequence[Asked], waiting: Callable[[int], None] = lambda _: None) -> bool:
        """Look for a batch whose creation was not confirmed, and note its id. Waits for batches that could be it."""
        from anthropic import AnthropicError

        try:
            for candidate in await self._candidates(asked):
                self.say(f"looking whether batch {candidate} is one that may have been created before")
                async with aclosing(self._results(candidate, waiting)) as results:
                    if (item := await anext(results, None)) and item.custom_id in {each.id for each in asked}:
                        self.ledger.batched(name, candidate)
                        return True
        except AnthropicError as error:
            raise self._explained(error) from None
        return False

    async def _candidates(self, asked: Sequence[Asked]) -> list[str]:
        """The workspace's batches of as many requests, created since, that the ledger does not know, ended ones first.

        Only the results of a batch tell whose it is.
        """
        known = set(self.ledger.batches.values())
        since = min(each.at for each in asked) - CLOCK_SKEW
        found = []
        async for batch in self._client.messages.batches.list(limit=100):
            if batch.created_at < since:  # newest first
                break
            counts = batch.request_counts
            total = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
            if batch.id not in known and total == len(asked):
                found.append(batch)
        return [each.id for each in sorted(found, key=lambda each: each.processing_status != "ended")]

    async def recover(self, name: str, asked: Sequence[Asked], waiting: Callable[[int], None]) -> None:
        """Find out what became of a batch that was being created when an earlier process ended."""
        if not await self.find(name, asked, waiting):
            self._unsent(asked, "interrupted before it was sent")

    async def receive(self, name: str, asked: Sequence[Asked], waiting: Callable[[int], None]) -> list[Answered]:
        """Wait for a batch to end and note what became of each of its requests. `waiting` hears how many are left."""
        from anthropic import AnthropicError, NotFoundError

        pending = {each.id: each for each in asked}
        answers = []
        try:
            async with aclosing(self._results(self.ledger.batches[name], waiting)) as results:
                async for item in results:
                    each = pending.pop(item.custom_id, None)
                    if each is None:
                        continue
                    result = item.result
                    if result.type == "succeeded":
                        answers.append(self._note(each, result.message, None))
                    elif result.type == "errored":
                        failure = result.error.error
                        final = failure.type in ("invalid_request_error", "not_found_error", "permission_error")
                        self.ledger.drop(each, f"errored: {failure.type}: {failure.message}", final=final)
                    else:
                        self.ledger.drop(each, result.type)
        except NotFoundError:
            raise UsageError(
                f"{self._server} knows no batch {self.ledger.batches[name]}, which was created for this run: use a key "
                f"of the workspace that it was created with. If somebody deleted it, collect into another run."
            ) from None
        except AnthropicError as error:
            raise self._explained(error) from None
        for each in pending.values():
            self.ledger.drop(each, "missing from the batch's results", each.most_usd)
        return answers

    async def _results(
        self, batch_id: str, waiting: Callable[[int], None]
    ) -> AsyncGenerator[MessageBatchIndividualResponse]:
        """The results of a batch, once it has ended."""
        batches = self._client.messages.batches
        while (batch := await batches.retrieve(batch_id)).processing_status != "ended":
            waiting(batch.request_counts.processing)
            await asyncio.sleep(self.config.poll_seconds)
        if batch.archived_at is not None:  # its results are gone
            return
        # Read whole before anything is noted, so that a connection that drops half-way is only asked again.
        for attempt in range(self.config.max_retries + 1):
            try:
                found = [item async for item in await batches.results(batch_id)]
                break
            except Exception as error:
                if not _is_broken(error):
                    raise
                if attempt == self.config.max_retries:
                    raise self._explained(error) from None
                await asyncio.sleep(min(2**attempt / 2, 8))
        for item in found:
            yield item

    def _note(self, asked: Asked, reply: Reply, request_id: str | None) -> Answered:
        """Write an answer down, before anything is done with it."""
        usage = Usage(**{name: getattr(reply.usage, name) or 0 for name in Usage.model_fields})
        details = reply.stop_details
        refusal = " ".join(filter(None, (details.category, details.explanation))) if details else None
        answered = Answered(
            id=asked.id,
            key=asked.key,
            message_id=reply.id,
            request_id=request_id,
            model=reply.model,
            stop_reason=reply.stop_reason or "unknown",
            refusal=refusal or None,
            text="".join(block.text for block in reply.content if block.type == "text"),
            usage=usage,
            usd=usage.usd(self.config.price, self.config.batch_price if asked.batch else 1.0),
        )
        self.ledger.answer(answered)
        return answered

    def _unsent(self, asked: Sequence[Asked], reason: str) -> None:
        for each in asked:
            self.ledger.drop(each, reason, counts=False)

    @property
    def _server(self) -> str:
        return f"the server at {self._client.base_url.netloc.decode()}"

    def _explained(self, error: Exception) -> CudagymError:
        """The SDK's error as one of ours: what happened and what to do."""
        import anthropic

        told = _short(error)
        match error:
            case anthropic.AuthenticationError():
                return UsageError(f"{self._server} refused the key in {KEY} ({told}). {_LATER}")
            case anthropic.PermissionDeniedError():
                return UsageError(f"the key in {KEY} may not do this: {told}. {_LATER}")
            case anthropic.CredentialsError():
                return UsageError(f"the Anthropic SDK found no usable key: {told}. Or export {KEY}=... {_LATER}")
            case anthropic.NotFoundError():
                return UsageError(
                    f"{self._server} knows no model {self.config.model!r} ({told}): set claude.model. {_LATER}"
                )
            case anthropic.RateLimitError():
                return InfrastructureError(
                    f"{self._server} refused {self.config.max_retries + 1} times because of rate limits ({told}): "
                    f"wait, or lower claude.concurrency. {_LATER}"
                )
            case anthropic.APIConnectionError():
                return InfrastructureError(f"{self._server} cannot be reached: {told}. {_LATER}")
            case anthropic.APIStatusError() if error.status_code < 500:
                return UsageError(f"{self._server} does not accept the request: {told}. {_LATER}")
            case _:
                return InfrastructureError(f"{self._server} failed: {told}. {_LATER}")


_LATER = "Nothing that was paid for is lost; the same command goes on from here."


def new_id() -> str:
    """A name for a request or a batch that no other has."""
    return uuid4().hex


def dollars(amount: int) -> str:
    """Nano-dollars for people."""
    return f"${amount / NANO:,.2f}"


def _meter(ledger: Ledger, asked: Asked) -> Any:
    """Middleware around each HTTP attempt of a request: what broke off after it was sent may have been billed."""
    from anthropic import APIConnectionError
    from httpx2 import ConnectError, ConnectTimeout, PoolTimeout

    async def metered(request: Any, call_next: Any) -> Any:
        try:
            return await call_next(request)
        except APIConnectionError as error:
            if not isinstance(error.__cause__, ConnectError | ConnectTimeout | PoolTimeout):
                ledger.lose(asked, _short(error))
            raise

    return metered


async def _doubt(request: Any, call_next: Any) -> Any:
    """Middleware around the creation of a batch: no blind repetition of what may have happened.

    Refusals (429, 529 and 503 among them) are the SDK's to repeat.
    """
    from anthropic import APIConnectionError
    from httpx2 import ConnectError, ConnectTimeout, PoolTimeout

    try:
        response = await call_next(request)
    except APIConnectionError as error:
        if isinstance(error.__cause__, ConnectError | ConnectTimeout | PoolTimeout):
            raise
        raise Uncertain(_short(error)) from None
    if response.status_code >= 500 and response.status_code not in (503, 529):
        raise Uncertain(f"it answered {response.status_code}")
    return response


def _is_broken(error: Exception) -> bool:
    """Whether a connection dropped while a response was being read."""
    from anthropic import APIConnectionError
    from httpx2 import HTTPError

    return isinstance(error, HTTPError | APIConnectionError | ValueError)


def _short(error: Exception) -> str:
    told = getattr(error, "api_message", None) or str(error.__cause__ or error) or type(error).__name__
    return " ".join(str(told).split())[:300].rstrip(".")
