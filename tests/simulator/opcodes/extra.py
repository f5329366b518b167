"""Instructions beyond the list: forms that real kernels use, or that the same lowering must get right."""

from __future__ import annotations

from collections.abc import Iterator

from opcodes.case import Case, case_of
from opcodes.families.arithmetic import carry_chain


def _names() -> Iterator[str]:
    for type_ in ("f32", "f64"):
        ftz = ("", ".ftz") if type_ == "f32" else ("",)
        for mode in ("rn", "rz", "rm", "rp"):
            for z in ftz:
                yield from (f"{op}.{mode}{z}.{type_}" for op in ("add", "sub", "mul", "div", "fma", "sqrt", "rcp"))
        yield from (f"{op}.{type_}" for op in ("neg", "abs", "min", "max", "copysign"))
        yield from (f"testp.{kind}.{type_}" for kind in ("finite", "infinite", "number", "notanumber", "normal"))
        yield f"testp.subnormal.{type_}"
    yield from ("add.sat.f32", "mul.rn.sat.f32", "fma.rn.sat.f32", "fma.rz.ftz.sat.f32", "sub.ftz.sat.f32")
    for type_ in ("f16", "bf16", "f16x2", "bf16x2"):
        yield from (f"{op}.{type_}" for op in ("add", "sub", "mul", "neg", "abs", "min", "max"))
        yield from (f"{op}.{type_}" for op in ("fma.rn", "fma.rn.relu", "min.NaN", "max.NaN"))
        yield from (f"{op}.xorsign.abs.{type_}" for op in ("min", "max"))
        yield f"tanh.approx.{type_}"
        yield f"ex2.approx{'.ftz' if type_[0] == 'b' else ''}.{type_}"
    for type_ in ("f16", "f16x2"):
        yield from (f"{op}.sat.{type_}" for op in ("add", "sub", "mul", "fma.rn"))
    yield from ("max.NaN.f32", "min.ftz.NaN.f32", "max.xorsign.abs.f32", "min.NaN.xorsign.abs.f32")
    yield from ("min.three.f32", "max.NaN.three.f32", "max.NaN.xorsign.abs.f32")
    yield from ("div.full.f32", "div.full.ftz.f32", "div.approx.f32", "rcp.approx.f32", "rcp.approx.ftz.f64")
    yield from ("rsqrt.approx.ftz.f64", "sqrt.approx.f32", "sin.approx.f32", "cos.approx.f32", "sin.approx.ftz.f32")
    yield from ("cos.approx.ftz.f32", "lg2.approx.f32", "ex2.approx.f32", "tanh.approx.f32")
    for type_ in ("s16", "u16", "s32", "u32", "s64", "u64"):
        yield from (f"{op}.{type_}" for op in ("add", "sub", "mul.lo", "mul.hi", "mad.lo", "mad.hi", "div", "rem"))
        yield from (f"{op}.{type_}" for op in ("min", "max", "sad", "shr"))
        yield from (f"setp.{kind}.{type_}" for kind in ("eq", "ne", "lt", "le", "gt", "ge"))
        if type_[1:] != "64":
            yield from (f"mul.wide.{type_}", f"mad.wide.{type_}")
        if type_[0] == "s":
            yield from (f"neg.{type_}", f"abs.{type_}")
    yield from (f"setp.{kind}.u32" for kind in ("lo", "ls", "hi", "hs"))
    yield from (f"{op}.{type_}" for op in ("mul24.lo", "mul24.hi", "mad24.lo", "mad24.hi") for type_ in ("s32", "u32"))
    yield from ("add.sat.s32", "sub.sat.s32", "mad.hi.sat.s32", "max.relu.s32", "min.relu.s32")
    yield from (f"{op}.{type_}" for op in ("add", "min", "max") for type_ in ("u16x2", "s16x2"))
    yield from ("min.relu.s16x2", "max.relu.s16x2")
    yield from (f"dp4a.{a}.{b}" for a in ("s32", "u32") for b in ("s32", "u32"))
    yield from (f"dp2a.{half}.{a}.{b}" for half in ("lo", "hi") for a in ("s32", "u32") for b in ("s32", "u32"))
    for width in (16, 32, 64):
        yield from (f"{op}.b{width}" for op in ("and", "or", "xor", "not", "cnot", "shl"))
        if width > 16:
            yield from (f"{op}.b{width}" for op in ("popc", "clz", "brev", "bfi"))
            for sign in "su":
                yield from (f"{op}.{sign}{width}" for op in ("bfe", "bfind", "bfind.shiftamt"))
    yield from ("and.pred", "or.pred", "xor.pred", "not.pred")
    yield from (f"shf.{side}.{mode}.b32" for side in "lr" for mode in ("wrap", "clamp"))
    yield from (f"{op}.{mode}.{type_}" for op in ("szext",) for mode in ("wrap", "clamp") for type_ in ("u32", "s32"))
    yield from ("bmsk.wrap.b32", "bmsk.clamp.b32", "lop3.b32", "lop3.or.b32", "lop3.and.b32", "prmt.b32")
    yield from (f"prmt.b32.{mode}" for mode in ("f4e", "b4e", "rc8", "ecl", "ecr", "rc16"))
    for kind in ("eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"):
        yield from (f"setp.{kind}.{type_}" for type_ in ("f32", "ftz.f32", "f64", "f16", "bf16", "f16x2", "bf16x2"))
        yield f"set.{kind}.u32.f32"
    yield from (f"setp.lt.{word}.{type_}" for word in ("and", "or", "xor") for type_ in ("s32", "f32", "u64"))
    yield from ("set.lt.f32.f32", "set.gt.s32.f64", "set.le.u32.s32", "set.ne.and.f32.u32", "set.ltu.f16x2.f16x2")
    yield from ("set.ge.bf16.bf16", "set.eq.u32.f16x2", "set.lt.u16.f16", "set.gt.f16.f16", "set.eq.bf16x2.bf16x2")
    yield from (f"slct.{type_}.{by}" for type_ in ("b16", "u32", "f32", "s64", "f64") for by in ("s32", "f32"))
    yield "slct.ftz.b32.f32"
    yield from _conversions()
    yield from _memory()
    yield from _lanes()
    yield from (f"cvta{to}.{space}.u64" for to in ("", ".to") for space in ("global", "shared", "local", "const"))
    yield from (f"isspacep.{space}" for space in ("global", "shared", "local"))
    yield from (f"mov.{type_}" for type_ in ("b16", "u16", "b32", "u32", "s32", "f32", "b64", "u64", "f64", "pred"))


