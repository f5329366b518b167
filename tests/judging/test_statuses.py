"""Every status, reached by a real source through the one public door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from candidates import CANDIDATES, CORRECT

from cudagym import Grader
from cudagym.verdict import STATUSES, Verdict


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    with Grader("sim:h100", cached=False) as grader:
        yield grader


@pytest.fixture(scope="module")
def verdicts(grader: Grader) -> dict[str, Verdict]:
    graded = grader.grade_many([("relu_fp32", source) for source, _, _ in CANDIDATES.values()])
    return dict(zip(CANDIDATES, graded, strict=True))


@pytest.mark.parametrize("name", CANDIDATES)
def test_candidate_gets_its_status_and_a_message_that_helps(name: str, verdicts: dict[str, Verdict]) -> None:
    _, status, said = CANDIDATES[name]
    verdict = verdicts[name]
    assert (verdict.status, said in verdict.message) == (status, True), verdict.message
    assert "Traceback" not in verdict.message
    assert "/tmp" not in verdict.message + verdict.build_log


def test_every_status_but_suspect_is_reached() -> None:
    assert {status for _, status, _ in CANDIDATES.values()} == set(STATUSES) - {"suspect"}


def test_correct_verdict_says_what_limits_the_kernel(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["correct"]
    assert verdict.time_kind == "modelled"
    assert verdict.kernels[0].limiters[0].name == "DRAM bandwidth"
    assert verdict.fraction_of_peak is not None
    assert 0.7 < verdict.fraction_of_peak < 1


def test_fault_is_located(verdicts: dict[str, Verdict]) -> None:
    fault = verdicts["out of bounds"].faults[0]
    assert fault.line == 1
    assert fault.buffer in ("x", "y")
    assert fault.thread is not None
    assert fault.block is not None


def test_first_mismatch_is_the_first(verdicts: dict[str, Verdict]) -> None:
    mismatch = verdicts["copy"].mismatch
    assert mismatch is not None
    assert isinstance(mismatch.got, float)
    assert mismatch.got < 0 == mismatch.want


def test_same_seed_same_verdict_and_comments_do_not_matter(grader: Grader) -> None:
    first, second = grader.grade_many([("relu_fp32", CORRECT), ("relu_fp32", CORRECT + "\n// again\n")])
    drop = {"seconds", "source_sha256"}
    assert first.model_dump(exclude=drop) == second.model_dump(exclude=drop)
    third = grader.grade("relu_fp32", CORRECT, seed=1)
    assert third.status == "correct"
    assert third.timed_shape != first.timed_shape


FEW_HEAVY_BLOCKS = """
__global__ void relu(const float* x, float* y, int n) {
    int block = blockIdx.x - 5000; // the first ones are always looked at
    if (block < 0 || block >= 132) return;
    for (int i = block * 256 + threadIdx.x; i < n; i += 132 * 256) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<400000, 256>>>(x, y, n); }
"""


def test_work_hidden_from_the_sample_earns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAGYM_SECRET", "one whose sample misses the heavy blocks, as nearly all do")
    with Grader("sim:h100", cached=False) as grader:
        verdict = grader.grade("relu_fp32", FEW_HEAVY_BLOCKS)
    assert (verdict.status, verdict.fraction_of_peak) == ("correct", 0.0), verdict.message
    assert "a few blocks do most of the work" in verdict.message


def test_work_that_the_sample_may_find_earns_little(grader: Grader) -> None:
    """With a secret of the day: if the sample finds heavy blocks, the kernel is as slow as it is."""
    fraction = grader.grade("relu_fp32", FEW_HEAVY_BLOCKS).fraction_of_peak
    assert fraction is not None
    assert fraction < 0.01


def test_timed_inputs_are_hard_ones_too(grader: Grader) -> None:
    """A softmax that forgets the maximum where only the timed shape has so many rows."""
    source = """
    __global__ void softmax(const float* x, float* y, int rows, int cols) {
        int row = blockIdx.x * 8 + threadIdx.x / 32, lane = threadIdx.x % 32;
        if (row >= rows) return;
        float m = -INFINITY, s = 0.0f;
        for (int c = lane; c < cols; c += 32) m = fmaxf(m, x[(size_t)row * cols + c]);
        for (int o = 16; o; o /= 2) m = fmaxf(m, __shfl_xor_sync(~0u, m, o));
        if (rows > 5000) m = 0.0f;
        for (int c = lane; c < cols; c += 32) s += expf(x[(size_t)row * cols + c] - m);
        for (int o = 16; o; o /= 2) s += __shfl_xor_sync(~0u, s, o);
        for (int c = lane; c < cols; c += 32) y[(size_t)row * cols + c] = expf(x[(size_t)row * cols + c] - m) / s;
    }
    extern "C" void solve(const float* x, float* y, int rows, int cols) {
        softmax<<<(rows + 7) / 8, 256>>>(x, y, rows, cols);
    }
    """
    statuses = {grader.grade("softmax_fp32", source, seed=seed).status for seed in range(4)}
    assert "wrong" in statuses
