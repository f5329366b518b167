"""Real policies' completions graded through the one grading path, through interruptions, too."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from cudagym import cli, specs
from cudagym.agents import policy, sft
from cudagym.agents.demonstrations import Verified
from cudagym.agents.evaluate import evaluate
from cudagym.agents.evaluation import Evaluation
from cudagym.agents.writers import Checkpoint, Laziness, Lazy, Scripted, Task, Writer, lazy_source
from cudagym.config import AdaptConfig, EvaluateConfig, PretrainConfig
from cudagym.errors import UsageError
from cudagym.grader import grade_many
from cudagym.rollouts import RolloutLog, read

GREEDY = EvaluateConfig(samples=1, temperature=0, max_new_tokens=400)
SHORT = EvaluateConfig(samples=3, temperature=1.0, max_new_tokens=6, batch_size=2)
RELU = [specs.get("relu_fp32")]


def evaluated(writer: Writer, log: Path, settings: EvaluateConfig = SHORT, **more: object) -> Evaluation:
    with RolloutLog(log) as opened:
        return evaluate(writer, RELU, settings, opened, name="base", seed=3, **more)  # type: ignore[arg-type]


def test_a_policy_is_graded_the_same_every_time_and_only_once(base: Path, tmp_path: Path) -> None:
    once, again = (evaluated(Checkpoint(base, SHORT), tmp_path / name) for name in ("a", "b"))
    assert once == again
    assert [each.status for each in once.attempts] == ["build_failed"] * 3
    kept = (tmp_path / "a").read_bytes()
    assert [rollout.key for rollout in read(tmp_path / "a")] == [f"base/relu_fp32/{sample}" for sample in range(3)]
    assert evaluated(Checkpoint(base, SHORT), tmp_path / "a") == once
    assert (tmp_path / "a").read_bytes() == kept


@pytest.mark.parametrize("lines", [0, 1, 2])
def test_an_interrupted_evaluation_ends_as_it_would_have(base: Path, tmp_path: Path, lines: int) -> None:
    whole = evaluated(Checkpoint(base, SHORT), tmp_path / "whole")
    stored = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    torn = tmp_path / "torn"
    torn.write_bytes(b"".join(stored[:lines]) + stored[lines][:100])
    assert evaluated(Checkpoint(base, SHORT), torn) == whole
    assert torn.read_bytes().splitlines(keepends=True)[:lines] == stored[:lines]


def test_rollouts_of_another_policy_are_not_taken_for_its_own(base: Path, tmp_path: Path) -> None:
    evaluated(Lazy("empty"), tmp_path / "log", GREEDY)
    with pytest.raises(UsageError, match="another base: choose another name"):
        evaluated(Checkpoint(base, GREEDY), tmp_path / "log", GREEDY)


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    class Wordy(Lazy):
        """Writes so much that the log is larger than any file that grading writes, then fills the disk."""

        def write(self, tasks: Sequence[Task], *, seed: int) -> list[str]:
            return [f"// {task.sample} {'x' * (1 << 21)}\nno source" for task in tasks]

    log, before = tmp_path / "log", resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(reached: int, wanted: int) -> None:
        if reached == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 1000, before[1]))

    try:
        with pytest.raises(OSError, match=r"File too large|bytes fitted"):
            evaluated(Wordy("empty"), log, progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [rollout.key for rollout in read(log)] == ["base/relu_fp32/0", "base/relu_fp32/1"]
    assert len(evaluated(Wordy("empty"), log).attempts) == 3


def test_a_policy_that_knows_a_demonstration_is_found_correct(
    base: Path, rows: list[dict[str, str]], taught: list[Verified], tmp_path: Path
) -> None:
    config = PretrainConfig(max_steps=120, learning_rate=1e-2, per_device_train_batch_size=1, save_strategy="no")
    folder = sft.pretrain(base, rows[:1], config, tmp_path / "sft", seed=0)
    chosen = [specs.get(taught[0].spec)]
    known = [each.source for each in taught]
    with RolloutLog(tmp_path / "log") as log:
        found = evaluate(Checkpoint(folder, GREEDY), chosen, GREEDY, log, name="sft", demonstrated=known)
    (only,) = found.attempts
    assert (only.status, only.demonstrated, found.unique_correct) == ("correct", True, 1)
    assert only.reward == pytest.approx(0.4 + 0.6 * only.fraction)


def test_the_teacher_is_right_and_writes_other_kernels_for_other_samples(tmp_path: Path) -> None:
    found = evaluated(Scripted(samples=3, seed=0), tmp_path / "log")
    assert [each.status for each in found.attempts] == ["correct"] * 3
    assert found.unique_correct == 3


@pytest.mark.parametrize("kind", ["empty", "zeros"])
def test_lazy_sources_compile_and_are_never_correct(kind: Laziness) -> None:
    one_per_family = list({spec.family: spec for spec in reversed(specs.all_specs())}.values())
    verdicts = grade_many([(spec, lazy_source(spec, kind)) for spec in one_per_family])
    assert {verdict.spec: verdict.status for verdict in verdicts} == {spec.name: "wrong" for spec in one_per_family}


def test_sampling_repeats_for_a_seed_and_differs_between_seeds(base: Path) -> None:
    made = policy.load(base)
    samples = [
        policy.complete(made, ["relu\n"] * 3, seed=seed, temperature=1.0, max_new_tokens=8, batch_size=2)
        for seed in (1, 1, 2)
    ]
    assert samples[0] == samples[1] != samples[2]


def test_nothing_to_evaluate_on_is_refused(base: Path, tmp_path: Path) -> None:
    with RolloutLog(tmp_path / "log") as log, pytest.raises(UsageError, match="nothing to evaluate"):
        evaluate(Checkpoint(base, GREEDY), [], GREEDY, log, name="base")


def command(*more: str) -> list[str]:
    return [str(Path(sys.executable).with_name("cudagym")), *more]


def test_killed_at_any_moment_it_goes_on_without_grading_anything_twice(tmp_path: Path) -> None:
    names = "evaluate.specs=[relu_fp32, gelu_fp32, silu_fp32, axpy_fp32]"
    arguments = command("evaluate", "--runs", str(tmp_path), "--name", "run", "--agent", "zeros", "--set", names)
    arguments += ["--set", "evaluate.samples=1", "--set", "evaluate.batch_size=1", "--json"]
    environment = {**os.environ, "CUDAGYM_CACHE": str(tmp_path / "cache")}
    log = tmp_path / "run" / "rollouts.jsonl"
    first = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size) and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    before = log.read_bytes()
    assert 1 <= before.count(b"\n") < 4
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    assert log.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert sorted(rollout.spec for rollout in read(log)) == ["axpy_fp32", "gelu_fp32", "relu_fp32", "silu_fp32"]
    (zeros,) = json.loads(done.stdout)["policies"]
    assert {row["split"]: row["attempts"] for row in zeros["rows"]} == {"train": 3, "unseen_op": 1, "all": 4}
    assert (zeros["rows"][-1]["compiled"]["mean"], zeros["rows"][-1]["correct"]["mean"]) == (1, 0)


def test_policies_are_evaluated_side_by_side_and_compared(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        return int(stop.value.code or 0), *capsys.readouterr()

    settings = ["evaluate.specs=[relu_fp32]", "evaluate.samples=2", "evaluate.max_new_tokens=6"]
    options = ["--runs", str(tmp_path), "--name", "run", *[word for each in settings for word in ("--set", each)]]
    code, out, _ = run("evaluate", "--checkpoint", str(base), "--agent", "scripted", "--agent", "empty", *options)
    assert code == 0
    for part in ("base", "teacher", "empty", "pass", "elementwise", "+1.000 [+1.000, +1.000]"):
        assert part in out
    code, out, _ = run("compare", f"{tmp_path}/run:base", f"{tmp_path}/run:teacher", "--json")
    rows = json.loads(out)
    assert [row["split"] for row in rows] == ["train", "all", "all"]
    assert rows[-1]["correct"] == {"mean": 1, "low": 1, "high": 1}
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert [each["policy"] for each in scores["policies"]] == ["base", "teacher", "empty"]
    for arguments, sentence in (
        (["evaluate", *options], "name a policy"),
        (["evaluate", "--agent", "empty", "--policy", "a", "--policy", "b", *options], "names 2 of 1"),
        (["evaluate", "--agent", "empty", "--agent", "empty", *options], "called alike"),
        (["evaluate", "--agent", "empty", "--split", "unseen", *options], "unseen_shape"),
        (["evaluate", "--checkpoint", "nobody/nothing", *options], "HF_HUB_OFFLINE=0"),
        (["compare", f"{tmp_path}/run:base"], "two evaluations"),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert sentence in err


@pytest.fixture(scope="module")
def adapted(base: Path, rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    lora = {"r": 2, "target_modules": "all-linear", "init_lora_weights": False}
    config = AdaptConfig(lora=lora, max_steps=1, per_device_train_batch_size=1, save_strategy="no")
    return sft.adapt(base, rows[:1], config, tmp_path_factory.mktemp("adapted") / "sft", seed=0)


def test_an_adapter_on_its_base_is_the_merged_model(base: Path, adapted: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(base, moved)
    alone = adapted / "adapter"
    texts = [
        policy.complete(made, ["relu\n"] * 4, seed=1, temperature=1.0, max_new_tokens=8, batch_size=4)
        for made in (
            policy.load(adapted),
            policy.load(adapted / "adapter"),
            policy.load(adapted / "adapter", moved),
        )
    ]
    assert texts[0] == texts[1] == texts[2]
    digests = {Checkpoint(alone, SHORT, base=under).digest for under in (None, moved)}
    assert len(digests) == 1
    assert digests.isdisjoint({Checkpoint(adapted, SHORT).digest, Checkpoint(base, SHORT).digest})


def test_an_adapter_without_its_base_is_refused(base: Path, adapted: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(adapted / "adapter", alone)
    settings = json.loads((alone / policy.ADAPTER).read_text())
    (alone / policy.ADAPTER).write_text(json.dumps(settings | {"base_model_name_or_path": str(tmp_path / "gone")}))
    with pytest.raises(UsageError, match=r"base it was trained on \(.*gone\) is not there: name it with --base"):
        Checkpoint(alone, SHORT)
    assert Checkpoint(alone, SHORT, base=base).digest
    with pytest.raises(UsageError, match="is no adapter"):
        Checkpoint(base, SHORT, base=base)


def test_weights_that_cannot_be_read_are_refused(base: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UsageError, match="cannot be loaded as a causal language model"):
        policy.load(broken)


def test_a_chat_needs_a_template(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no chat template.*prompt=full"):
        evaluated(Checkpoint(base, SHORT, chat=True), tmp_path / "log")
    made = policy.load(base)
    made.tokenizer.chat_template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    made.tokenizer.save_pretrained(tmp_path / "chat")
    made.save(tmp_path / "chat")
    assert policy.chat(policy.load(tmp_path / "chat"), "relu") == "<user>relu<assistant>"
    assert len(evaluated(Checkpoint(tmp_path / "chat", SHORT, chat=True), tmp_path / "log").attempts) == 3


def test_a_name_on_the_hub_is_what_the_cache_has(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--tiny--llama"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    shutil.copytree(base, repository / "snapshots" / ("0" * 40))
    found = policy.resolve("tiny/llama")
    assert Checkpoint(found, SHORT).digest == Checkpoint(base, SHORT).digest
    with pytest.raises(UsageError, match="tiny/other is no folder here and is not in the Hugging Face cache"):
        policy.resolve("tiny/other")
