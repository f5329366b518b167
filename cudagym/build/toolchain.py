"""Finds the CUDA compiler: the one of the cuda-toolkit wheels beside the running Python.

A system-wide toolkit is used only when $CUDAGYM_CUDA_HOME names it, so that verdicts do not depend on what
happens to be installed on a machine.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import site
import subprocess
import sys
import sysconfig
from pathlib import Path

from cudagym.errors import InfrastructureError
from cudagym.record import Record
from cudagym.sandbox import SYSTEM_FILES, Reach


class Toolchain(Record):
    """A CUDA toolkit and the host compiler that it drives."""

    root: Path
    """The toolkit's folder, which holds `bin/nvcc` and `include`."""
    version: str
    """nvcc's full version and the host compiler's: `13.0.88+gcc12.2.0`."""
    nvcc: Path
    cxx: Path

    @property
    def include(self) -> Path:
        return self.root / "include"

    @property
    def reach(self) -> Reach:
        """What the compilers may open and call in their boxes."""
        own = self.cxx.parents[1]  # a compiler that is not the system's, as conda's, has its files beside it
        files = [own] if (own / "lib" / "gcc").is_dir() and own != Path("/usr") else []
        return Reach(files=(*SYSTEM_FILES, self.root, *files), compiler=True)

    @property
    def cudart(self) -> Path:
        """The shared CUDA runtime, whose exports the recorder stands in for."""
        for folder in ("lib", "lib64", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"):
            if found := sorted((self.root / folder).glob("libcudart.so.*")):
                return found[0]
        raise InfrastructureError(
            f"{self.root} has no libcudart.so; install it with pip install 'cuda-toolkit[cudart]'"
        )


@functools.cache
def find_toolchain() -> Toolchain:
    """The toolchain of this process.

    Raises InfrastructureError naming what to install when nvcc or g++ is missing.
    """
    chosen = os.environ.get("CUDAGYM_CUDA_HOME")
    roots = [Path(chosen)] if chosen else [folder / "nvidia" / "cu13" for folder in _site_folders()]
    root = next((root for root in roots if (root / "bin" / "nvcc").is_file()), None)
    if root is None:
        where = f"$CUDAGYM_CUDA_HOME ({chosen})" if chosen else f"the packages of {sys.executable}"
        raise InfrastructureError(
            f"no bin/nvcc in {where}; install NVIDIA's compiler beside cudagym with "
            "pip install 'cuda-toolkit[nvcc,crt,nvvm,cccl,cudart]>=13.0.3,<13.1'"
        )
    cxx = shutil.which("g++")
    if cxx is None:
        raise InfrastructureError("nvcc needs g++, which was not found; install it (Debian: apt install g++)")
    nvcc = root.resolve() / "bin" / "nvcc"
    found = re.search(r"V(\d+\.\d+\.\d+)", _output(nvcc, "--version"))
    if found is None:
        raise InfrastructureError(f"{nvcc} --version does not say its version; is it NVIDIA's compiler?")
    host = _output(Path(cxx), "-dumpfullversion").strip()
    return Toolchain(root=root.resolve(), version=f"{found[1]}+gcc{host}", nvcc=nvcc, cxx=Path(cxx).resolve())


def _site_folders() -> list[Path]:
    """Every folder that packages of the running Python may be installed in, the likeliest first."""
    paths = sysconfig.get_paths()
    named = [paths["purelib"], paths["platlib"], *site.getsitepackages(), site.getusersitepackages(), *sys.path]
    return [Path(folder) for folder in dict.fromkeys(named) if folder]


def _output(program: Path, option: str) -> str:
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrastructureError(f"{program} {option} does not run: {error}") from error
    return done.stdout
