"""What came of a source, in a form in which two ways of compiling have to agree."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cudagym.build.builder import Build, Builder
from cudagym.errors import BuildFailed, CandidateError
from cudagym.hardware import GPU
from cudagym.record import Shape
from cudagym.specs.spec import KernelSpec


def outcome(
    built: Build | BuildFailed, builder: Builder, spec: KernelSpec, shapes: Iterable[Shape], card: GPU
) -> dict[str, str]:
    """PTX, resources, variables and plans; or the refusal under `message`.

    Of the PTX, lines for the debugger are left out, and constants of header files that nothing uses.
    """
    if isinstance(built, BuildFailed):
        return {"message": neutral(str(built))}
    ptx = neutral(built.module.ptx)
    for unused in re.findall(r"^\.global .* (_ZN_INTERNAL_IDENTITY(?:4cuda|6thrust)\w+)\[1\];$", ptx, re.MULTILINE):
        if ptx.count(unused) == 1:
            ptx = re.sub(rf"^.*{unused}.*\n", "", ptx, flags=re.MULTILINE)
    found = {"ptx": re.sub(r"^\t\.loc\t.*\n", "", ptx, flags=re.MULTILINE)}
    for kernel in built.module.kernels:
        found[f"kernel {neutral(kernel.name)}"] = neutral(kernel.model_dump_json())
    for variable in built.module.variables:
        found[f"variable {neutral(variable.name)}"] = neutral(variable.model_dump_json())
    for shape in shapes:
        try:
            plan = builder.record(built, spec, shape, card).plan
            found[f"plan for {shape}"] = neutral("\n".join(step.model_dump_json() for step in plan.steps))
        except CandidateError as error:
            found[f"plan for {shape}"] = f"{type(error).__name__}: {neutral(str(error))}"
    return found


def neutral(text: str) -> str:
    """PTX, or text with names from it, without the module's identity, which is a part of names with internal linkage.

    As `_ZN43_INTERNAL_bfd3a05f_12_candidate_cu_4b4f04a14name...`, whose first number is the length of what follows
    it up to `name`'s. In the debug sections names are lists of bytes.
    """
    text = re.sub(r"(?:^\.b8 [\d,]+\n)+", lambda found: f"{_bytes(found[0])!r}\n", text, flags=re.MULTILINE)
    named = re.compile(r"(\d\d)(_GLOBAL__N_|_INTERNAL)(?=(_[0-9a-f]{8}_12_candidate_cu_\w*))")
    for identity in {found[3][: int(found[1]) - len(found[2])] for found in named.finditer(text)}:
        text = text.replace(identity, "_IDENTITY")
    text = re.sub(r"\d\d(_GLOBAL__N_|_INTERNAL)_IDENTITY", r"\1_IDENTITY", text)
    return re.sub(r"_[0-9a-f]{8}_12_candidate_cu_\w+", "_IDENTITY", text)


def _bytes(directives: str) -> bytes:
    return bytes(int(number) for number in re.findall(r"\d+", directives.replace(".b8", "")))
