"""CudaGPU on the stand-in card: the verdicts of the simulated GPU, and the right one for each thing that goes wrong.

Of each spec the fastest kernel by default, all with CUDAGYM_LONG_TESTS set.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from standin_driver.driver import StandIn
from standin_driver.server import START_NS

pytest.importorskip("cuda.bindings", reason="needs the extra gpu")

from bench import SHORT, Bench, Telling, brief

from cudagym import grader
from cudagym.agents.scripted import ScriptedTeacher
from cudagym.cli import main
from cudagym.cuda import card as cards
from cudagym.cuda.gpu import CudaGPU
from cudagym.errors import InfrastructureError, UsageError
from cudagym.specs import all_specs, get

LONG = bool(os.environ.get("CUDAGYM_LONG_TESTS"))
TEACHER = ScriptedTeacher()
SCRIPTED = {
    f"{spec.name}/{shown.algorithm}": (brief(spec), shown.source)
    for spec in all_specs()
    for shown in (TEACHER.ladder(spec) if LONG else TEACHER.ladder(spec)[-1:])
}
RELU = brief(get("relu_fp32"))
PLAIN = TEACHER.ladder(get("relu_fp32"))[0].source
POINTERS = """
__constant__ float floor_[1];
__device__ float* place;
__global__ void clamp(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], floor_[0]);
}
__global__ void move(const float* x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) place[i] = x[i];
}
extern "C" void solve(const float* x, float* out, int n) {
    float zero = 0, *scratch;
    cudaMalloc(&scratch, 4 * n);
    cudaMemcpyToSymbol(floor_, &zero, 4);
    cudaMemcpyToSymbol(place, &out, 8);
    clamp<<<(n + 255) / 256, 256>>>(x, scratch, n);
    move<<<(n + 255) / 256, 256>>>(scratch, n);
    cudaFree(scratch);
}
"""
"""Scratch memory, constants, and a pointer to the output in a variable."""
SPEC = """
from cudagym.specs import get

brief = get("relu_fp32").model_copy(update={"name": "brief_relu", "timing_shape": {"n": 4096}})
"""


@pytest.fixture(scope="module")
def bench(standin: StandIn) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", standin.environment()["LD_LIBRARY_PATH"])
        made = Bench(standin.folder)
        made.prepare([*SCRIPTED.values(), (RELU, PLAIN), (RELU, POINTERS)])
        yield made
        made.close()


@pytest.mark.parametrize("name", SCRIPTED)
def test_scripted_kernels_get_the_same_verdict(bench: Bench, card: StandIn, name: str) -> None:
    spec, source = SCRIPTED[name]
    verdict = bench.measured(spec, source)
    assert verdict.status == "correct", verdict.message
    assert not LONG or bench.modelled(spec, source).status == "correct"
    assert (verdict.device, verdict.time_kind) == ("cuda:h100", "measured")
    assert card.misuse() == ""


@pytest.mark.parametrize(
    ("fault", "after", "status", "says"),
    [
        ("illegal_address", 0, "faulted", "out of bounds"),
        ("illegal_address", 15, "faulted", "out of bounds"),
        ("misaligned_address", 0, "faulted", "misaligned"),
        ("launch_failed", 0, "faulted", "trap"),
        ("launch_timeout", 0, "timed_out", "timed out"),
        ("hang", 0, "timed_out", "timed out"),
        ("hang", 15, "timed_out", "timed out"),
        ("out_of_memory", 0, "grader_error", "too little free memory"),
        ("out_of_memory", 25, "grader_error", "too little free memory"),
        ("lost_device", 100, "grader_error", "CUDA_ERROR_UNKNOWN"),
    ],
)
def test_a_fault_has_its_verdict_and_the_next_candidate_a_working_card(
    bench: Bench, card: StandIn, fault: str, after: int, status: str, says: str
) -> None:
    """The later ones come while the program is timed."""
    card.faults.ask(fault, after)
    verdict = bench.measured(RELU, PLAIN, hangs=fault == "hang")
    owner = "infrastructure" if status == "grader_error" else "candidate"
    assert (verdict.status, verdict.owner) == (status, owner), verdict.message
    assert says in verdict.message
    assert not card.faults.asked(fault), "it has not come to that"
    assert bench.measured(RELU, PLAIN).status == "correct"
    assert card.misuse() == ""


def test_a_lost_card_serves_again_when_it_is_back(bench: Bench, card: StandIn) -> None:
    card.faults.ask("lost_device", after=100, lasting=True)
    for _ in range(2):
        verdict = bench.measured(RELU, PLAIN)
        assert (verdict.status, verdict.owner) == ("grader_error", "infrastructure"), verdict.message
    card.faults.heal()
    assert bench.measured(RELU, PLAIN).status == "correct"


def test_an_interrupted_candidate_leaves_a_working_card(bench: Bench, card: StandIn) -> None:
    card.faults.ask("hang")
    with ThreadPoolExecutor(1) as pool:
        examined = pool.submit(bench.measured, RELU, PLAIN)
        while card.faults.asked("hang") and not examined.done():
            time.sleep(0.01)
        while not wait([examined], timeout=0.1).done:  # what was killed is tried again, once
            bench.measuring.interrupt()
    assert examined.result().status == "grader_error", examined.result().message
    assert bench.measured(RELU, PLAIN).status == "correct"


@pytest.mark.skipif(not LONG, reason="two more Pythons with torch; test_queue.py tests the queue itself")
def test_two_processes_take_turns(bench: Bench, card: StandIn, tmp_path: Path) -> None:
    """Neither launches anything while the other's candidate is being timed."""
    (tmp_path / "relu.cu").write_text(PLAIN)
    script = Path(__file__).with_name("bench.py")
    command = [sys.executable, script, card.folder, "relu_fp32", tmp_path / "relu.cu"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    card.keep_diary()
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=300)[0] for process in both] == ["correct\n"] * 2
    diary = card.diary()
    first, second = dict.fromkeys(diary)
    for one in (first, second):
        places = [at for at, who in enumerate(diary) if who == one][-SHORT.least :]
        assert places[-1] - places[0] == SHORT.least - 1, "launches of the other lie between"
    assert card.misuse() == ""


