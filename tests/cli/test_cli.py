"""The command line: what it prints for people and programs, and how it ends."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from fake_grading import FakeGrading

from cudagym import cli, grader, specs
from cudagym.errors import InfrastructureError

Result = tuple[int, str, str]
Run = Callable[..., Result]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process: exit code, standard output, standard error."""

    def running(*args: str) -> Result:
        with pytest.raises(SystemExit) as stop:
            cli.main(args)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(stop.value.code or 0), out, err

    return running


@pytest.fixture
def source(tmp_path: Path) -> Callable[[bytes], str]:
    def write(data: bytes) -> str:
        path = tmp_path / "kernel.cu"
        path.write_bytes(data)
        return str(path)

    return write


def test_every_split_can_be_listed() -> None:
    assert get_args(cli.Split) == specs.SPLITS


def test_specs_for_programs(run: Run) -> None:
    code, out, _ = run("specs", "--json")
    listed = json.loads(out)
    assert code == 0
    assert [each["name"] for each in listed] == [spec.name for spec in specs.all_specs()]
    gelu = next(each for each in listed if each["name"] == "gelu_fp32")
    assert set(gelu) == {"name", "family", "split", "signature", "check_shapes", "timing_shape"}
    assert gelu["signature"] == "void solve(const float* x, float* y, int n)"
    assert all(set(shape) == {"n"} for shape in [*gelu["check_shapes"], gelu["timing_shape"]])


def test_specs_for_people(run: Run) -> None:
    code, out, _ = run("specs", "--split", "unseen_family")
    assert code == 0
    for spec in specs.all_specs():
        assert (spec.name in out) == (spec.split == "unseen_family")


def test_one_spec_is_its_prompt(run: Run) -> None:
    code, out, _ = run("specs", "softmax_fp32")
    assert code == 0
    assert 'extern "C"' in out
    assert specs.get("softmax_fp32").signature in out


