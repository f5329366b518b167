"""mbarrier (PTX ISA 9.0, 9.7.13.15): all threads of a block arrive, wait, and read what another warp has written."""

from __future__ import annotations

from opcodes.case import Case, family
from opcodes.families.common import elementwise
from opcodes.families.memory import area
from opcodes.values import tuples

BARRIER = "[%t9]"


@family("mbarrier")
def mbarrier(name: str, parts: list[str]) -> Case | None:
    """One thread looks before anybody has arrived, and must not be let through; nor before the bytes are in."""
    if "cluster" in name:
        return None
    kind = parts[0]
    bytes_expected = "expect_tx" in parts
    init = name if kind == "init" else "mbarrier.init.shared.b64"
    look = name if kind == "test_wait" else "mbarrier.test_wait.parity.shared.b64"
    before = "%w7" if "parity" not in look else "0"
    arrive = f"{name if kind == 'arrive' and not bytes_expected else 'mbarrier.arrive.shared.b64'} %w6, {BARRIER};"
    if kind == "arrive" and bytes_expected:
        arrive = f"{name} %w6, {BARRIER}, 4;"
    elif bytes_expected:
        arrive = f"{name} {BARRIER}, 4; {arrive}"
    landed = ""
    if bytes_expected:  # 64 threads expect 4 bytes each; they land only after all have looked
        landed = f"bar.sync 0; {look_at('%p2', BARRIER)} bar.sync 0;"
        landed += f" @%p1 mbarrier.complete_tx.relaxed.cta.shared::cta.b64 {BARRIER}, 256;"
    wait = name if kind == "try_wait" else "mbarrier.try_wait.shared.b64"
    phase = "0" if "parity" in wait else "%w6"
    end = f"bar.sync 0; @%p1 {name} {BARRIER};" if kind == "inval" else ""
    body = (
        f"{area('shared')} .shared .align 8 .b64 barrier; mov.u64 %w8, barrier; cvt.u32.u64 %t9, %w8;\n"
        f"mov.u32 %t7, %tid.x; setp.eq.u32 %p1, %t7, 0; @%p1 {init} {BARRIER}, 65; bar.sync 0;\n"
        f"@%p1 mbarrier.arrive.shared.b64 %w7, {BARRIER}; setp.ne.u32 %p2, %t7, %t7; bar.sync 0;\n"
        f"@%p1 {look} %p2, {BARRIER}, {before}; bar.sync 0;\n"
        f"selp.b32 %o1, 1, 0, %p2; st.shared.b32 [%w5], %a; {arrive} {landed} selp.b32 %o2, 1, 0, %p2;\n"
        f"WAIT: {wait} %p3, {BARRIER}, {phase}; @!%p3 bra WAIT;\n"
        "xor.b32 %t5, %t5, 32; mul.wide.u32 %w5, %t5, 64; add.s64 %w5, %w5, %w4; ld.shared.b32 %o0, [%w5];\n" + end
    )
    (values,) = tuples(["b32"], 200)
    values = values[: len(values) // 64 * 64]
    partners = [values[k ^ 32] for k in range(len(values))]
    return elementwise(
        name, ["b32", "b32"], ["b32"] * 3, lambda a, b: [b, 0, 0], body=body, values=(values, partners)
    )  # fmt: skip


def look_at(predicate: str, barrier: str) -> str:
    return f"mbarrier.test_wait.parity.shared.b64 {predicate}, {barrier}, 0;"
