"""A run as a page: it says what the run's files say, loads nothing, and no text in a run can become markup."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cudagym import cli, specs
from cudagym.agents import evaluations, history
from cudagym.agents.evaluation import Attempt, Evaluation
from cudagym.agents.ledger import Answered, Asked, Dropped, Usage
from cudagym.agents.rollout import make_rollout
from cudagym.device import Fault, KernelTime, Limiter, LineCost
from cudagym.rollouts import to_line
from cudagym.runs import RunFolder
from cudagym.verdict import Verdict

EVIL = "<script>alert('x')</script> \"&amp;\" \ud800 \0 \x1b[31m \u202e http://evil.example/x.png"
RELU = """// %s
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<(n + 255) / 256, 256>>>(x, y, n); }
"""
VOID = {"meta", "br", "hr", "img", "link", "input"}
LOADING = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "image", "use", "foreignobject"}


class Page(HTMLParser):
    """What a browser would make of a page: its elements, the text of each table's cells, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[str]] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data.strip()
        if "h2" in self.open:
            self.headings[-1] += data

    def drawn(self, series: str) -> list[dict[str, str]]:
        return [attributes for _, attributes in self.elements if attributes.get("data-series") == series]


def verdict(spec: str, status: str = "correct", fraction: float = 0.5, message: str = "said", **more: Any) -> Verdict:
    timed = {"time_us": 10.0, "time_kind": "modelled", "fraction_of_peak": fraction} if status == "correct" else {}
    owner = {"correct": None, "grader_error": "grader"}.get(status, "candidate")
    given = {"spec": spec, "device": "sim:h100", "source_sha256": "0", "status": status, "owner": owner}
    return Verdict.model_validate({**given, "message": message, **timed, **more})


