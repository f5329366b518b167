"""Claude as the teacher: the real SDK against a server on the loopback address.

Nothing is paid for twice, whatever breaks, and the budget is never exceeded.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from anthropic_server import KEY, Answer, Body, Server

from cudagym import cli, specs
from cudagym.agents import estimate, ledger, loop
from cudagym.agents.collector import Collector, Summary
from cudagym.agents.ledger import Answered, Asked, Dropped, Ledger, Lost, Usage
from cudagym.agents.rollout import make_rollout
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.config import ClaudeConfig, CollectConfig, Prices, RunConfig
from cudagym.errors import InfrastructureError, UsageError
from cudagym.rewards.terms import Weights
from cudagym.rollouts import Rollout, RolloutLog, read
from cudagym.runs import RunFolder

KERNELS = [specs.get(name) for name in ("relu_fp32", "gelu_fp32")]
ONE_PER_TOKEN = Prices(input=0, output=1, cache_write=0, cache_read=0)
"""Dollars per million output tokens, the rest free: costs are easy to see."""
PLAIN = {
    "model": "claude-test",
    "prices": {"claude-test": ONE_PER_TOKEN},
    "max_tokens": 1000,
    "samples": 2,
    "attempts": 1,
    "poll_seconds": 0.05,
    "max_retries": 3,
}


def fast(_: Body) -> Answer:
    return Answer("Here it is.\n```cuda\nfast\n```\n")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ANTHROPIC_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(fast) as running:
        yield running


Collect = Callable[..., Summary]


@pytest.fixture
def collect(server: Server, tmp_path: Path, grading: Any) -> Collect:
    """Run one collection in this process, with made-up verdicts."""

    def collecting(**settings: Any) -> Summary:
        config = ClaudeConfig.model_validate({**PLAIN, "base_url": server.url, **settings})
        with Ledger(tmp_path / "claude.jsonl", config.budget_usd) as book, RolloutLog(tmp_path / "r.jsonl") as log:
            return asyncio.run(Collector(KERNELS, config, book, log).run())

    return collecting


def rollouts(folder: Path) -> dict[str, Rollout]:
    found = list(read(folder / "r.jsonl"))
    assert len({each.key for each in found}) == len(found)
    return {each.key: each for each in found}


def spec_of(body: Body) -> str:
    first: str = body["messages"][0]["content"][0]["text"]
    return first.partition("\n")[0].rpartition(": ")[2].rstrip(".")


def events(folder: Path, kind: type) -> list[Any]:
    return [event for event in ledger.read(folder / "claude.jsonl") if isinstance(event, kind)]


@pytest.mark.parametrize("batch", [True, False])
def test_every_request_is_cached_thinks_and_is_kept(
    server: Server, collect: Collect, tmp_path: Path, batch: bool
) -> None:
    summary = collect(batch=batch, effort="max")
    assert (summary.answers, summary.correct, sum(summary.failures.values()), summary.unfinished) == (4, 4, 0, 0)
    assert Counter(spec_of(body) for body in server.answered) == {"relu_fp32": 2, "gelu_fp32": 2}
    for body in server.answered:
        assert body["thinking"] == {"type": "adaptive"}
        assert body["output_config"] == {"effort": "max"}
        assert [part["cache_control"] for part in body["system"]] == [{"type": "ephemeral"}]
        assert body.get("stream", False) is not batch
    assert len({body["system"][0]["text"] for body in server.answered}) == 1
    kept = rollouts(tmp_path)
    assert set(kept) == {f"claude/{spec.name}/{sample}.0" for spec in KERNELS for sample in (0, 1)}
    share = 0.5 if batch else 1.0
    for each in kept.values():
        assert each.agent == "claude"
        assert each.source == "fast\n"
        assert [message.role for message in each.messages] == ["system", "user"]
        assert each.usage["output_tokens"] == 100
        assert each.usage["usd"] == pytest.approx(100e-6 * share)
        assert each.versions["model"] == "claude-test"
    assert summary.usd == pytest.approx(4 * 100e-6 * share)
    before = len(server.bodies)
    assert collect(batch=batch) == summary  # nothing is left to ask
    assert len(server.bodies) == before


def test_verdicts_go_back_until_the_kernel_is_good(server: Server, collect: Collect, tmp_path: Path) -> None:
    texts = ["no block at all", "```cuda\nslow\n```", "```cuda\nfast\n```", "```cuda\nnever\n```"]
    server.answer = lambda body: Answer(texts[len(body["messages"]) // 2])
    summary = collect(samples=1, attempts=4, until=0.5)
    assert (summary.answers, summary.correct) == (6, 4)
    assert len(server.batches) == 1  # first answers alone
    last = max((body for body in server.answered if spec_of(body) == "relu_fp32"), key=lambda b: len(b["messages"]))
    said = [(turn["role"], turn["content"][0]["text"]) for turn in last["messages"]]
    assert [role for role, _ in said] == ["user", "assistant", "user", "assistant", "user"]
    assert said[1][1] == texts[0]
    assert "this is build_failed (seed 0)" in said[2][1]
    assert "no fenced block" in said[2][1]
    assert "this is correct (seed 0)" in said[4][1]
    assert "no fenced block" not in said[4][1]
    assert last["messages"][-1]["content"][0]["cache_control"] == {"type": "ephemeral"}
    kept = rollouts(tmp_path)
    assert [kept[f"claude/relu_fp32/0.{turn}"].verdict.status for turn in (0, 1, 2)] == [
        "build_failed",
        "correct",
        "correct",
    ]
    assert kept["claude/relu_fp32/0.0"].source == texts[0]
    assert [m.content for m in kept["claude/relu_fp32/0.2"].messages[1:]] == [text for _, text in said]


def test_refusals_and_truncated_answers_are_no_candidates(server: Server, collect: Collect, tmp_path: Path) -> None:
    details = {"stop_details": {"type": "refusal", "category": "cyber", "explanation": "no"}}
    ends = iter([Answer("", "refusal", **details), Answer("```cuda\nfast", "max_tokens")])
    server.answer = lambda body: next(ends) if spec_of(body) == "relu_fp32" else fast(body)
    summary = collect(batch=False, attempts=3)
    assert summary.stops == {"refusal": 1, "max_tokens": 1, "end_turn": 2}
    assert summary.unfinished == 0
    assert {key.split("/")[1] for key in rollouts(tmp_path)} == {"gelu_fp32"}
    answered = {event.stop_reason: event for event in events(tmp_path, Answered)}
    assert answered["refusal"].refusal == "cyber no"
    assert answered["max_tokens"].text == "```cuda\nfast"
    assert summary.usd == pytest.approx(4 * 100e-6)  # they are paid for all the same


def test_failed_items_of_a_batch_are_recorded_and_tried_again(server: Server, collect: Collect, tmp_path: Path) -> None:
    server.outcomes = ["errored", "expired", "canceled", "invalid"]  # then answers
    summary = collect(tries=2)
    assert (summary.answers, sum(summary.failures.values()), summary.unfinished) == (3, 4, 0)
    assert [len(batch.requests) for batch in server.batches.values()] == [4, 3]  # an invalid request stays invalid
    assert sorted(event.reason.partition(":")[0] for event in events(tmp_path, Dropped)) == [
        "canceled",
        "errored",
        "errored",
        "expired",
    ]
    assert summary.usd == pytest.approx(3 * 50e-6)


def test_an_item_that_keeps_failing_is_given_up(server: Server, collect: Collect) -> None:
    server.outcomes = ["expired"] * 99
    summary = collect(tries=2)
    assert (summary.answers, sum(summary.failures.values()), len(server.batches)) == (0, 8, 2)


def test_what_the_server_does_not_take_is_not_sent_again_as_it_was(server: Server, collect: Collect) -> None:
    server.outcomes = ["invalid"] * 4
    summary = collect()
    assert summary.failures == {"errored: invalid_request_error: no": 4}
    assert len(server.batches) == 1
    assert collect() == summary
    assert len(server.batches) == 1
    assert collect(thinking=None).correct == 4


def test_refused_requests_are_repeated_by_the_sdk(server: Server, collect: Collect, tmp_path: Path) -> None:
    server.faults = ["429", "500", "429"]
    started = time.monotonic()
    summary = collect(batch=False, concurrency=1)
    assert time.monotonic() - started > 0.4  # retry-after, twice
    assert sorted(server.failures) == [429, 429, 500]
    assert (summary.answers, sum(summary.failures.values())) == (4, 0)
    assert summary.usd == pytest.approx(4 * 100e-6)
    assert events(tmp_path, Lost) == []


@pytest.mark.parametrize("fault", ["drop", "half", "ends early"])
def test_what_breaks_off_counts_at_its_most(server: Server, collect: Collect, tmp_path: Path, fault: str) -> None:
    server.faults = [fault]
    summary = collect(batch=False)
    assert (summary.answers, summary.correct) == (4, 4)
    assert sum(summary.failures.values()) == (fault != "drop")
    assert summary.usd == pytest.approx(4 * 100e-6 + 1000e-6)
    (broken,) = events(tmp_path, Lost if fault == "drop" else Dropped)
    assert broken.usd == 1000e-6


def test_a_repetition_must_fit_into_the_budget(server: Server, collect: Collect) -> None:
    server.faults = ["drop"] * 9
    summary = collect(batch=False, concurrency=1, budget_usd=2500e-6)
    assert summary.exhausted
    assert len(server.bodies) == 2
    assert summary.usd == pytest.approx(2000e-6)


@pytest.mark.parametrize("batch", [True, False])
def test_a_budget_is_used_to_its_end_and_not_beyond(server: Server, collect: Collect, batch: bool) -> None:
    server.answer = lambda _: Answer("fast", output=1000)  # every answer costs its most
    price = 500e-6 if batch else 1000e-6
    summary = collect(batch=batch, samples=10, concurrency=8, budget_usd=5 * price)
    assert summary.exhausted
    assert len(server.bodies) == len(server.answered) == 5
    assert summary.usd == pytest.approx(5 * price, abs=1e-12)
    with pytest.raises(UsageError, match=r"budget of \$0\.\d\d is used up"):
        collect(batch=batch, samples=10, budget_usd=5 * price)
    assert len(server.bodies) == 5
    assert collect(batch=batch, samples=10, budget_usd=7 * price).answers == 7  # raised, it goes on


def test_requests_in_flight_hold_back_others(server: Server, collect: Collect) -> None:
    # Room for three answers at their most; each then costs a tenth, so all twenty fit one after another.
    summary = collect(batch=False, samples=10, concurrency=8, budget_usd=5000e-6)
    assert server.most_in_flight <= 5
    assert summary.answers == 20
    assert not summary.exhausted
    assert summary.usd == pytest.approx(20 * 100e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_server_never_bills_more_than_the_ledger_or_the_budget_has(
    server: Server, collect: Collect, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    bodies = ["fast", "slow", "broken"]
    stops = ["end_turn"] * 6 + ["refusal", "max_tokens"]
    server.answer = lambda _: Answer(random.choice(bodies), random.choice(stops), output=random.randint(1, 1000))
    server.faults = random.choices(["", "drop", "half", "ends early", "429"], [8, 1, 1, 1, 1], k=40)
    server.outcomes = random.choices(["", "errored", "expired"], [6, 1, 1], k=30)
    server.batch_faults = random.choices(["", "drop", "drop unseen"], k=5)
    budget = random.choice([6, 12, 24]) * 1000e-6
    settings = {"samples": 6, "attempts": 3, "until": 0.5, "batch": seed != 1, "budget_usd": budget, "max_retries": 1}
    for _ in range(2):  # the second goes on where the first ended
        with suppress(UsageError, InfrastructureError):
            collect(**settings)
    batched = [id(each["params"]) for batch in server.batches.values() for each in batch.requests]
    billed = sum(cost * (0.5 if id(body) in batched else 1) for body, cost in server.bills)
    with Ledger(tmp_path / "claude.jsonl") as book:
        assert billed * 1e-6 <= book.spent / ledger.NANO + 1e-12
        assert book.spent / ledger.NANO <= budget
        assert not book.open
    graded = [event.key for event in events(tmp_path, Answered) if event.is_candidate]
    assert sorted(rollouts(tmp_path)) == sorted(graded)


@pytest.mark.parametrize("fault", ["drop", "drop unseen", "429", "529"])
def test_a_batch_is_never_created_twice(server: Server, collect: Collect, fault: str) -> None:
    server.batch_faults = [fault]
    server.looks = 2
    summary = collect()
    assert (len(server.batches), summary.answers, sum(summary.failures.values())) == (1, 4, 0)
    assert summary.usd == pytest.approx(4 * 50e-6)


def test_results_that_break_off_are_read_again(server: Server, collect: Collect) -> None:
    server.result_faults = ["half"]
    summary = collect()
    assert (summary.answers, summary.failures, len(server.answered)) == (4, {}, 4)


def test_other_peoples_batches_are_left_alone(server: Server, collect: Collect) -> None:
    from anthropic_server import Batch

    foreign = Batch(
        77, [{"custom_id": f"theirs{n}", "params": {"model": "claude-test", "messages": []}} for n in range(4)]
    )
    server.answer = lambda body: fast(body) if body["messages"] else Answer("theirs", output=0)
    server.batches[foreign.id] = foreign
    server.batch_faults = ["drop unseen"]
    assert collect().correct == 4
    assert len(server.batches) == 2


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, "tests")
from fake_grading import FakeGrading
from cudagym import grader, specs
from cudagym.agents.collector import Collector
from cudagym.agents.ledger import Ledger
from cudagym.config import ClaudeConfig
from cudagym.rollouts import RolloutLog
grader.grade_many = FakeGrading().grade_many
config, folder = ClaudeConfig.model_validate_json(sys.argv[1]), Path(sys.argv[2])
kernels = [specs.get(name) for name in ("relu_fp32", "gelu_fp32")]
with Ledger(folder / "claude.jsonl", config.budget_usd) as book, RolloutLog(folder / "r.jsonl") as log:
    asyncio.run(Collector(kernels, config, book, log, say=lambda text: print(text, flush=True)).run())
"""


