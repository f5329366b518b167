"""No file of the machine gets into what is said of a source, or into what is built of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cudagym.build.builder import Build, Builder
from cudagym.build.compiler import Via
from cudagym.hardware import gpu
from cudagym.specs import get

SECRET = "plugh_9182"
SOLVE = 'extern "C" void solve(const float* x, float* y, int n) {}\n'
ATTEMPTS = {
    "include": '#include "@"\n',
    "include by a relative path": '#include "../../../../../../../../..@"\n',
    "include of a macro": '#define FILE "@"\n#include FILE\n',
    "has include": '#if __has_include("@")\n#include "@"\n#endif\n',
    "line marker": '#line 1 "@"\n#warning look\nint broken = ;\n',
    "host assembler, binary": 'asm(".pushsection .rodata; secret: .incbin \\"@\\"; .popsection");\n',
    "host assembler, text": 'asm(".include \\"@\\"");\n',
    "device assembler": '__global__ void k() { asm volatile(".include \\"@\\""); }\n',
    "embed": 'static const char text[] = {\n#embed "@"\n};\n',
    "environment": '#include "/proc/self/environ"\n',
    "endless": '#include "/dev/zero"\n',
    "itself": "#include __FILE__\n",
    "the graph": '#include "../build.ninja"\n',
    "another candidate": '#include "../1/candidate.cu"\n',
}


@pytest.mark.parametrize("via", ["stages", "nvcc"])
def test_no_file_gets_out(via: Via, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAGYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CUDAGYM_TEST_SECRET", SECRET)
    secret = tmp_path / "secret"
    secret.write_text(f'{SECRET} "{SECRET}"\n')
    spec = get("relu_fp32")
    neighbour = f"#define {SECRET} 1\n" + SOLVE
    sources = [neighbour, neighbour + "\n", *(text.replace("@", str(secret)) + SOLVE for text in ATTEMPTS.values())]
    results = Builder(via=via).build_many([(spec, source) for source in sources], gpu("h100"))
    assert all(isinstance(result, Build) for result in results[:2])
    for name, result in zip(ATTEMPTS, results[2:], strict=True):
        if isinstance(result, Build):
            made = result.compiled
            assert SECRET.encode() not in made.library + made.cubin, name
            assert SECRET not in made.ptx + made.log, name
        else:
            assert SECRET not in str(result), name
            assert "build always" not in str(result), name
    refused = [name for name, result in zip(ATTEMPTS, results[2:], strict=True) if not isinstance(result, Build)]
    assert set(ATTEMPTS) - set(refused) <= {"has include"}