def _memory() -> Iterator[str]:
    for space in (".global", ".shared", ".local", ""):
        for type_ in ("u8", "s8", "u16", "s16", "b32", "s32", "f32", "u64", "f64"):
            yield from (f"ld{space}.{type_}", f"st{space}.{type_}")
        for vector in ("v2.u8", "v4.u8", "v2.s16", "v4.u16", "v2.f32", "v4.b32", "v2.u64", "v2.f64"):
            yield from (f"ld{space}.{vector}", f"st{space}.{vector}")
    yield from (f"ld.{space}.{type_}" for space in ("const", "param") for type_ in ("s8", "u16", "v4.f32", "v2.u64"))
    yield from (f"ld.global.{how}.v2.u32" for how in ("ca", "cg", "cs", "lu", "cv", "nc", "L1::no_allocate"))
    yield from ("ld.global.nc.L1::no_allocate.L2::256B.v4.b32", "ld.relaxed.gpu.global.u32", "ld.acquire.sys.b64")
    yield from (f"st.global.{how}.v4.f32" for how in ("wb", "cg", "cs", "wt"))
    yield from ("st.relaxed.gpu.global.u32", "st.release.gpu.global.b64", "st.volatile.global.f32", "ld.volatile.u64")
    for space in (".global", ".shared", ""):
        for type_ in ("u32", "s32", "u64", "s64"):
            yield from (f"atom{space}.{op}.{type_}" for op in ("min", "max"))
        yield from (f"atom{space}.add.{type_}" for type_ in ("u32", "s32", "u64", "f32", "f64"))
        for type_ in ("b32", "b64"):
            yield from (f"atom{space}.{op}.{type_}" for op in ("and", "or", "xor", "exch", "cas"))
        yield from (f"atom{space}.{op}.u32" for op in ("inc", "dec"))
        yield from (f"atom{space}.add.noftz.{type_}" for type_ in ("f16", "f16x2", "bf16", "bf16x2"))
        yield from (f"red{space}.{op}" for op in ("add.u32", "add.f32", "max.s32", "or.b32", "add.u64"))
        yield f"atom{space}.cas.b16"
    yield from ("atom.acquire.gpu.global.cas.b32", "atom.acq_rel.sys.global.add.u64", "red.release.gpu.global.add.s32")


def _lanes() -> Iterator[str]:
    yield from (f"shfl.sync.{mode}.b32" for mode in ("up", "down", "bfly", "idx"))
    yield from ("vote.sync.all.pred", "vote.sync.any.pred", "vote.sync.uni.pred", "vote.sync.ballot.b32")
    yield from (f"match.{kind}.sync.{type_}" for kind in ("any", "all") for type_ in ("b32", "b64"))
    yield from (f"redux.sync.{op}.{type_}" for op in ("add", "min", "max") for type_ in ("u32", "s32"))
    yield from (f"redux.sync.{op}.b32" for op in ("and", "or", "xor"))
    for head in ("bar", "barrier", "barrier.cta"):
        yield f"{head}.sync"
        for aligned in ("", ".aligned")[: 1 if head == "bar" else 2]:
            yield from (f"{head}.red.{op}{aligned}" for op in ("popc.u32", "and.pred", "or.pred"))
    yield from ("exit", "brx.idx", "fence.acq_rel.gpu", "fence.sc.sys", "membar.cta", "membar.sys")
    for count in ("x1", "x2", "x4"):
        for trans in ("", ".trans"):
            yield f"ldmatrix.sync.aligned.m8n8.{count}{trans}.shared.b16"
            yield f"stmatrix.sync.aligned.m8n8.{count}{trans}.shared.b16"