@pytest.fixture
def child(server: Server, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a collection as a process of its own, with made-up verdicts."""

    def starting(**settings: Any) -> subprocess.Popen[str]:
        config = ClaudeConfig.model_validate({**PLAIN, "base_url": server.url, **settings})
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, config.model_dump_json(), str(tmp_path)],
            cwd=Path(__file__).parents[2],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return starting


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited for 30 seconds"
        time.sleep(0.01)


Child = Callable[..., subprocess.Popen[str]]


def test_killed_with_requests_in_flight(server: Server, child: Child, collect: Collect, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"batch": False, "samples": 8, "concurrency": 4}
    answered = 0

    def some(body: Body) -> Answer:
        nonlocal answered
        answered += 1
        if answered == 6:
            server.held.clear()
        return fast(body)

    server.answer = some
    process = child(**settings)
    until(lambda: answered >= 6 and server.in_flight == 4 and len(rollouts(tmp_path)) >= 6)
    process.kill()
    process.communicate()
    stored = {event.key for event in events(tmp_path, Answered)}
    in_flight = {event.key for event in events(tmp_path, Asked)} - stored
    assert len(in_flight) == 4
    server.answer = fast
    server.held.set()
    before = len(server.bodies)
    summary = collect(**settings)
    assert (summary.answers, summary.correct) == (16, 16)
    assert len(server.bodies) - before == 16 - len(stored)  # what was answered is not asked again
    assert summary.usd == pytest.approx(16 * 100e-6 + 4 * 1000e-6)  # what was in flight may have been billed
    assert len(rollouts(tmp_path)) == 16


def test_killed_while_a_batch_is_worked_on(server: Server, child: Child, collect: Collect, tmp_path: Path) -> None:
    server.looks = 10**6
    process = child()
    until(lambda: any(batch.looks > 1 for batch in server.batches.values()))
    with pytest.raises(UsageError, match="another process"):
        collect()
    process.kill()
    process.communicate()
    server.looks = 0
    summary = collect()
    assert (len(server.batches), len(server.answered), summary.correct) == (1, 4, 4)
    assert summary.usd == pytest.approx(4 * 50e-6)


def test_killed_while_a_batch_is_created(server: Server, child: Child, collect: Collect, tmp_path: Path) -> None:
    server.batch_faults = ["hang"]
    process = child()
    until(lambda: len(server.batches) == 1)
    process.kill()
    process.communicate()
    assert len(events(tmp_path, Asked)) == 4
    server.held.set()
    assert (collect().correct, len(server.batches)) == (4, 1)


def test_a_batch_of_another_workspace_is_not_paid_for_again(server: Server, child: Child, collect: Collect) -> None:
    server.looks = 10**6
    process = child()
    until(lambda: any(batch.looks > 1 for batch in server.batches.values()))
    process.kill()
    process.communicate()
    hidden, server.batches = server.batches, {}
    with pytest.raises(UsageError, match=r"knows no batch msgbatch_0000.*workspace"):
        collect()
    server.batches, server.looks = hidden, 0
    assert (collect().correct, len(server.batches), len(server.bodies)) == (4, 1, 4)


def test_interrupting_waits_for_what_is_paid_for(server: Server, child: Child, tmp_path: Path) -> None:
    server.held.clear()
    process = child(batch=False, concurrency=2)
    until(lambda: server.in_flight == 2)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert "waiting for 2 answers" in process.stdout.readline()
    server.held.set()
    _, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    assert (len(server.bodies), len(rollouts(tmp_path))) == (2, 2)


def test_answers_that_were_not_graded_are_graded_without_a_key(
    server: Server, collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect()
    (tmp_path / "r.jsonl").unlink()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert collect().correct == 4
    assert len(rollouts(tmp_path)) == len(server.answered) == 4


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"key": None}, "export ANTHROPIC_API_KEY"),
        ({"key": "sk-ant-wrong"}, r"refused the key in ANTHROPIC_API_KEY \(invalid x-api-key\)"),
        ({"model": "claude-none", "prices": {"claude-none": ONE_PER_TOKEN}}, "no model 'claude-none'.*claude.model"),
        ({"model": "claude-unpriced"}, "nobody said what claude-unpriced costs.*claude.prices"),
    ],
)
def test_what_is_wrong_is_said_and_costs_nothing(
    server: Server,
    collect: Collect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    complaint: str,
    batch: bool,
) -> None:
    if "model" in settings and "unpriced" not in settings["model"] and batch:
        return  # a batch says so in its results
    changed = dict(settings)
    if "key" in changed:
        value = changed.pop("key")
        monkeypatch.setenv("HOME", str(tmp_path))  # where no credentials lie
        monkeypatch.delenv("ANTHROPIC_API_KEY") if value is None else monkeypatch.setenv("ANTHROPIC_API_KEY", value)
    with pytest.raises(UsageError, match=complaint):
        collect(batch=batch, **changed)
    assert server.answered == []
    assert collect_nothing(tmp_path) == 0


def collect_nothing(folder: Path) -> int:
    """What the ledger says was spent."""
    with Ledger(folder / "claude.jsonl") as book:
        assert not book.open
        return book.spent


@pytest.mark.parametrize("batch", [True, False])
def test_a_dead_server(collect: Collect, tmp_path: Path, batch: bool) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        InfrastructureError, match=f"127.0.0.1:{port} cannot be reached.*Nothing that was paid for is lost"
    ):
        collect(batch=batch, base_url=f"http://127.0.0.1:{port}", max_retries=1)
    assert collect_nothing(tmp_path) == 0


def test_the_key_is_written_nowhere(server: Server, collect: Collect, tmp_path: Path) -> None:
    server.faults = ["drop", "500"]
    collect(batch=False)
    assert all(KEY not in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


CONFIG = """
collect: {specs: [relu_fp32, vector_add_fp32]}
claude: {samples: 1, attempts: 2, until: 0.2, poll_seconds: 0.05, budget_usd: 5}
policy:
  {vocab_size: 600, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2,
   max_position_embeddings: 1024}
sft: {max_steps: 1, variations: 0, per_device_train_batch_size: 2}
sft_lora:
  {max_steps: 1, variations: 0, per_device_train_batch_size: 2, best: 1, lora: {r: 2, target_modules: all-linear}}
"""


def test_collecting_then_learning(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line to a checkpoint, with real verdicts on the scripted teacher's kernels."""

    def kernel(body: Body) -> Answer:
        spec = spec_of(body)
        source = next(s.source for s in ScriptedTeacher().sources(specs.get(spec), limit=9) if "grid" in s.algorithm)
        if spec == "relu_fp32" and len(body["messages"]) == 1:
            source = source.replace("extern", "extrn")
        return Answer(f"Like this:\n```cuda\n{source}```\nIt is fast.", output=700, cached=900)

    server.answer = kernel
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    (tmp_path / "small.yaml").write_text(CONFIG)
    options = ["--config", str(tmp_path / "small.yaml"), "--runs", str(tmp_path / "runs"), "--json"]

    def run(*args: str) -> Any:
        with pytest.raises(SystemExit) as stop:
            cli.main([*args, *options])
        out, err = capsys.readouterr()
        assert stop.value.code == 0, err
        assert KEY not in out + err
        return json.loads(out)

    assert run("collect", "--teacher", "claude", "--dry-run")["spent_usd"] == 0
    assert not (tmp_path / "runs").exists()
    collected = run("collect", "--teacher", "claude")
    assert (collected["answers"], collected["correct"]) == (3, 2)
    # By hand: 50 input, 900 cached and 700 output tokens, two of three answers at half price.
    assert collected["usd"] == pytest.approx((50 * 4 + 900 * 0.2 + 700 * 20) * 1e-6 * 2)
    asked = len(server.bodies)
    run("collect", "--teacher", "claude", "--set", "claude.budget_usd=6")
    found = {each.key: each for each in read(tmp_path / "runs" / "small" / "rollouts.jsonl")}
    assert [found[f"claude/relu_fp32/0.{turn}"].verdict.status for turn in (0, 1)] == ["build_failed", "correct"]
    assert "extrn" in server.bodies[-1]["messages"][-1]["content"][0]["text"]  # nvcc's own words went back
    checkpoint = Path(run("sft")["checkpoint"])
    assert (checkpoint / "config.json").exists()
    assert len(server.bodies) == asked
    assert {each.agent for each in read(tmp_path / "runs" / "small" / "rollouts.jsonl")} == {"claude"}
    assert KEY not in "".join(f.read_text(errors="replace") for f in (tmp_path / "runs").rglob("*") if f.is_file())


def test_whom_a_run_learns_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grading: Any) -> None:
    """Claude alone when it alone was asked; the scripted teacher as soon as it was, too."""
    asked: list[str] = []
    monkeypatch.setattr(loop, "collect", lambda *_, **__: asked.append("scripted"))
    settings = RunConfig(collect=CollectConfig(specs=("relu_fp32",)))

    def teachers() -> list[str]:
        asked.clear()
        with pytest.raises(UsageError, match="no correct kernel to learn from"):
            _ = loop.Loop(RunFolder(tmp_path), settings).verified
        return asked

    def rollout(key: str) -> Rollout:
        return make_rollout(key, KERNELS[0], "prompt", "broken", grading.grade(KERNELS[0], "broken"))

    assert teachers() == ["scripted"]
    with Ledger(tmp_path / "claude.jsonl", 1) as book:
        assert teachers() == ["scripted"]
        book.ask([Asked(id="1", key="claude/relu_fp32/0.0", most_usd=0.1, request={})])
    assert teachers() == []  # even if nothing came of it
    with RolloutLog(tmp_path / "rollouts.jsonl") as log:
        log.append(rollout("claude/relu_fp32/0.0"))
        assert teachers() == []
        log.append(rollout("scripted/relu_fp32/a"))
        assert teachers() == ["scripted"]


