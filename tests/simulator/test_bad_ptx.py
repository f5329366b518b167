"""PTX that no compiler would write: one clear error each, in bounded time and memory."""

from __future__ import annotations

import random
import re
import resource
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cudagym.build.program import address_of
from cudagym.errors import CudagymError, LaunchFailed, Unsupported
from cudagym.simulator import ptx
from cudagym.simulator.machine import Machine

if TYPE_CHECKING:
    from machine_code import Builds

HEAD = ".version 9.0\n.target sm_90a\n.address_size 64\n"
ENTRY = HEAD + ".visible .entry k(.param .u64 a) {\n%s\nret;\n}\n"


@pytest.fixture(scope="module")
def text(builds: Builds) -> str:
    """What nvcc makes of a small file."""
    return builds.compile(
        'extern "C" __global__ void k(int* y, int n) {\n'
        "__shared__ int s[64]; s[threadIdx.x] = y[threadIdx.x]; __syncthreads();\n"
        "for (int i = 0; i < n; i++) if (s[i % 64] > i) atomicAdd(&y[i], __shfl_xor_sync(~0u, s[i / 2 % 64], 1));\n"
        "float4 v = ((float4*)y)[n]; y[0] = __float2int_rn(sqrtf(v.x) * v.y) + __popc(n) / (n | 1); }",
        "bad",
    )


def attempt(machine: Machine, text: str) -> CudagymError | None:
    """Runs kernel `k` of a text; the error it ends in. Nothing else than our own errors may come."""
    from machine_code import Code

    try:
        code = Code(text, machine)
        arguments = [address_of(0).to_bytes(8, "little")[: p.size] for p in code.kernel("k").parameters]
        code.execute([code.launch("k", 1, 1, *arguments)], np.zeros(1024, np.int32), warp_instructions=10_000)
    except CudagymError as error:
        return error
    return None


