"""Machine instructions and the pipes they go through."""

from __future__ import annotations

import pytest

from cudagym.hardware import gpu
from cudagym.simulator.clock.decode import space_of
from cudagym.simulator.clock.pipes import KINDS, PIPES, matrix_shape, ops_of, pipe_of
from cudagym.simulator.clock.sass import Instruction
from cudagym.simulator.clock.trace import SPACES


def instruction(text: str, *, reuse: int = 0) -> Instruction:
    """An instruction as nvdisasm writes it, without control codes."""
    name, _, operands = text.partition(" ")
    opcode, *modifiers = name.split(".")
    return Instruction(
        index=0,
        opcode=opcode,
        modifiers=tuple(modifiers),
        guard=None,
        operands=tuple(part.strip() for part in operands.split(",")) if operands else (),
        target=None,
        stall=1,
        yields=False,
        write_barrier=None,
        read_barrier=None,
        wait_mask=0,
        reuse=reuse,
        line=None,
    )


@pytest.mark.parametrize(
    ("text", "pipe", "space"),
    [
        ("FFMA R1, R2, R3, R4", "fp32", None),
        ("IMAD.WIDE R2, R4, R5, c[0x0][0x160]", "heavy", None),
        ("IADD3 R1, R2, R3, RZ", "alu", None),
        ("UIADD3 UR4, UR4, 0x1, URZ", "uniform", None),
        ("MUFU.EX2 R1, R2", "special", None),
        ("HMMA.16816.F32 R4, R8, R12, R4", "tensor", None),
        ("LDG.E.128 R4, [R2.64]", "lsu", "global"),
        ("STS.64 [R2], R4", "lsu", "shared"),
        ("SHFL.BFLY PT, R1, R2, 0x10, 0x1f", "lsu", None),
        ("LDC R1, c[0x3][R2]", "constant", "constant"),
        ("BAR.SYNC.DEFER_BLOCKING 0x0", "control", None),
    ],
)
def test_pipes_and_spaces(text: str, pipe: str, space: str | None) -> None:
    assert pipe_of(instruction(text)) == pipe
    assert SPACES[space_of(instruction(text))] == space


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("HMMA.16816.F32", (16, 8, 16)),
        ("HMMA.1688.F32.TF32", (16, 8, 8)),
        ("HMMA.1684.F32.TF32", (16, 8, 4)),
        ("HMMA.884.F32.F32.STEP0", (8, 8, 4)),
        ("IMMA.16832.S8.S8", (16, 8, 32)),
        ("IMMA.8816.S8.S8", (8, 8, 16)),
        ("DMMA.884", (8, 8, 4)),
        ("QMMA.16832.F32.E4M3.E4M3", (16, 8, 32)),
        ("BMMA.168256.XOR.POPC", (16, 8, 256)),
    ],
)
def test_shapes_of_matrix_instructions(name: str, shape: tuple[int, int, int]) -> None:
    assert matrix_shape(instruction(f"{name} R4, R8, R12, R4")) == shape


def intervals(*texts: str, card: str = "a6000", reuse: tuple[int, ...] = ()) -> list[int]:
    code = [instruction(text, reuse=mask) for text, mask in zip(texts, (*reuse, *[0] * len(texts)), strict=False)]
    return [op.interval for op in ops_of(code, gpu(card), 8)]


def test_fp32_takes_a_cycle_or_two_by_the_card() -> None:
    assert intervals("FFMA R1, R2, R3, R4", card="a6000") == [2]  # R2 and R4 lie in one bank
    assert intervals("FFMA R1, R2, R3, R5", card="a6000") == [2]  # so do R3 and R5
    assert intervals("FADD R1, R2, R3", card="a6000") == [1]
    assert intervals("FADD R1, R2, R3", card="a100") == [2]


def test_a_register_kept_for_reuse_needs_no_port() -> None:
    kept = 0b001  # the first source
    assert intervals("FFMA R1, R2, R3, R5", "FFMA R6, R2, R8, R5", card="a6000", reuse=(kept,)) == [2, 1]
    assert intervals("FFMA R1, R2, R3, R5", "FFMA R6, R4, R8, R5", card="a6000", reuse=(kept,)) == [2, 2]


@pytest.mark.parametrize(("card", "cycles"), [("a100", 8), ("rtx3090", 32), ("a6000", 16)])
def test_tensor_cores_run_at_the_rate_of_the_card(card: str, cycles: int) -> None:
    """2 x 16 x 8 x 16 operations at 2048 per cycle and SM, or 512 and 1024 with fp32 accumulators on GA102 cards."""
    assert intervals("HMMA.16816.F32 R4, R8, R12, R4", card=card) == [cycles]


def test_barriers_know_their_number_and_warps() -> None:
    code = [instruction("BAR.SYNC 0x1, 0x40"), instruction("BAR.SYNC.DEFER_BLOCKING 0x0")]
    named, whole = ops_of(code, gpu("a100"), 8)
    assert (named.barrier, named.count, KINDS[named.kind]) == (1, 2, "wait")
    assert (whole.barrier, whole.count) == (0, 0)
    assert PIPES[named.pipe] == "control"