def test_specs_of_a_file(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "my_specs.py"
    mine.write_text("from cudagym.specs import get\nmine = get('relu_fp32').model_copy(update={'name': 'mine'})\n")
    assert [each["name"] for each in json.loads(run("specs", str(mine), "--json")[1])] == ["mine"]


def test_a_verdict_for_programs(run: Run, grading: FakeGrading, source: Callable[[bytes], str]) -> None:
    options = ["--spec", "gelu_fp32", "--source", source(b"fast"), "--device", "sim:h100", "--seed", "3"]
    code, out, err = run("grade", *options, "--json")
    verdict = json.loads(out)
    assert (code, err) == (0, "")
    assert {"status", "message", "reward", "rewards", "time_us", "time_kind"} <= set(verdict)
    assert {"fraction_of_peak", "diagnostics", "faults", "seconds"} <= set(verdict)
    assert verdict["status"] == "correct"
    assert verdict["reward"] == pytest.approx(0.88)
    assert verdict["rewards"] == {"compile": 1.0, "numeric": 1.0, "throughput": 0.8}
    assert "seed 3" in verdict["message"]
    assert grading.batches == [[("gelu_fp32", "fast")]]


@pytest.mark.usefixtures("grading")
@pytest.mark.parametrize(
    ("content", "code", "status"),
    [
        (b"fast", 0, "correct"),
        (b"", 0, "build_failed"),
        (b"\xff\0\x1b[2J", 0, "build_failed"),
        (b"crash", 3, "grader_error"),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_every_verdict_has_its_exit_code(
    run: Run, source: Callable[[bytes], str], content: bytes, code: int, status: str, as_json: bool
) -> None:
    ended, out, _ = run("grade", "--spec", "gelu_fp32", "--source", source(content), *["--json"] * as_json)
    assert ended == code
    assert status in out
    if as_json:
        assert json.loads(out)["status"] == status


@pytest.mark.usefixtures("grading")
def test_a_failure_of_the_grader_is_worth_nothing_at_all(run: Run, source: Callable[[bytes], str]) -> None:
    verdict = json.loads(run("grade", "--spec", "gelu_fp32", "--source", source(b"crash"), "--json")[1])
    assert verdict["reward"] is None
    assert verdict["rewards"] == {"compile": None, "numeric": None, "throughput": None}


@pytest.mark.usefixtures("grading")
def test_a_source_may_come_from_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"slow")))
    assert json.loads(run("grade", "--spec", "gelu_fp32", "--source", "-", "--json")[1])["status"] == "correct"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["grade", "--spec", "gelu_fp32", "--source", "/nonexistent.cu"], "/nonexistent.cu"),
        (["grade", "--spec", "gelu_fp32", "--source", "/"], "directory"),
        (["grade", "--spec", "gelu_fp32", "--source", "/dev/zero"], "MiB"),
        (["grade", "--spec", "gelu_fp23", "--source", "/dev/null"], "gelu_fp32"),
        (["grade", "--spec", "gelu_fp32", "--source", "/dev/null", "--device", "sim:h900"], "sim:h100"),
        (["grade", "--spec", "gelu_fp32"], "--source"),
        (["specs", "no_such_spec"], "no_such_spec"),
        (["specs", "no_such_file.py"], "no_such_file.py"),
        (["specs", "--device", "nonsense"], "sim:h100"),
        (["specs", "--device", "nonsense", "--json"], "sim:h100"),
        (["specs", "gelu_fp32", "--device", "nonsense"], "sim:h100"),
        (["specs", "--split", "everything"], "everything"),
        (["grpo", "--config", "no_such_config"], "no_such_config"),
        (["sft", "--config", "CONFIG", "--set", "sft.max_step=1"], "max_steps"),
        (["demo", "--config", "CONFIG", "--set", "sft"], "key=value"),
        (["demo", "--config", "CONFIG", "--name", "../up"], "../up"),
        (["evaluate", "--checkpoint", "/nonexistent"], "/nonexistent"),
        (["no_such_command"], "no_such_command"),
        ([], "doctor"),
    ],
)
def test_bad_arguments_end_with_2_and_say_why(run: Run, tmp_path: Path, args: list[str], sentence: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("seed: 1\n")
    code, out, err = run(*(str(config) if arg == "CONFIG" else arg for arg in args))
    assert code == 2
    assert out == ""
    assert sentence in err


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("device=sim:h900", "sim:h100"),
        ("device=sim:rtx4090", "asked for on a card that is held out"),
        ("collect.specs=[unseen_op]", "held-out split unseen_op"),
        ("rewards.compile=-1", "section `rewards` of demo with rewards.compile=-1"),
        ("grpo.num_generations=7", "divisible by num_generations (7)"),
    ],
)
def test_a_refused_configuration_leaves_no_folder(run: Run, tmp_path: Path, setting: str, sentence: str) -> None:
    code, out, err = run("sft", "--runs", str(tmp_path / "runs"), "--set", setting)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (None, "holds no checkpoint"),
        ("scripted", "'scripted'"),
        ("training", "'training'"),
        ("a/b", "'a/b'"),
        ("../x", "'../x'"),
        ("", "''"),
    ],
)
def test_a_refused_evaluation_leaves_no_folder(run: Run, tmp_path: Path, policy: str | None, sentence: str) -> None:
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    if policy is not None:
        (checkpoint / "config.json").touch()
    options = ["--policy", policy] if policy is not None else []
    code, out, err = run("evaluate", "--checkpoint", str(checkpoint), "--runs", str(tmp_path / "runs"), *options)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("args", [["grade", "--spec", "gelu_fp32", "--source", "/dev/null", "--json"]])