def bounded(action: Callable[[], CudagymError | None], seconds: float = 3.0, megabytes: int = 300) -> CudagymError:
    """The error of an action that takes neither long nor much."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    error = action()
    assert error is not None
    assert time.process_time() - start < seconds
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < megabytes << 10
    assert len(str(error)) < 300
    return error


def test_truncated_anywhere(text: str) -> None:
    assert ptx.parse(text).entries
    body, end = text.index(".visible .entry"), text.index("\n}\n")
    for length in range(0, end, max(1, end // 400)):
        try:
            assert not ptx.parse(text[:length]).functions
        except ptx.PTXError as error:
            if length > body + 1000:
                assert "ends in the middle of a function" in str(error)  # noqa: PT017
        else:
            assert length <= body


@pytest.mark.parametrize(
    ("bad", "kind", "says"),
    [
        ("", ptx.PTXError, "before it has said its .version"),
        ("hello", ptx.PTXError, "cannot read PTX line 1: hello"),
        (ENTRY.replace("9.0", "11.3") % "", ptx.PTXError, "version 11.3 is newer"),
        (ENTRY % "frobnicate.rn.f32 %f1, %f2;", Unsupported, "unsupported: frobnicate.rn.f32"),
        (ENTRY % ".reg .b32 %r<2000000000>;", ptx.PTXError, "more than 131072 registers"),
        (ENTRY % (".reg .b32 %r<99999>;" * 1000), ptx.PTXError, "more than 131072 registers"),
        (ENTRY % (".reg .b32 %r<" + "9" * 9000 + ">;"), ptx.PTXError, "cannot read the PTX"),
        (ENTRY % ".shared .b8 s[4294967296];", LaunchFailed, "4294967296 bytes of static shared memory"),
        (ENTRY % ".local .b8 l[4294967296];", LaunchFailed, "4294967296 bytes of local memory"),
        (HEAD + ".shared .b8 s[0xffffffffff];" + (ENTRY % "st.shared.u8 [s], 1;")[len(HEAD) :], LaunchFailed, "shared"),
        (HEAD + ".global .b8 g[9999999999999];" + (ENTRY % "")[len(HEAD) :], LaunchFailed, "9999999999999 bytes"),
        (HEAD + ".global .b8 g[4294967296] = {1, 2}" + (ENTRY % "")[len(HEAD) :], ptx.PTXError, "cannot read"),
        (ENTRY % ("{" * 100_000), ptx.PTXError, "scopes nested deeper"),
        (ENTRY % ("add.u32 %r1, " + "{" * 100_000 + ";"), Unsupported, "add.u32"),
        (ENTRY % ("add.u32 %r1, " + "!" * 100_000 + "%p;"), Unsupported, "add.u32"),
        (ENTRY % ("add.u32 %r1, " + "%r1, " * 300_000 + "%r1;"), Unsupported, "add.u32"),
        (ENTRY % ".reg .b32 %r<9>; add.u32 %r1;", Unsupported, "add.u32"),
        (ENTRY % ".reg .b32 %r<9>; ld.global.u32 %r1;", Unsupported, "ld.global.u32"),
        (ENTRY % ".reg .pred %p<9>; .reg .b32 %r<9>; add.u32 %r1, %p1, %r2;", CudagymError, ""),
        (ENTRY % "bra NOWHERE;", Unsupported, "a branch to a place outside the kernel"),
        (ENTRY % "@%p7 ret;", ptx.PTXError, "unknown predicate %p7 in PTX line 5"),
        (ENTRY % "/* never closed", ptx.PTXError, "cannot read PTX line"),
    ],
    ids=range(22),
)
def test_one_clear_error(machine: Machine, bad: str, kind: type[CudagymError], says: str) -> None:
    error = bounded(lambda: attempt(machine, bad))
    assert isinstance(error, kind), error
    assert says in str(error)


def test_a_long_array_with_a_short_initialiser_is_small(machine: Machine) -> None:
    declared = ".global .align 4 .b32 g[1000000000] = {7, 8};"
    code = HEAD + declared + (ENTRY % "")[len(HEAD) :]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert attempt(machine, code) is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB; the array has 4 GB


def test_what_a_few_mutations_make_of_ptx_runs_or_is_refused(machine: Machine, text: str) -> None:
    """Words of a compiler's text exchanged, dropped and doubled at random. Nothing but our own errors comes out."""
    chooser = random.Random(3)
    head, body = text.split("{", 1)
    words = re.findall(r"[\w.%$]+|\s+|.", body)
    vocabulary = [*sorted(set(words)), "-1", "4294967296", "0f7F800000", "%tid.w", "_", "{", "}", "!", "|"]
    ends = set()
    for _ in range(400):
        changed = list(words)
        for _ in range(chooser.choice((1, 1, 2, 5))):
            at = chooser.randrange(len(changed))
            changed[at : at + 1] = chooser.choice(([], [changed[at]] * 2, [chooser.choice(vocabulary)]))
        ends.add(type(attempt(machine, head + "{" + "".join(changed))).__name__)
    assert {"NoneType", "PTXError", "Unsupported"} <= ends


@pytest.mark.parametrize(
    "body",
    [
        '.pragma "/*"; exit; .pragma "*/";',
        '.pragma "a; trap; // "; exit;',
        ".loc 1 2 3 exit;",
        ".loc 1 2 3, function_name $L__info_string0, inlined_at 1 5 6 exit;",
        "exit; // trap;\n/* trap; */",
    ],
)
def test_what_a_card_runs_is_read_and_nothing_else(body: str) -> None:
    # ptxas takes each of these for one `exit` (and the final `ret`), whatever strings, locations and comments look like
    read = ptx.parse(ENTRY % body).entries[0].body
    assert [step.name for step in read if isinstance(step, ptx.Instruction)] == ["exit", "ret"]


def test_labels_of_equal_names_belong_to_their_scopes() -> None:
    scope = "{ .reg .b64 t; mov.b64 t, {%%r1, %%r1}; bra L; L: add.u32 %%r1, %%r1, 1; }"
    read = ptx.parse(ENTRY % f".reg .b32 %r<2>; {scope} {scope} ".replace("%%", "%")).entries[0].body
    targets = [step.operands[0] for step in read if isinstance(step, ptx.Instruction) and step.opcode == "bra"]
    assert targets == [ptx.Symbol(step.name) for step in read if isinstance(step, ptx.Label)]
    assert len(set(targets)) == 2


def test_a_label_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ptx.PTXError, match="twice"):
        ptx.parse(ENTRY % "$L__1: bra $L__1; $L__1:")
