"""What a card reaches, measured on the stand-in: its clock is simple enough to say what must come out."""

from __future__ import annotations

import pytest
from standin_driver.driver import StandIn

pytest.importorskip("cuda.bindings", reason="needs the extra gpu")

from bench import SHORT

from cudagym.cuda import peaks as measuring
from cudagym.cuda.gpu import CudaGPU
from cudagym.cuda.peaks import Effort, module, peaks
from cudagym.device import Buffer
from cudagym.memory import SharedMemory
from cudagym.simulator.gpu import SimulatedGPU

SMALL = Effort(copy_bytes=4 << 20, rounds=4)


def test_peaks_are_measured_once_and_kept(card: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(card.folder))
    device = CudaGPU(0, protocol=SHORT)
    card.know(module(device.gpu.arch))
    try:
        reached = peaks(device, SMALL)
        # The stand-in copies at the datasheet's bandwidth after 2 us, and issues at the datasheet's rates.
        assert 0.5 * device.gpu.dram_gb_s < reached.copy_gb_s <= device.gpu.dram_gb_s
        assert 0 < reached.fp32_tflops <= device.gpu.peak_tflops["fp32"]
        assert reached.fp16_tflops is not None
        assert 0 < reached.fp16_tflops <= device.gpu.peak_tflops["fp16"]
        monkeypatch.setattr(CudaGPU, "time", None)  # a second measurement would fail
        assert peaks(device, SMALL) == reached
    finally:
        device.close()
    assert card.misuse() == ""


@pytest.mark.parametrize(
    ("kernel", "counter", "per_warp"),
    [("fma_fp32", "fp32", measuring.FMA_FLOPS // 2), ("mma_fp16", "tensor_fp16", measuring.MMA_FLOPS)],
)
def test_a_round_computes_what_it_is_counted_for(kernel: str, counter: str, per_warp: int) -> None:
    """The simulated GPU counts for itself: multiply-adds of a warp, operations of its matrix instructions."""
    device = SimulatedGPU("h100")
    found = []
    with SharedMemory("out", 256) as memory:
        buffer = Buffer(name="out", slot=0, fd=memory.fd, size=256, read_only=False, holds_input=True)
        for rounds in (4, 12):
            run, _ = device.time(measuring.computing(device.gpu, kernel, rounds), [buffer], seed=0)
            counters = run.launches[0].counters
            assert counters is not None
            found.append(getattr(counters, counter) / counters.warps)
    device.close()
    assert found[1] - found[0] == 8 * per_warp
