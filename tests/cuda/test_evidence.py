"""Evidence: planted bugs come out of the card's path as on the simulated GPU, and no tool changes a verdict."""

from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Event

import pytest
from standin_driver.driver import StandIn

pytest.importorskip("cuda.bindings", reason="needs the extra gpu")

from bench import LITTLE_PATIENCE, SECRET, SHORT, Bench, brief

from cudagym.agents.scripted import ScriptedTeacher
from cudagym.cuda import tools
from cudagym.cuda.evidence import Examiner
from cudagym.cuda.gpu import CudaGPU
from cudagym.device import Evidence
from cudagym.errors import UsageError
from cudagym.grader import Grader
from cudagym.judge import Judge
from cudagym.specs import get
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

RELU = brief(get("relu_fp32"))
PLAIN = ScriptedTeacher().ladder(get("relu_fp32"))[0].source
WIDE = RELU.model_copy(update={"timing_shape": {"n": 32768}})
_LAUNCH = """
extern "C" void solve(const float* x, float* out, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, out, n);
}
"""
_HEAD = """
__global__ void relu(const float* x, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
"""
FAR = f"""{_HEAD}    if (i < n) out[i] = fmaxf(x[i], 0.0f);
    if (i == 5) out[n + 2] = 1.0f;
}}
{_LAUNCH}"""
RACE = f"""{_HEAD}    __shared__ float tile[256];
    tile[threadIdx.x] = i < n ? x[i] : 0.0f;
    float y = tile[255 - threadIdx.x];
    if (i < n) out[i] = fmaxf(x[i], 0.0f) + 0.0f * y;
}}
{_LAUNCH}"""
DIVERGENT = f"""{_HEAD}    if (threadIdx.x % 2) {{
        __syncthreads();
    }} else {{
        out[0] = x[0];
        __syncthreads();
    }}
    if (i < n) out[i] = fmaxf(x[i], 0.0f);
}}
{_LAUNCH}"""
UNWRITTEN = """
__global__ void relu(const float* x, float* out, const float* bias, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = fmaxf(x[i], 0.0f) + bias[i];
}
extern "C" void solve(const float* x, float* out, int n) {
    float* bias;
    cudaMalloc(&bias, 4 * n);
    relu<<<(n + 255) / 256, 256>>>(x, out, bias, n);
    cudaFree(bias);
}
"""
STRIDED = """
__global__ void relu(const float* x, float* out, int n) {
    int chunk = (n + 255) / 256;
    for (int k = 0; k < chunk; k++) {
        int i = threadIdx.x * chunk + k;
        if (i < n) out[i] = fmaxf(x[i], 0.0f);
    }
}
extern "C" void solve(const float* x, float* out, int n) { relu<<<1, 256>>>(x, out, n); }
"""
CONFLICTING = """
__global__ void relu(const float* x, float* out, int n) {
    __shared__ float tile[32 * 32];
    int i = blockIdx.x * 32 + threadIdx.x;
    float y = i < n ? x[i] : 0.0f;
    for (int k = 0; k < 64; k++) {
        tile[threadIdx.x * 32 + k % 32] = y;
        __syncwarp();
        y = fmaxf(y, tile[threadIdx.x * 32 + k % 32]);
        __syncwarp();
    }
    if (i < n) out[i] = fmaxf(y, 0.0f);
}
extern "C" void solve(const float* x, float* out, int n) { relu<<<(n + 31) / 32, 32>>>(x, out, n); }
"""
SLOW = {"lines of 128 bytes": STRIDED, "different banks": CONFLICTING}
"""By what the advice says."""
PLANTED = {"out_of_bounds": FAR, "race": RACE, "barrier_divergence": DIVERGENT, "uninitialised": UNWRITTEN}