def _conversions() -> Iterator[str]:
    integers = [f"{sign}{width}" for width in (8, 16, 32, 64) for sign in "us"]
    for to in integers:
        for from_ in integers:
            if to != from_:
                yield f"cvt.{to}.{from_}"
            larger = int(to[1:]) > int(from_[1:])
            if to != from_ and not (larger and (to[0] == "s" or from_[0] == "u")):
                yield f"cvt.sat.{to}.{from_}"
        for from_ in ("f16", "bf16", "f32", "f64"):
            for mode in ("rni", "rzi", "rmi", "rpi"):
                if from_ != "bf16" or to in ("s32", "u32"):
                    yield f"cvt.{mode}.{to}.{from_}"
        for target in ("f16", "f32", "f64") if to[1:] == "8" else ("f16", "bf16", "f32", "f64"):
            for mode in ("rn", "rz", "rm", "rp"):
                yield f"cvt.{mode}.{target}.{to}"
    yield from ("cvt.pack.sat.u16.s32", "cvt.pack.sat.s16.s32", "cvt.pack.sat.u8.s32.b32", "cvt.pack.sat.s8.s32.b32")
    yield from ("cvt.rzi.ftz.s32.f32", "cvt.rni.ftz.u64.f32", "cvt.rzi.sat.u8.f32")
    for type_ in ("f16", "f32", "f64"):
        yield from (f"cvt.{mode}.{type_}.{type_}" for mode in ("rni", "rzi", "rmi", "rpi"))
    yield from ("cvt.rni.ftz.f32.f32", "cvt.sat.f32.f32", "cvt.ftz.sat.f32.f32", "cvt.rni.sat.f32.f32")
    for mode in ("rn", "rz", "rm", "rp"):
        yield from (f"cvt.{mode}.f32.f64", f"cvt.{mode}.f16.f32", f"cvt.{mode}.f16.f64", f"cvt.{mode}.ftz.f32.f64")
    yield from ("cvt.rn.bf16.f32", "cvt.rz.bf16.f32", "cvt.rn.relu.bf16.f32", "cvt.rn.relu.f16.f32")
    yield from ("cvt.rn.satfinite.f16.f32", "cvt.rn.satfinite.bf16.f32", "cvt.rn.relu.satfinite.f16.f32")
    yield from ("cvt.f32.f16", "cvt.f32.bf16", "cvt.f64.f32", "cvt.f64.f16", "cvt.sat.f32.f16", "cvt.rn.sat.f16.f32")
    yield from ("cvt.rn.bf16.f64", "cvt.f64.bf16", "cvt.rn.bf16.f16", "cvt.rn.f16.bf16", "cvt.rn.sat.f32.f64")
    for pair in ("f16x2", "bf16x2"):
        yield from (f"cvt.{mode}{relu}.{pair}.f32" for mode in ("rn", "rz") for relu in ("", ".relu"))
        yield f"cvt.rn.satfinite.{pair}.f32"
    yield from (f"cvt.rna{saturate}.tf32.f32" for saturate in ("", ".satfinite"))
    yield from (f"cvt.{mode}{relu}.tf32.f32" for mode in ("rn", "rz") for relu in ("", ".relu"))
    for eight in ("e4m3x2", "e5m2x2"):
        for relu in ("", ".relu"):
            yield from (f"cvt.rn.satfinite{relu}.{eight}.{source}" for source in ("f32", "f16x2"))
            yield f"cvt.rn{relu}.f16x2.{eight}"


def extra_cases() -> dict[str, Case]:
    """By name. A name whose opcode makes no such case is a mistake here."""
    cases = {}
    for name in dict.fromkeys(_names()):
        case = case_of(name)
        assert case is not None, name
        cases[name] = case
    for type_ in ("u32", "u64"):
        width = int(type_[1:])
        mask = (1 << 2 * width) - 1
        chains = (
            ("add.cc", "addc", lambda a, b, mask=mask: a + b & mask),
            ("sub.cc", "subc", lambda a, b, mask=mask: a - b & mask),
        )
        for first, then, function in chains:
            name = f"{first}.{type_} {then}.{type_}"
            cases[name] = carry_chain(name, f"{first}.{type_}", f"{then}.{type_}", function)
    return cases
