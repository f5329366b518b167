"""Which pipe of an SM each machine instruction goes through, for how long, and what it waits for.

Names of pipes are those of NVIDIA's profiler [N]: the FMA pipe has a heavy half, which also multiplies integers, and
from compute capability 8.6 (and on 9.0) a light half for fp32 alone. Where a result's latency is fixed, the stall
counts that ptxas wrote into the code hold it already; only what scoreboards guard needs a latency here.

[N] Nsight Compute documentation, "Metrics Decoder": pipelines
[G] CUDA C++ Programming Guide 13.0, "Arithmetic Instructions": results per cycle and SM
[J] Jia, Maggioni, Staiger, Scarpazza: "Dissecting the NVIDIA Volta GPU Architecture via Microbenchmarking", 2018
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence

from cudagym.hardware import GPU, TensorType
from cudagym.simulator.clock.decode import space_of
from cudagym.simulator.clock.sass import Instruction
from cudagym.simulator.clock.trace import SPACES, Space

PIPES = (
    "none", "heavy", "fp32", "alu", "fp64", "half", "special", "tensor", "uniform", "control", "lsu", "constant",
)  # fmt: skip
"""In the order of enum Pipe in replay.c."""
KINDS = (
    "plain", "load", "store", "atomic", "copy", "wait", "arrive", "group", "group_wait", "shuffle", "exit",
)  # fmt: skip
"""In the order of enum Kind in replay.c."""
PARTITIONS = 4
WARP = 32

_PIPE_OF = {
    "fp32": "FFMA FMUL FADD FFMA2 FMUL2 FADD2 FSWZADD FFMA32I FMUL32I FADD32I",
    "heavy": "IMAD IMUL IMAD32I IMUL32I IDP IDP4A XMAD IMADSP",
    "half": "HADD2 HFMA2 HMUL2 HADD2_32I HFMA2_32I HMUL2_32I HSETP2 HSET2 HMNMX2 BF2FMA",
    "fp64": "DADD DMUL DFMA DSETP DMNMX",
    "special": "MUFU F2I F2F I2F FRND FCHK POPC FLO BREV I2I F2IP I2IP S2R S2UR R2UR REDUX CREDUX UREDUX MATCH"
    " UF2I UI2F UF2F UPOPC UFLO UBREV UMUFU",
    "tensor": "HMMA IMMA DMMA BMMA QMMA OMMA HGMMA IGMMA QGMMA BGMMA",
    "control": "BRA BRX BRXU JMP JMX CALL RET EXIT BSSY BSYNC BREAK BMOV WARPSYNC YIELD BPT KILL NANOSLEEP RPCMOV"
    " BAR UBAR DEPBAR LDGDEPBAR LEPC ELECT ENDCOLLECTIVE WARPGROUP WARPGROUPSET PREEXIT ACQBULK CCTL CCTLL CCTLT"
    " MEMBAR ERRBAR FENCE ARRIVES PMTRIG SETCTAID SETLMEMBASE GETLMEMBASE ACQSHMINIT",
    "none": "NOP",
}
_BY_OPCODE = {opcode: pipe for pipe, opcodes in _PIPE_OF.items() for opcode in opcodes.split()}
_LATENCY = {"S2R": 20.0, "S2UR": 20.0, "R2UR": 10.0, "REDUX": 22.0, "MATCH": 24.0, "VOTE": 12.0, "MEMBAR": 200.0}
"""Cycles to a result that a scoreboard guards [J], where the card's record has none."""
_OTHER_LATENCY = 16.0
_DIMENSIONS = re.compile(r"^(?:16816|16832|16864|168128|168256|1684|1688|884|8816|8832|8864|88128|8x8x4)$")


class Op(ctypes.Structure):
    """struct Op of replay.c."""

    _fields_ = [
        *((name, ctypes.c_uint8) for name in ("pipe", "kind", "space", "interval", "stall", "wait")),
        *((name, ctypes.c_int8) for name in ("write_board", "read_board")),
        *((name, ctypes.c_uint8) for name in ("past_l1", "barrier", "count")),
        *((name, ctypes.c_float) for name in ("latency", "dram", "atomic")),
    ]


def ops_of(instructions: Sequence[Instruction], gpu: GPU, warps: int) -> ctypes.Array[Op]:
    """What replay.c needs to know of each instruction, for blocks of `warps` warps."""
    table = (Op * len(instructions))()
    for op, instruction, before in zip(table, instructions, [None, *instructions], strict=False):
        _fill(op, instruction, before, gpu, warps)
    return table


def pipe_of(instruction: Instruction) -> str:
    """The pipe that an instruction goes through, one of `PIPES`."""
    opcode = instruction.opcode
    if space := SPACES[space_of(instruction)]:
        return "constant" if space == "constant" else "lsu"
    if opcode == "SHFL":
        return "lsu"
    if opcode in _BY_OPCODE:
        return _BY_OPCODE[opcode]
    return "uniform" if opcode.startswith("U") else "alu"