def test_a_machine_that_cannot_grade_ends_with_3(run: Run, args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise InfrastructureError("no compiler: install one")

    monkeypatch.setattr(grader, "grade", broken)
    code, out, err = run(*args)
    assert (code, out) == (3, "")
    assert "install one" in err


def test_a_folder_that_cannot_be_written_ends_with_3(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("seed: 1\n")
    code, _, err = run("demo", "--config", str(config), "--runs", "/proc/runs")
    assert code == 3
    assert "/proc/runs" in err


def test_interrupting_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(grader, "grade", interrupted)
    assert run("grade", "--spec", "gelu_fp32", "--source", "/dev/null")[0] == 130


def test_doctor_for_programs(run: Run) -> None:
    code, out, _ = run("doctor", "--json")
    found = json.loads(out)
    assert code == 0
    assert {"toolkit", "devices", "sandbox", "versions"} <= set(found)
    assert found["toolkit"]["version"].startswith("13.")
    assert [each["name"] for each in found["devices"] if each["default"]] == ["sim:h100"]
    assert found["versions"]["cudagym"]
    assert found["problems"] == []


def test_doctor_for_people_names_what_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAGYM_CUDA_HOME", "/nonexistent")
    from cudagym.build.toolchain import find_toolchain

    find_toolchain.cache_clear()
    try:
        code, out, _ = run("doctor")
    finally:
        find_toolchain.cache_clear()
    assert code == 3
    assert "/nonexistent" in out
    assert "sim:h100" in out


ADD = b"""
__global__ void add(const float* a, const float* b, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = a[i] + b[i];
}
extern "C" void solve(const float* a, const float* b, float* out, int n) {
    add<<<(n + 255) / 256, 256>>>(a, b, out, n);
}
"""


def test_profiling_for_people_and_programs(run: Run, source: Callable[[bytes], str], tmp_path: Path) -> None:
    asked = ["profile", source(ADD), "--spec", "vector_add_fp32", "--device", "sim:t4"]
    page, figures = tmp_path / "add.html", tmp_path / "add.json"
    code, out, err = run(*asked, "--html", str(page), "--json", str(figures))
    assert (code, err) == (0, "")
    for part in ("vector_add_fp32 on sim:t4", "DRAM bandwidth", "32 of 32 warps", "coalesced"):
        assert part in out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    code, out, err = run(*asked, "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(figures.read_text())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"FILE": "missing.cu"}, "missing.cu"),
        ({"--spec": "nope"}, "no spec is called 'nope'"),
        ({"--device": "sim:voodoo"}, "sim:voodoo"),
        ({"--spec": "gelu_fp32"}, "build failed"),
        ({"--html": "/nonexistent/page.html"}, "cannot write /nonexistent/page.html"),
    ],
)
def test_profiling_what_is_not_there(
    run: Run, source: Callable[[bytes], str], change: dict[str, str], said: str
) -> None:
    options = {"--spec": "vector_add_fp32", "--device": "sim:t4"} | change
    file = options.pop("FILE", None) or source(ADD)
    code, out, err = run("profile", file, *(word for option in options.items() for word in option))
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    "command", ["doctor", "specs", "grade", "profile", "collect", "sft", "grpo", "evaluate", "compare", "demo"]
)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    assert command in run("--help")[1]
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"cudagym {command}" in out


def test_a_training_run_is_rehearsed_without_weights(run: Run, tmp_path: Path) -> None:
    options = ["--config", "qwen2.5-coder-7b", "--runs", str(tmp_path), "--dry-run"]
    code, out, _ = run("grpo", *options, "--json")
    assert code == 0
    assert "vLLM (colocate)" in json.loads(out)["sampling"]
    code, out, _ = run("grpo", *options)
    assert code == 0
    assert "Qwen/Qwen2.5-Coder-7B-Instruct, not on this machine" in out
    code, _, err = run("grpo", *options, "--set", "grpo.num_generations=7")
    assert code == 2
    assert "divisible by num_generations" in err
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    started = time.monotonic()
    heavy = ("torch", "trl", "transformers", "llvmlite", "anthropic")
    code = f"import cudagym.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - started < 2


def test_a_reader_that_stops_early_is_no_error() -> None:
    program = Path(sys.executable).with_name("cudagym")
    command = f"{program} specs --json | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "["