class Witnessed(Bench):
    """A bench whose card has a witness, asked for the verdicts of `explained`."""

    def __init__(self, card: StandIn) -> None:
        super().__init__(card.folder)
        device = CudaGPU(0, protocol=SHORT, hang_seconds=LITTLE_PATIENCE)
        self.explaining = Judge(device, self.builder, SECRET, Examiner(device.card, Event(), seconds=10))

    def explained(self, spec: KernelSpec, source: str) -> Verdict:
        return self.explaining.examine(spec, source, self._build(spec, source), seed=1)

    def close(self) -> None:
        super().close()
        self.explaining.close()


@pytest.fixture(scope="module")
def bench(standin: StandIn) -> Iterator[Witnessed]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", standin.environment()["LD_LIBRARY_PATH"])
        patch.setenv("PATH", f"{standin.install_tools()}{os.pathsep}{os.environ['PATH']}")
        made = Witnessed(standin)
        made.prepare([(RELU, PLAIN), *((RELU, source) for source in PLANTED.values())])
        yield made
        made.close()


def _evidence(verdict: Verdict) -> Evidence:
    assert verdict.evidence is not None
    return verdict.evidence


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_bug_is_found_as_on_the_simulated_gpu(bench: Witnessed, card: StandIn, kind: str) -> None:
    """Of the same kind, in the same kernel, on the same line."""
    source = PLANTED[kind]
    (wanted, *_) = bench.modelled(RELU, source).faults
    plain, explained = bench.measured(RELU, source, hangs=True), bench.explained(RELU, source)
    assert explained.status == plain.status
    found = next(fault for fault in _evidence(explained).faults if fault.kind == kind)
    assert (found.kind, found.kernel, found.line) == (wanted.kind, wanted.kernel, wanted.line)
    assert card.misuse() == ""


@pytest.mark.parametrize("advice", SLOW)
def test_counted_limits_are_named_as_on_the_simulated_gpu(bench: Witnessed, advice: str) -> None:
    """From nothing but what a card's counters tell, and beside the same verdict."""
    source = SLOW[advice]
    plain, explained = bench.measured(WIDE, source), bench.explained(WIDE, source)
    assert explained.status == plain.status == "correct", explained.message
    assert not any(advice in diagnostic.text for diagnostic in plain.diagnostics)
    assert any(advice in diagnostic.text for diagnostic in explained.diagnostics)
    assert any(advice in diagnostic.text for diagnostic in bench.modelled(WIDE, source).diagnostics)
    assert not any(kernel.limiters for kernel in explained.kernels)
    assert (explained.time_us, explained.fraction_of_peak) == (plain.time_us, plain.fraction_of_peak)


@pytest.mark.parametrize(
    "faults",
    [
        {
            "tool_crashes": "was ended by signal 11",
            "tool_mumbles": "ended before its summary",
            "tool_not_permitted": "ERR_NVGPUCTRPERM",
        },
        {"tool_hangs": "was not done within"},
    ],
    ids=" ".join,
)
def test_no_tool_changes_a_verdict(bench: Witnessed, card: StandIn, faults: dict[str, str]) -> None:
    """Whatever they do, one after the other, there is a sentence for it, and the status is that of the card."""
    for fault in faults:
        card.faults.ask(fault)
    verdict = bench.explained(RELU, PLAIN)
    assert verdict.status == "correct", verdict.message
    notes = _evidence(verdict).notes
    assert all(any(says in note for note in notes) for says in faults.values()), notes
    assert _evidence(verdict).faults == ()


def test_a_machine_without_the_tools(bench: Witnessed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_candidates", lambda *_: [])
    tools._found.cache_clear()
    verdict = bench.explained(RELU, PLAIN)
    tools._found.cache_clear()
    assert verdict.status == "correct"
    missing = [note.split(" is not on this machine")[0] for note in _evidence(verdict).notes]
    assert missing == ["compute-sanitizer", "ncu"]


def test_a_simulated_gpu_needs_no_evidence() -> None:
    with pytest.raises(UsageError, match="sim:h100 explains its own"):
        Grader("sim:h100", evidence=True)
