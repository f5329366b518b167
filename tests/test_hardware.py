"""The table of cards: figures that come from different documents must agree, and limits be those of NVIDIA's guide."""

from __future__ import annotations

import re

import pytest

from cudagym.hardware import GPU, GPUS, TensorType, gpu

CARDS = sorted(GPUS.values(), key=lambda card: card.name)
LIMITS = {
    "6.0": (64, 32, 64, 48),
    "6.1": (64, 32, 96, 48),
    "7.0": (64, 32, 96, 96),
    "7.5": (32, 16, 64, 64),
    "8.0": (64, 32, 164, 163),
    "8.6": (48, 16, 100, 99),
    "8.9": (48, 24, 100, 99),
    "9.0": (64, 32, 228, 227),
    "10.0": (64, 32, 228, 227),
    "12.0": (48, 24, 100, 99),
}
"""CUDA C++ Programming Guide, technical specifications: warps, blocks, KiB of shared memory per SM and per block."""
MARKETED = {
    "p100": (3584, 10.6),
    "gtx1080ti": (3584, 11.3),
    "gtx1060": (1280, 4.3),
    "v100": (5120, 15.7),
    "t4": (2560, 8.1),
    "a100": (6912, 19.5),
    "a100-pcie-40gb": (6912, 19.5),
    "a6000": (10752, 38.7),
    "rtx3070": (5888, 20.3),
    "rtx3070-laptop": (5120, 16.6),
    "rtx3080-laptop": (6144, 21.0),
    "rtx3090": (10496, 35.6),
    "rtx3090ti": (10752, 40.0),
    "rtx4070tisuper": (8448, 44.1),
    "rtx4090": (16384, 82.6),
    "l20": (11776, 59.4),
    "l40s": (18176, 91.6),
    "rtx5090": (21760, 104.8),
    "rtxpro6000": (24064, 110.0),
    "h100": (16896, 66.9),
    "h100-pcie": (14592, 51.2),
    "gh200": (16896, 66.9),
    "h200": (16896, 66.9),
    "b200": (18944, 74.4),
}
"""Product pages: "CUDA cores" and TFLOP/s in fp32."""


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_peaks_follow_from_lanes_and_clock(card: GPU) -> None:
    clocks = card.sms * card.clock_hz / 1e12
    assert 2 * card.sm.fp32 * clocks == pytest.approx(card.peak_tflops["fp32"], rel=0.02)
    assert 2 * card.sm.fp64 * clocks == pytest.approx(card.peak_tflops["fp64"], rel=0.02)
    kinds: tuple[TensorType, ...] = ("tf32", "fp16", "bf16", "fp8", "int8")
    for kind in kinds:
        # Tensor peaks of Hopper and B200 are at 0.92 to 0.95 of the boost clock.
        peak = card.peak_tflops.get(kind, 0.0)  # type: ignore[call-overload]
        assert 0.98 * peak <= card.tensor_per_sm(kind) * clocks <= 1.09 * peak, kind
    assert all(flops <= card.fastest_flops / 1e12 for flops in card.peak_tflops.values())


@pytest.mark.parametrize("name", sorted(MARKETED))
def test_lanes_and_fp32_peak_are_those_advertised(name: str) -> None:
    cores, tflops = MARKETED[name]
    assert gpu(name).sms * gpu(name).sm.fp32 == cores
    assert gpu(name).peak_tflops["fp32"] == pytest.approx(tflops, rel=0.01)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_limits_are_those_of_the_compute_capability(card: GPU) -> None:
    sm = card.sm
    assert (sm.max_warps, sm.max_blocks, sm.shared_bytes >> 10, sm.shared_bytes_per_block >> 10) == LIMITS[
        sm.capability
    ]
    assert re.fullmatch(r"sm_\d+a?", card.arch)
    assert card.is_stand_in == (float(sm.capability) < 7.5)
    assert sm.fp32 % sm.schedulers == sm.integer % sm.schedulers == 0
    assert sm.integer_on_fp32 <= min(sm.integer, sm.fp32)
    assert sm.cache_bytes(sm.shared_bytes) == sm.l1_bytes - sm.shared_bytes >= 24 << 10
    assert sm.cache_bytes(0) >= sm.cache_bytes(33 << 10)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_memory_gets_slower_and_farther_level_by_level(card: GPU) -> None:
    sm = card.sm
    assert sm.shared_latency < sm.l1_latency < card.l2_latency < card.dram_ns * card.boost_mhz / 1e3
    dram_per_clock = card.dram_share * card.bandwidth / card.clock_hz
    assert dram_per_clock < card.l2_read_bytes_per_clock <= card.l2_bytes_per_clock
    assert card.l2_read_bytes_per_clock < card.sms * max(sm.l1_bytes_per_clock, 64)
    assert card.base_mhz < card.boost_mhz
    assert 0.7 < card.dram_share < 1


def test_half_precision_into_floats_is_halved_on_geforce_only() -> None:
    halved = {name for name, card in GPUS.items() if card.tensor_per_sm("fp16") < card.tensor_per_sm("fp16_half")}
    assert halved == {name for name, card in GPUS.items() if "GeForce RTX" in card.title}