def write(folder: Path, *attempts: tuple[str, str, Verdict]) -> None:
    """Log attempts: key, source, verdict."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rollouts.jsonl").open("ab") as stream:
        for key, source, found in attempts:
            stream.write(to_line(make_rollout(key, specs.get(found.spec), "ask", source, found)))


def evaluate(folder: Path, policy: str, fractions: list[float]) -> Evaluation:
    """Keep an evaluation of one attempt per fraction at each of two specs; 0 is a wrong one."""
    attempts = [
        Attempt(
            spec=name,
            family=specs.get(name).family,
            split=specs.get(name).split,
            sample=sample,
            status="correct" if fraction else "wrong",
            compiled=True,
            fraction=fraction,
            reward=0.4 + 0.6 * fraction if fraction else 0.1,
            demonstrated=False,
            program=f"{policy} {name} {sample}",
        )
        for name in ("relu_fp32", "softmax_fp32_wide")
        for sample, fraction in enumerate(fractions)
    ]
    found = Evaluation(
        policy=policy,
        checkpoint=policy,
        device="sim:h100",
        seed=0,
        specs={"relu_fp32": "a", "softmax_fp32_wide": "b"},
        weights={"compile": 0.1},
        attempts=tuple(attempts),
    )
    folder.mkdir(parents=True, exist_ok=True)
    evaluations.save(found, RunFolder(folder))
    return found


Report = Callable[..., Page]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """The page that `cudagym report` leaves in a folder, checked to be whole and to load nothing."""

    def reporting(folder: Path, profiles: int = 0) -> Page:
        with pytest.raises(SystemExit) as stop:
            cli.main(["report", str(folder), "--profiles", str(profiles), "--json"])
        out = capsys.readouterr().out
        assert stop.value.code == 0
        file = Path(json.loads(out)["report"])
        assert file == folder / "report.html"
        page = Page(file.read_text(encoding="utf-8"))
        assert page.open == []
        for tag, attributes in page.elements:
            assert tag not in LOADING
            assert not attributes.keys() & {"src", "srcset", "action", "data", "xlink:href", "poster"}
            assert not any(name.startswith("on") for name in attributes)
            assert attributes.get("href", "#").startswith("#")
            assert "url(" not in attributes.get("style", "")
        assert "url(" not in file.read_text(encoding="utf-8").partition("</style>")[0]
        return page

    return reporting


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """The sentence with which `cudagym report` ends."""

    def refusing(folder: Path) -> str:
        with pytest.raises(SystemExit) as stop:
            cli.main(["report", str(folder)])
        out, err = capsys.readouterr()
        assert (stop.value.code, out, err.count("\n")) == (2, "", 1)
        return err

    return refusing


def test_an_empty_run_says_how_to_go_on(report: Report, tmp_path: Path) -> None:
    page = report(tmp_path)
    for command in ("cudagym demo", "cudagym sft", "cudagym grpo", "cudagym evaluate", "cudagym collect"):
        assert f"{command} --name {tmp_path.name} --runs {tmp_path.parent}" in page.text
    assert "svg" not in [tag for tag, _ in page.elements]


def test_commands_take_the_configuration_of_the_run(report: Report, tmp_path: Path) -> None:
    folder = RunFolder.open_or_create(tmp_path, "mine", config={"seed": 3}, seeds={"run": 3})
    page = report(folder.path)
    assert f"cudagym grpo --config {folder.config} --name mine" in page.text
    assert "seed: 3" in page.text


def test_curves_are_the_steps_of_the_rollouts(report: Report, tmp_path: Path) -> None:
    good, bad = verdict("relu_fp32", fraction=0.25), verdict("relu_fp32", "wrong")
    write(tmp_path / "r", ("training/relu_fp32/0.0", "a", bad), ("training/relu_fp32/0.1", "b", bad))
    # Step 0 again, after an interruption; then a step whose two specs are a group each, one of them flat.
    write(tmp_path / "r", ("training/relu_fp32/0.0", "a", good), ("training/relu_fp32/0.1", "b", bad))
    write(tmp_path / "r", ("training/relu_fp32/1.0", "a", good), ("training/relu_fp32/1.1", "b", good))
    write(tmp_path / "r", ("training/gelu_fp32/1.2", "a", verdict("gelu_fp32", "build_failed", message="x")))
    write(tmp_path / "r", ("training/gelu_fp32/1.3", "a", verdict("gelu_fp32", "faulted", faults=FAULTS)))
    page = report(tmp_path / "r")
    heights = {name: [float(box["height"]) for box in page.drawn(name)] for name in ("correct", "wrong", "faulted")}
    whole = heights["correct"][0] + heights["wrong"][0]
    assert heights["correct"] == pytest.approx([whole / 2, whole / 2], abs=0.1)
    assert heights["faulted"] == pytest.approx([whole / 4], abs=0.1)
    flat = [float(box["height"]) for box in page.drawn("groups without variance")]
    assert flat == pytest.approx([whole / 2], abs=0.1)
    floor = max(float(box["y"]) + float(box["height"]) for box in page.drawn("correct"))
    reward = [(floor - float(dot["cy"])) / whole for dot in page.drawn("reward")]
    assert reward == pytest.approx([(0.55 + 0.1) / 2, (0.55 + 0.55 + 0 + 0.1) / 4], abs=0.01)
    throughput = [(floor - float(dot["cy"])) / whole for dot in page.drawn("throughput")]
    assert throughput == pytest.approx([0.125, 0.125], abs=0.01)


FAULTS = (Fault(kind="race", kernel="k", message="two threads write"),)


def test_losses_come_from_the_history(report: Report, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "pretrained"
    folder.mkdir(parents=True)
    lines = [
        {"step": 1, "loss": 2.0},
        {"step": 2, "loss": 9.0},
        {"step": 2, "loss": 1.0},
        {"step": 2, "eval_loss": 1.5},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / history.NAME).write_text(text + '{"step": 3, "lo')
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    assert history.read(folder) == {1: {"loss": 2.0}, 2: {"loss": 1.0, "eval_loss": 1.5}}
    page = report(tmp_path)
    first, last = (float(dot["cy"]) for dot in page.drawn("demonstrations"))
    (held_out,) = (float(dot["cy"]) for dot in page.drawn("held-out demonstrations"))
    assert held_out == pytest.approx((first + last) / 2, abs=0.2)
    assert "step 2 was logged last" in page.text


def test_a_run_without_a_history_shows_its_last_checkpoint(tmp_path: Path) -> None:
    for step in (9, 10):
        folder = tmp_path / "trainer" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": [{"step": step, "loss": 0.5}]}))
    assert history.read(tmp_path) == {10: {"loss": 0.5}}


def test_figures_are_those_of_the_scores(report: Report, tmp_path: Path) -> None:
    evaluate(tmp_path, "sft", [0.0, 0.3, 0.62, 0.0])
    evaluate(tmp_path, "grpo", [0.45, 0.3, 0.97, 0.66])
    page = report(tmp_path)
    scores = json.loads((tmp_path / "scores.json").read_text())
    for policy in scores["policies"]:
        for row in policy["rows"]:
            shown = next(cells for cells in page.rows if cells[:2] == [row["policy"], row["split"]] and len(cells) > 8)
            correct, fraction = row["correct"], row["fraction"]
            assert shown[2] == str(row["attempts"])
            assert shown[4] == f"{correct['mean']:.0%} [{100 * correct['low']:.0f}, {100 * correct['high']:.0f}]"
            assert f"{fraction['mean']:.0%} [{100 * fraction['low']:.0f}, {100 * fraction['high']:.0f}]" in shown
            assert shown[-1].startswith(f"{row['reward']['mean']:.3f} ")
        for row in policy["families"]:
            counts = [int(box["data-count"]) for box in page.drawn(policy["policy"]) if "data-count" in box]
            assert set(row["spread"]["histogram"]) - {0} <= set(counts)
    gain = next(row for row in scores["comparisons"] if row["split"] == "all" and row["family"] == "all")
    shown = next(cells for cells in page.rows if cells[:3] == ["grpo", "sft", "all"])
    assert shown[3] == str(gain["pairs"])
    assert shown[6].startswith(f"{gain['reward']['mean']:+.3f} ")
    drawn = [int(box["data-count"]) for box in page.drawn("grpo") if "data-count" in box]
    assert sum(drawn) == 8


def test_scores_of_evaluations_that_went_away_are_not_shown(report: Report, tmp_path: Path) -> None:
    evaluate(tmp_path, "sft", [0.5, 0.0])
    evaluate(tmp_path, "grpo", [0.5, 0.5])
    (tmp_path / "evaluations" / "grpo.json").unlink()
    page = report(tmp_path)
    assert {cells[0] for cells in page.rows if len(cells) > 8} == {"policy", "sft"}


def test_nothing_in_a_run_can_become_markup(report: Report, tmp_path: Path) -> None:
    time = KernelTime(
        kernel="<script>k",
        time_us=9.0,
        occupancy=1.0,
        waves=1.0,
        limiters=(Limiter(name=EVIL, time_us=9.0, advice=""),),
        stalls={"long": 1.0},
        lines=(LineCost(line=1, issued=1.0, stalled=1.0, reason="long"),),
    )
    write(
        tmp_path,
        ("scripted/relu_fp32/a", RELU % EVIL, verdict("relu_fp32", message=EVIL, kernels=(time,))),
        ("</title><script>/relu_fp32/b", EVIL, verdict("relu_fp32", "build_failed", message=EVIL)),
        ("training/relu_fp32/0.0", EVIL, verdict("relu_fp32", "faulted", faults=FAULTS, message=EVIL)),
    )
    (tmp_path / "config.yaml").write_text("<script>\n")
    (tmp_path / "versions.json").write_text(json.dumps({EVIL: EVIL}))
    page = report(tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert not set("\0\x1b\u202e") & set(text)
    assert "<script>alert('x')</script> \"&amp;\" \\ud800 \\x00 \\x1b[31m \\u202e" in page.text


def test_failures_have_their_class_and_an_example(report: Report, tmp_path: Path) -> None:
    unknown = 'candidate.cu:3: error: identifier "x" is undefined'
    write(
        tmp_path,
        ("sft/relu_fp32/0", "first source", verdict("relu_fp32", "build_failed", message=unknown)),
        ("sft/relu_fp32/1", "second source", verdict("relu_fp32", "build_failed", message=unknown)),
        ("sft/relu_fp32/2", "third source", verdict("relu_fp32", "faulted", faults=FAULTS)),
    )
    page = report(tmp_path)
    assert "build_failed: undeclared 2 (sft 2)" in page.text
    assert "faulted: race 1 (sft 1)" in page.text
    assert "first source" in page.text
    assert "second source" not in page.text
    assert "sft, not yet an evaluation" in page.text


def test_a_line_that_a_kill_tore_is_left_out(report: Report, tmp_path: Path) -> None:
    write(tmp_path, ("scripted/relu_fp32/a", "source", verdict("relu_fp32")))
    whole = (tmp_path / "rollouts.jsonl").read_bytes()
    (tmp_path / "rollouts.jsonl").write_bytes(whole + whole[:100])
    assert ["relu_fp32", "scripted", "1", "1", "50%", ""] in report(tmp_path).rows


def test_claudes_cost_is_the_ledgers(report: Report, tmp_path: Path) -> None:
    key = "claude/relu_fp32/0.0"
    write(tmp_path, (key, "source", verdict("relu_fp32")))
    usage = Usage(input_tokens=1200, output_tokens=34)
    events = [
        Asked(id="1", key=key, most_usd=0.5, request={}),
        Answered(id="1", key=key, message_id="m", model=EVIL, stop_reason="end_turn", text="", usage=usage, usd=0.25),
        Asked(id="2", key="claude/relu_fp32/1.0", most_usd=0.5, request={}),
        Dropped(id="2", key="claude/relu_fp32/1.0", reason="died", usd=0.125),
        Asked(id="3", key="claude/relu_fp32/2.0", most_usd=0.75, request={}),
    ]
    lines = [json.dumps(event.model_dump(mode="json")) + "\n" for event in events]
    (tmp_path / "claude.jsonl").write_text("".join(lines))
    page = report(tmp_path)
    for part in (
        "$0.38paid, at most",
        "$0.75reserved",
        "$0.375per correct kernel",
        "input tokens 1,200",
        "end_turn (1)",
    ):
        assert part in page.text


def test_the_best_kernel_of_a_spec_has_its_profile(report: Report, tmp_path: Path) -> None:
    slow, fast = verdict("relu_fp32", fraction=0.2), verdict("relu_fp32", fraction=0.9)
    write(tmp_path, ("scripted/relu_fp32/a", RELU % "slow", slow), ("sft/relu_fp32/0", RELU % "fast", fast))
    write(tmp_path, ("sft/gelu_fp32/0", "no kernel at all", verdict("gelu_fp32", fraction=0.1)))
    page = report(tmp_path, profiles=2)
    assert "// fast" in page.text
    assert "// slow" not in page.text
    assert "coalesced" in page.text
    assert "No profile: there is nothing to profile (build failed)" in page.text


def test_what_is_no_run_is_refused(refusal: Callable[[Path], str], tmp_path: Path) -> None:
    assert "there is no run at" in refusal(tmp_path / "missing")
    (tmp_path / "other.txt").write_text("mine")
    assert "holds no run" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rollouts.jsonl", '{"key": 1}\n'),
        ("rollouts.jsonl", "\0\0\0\n"),
        ("claude.jsonl", "{}\n"),
        ("versions.json", "{"),
        ("seeds.json", "[]"),
        ("evaluations/sft.json", "{}"),
        ("checkpoints/sft/history.jsonl", "[]\n"),
        ("checkpoints/sft/finished.json", "no"),
    ],
)
def test_a_damaged_file_is_named(refusal: Callable[[Path], str], tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    assert name in refusal(tmp_path)


def test_damaged_scores_are_named(refusal: Callable[[Path], str], tmp_path: Path) -> None:
    evaluate(tmp_path, "sft", [0.5])
    (tmp_path / "scores.json").write_text('{"policies": 3}')
    assert "scores.json" in refusal(tmp_path)