def test_prices_round_up_and_batches_are_discounted() -> None:
    prices = Prices(input=4, output=20, cache_write=5, cache_read=0.2)
    usage = Usage(
        input_tokens=1_000_000,
        cache_creation_input_tokens=1_000_000,
        cache_read_input_tokens=1_000_000,
        output_tokens=1_000_000,
    )
    assert usage.usd(prices) == 29.2
    assert usage.usd(prices, 0.5) == 14.6
    assert Usage(cache_read_input_tokens=1).usd(prices, 0.5) == 1e-7
    assert Usage(input_tokens=1).usd(Prices(input=0.0001, output=0, cache_write=0, cache_read=0)) == 1e-9


def test_a_damaged_ledger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "claude.jsonl"
    path.write_text('{"kind": "paid"}\n')
    with pytest.raises(UsageError, match=r"claude.jsonl, line 1"):
        Ledger(path)


def test_an_estimate_needs_no_key_and_learns_from_answers(
    server: Server, collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ClaudeConfig.model_validate({**PLAIN, "attempts": 3, "typical_tokens": 400})

    def estimated() -> estimate.Estimate:
        found = ledger.read(tmp_path / "claude.jsonl")
        return estimate.estimate(KERNELS, config, found, device="sim:h100", weights=Weights())

    before = estimated()
    # Only output tokens cost anything: two samples of two specs, first answers at half price.
    assert before.total.first_usd == pytest.approx(4 * 200e-6)
    assert before.total.all_usd == pytest.approx(4 * (200e-6 + 2 * 400e-6))
    assert before.total.longest_usd == pytest.approx(4 * (500e-6 + 2 * 1000e-6))
    assert [row.spec for row in before.rows] == ["relu_fp32", "gelu_fp32"]
    collect()
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    after = estimated()
    assert (after.answer_tokens, after.measured) == (100, True)
    assert after.spent_usd == pytest.approx(4 * 50e-6)


def test_the_ledger_is_json_that_names_every_request(server: Server, collect: Collect, tmp_path: Path) -> None:
    collect(batch=False)
    lines = [json.loads(line) for line in (tmp_path / "claude.jsonl").read_text().splitlines()]
    assert Counter(line["kind"] for line in lines) == {"asked": 4, "answered": 4}
    for line in lines:
        if line["kind"] == "asked":
            assert line["request"]["model"] == "claude-test"
        else:
            assert line["message_id"].startswith("msg_")
            assert line["request_id"] == "req_1"