@pytest.mark.parametrize("source", [PLAIN, POINTERS], ids=["plain", "pointers"])
def test_other_addresses_than_recorded(bench: Bench, card: StandIn, source: str) -> None:
    """Recorded pointers in arguments and in variables are changed to what the driver granted."""
    card.faults.ask("fixed_addresses_refused", lasting=True)
    assert bench.measured(RELU, source).status == "correct"
    assert card.misuse() == ""


def test_pointers_in_variables(bench: Bench, card: StandIn) -> None:
    assert bench.measured(RELU, POINTERS).status == "correct"
    assert card.misuse() == ""


def test_where_the_time_goes(bench: Bench, card: StandIn) -> None:
    """Each launch has its time, and they add up to the program's, less what copies between them take."""
    verdict = bench.measured(RELU, POINTERS)
    assert [kernel.kernel for kernel in verdict.kernels] == ["_Z5clampPKfPfi", "_Z4movePKfi"]
    assert all(kernel.time_us > START_NS / 1000 for kernel in verdict.kernels)
    total, whole = sum(kernel.time_us for kernel in verdict.kernels), verdict.time_us
    assert whole is not None
    assert 0.3 * whole < total < whole
    assert any(diagnostic.text.startswith("clamp takes") for diagnostic in verdict.diagnostics)
    (only,) = bench.measured(RELU, PLAIN).kernels
    modelled = bench.modelled(RELU, PLAIN).kernels[0]
    assert (only.occupancy, only.waves) == pytest.approx((modelled.occupancy, modelled.waves))
    assert card.misuse() == ""


def test_what_the_time_says(bench: Bench, card: StandIn) -> None:
    """Slow clocks are told, noise widens the interval, and a slow host is no part of the time."""
    usual = bench.measured(RELU, PLAIN)
    assert usual.measurement is not None
    assert usual.measurement.settled
    assert usual.measurement.throttled == ()
    card.faults.ask("slow_clocks", lasting=True)
    slow = bench.measured(RELU, PLAIN)
    assert slow.time_us == pytest.approx(2 * usual.time_us, rel=0.01)
    assert slow.measurement is not None
    assert slow.measurement.throttled == ("power limit",)
    card.faults.heal()
    card.faults.ask("noise", lasting=True, value=0.1)
    noisy = bench.measured(RELU, PLAIN)
    assert noisy.measurement is not None
    assert not noisy.measurement.settled
    low, high = noisy.measurement.interval_us
    assert high - low > 0.02 * noisy.time_us


def test_no_driver_no_card(card: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a driver, one without a card, and one whose driver is older than the cubins."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no device cuda:0"):
        CudaGPU(0)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(card.folder))
    cards._found.cache_clear()
    card.faults.ask("no_device", lasting=True)
    with pytest.raises((UsageError, InfrastructureError), match="sees no card"):
        CudaGPU(0)
    card.faults.heal()
    cards._found.cache_clear()
    (card.folder / "driver_version").write_text("12040")
    with pytest.raises(InfrastructureError, match=r"12\.4"):
        CudaGPU(0)
    (card.folder / "driver_version").unlink()
    cards._found.cache_clear()
    with pytest.raises(UsageError, match="cuda:1"):
        CudaGPU(1)


def test_grade_from_the_command_line(
    card: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the protocol that every grade uses, on a card whose times are those that the host sees. Who asks for
    evidence on a machine without tools is told so."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(card.folder))
    monkeypatch.setattr(grader, "Builder", lambda: Telling(card.folder))
    monkeypatch.setattr("cudagym.cuda.evidence.find_tool", lambda _: None)
    card.faults.ask("wall_clock", lasting=True, value=1.0)
    (tmp_path / "relu.cu").write_text(PLAIN)
    (tmp_path / "mine.py").write_text(SPEC)
    asked = f"grade --spec {tmp_path}/mine.py:brief_relu --source {tmp_path}/relu.cu --device cuda:0"
    with pytest.raises(SystemExit) as ended:
        main([*asked.split(), "--evidence", "--json"])
    said = capsys.readouterr()
    assert said.out, said.err
    verdict = json.loads(said.out)
    assert (ended.value.code or 0, verdict["status"]) == (0, "correct"), verdict["message"]
    assert (verdict["device"], verdict["time_kind"]) == ("cuda:h100", "measured")
    assert [note.split()[0] for note in verdict["evidence"]["notes"]] == ["compute-sanitizer", "ncu"]
    assert card.misuse() == ""
