"""Errors put into what the simulator is asked to run, one at a time, to see that the row's test finds each.

A lowering that forgets a modifier, or takes one for another, computes what a sibling of the instruction does: a case
whose kernel holds the sibling, but whose oracle still speaks of the row, stands for such an error. Others swap
operands, or get the sign of a zero wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from opcodes.case import Case

_SIGNED = r"(?:div|rem|shr|min|max|m(?:ul|ad)\.(?:hi|wide)|setp\.(?:lt|le|gt|ge)|bfe|bfind|sad|redux\.sync\.m..)"
_TYPE = r"\.(?:f32|f64|f16|bf16|f16x2|bf16x2)$"
_SIBLINGS = (
    ("rounds toward zero", r"^((?:add|sub|mul|div|fma|rcp|sqrt)(?:\.\w+)*)\.rn(\..*f(?:32|64))$", r"\1.rz\2"),
    ("rounds toward zero", r"^(add|sub|mul)((?:\.ftz)?\.f(?:32|64))$", r"\1.rz\2"),
    ("rounds toward zero", r"^cvt\.rn(\.(?:f16|bf16|f16x2|bf16x2|f32)\.(?:f32|f64|s32|u32|s64|u64))$", r"cvt.rz\1"),
    ("rounds to nearest", r"^(add|sub|mul|fma|cvt)\.(?:rz|rm|rp)\.", r"\1.rn."),
    ("rounds to nearest", r"^cvt\.r[zmp]i\.", "cvt.rni."),
    ("rounds ties to even", r"\.rna\.", ".rn."),
    ("keeps subnormal numbers", r"^((?:add|sub|mul|fma|ex2|rcp|rsqrt|sqrt|div|setp|neg|max|cvt)\b.*)\.ftz", r"\1"),
    ("does not saturate", r"^((?:add|sub|mul|fma|cvt)\b.*)\.sat\b", r"\1"),
    ("does not clamp below zero", r"\.relu", ""),
    ("takes signed for unsigned", rf"^({_SIGNED}\b.*)\.u(16|32|64)$", r"\1.s\2"),
    ("takes unsigned for signed", rf"^({_SIGNED}\b.*)\.s(16|32|64)$", r"\1.u\2"),
    ("does not extend the sign", r"^(ld\b.*|cvt\..*)\.s(8|16)$", r"\1.u\2"),
    ("extends a sign that is none", r"^(cvt\.[su](?:32|64))\.u(8|16|32)$", r"\1.s\2"),
    ("does not extend the sign", r"^(cvt\.[su]64)\.s32$", r"\1.u32"),
    ("is off by one at equality", r"^setp\.lt\b", "setp.le"),
    ("is off by one at equality", r"^setp\.le\b", "setp.lt"),
    ("is off by one at equality", r"^setp\.gt\b", "setp.ge"),
    ("is off by one at equality", r"^setp\.ge\b", "setp.gt"),
    ("has the wrong sense", r"^setp\.eq\b", "setp.ne"),
    ("holds for NaN", r"^setp\.(lt|le|gt|ge|eq|ne)(\..*f\w+)$", r"setp.\1u\2"),
    ("does not hold for NaN", r"^setp\.(lt|le|gt|ge|eq|ne)u\.", r"setp.\1."),
    ("gives the other half", r"\.lo\.", ".hi."),
    ("picks the other", r"^min\b", "max"),
    ("picks the other", r"^max\b", "min"),
    ("lets NaN win", rf"^(min|max)((?:\.ftz)?{_TYPE})", r"\1.NaN\2"),
    ("clamps the amount", r"\.wrap\.", ".clamp."),
    ("shifts the other way", r"^shf\.l", "shf.r"),
    ("is another function", r"^xor\b", "or"),
    ("is another function", r"^or\b", "xor"),
    ("is another function", r"^not\.b", "cnot.b"),
    ("is another function", r"^neg\b", "abs"),
    ("is another function", r"^abs\b", "neg"),
    ("counts the other end", r"\.shiftamt", ""),
    ("writes half of it", r"^(st\.(?!param).*)\.(?:f32|u32|b32|s32)$", r"\1.u16"),
    ("writes half of it", r"^(st\.(?!param).*)\.(?:f64|u64|b64)$", r"\1.u32"),
    ("reads half of it", r"^(ld\..*)\.(?:f32|u32|b32|s32)$", r"\1.u16"),
    ("reads half of it", r"^(ld\..*)\.(?:f64|u64|b64)$", r"\1.u32"),
    ("takes another lane", r"^shfl\.sync\.up", "shfl.sync.down"),
    ("takes another lane", r"^shfl\.sync\.(?:down|bfly)", "shfl.sync.up"),
    ("combines otherwise", r"^(atom\..*|redux\.sync)\.add\.(u32|s32|u64)$", r"\1.max.\2"),
    ("combines otherwise", r"^(atom\..*)\.min\.", r"\1.max."),
    ("combines otherwise", r"^(atom\..*)\.inc\.", r"\1.dec."),
    ("transposes", r"^(ldmatrix\b(?!.*trans).*x[124](?:\.m8n8)?)", r"\1.trans"),
    ("does not transpose", r"^((?:ld|st)matrix\b.*)\.trans", r"\1"),
    ("takes columns for rows", r"^(wmma\.(?:load|store)\b.*)\.row\.", r"\1.col."),
    ("takes rows for columns", r"^(wmma\.(?:load|store)\b.*)\.col\.", r"\1.row."),
    ("takes another type", r"^(mma\b.*)\.bf16\.bf16\.", r"\1.f16.f16."),
)
_SWAPPED = re.compile(r"^(?:sub|div|rem|selp|shl|shr|copysign|bfi|slct|setp\.(?:lt|le|gt|ge))\b")
_ZEROS = re.compile(rf"^(?:add|sub|mul|fma|div\.r|sqrt\.r|cvt)\b.*{_TYPE}")


def mutants(case: Case) -> Iterator[tuple[str, Case]]:
    """Errors in a case's instruction, in words, and the case with each."""
    name = case.name.split(" ")[0]
    for what, pattern, replacement in _SIBLINGS:
        other = re.sub(pattern, replacement, name)
        if other != name and f"{name} " in case.body:
            yield what, case._replace(body=case.body.replace(f"{name} ", f"{other} "))
    alike = len(case.inputs) > 1 and case.inputs[0] == case.inputs[1]
    if alike and _SWAPPED.match(name) and "%a, %b" in case.body:
        yield "swaps its operands", case._replace(body=case.body.replace("%a, %b", "%b, %a"))
    width = case.outputs[0].width if case.outputs else 0
    if _ZEROS.match(name) and not case.outputs[0].piece and "approx" not in name and "cvt.f" not in name:
        sign = 1 << (width - 1)
        check = f"setp.eq.b{width} %p6, %o0, 0; @%p6 mov.b{width} %o0, {sign:#x};"
        yield "gives -0 for 0", case._replace(body=f"{case.body} {check}")
