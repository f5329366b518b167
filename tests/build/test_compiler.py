"""Builds: what the compiler says reaches the author, and what it made is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cudagym.build import compiler
from cudagym.build.builder import Build
from cudagym.build.cache import Store
from cudagym.build.names import kernel_title
from cudagym.build.toolchain import find_toolchain
from cudagym.errors import BuildFailed, Disturbed, InfrastructureError
from cudagym.hardware import gpu

PROTOTYPE = 'extern "C" void solve(const float* a, const float* b, float* out, int n)'


def test_one_failure_does_not_stop_the_group(workshop: Any) -> None:
    failed = {name for name, result in workshop.results.items() if isinstance(result, BuildFailed)}
    assert failed == workshop.broken


def test_a_candidate_cannot_blame_the_machine(workshop: Any) -> None:
    assert "candidate.cu:1:2: error: #error No space left on device" in str(workshop.results["blames_the_machine"])


@pytest.mark.parametrize(
    ("limit", "text"),
    [({"wall_seconds": 0.2}, "ran past its 0 s limit"), ({"file_bytes": 1 << 18}, "output is larger than")],
)
def test_a_compiler_over_its_limits_is_cut_off(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, limit: dict[str, float], text: str
) -> None:
    monkeypatch.setattr(compiler, "LIMITS", compiler.LIMITS.model_copy(update=limit))
    with pytest.raises(BuildFailed, match=text):
        workshop.builder.build(workshop.items["honest"][0], f"// {limit}", gpu("h100"))


def test_a_compiler_error_names_the_line_and_nothing_private(workshop: Any) -> None:
    message = str(workshop.results["undeclared"])
    assert message.startswith('candidate.cu:3: error: identifier "missing" is undefined')
    assert "__global__ void k(float* p)" in message
    assert "/tmp" not in message
    assert str(Path.home()) not in message


@pytest.mark.parametrize("name", ["no_solve", "other_types", "overload"])
def test_a_missing_or_different_solve_is_told_the_prototype(workshop: Any, name: str) -> None:
    assert PROTOTYPE in str(workshop.results[name])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", "is empty"),
        (" \n\t", "is empty"),
        ("int a;\0", r"line 1 has the character '\\x00'"),
        ("int a;\n\x7fELF", r"line 2 has the character '\\x7f'"),
        ("// \ud800", "lone surrogate at character 3"),
        ("x" * (1 << 20), "has 1048576 bytes; at most 262144"),
    ],
)
def test_what_is_no_source_is_refused_before_a_compiler_starts(workshop: Any, source: str, text: str) -> None:
    with pytest.raises(BuildFailed, match=text) as failure:
        workshop.builder.build(workshop.items["honest"][0], source, gpu("h100"))
    assert "\n" not in str(failure.value)


def test_the_module_says_what_ptxas_said(workshop: Any) -> None:
    build = workshop.results["honest"]
    kernels = {kernel_title(k.name): k for k in build.module.kernels}
    assert set(kernels) == {"add", "by_value", "apply", "together", "dynamic"}
    assert kernels["by_value"].max_threads == 64
    assert [(p.offset, p.size) for p in kernels["by_value"].parameters] == [(0, 24), (24, 8)]
    assert kernels["add"].parameter_bytes == 28
    assert all(k.registers > 0 and k.spill_bytes == 0 for k in kernels.values())
    assert '.file\t1 "candidate.cu"' in build.module.ptx
    assert build.module.cubin.startswith(b"\x7fELF")


def test_a_kernel_title_is_what_the_binutils_demangle(workshop: Any) -> None:
    for kernel in workshop.results["honest"].module.kernels:
        full = subprocess.run(["c++filt", kernel.name], capture_output=True, text=True, check=True).stdout
        assert kernel_title(kernel.name) in full


def test_equal_sources_come_from_the_cache_and_a_damaged_entry_is_built_again(workshop: Any) -> None:
    spec, source = workshop.items["mixed"]
    first = workshop.results["mixed"]
    again = workshop.builder.build(spec, source, gpu("h100"))
    assert again.compiled == first.compiled
    assert again.seconds < 0.1
    folder = Store("builds").folder
    entry = next(p for p in folder.iterdir() if (p / "candidate.ptx").exists() and "keep" in _text(p))
    (entry / "candidate.so").write_bytes(b"not a library")
    rebuilt = workshop.builder.build(spec, source, gpu("h100"))
    assert rebuilt.library.startswith(b"\x7fELF")
    assert rebuilt.module.ptx == first.module.ptx
    assert (entry / "candidate.so").read_bytes() == rebuilt.library


def _text(entry: Path) -> str:
    return (entry / "candidate.ptx").read_text()


def test_failures_are_kept_too(workshop: Any) -> None:
    spec, source = workshop.items["undeclared"]
    (again,) = workshop.builder.build_many([(spec, source)], gpu("h100"))
    assert isinstance(again, BuildFailed)
    assert str(again) == str(workshop.results["undeclared"])


def test_two_processes_may_build_the_same_source_at_once(tmp_path: Path) -> None:
    script = """
