"""A data set has the best different kernels and honest pairs, loads as its card says, and is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import datasets  # type: ignore[import-untyped]
import pytest
import trl

from cudagym import prompts, specs
from cudagym.agents import dataset
from cudagym.agents.dataset import Selection
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.cli import main
from cudagym.device import KernelTime, Limiter
from cudagym.errors import UsageError
from cudagym.hardware import gpu
from cudagym.rollouts import Message, Rollout, RolloutLog
from cudagym.verdict import Verdict

PROMPTS = {
    name: prompts.render(specs.get(name), gpu("h100"), "compact") for name in ("relu_fp32", "softmax_fp32", "silu_fp32")
}


def rollout(
    source: str,
    fraction: float | None,
    *,
    spec: str = "relu_fp32",
    agent: str = "scripted",
    limit: str = "dram",
    turns: tuple[Message, ...] = (),
    number: list[int] = [0],  # noqa: B006  counts the rollouts of this file
) -> Rollout:
    number[0] += 1
    correct = fraction is not None
    verdict = Verdict(
        spec=spec,
        device="sim:h100",
        source_sha256="",
        status="correct" if correct else "wrong",
        owner=None if correct else "candidate",
        message="Correct." if correct else "y[0] is 1, expected 2.",
        time_us=10 / fraction if fraction else None,
        time_kind="modelled" if correct else None,
        least_time_us=10.0 if correct else None,
        fraction_of_peak=fraction,
        kernels=(
            KernelTime(
                kernel="kernel",
                time_us=10 / fraction,
                occupancy=1.0,
                waves=4.0,
                limiters=(Limiter(name=limit, time_us=10 / fraction, advice=""),),
            ),
        )
        if fraction
        else (),
    )
    return Rollout(
        key=f"{agent}/{spec}/{number[0]}",
        agent=agent,
        spec=spec,
        split=specs.get(spec).split,
        messages=(Message(role="user", content=PROMPTS[spec]), *turns),
        completion=f"```cuda\n{source}```",
        source=source,
        verdict=verdict,
        reward=0.5,
        versions={"cudagym": "0", "model": "m"},
    )


KERNELS = {d.algorithm: d.source for d in ScriptedTeacher().ladder(specs.get("relu_fp32"))}
REPAIR = (
    Message(role="assistant", content="```cuda\nint wrong;\n```"),
    Message(role="user", content="Your last source was judged wrong:\n..."),
)
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def save(*rollouts: Rollout, name: str = "first") -> Path:
        with RolloutLog(tmp_path / name / "rollouts.jsonl") as log:
            for each in rollouts:
                log.append(each)
        return tmp_path / name

    return save


def chosen(*rollouts: Rollout, **settings: object) -> list[tuple[str, float | None]]:
    samples, _ = dataset.choose([(r, "run") for r in rollouts], Selection.model_validate(settings))
    return [(sample.rollout.source, sample.rollout.verdict.fraction_of_peak) for sample in samples]


def test_of_near_duplicates_the_fastest_stays() -> None:
    packed = KERNELS["packed"]
    settings = [
        rollout(packed.replace("256", block), speed) for block, speed in (("64", 0.3), ("128", 0.8), ("512", 0.5))
    ]
    samples, dropped = dataset.choose([(r, "run") for r in settings], Selection())
    assert [sample.rollout for sample in samples] == [settings[1]]
    assert dropped["duplicates"] == 2


def test_one_of_each_kind_comes_before_a_second_of_the_fastest_kind() -> None:
    kernels = list(KERNELS.values())
    fast, also_fast = rollout(kernels[0], 0.8), rollout(kernels[1], 0.79)
    slow = rollout(kernels[2], 0.2, limit="latency")
    found = chosen(fast, also_fast, slow, keep=2, near=1.0)
    assert found == [(fast.source, 0.8), (slow.source, 0.2)]
    assert chosen(fast, also_fast, slow, keep=3, near=1.0)[2] == (also_fast.source, 0.79)
    assert chosen(fast, also_fast, slow, least=0.5, near=1.0) == [(fast.source, 0.8), (also_fast.source, 0.79)]


def test_specs_and_devices_are_counted_apart() -> None:
    same = KERNELS["packed"]
    other = rollout(same, 0.5)
    other = other.model_copy(update={"verdict": other.verdict.model_copy(update={"device": "sim:a100"})})
    assert len(chosen(rollout(same, 0.5), rollout(same, 0.4, spec="softmax_fp32"), other, keep=1)) == 3


def test_pairs_prefer_right_to_wrong_and_fast_to_slow() -> None:
    fast, near, slow, wrong = (
        rollout(f"int {name};", speed) for name, speed in zip("abcd", (0.8, 0.7, 0.2, None), strict=True)
    )
    failed = rollout("int e;", None).model_copy(
        update={
            "verdict": slow.verdict.model_copy(
                update={"status": "grader_error", "owner": "grader", "fraction_of_peak": None}
            )
        }
    )
    pairs = dataset.prefer([slow, wrong, near, fast, failed], Selection())
    assert pairs == [(fast, wrong), (fast, slow), (near, wrong), (near, slow), (slow, wrong)]
    assert dataset.prefer([slow, wrong, near, fast], Selection(pairs=2)) == pairs[:2]
    assert dataset.prefer([slow, fast], Selection(margin=5)) == []


def test_pairs_answer_the_same_messages_differently() -> None:
    right, repaired = rollout("int a;", 0.5), rollout("int a;", 0.5, turns=REPAIR)
    wrong = rollout("int b;", None)
    assert dataset.prefer([repaired, wrong], Selection()) == []
    same = rollout("int a;", 0.1)
    assert dataset.prefer([right, same], Selection()) == []


def test_the_folder_loads_as_its_card_says(save: Save, tmp_path: Path) -> None:
    run = save(
        rollout(KERNELS["packed"], 0.8),
        rollout(KERNELS["chunk_per_thread"] + "// \ud800", 0.2, agent="claude", limit="latency", turns=REPAIR),
        rollout("int wrong;", None),
        rollout("int other;", 0.9, agent="training"),
        rollout("int held_out;", 0.9, spec="silu_fp32", agent="sft"),
    )
    out = tmp_path / "deep" / "kernels"
    summary = dataset.build([run], out)
    assert (summary.rollouts, summary.correct, summary.samples, summary.conversations, summary.pairs) == (3, 2, 2, 1, 1)
    assert summary.other_agents == {"training": 1, "sft": 1}
    loaded = {
        name: datasets.load_dataset(str(out), name, split="train", cache_dir=str(tmp_path / "cache"))
        for name in ("sft", "conversations", "preferences")
    }
    for table in loaded.values():
        assert all(trl.is_conversational(row) for row in table)
    first, second = loaded["sft"]
    assert first["prompt"] == second["prompt"] == [{"role": "user", "content": PROMPTS["relu_fp32"]}]
    assert first["completion"] == [{"role": "assistant", "content": f"```cuda\n{KERNELS['packed']}```"}]
    assert first["spec_hash"] == specs.spec_hash(specs.get("relu_fp32"))
    assert (first["family"], first["fraction_of_peak"], first["time_kind"]) == ("elementwise", 0.8, "modelled")
    assert (second["agent"], second["model"], second["run"]) == ("claude", "m", "first")
    assert second["source"].endswith("// ?")
    assert [len(row["messages"]) for row in loaded["conversations"]] == [2, 4]
    assert loaded["preferences"][0]["rejected_status"] == "wrong"
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlicense: apache-2.0\n")
    assert "| elementwise | relu_fp32 | 2 |" in card
    assert "| first | claude | m | 1 |" in card
    assert sorted(path.name for path in out.parent.iterdir()) == ["kernels"]


def test_held_out_rollouts_of_a_teacher_are_refused(save: Save, tmp_path: Path) -> None:
    run = save(rollout(KERNELS["packed"], 0.8), rollout("int a;", 0.5, spec="silu_fp32"))
    with pytest.raises(UsageError, match="silu_fp32 belongs to the held-out split unseen_op"):
        dataset.build([run], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_made_is_explained(save: Save, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing is no run: it has no rollouts.jsonl"):
        dataset.build([tmp_path / "nothing"], tmp_path / "out")
    run = save(rollout("int a;", None), rollout("int b;", 0.5, agent="training"))
    with pytest.raises(UsageError, match=r"no correct kernel by scripted or claude .* of 1 rollouts .* 1 of training"):
        dataset.build([run], tmp_path / "out")
    with pytest.raises(UsageError, match="already something"):
        dataset.build([run], tmp_path)


def test_a_failure_leaves_nothing(save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(datasets.Dataset, "to_parquet", full)
    with pytest.raises(OSError, match="No space left"):
        dataset.build([save(rollout(KERNELS["packed"], 0.8))], tmp_path / "place" / "out")
    assert list((tmp_path / "place").iterdir()) == []


def test_the_command(save: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(save(rollout(source, 0.5), name=f"run{i}")) for i, source in enumerate(KERNELS.values())]

    def run(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["dataset", *arguments])
        return (ended.value.code, *capsys.readouterr())

    code, out, _ = run(*runs, "--out", str(tmp_path / "one"), "--keep", "2", "--json")
    assert (code, json.loads(out)["samples"], json.loads(out)["folder"]) == (0, 2, str(tmp_path / "one"))
    code, out, _ = run(*runs, "--out", str(tmp_path / "two"))
    assert code == 0
    assert "correct kernels for 1 specs" in out
    code, out, error = run(*runs, "--out", str(tmp_path / "one"))
    assert (code, out) == (2, "")
    assert "already something" in error
    code, out, error = run(*runs, "--out", str(tmp_path / "three"), "--near", "2")
    assert (code, out) == (2, "")
    assert error == "cudagym: near is 2.0: input should be less than or equal to 1\n"