def _fill(op: Op, instruction: Instruction, before: Instruction | None, gpu: GPU, warps: int) -> None:
    pipe = pipe_of(instruction)
    op.space = space_of(instruction)
    space = SPACES[op.space]
    op.pipe = PIPES.index(pipe)
    op.kind = KINDS.index(_kind(instruction, space))
    op.interval = min(255, _interval(instruction, before, pipe, gpu))
    op.stall = instruction.stall
    op.wait = instruction.wait_mask
    op.write_board = -1 if instruction.write_barrier is None else instruction.write_barrier
    op.read_board = -1 if instruction.read_barrier is None else instruction.read_barrier
    op.latency = {
        "MUFU": gpu.sm.special_latency,
        "SHFL": gpu.sm.shared_latency,
    }.get(instruction.opcode, _LATENCY.get(instruction.opcode, _OTHER_LATENCY))
    if space == "global":
        modifiers = set(instruction.modifiers)
        # Strong and bypassing accesses are served by the L2.
        op.past_l1 = not modifiers.isdisjoint({"STRONG", "BYPASS"}) or instruction.opcode in ("ATOM", "ATOMG", "RED")
    match KINDS[op.kind]:
        case "wait" | "arrive":
            op.barrier, op.count = _barrier(instruction, warps)
        case "group_wait":
            op.count = int(instruction.operands[1], 0) if len(instruction.operands) > 1 else 0


def _kind(instruction: Instruction, space: Space | None) -> str:
    opcode = instruction.opcode
    if opcode == "LDGSTS":
        return "copy"
    if opcode.startswith(("ATOM", "RED")) and space is not None:
        return "atomic"
    if space is not None:
        return "store" if opcode.startswith("ST") else "load"
    if opcode == "BAR":
        return "arrive" if "ARV" in instruction.modifiers else "wait"
    return {"LDGDEPBAR": "group", "DEPBAR": "group_wait", "SHFL": "shuffle", "EXIT": "exit"}.get(opcode, "plain")


def _barrier(instruction: Instruction, warps: int) -> tuple[int, int]:
    """Number of a barrier and how many warps it waits for; 0 warps: all that live."""
    numbers = [int(o, 0) for o in instruction.operands if re.fullmatch(r"0x[0-9a-f]+|\d+", o)]
    if not numbers:
        return 0, 0
    count = numbers[1] // WARP if len(numbers) > 1 else 0
    return numbers[0] % 16, min(255, count)


def _interval(instruction: Instruction, before: Instruction | None, pipe: str, gpu: GPU) -> int:
    """Cycles for which an instruction of a warp holds its pipe in one partition [G]."""

    def at(lanes_per_sm: float) -> int:
        return max(1, round(WARP * PARTITIONS / lanes_per_sm))

    match pipe:
        case "fp32":
            return max(at(gpu.fp32_per_sm), _register_reads(instruction, before))
        case "heavy":
            return at(gpu.sm.integer_multiply)
        case "alu":
            return at(gpu.sm.integer)
        case "uniform":
            return 2
        case "half":
            return at(gpu.fp16_per_sm / 2)
        case "fp64":
            return at(gpu.fp64_per_sm)
        case "special":
            return at(gpu.special_per_sm)
        case "tensor":
            return _matrix_cycles(instruction, gpu)
        case _:
            return 1


def _register_reads(instruction: Instruction, before: Instruction | None) -> int:
    """Source registers in the busier of the two banks [J], without those that the last instruction left for reuse."""
    banks = [0, 0]
    for source, operand in enumerate(instruction.operands[1:4]):
        register = _REGISTER.match(operand)
        kept = before is not None and before.reuse >> source & 1 and before.operands[1:4][source : source + 1]
        if register and not (kept and (other := _REGISTER.match(kept[0])) and other[1] == register[1]):
            banks[int(register[1]) % 2] += 1
    return max(banks)


_REGISTER = re.compile(r"^[-|~]*R(\d+)")


def _matrix_cycles(instruction: Instruction, gpu: GPU) -> int:
    """Cycles of one partition's tensor core, at the card's dense peak for the type."""
    m, n, k = matrix_shape(instruction)
    rate = gpu.tensor_per_sm(tensor_type(instruction)) * gpu.sm.mma_share / PARTITIONS
    # A type that the card's tensor cores lack never gets here: ptxas would not have used it.
    return max(1, round(2 * m * n * k / rate)) if rate else 1


def matrix_shape(instruction: Instruction) -> tuple[int, int, int]:
    """m, n and k of a matrix instruction, from its modifiers."""
    for modifier in instruction.modifiers:
        if _DIMENSIONS.match(modifier):
            if modifier in ("884", "8x8x4"):
                return 8, 8, 4
            m = 16 if modifier.startswith("16") else 8
            return m, 8, int(modifier[len(str(m)) + 1 :])
    return 16, 8, 16


def tensor_type(instruction: Instruction) -> TensorType:
    """What a matrix instruction multiplies and, for fp16, accumulates in."""
    modifiers = instruction.modifiers
    match instruction.opcode:
        case "DMMA":
            return "fp64"
        case "IMMA" | "BMMA":
            return "int8"
        case "QMMA" | "OMMA":
            return "fp8"
    if "BF16" in modifiers:
        return "bf16"
    if "TF32" in modifiers:
        return "tf32"
    return "fp16" if "F32" in modifiers else "fp16_half"