from cudagym.build.compiler import Unit, compile_units
from cudagym.build.toolchain import find_toolchain
unit = Unit(source='extern "C" void solve(int n) { }', prototype="void solve(int n)")
(result, same) = compile_units([unit, unit], "sm_80", find_toolchain())
assert result is same and result.library[:4] == b"\\x7fELF", result
"""
    variables = os.environ | {"CUDAGYM_CACHE": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-c", script], env=variables) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len([p for p in (tmp_path / "builds").iterdir() if not p.name.startswith(".")]) == 1


def test_a_missing_compiler_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find_toolchain.cache_clear()
    monkeypatch.setenv("CUDAGYM_CUDA_HOME", str(tmp_path))
    with pytest.raises(InfrastructureError, match="pip install"):
        find_toolchain()
    monkeypatch.delenv("CUDAGYM_CUDA_HOME")
    assert shutil.which("nvcc", path=find_toolchain().root / "bin") is not None


def test_a_build_knows_its_source(workshop: Any) -> None:
    build = workshop.results["honest"]
    assert isinstance(build, Build)
    assert build.arch == build.module.arch == "sm_90a"
    assert build.source == workshop.items["honest"][1]


@pytest.mark.parametrize(
    "said",
    [
        "nvcc error   : 'cudafe++' died due to signal 9 (Kill signal)",
        "g++: fatal error: Killed signal terminated program cc1plus",
        "gcc: fatal error: Killed signal terminated program cc1plus\nnvcc fatal   : Failed to preprocess",
        "collect2: fatal error: ld terminated with signal 9 [Killed]",
    ],
)
def test_a_driver_whose_compiler_was_killed_is_known_by_what_it_says(tmp_path: Path, workshop: Any, said: str) -> None:
    unit = compiler.Unit(source="", prototype=PROTOTYPE)
    (tmp_path / "report").write_text("status=256 cut=0 oom=0 cpu_us=1 peak_kb=1 wall_us=1\n")
    (tmp_path / "log").write_text(f"{said}\n")
    with pytest.raises(Disturbed):
        compiler._collect(unit, tmp_path, workshop.builder.toolchain)
    (tmp_path / "log").write_text(f'candidate.cu:1:2: error: #error "{said}"\n')
    assert isinstance(compiler._collect(unit, tmp_path, workshop.builder.toolchain)[0], BuildFailed)


def test_a_compiler_that_needs_too_much_memory_is_the_sources_fault(tmp_path: Path, workshop: Any) -> None:
    (tmp_path / "report").write_text("status=9 cut=0 oom=1 cpu_us=1 peak_kb=1 wall_us=1\n")
    (tmp_path / "log").write_text("Killed\n")
    unit = compiler.Unit(source="", prototype=PROTOTYPE)
    failed, is_final = compiler._collect(unit, tmp_path, workshop.builder.toolchain)
    assert "more than 4 GiB of memory" in str(failed)
    assert is_final
