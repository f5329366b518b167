"""Machine code as nvdisasm writes it, read back."""

from __future__ import annotations

import pytest

from cudagym.build.compiler import Compiled, Unit, compile_units
from cudagym.build.toolchain import find_toolchain
from cudagym.errors import GraderError
from cudagym.simulator.clock.sass import disassemble, read

SOURCE = """
__device__ float twice(float x) {
    return x + x;
}
extern "C" __global__ void sums(const float4* x, float* y, int n) {
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        float4 v = x[i];
        sum += twice(v.x) + __sinf(v.w);
    }
    y[threadIdx.x] = sum;
}
extern "C" void solve() {}
"""

TEXT = """\t.target\tsm_86

//--------------------- .text.kernel    --------------------------
\t.section\t.text.kernel,"ax",@progbits
.text.kernel:
\t//## File "/usr/include/math.h", line 7 inlined at "/box/candidate.cu", line 5
\t//## File "/box/candidate.cu", line 5 inlined at "/box/candidate.cu", line 9
\t//## File "/box/candidate.cu", line 9
        /*0000*/              @!P1 LDS.64 R2, [R9.X4+0x200] ;                             /* 0x0002000009039984 */
                                                                                       /* 0x000e240000004a00 */
.L_x_2:
\t//## File "/usr/include/math.h", line 7
        /*0010*/                   FMNMX R0, R5.reuse, R0, !PT ;                             /* 0x0000000005007209 */
                                                                                       /* 0x004fd60007800000 */
        /*0020*/               @P0 BRA `(.L_x_2) ;                                     /* 0xffffff7000008947 */
                                                                                       /* 0x040fea000383ffff */
"""


def test_control_codes_and_lines() -> None:
    # The words by hand: bits 105 on of 0x000e24..., 0x004fd6... and 0x040fea....
    load, least, branch = read(TEXT)["kernel"].instructions
    assert (load.name, load.guard, load.operands, load.line) == ("LDS.64", "!P1", ("R2", "[R9.X4+0x200]"), 5)
    assert (load.stall, load.yields, load.write_barrier, load.read_barrier, load.wait_mask) == (2, False, 0, None, 0)
    assert (least.name, least.operands, least.line) == ("FMNMX", ("R0", "R5", "R0", "!PT"), None)
    assert (least.stall, least.yields, least.write_barrier, least.wait_mask, least.reuse) == (11, True, None, 4, 0)
    assert (branch.target, branch.text, branch.reuse) == (1, "@P0 BRA `(.L_x_2)", 1)


@pytest.mark.parametrize("arch", ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120"])
def test_reads_every_architecture(arch: str) -> None:
    (built,) = compile_units([Unit(source=SOURCE, prototype="void solve()")], arch, find_toolchain())
    assert isinstance(built, Compiled)
    kernel = disassemble(built.cubin)["sums"]
    code = kernel.instructions
    assert kernel.arch == arch
    assert [i.index for i in code] == list(range(len(code)))
    loads = [i for i in code if i.opcode == "LDG"]
    assert loads
    assert all("E" in i.modifiers and i.line == 8 for i in loads)
    assert all(i.write_barrier is not None for i in loads)
    (sine, *_) = [i for i in code if i.opcode == "MUFU"]
    assert (sine.modifiers, sine.line) == (("SIN",), 9)
    assert {i.target for i in code if i.opcode == "BRA"} <= set(range(len(code)))
    assert any(i.target is not None and i.target < i.index for i in code if i.opcode == "BRA")
    assert 2 < max(i.stall for i in code) < 16


def test_refuses_what_is_no_cubin() -> None:
    with pytest.raises(GraderError, match="nvdisasm cannot read"):
        disassemble(b"no cubin")
