"""StandIn: a folder with a libcuda.so.1 and a libnvidia-ml.so.1 that play a card which is not there.

Put `folder` first on LD_LIBRARY_PATH of a process and it finds one GPU, simulated by a server that lives as long as
the StandIn.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from standin_driver.faults import Faults

from cudagym.build.native import native
from cudagym.build.program import Module
from cudagym.build.toolchain import find_toolchain
from cudagym.hardware import GPU
from cudagym.hardware import gpu as gpu_named

_HERE = Path(__file__).parent
_DRIVER = ("driver.c", "wire.c", "memory.c", "module.c", "work.c", "standin.h", "entries.h")
_FLAGS = ("-Wextra", "-Werror", "-shared", "-fPIC", "-pthread")
_TITLES = {"h100": "NVIDIA H100 80GB HBM3", "a100": "NVIDIA A100-SXM4-80GB"}


class StandIn:
    """One card, named as in cudagym.hardware; `l2_bytes` may be less than it has, so that flushing it costs little.

    A launch that has not ended after `warp_instructions` never does.
    """

    def __init__(
        self, card: str = "h100", *, l2_bytes: int | None = None, warp_instructions: int = 400_000_000
    ) -> None:
        self.gpu = gpu_named(card)
        self._temporary = tempfile.TemporaryDirectory(prefix="cudagym-standin-")
        self.folder = Path(self._temporary.name)
        self.faults = Faults(self.folder)
        for name in ("faults", "modules"):
            (self.folder / name).mkdir()
        (self.folder / "card").write_text(_facts(self.gpu, l2_bytes or self.gpu.l2_bytes))
        self._link("libcuda.so.1", [_HERE / name for name in _DRIVER], f"-I{find_toolchain().include}")
        self._link("libnvidia-ml.so.1", [_HERE / "nvml.c"])
        self._server = subprocess.Popen(
            [sys.executable, str(_HERE / "server.py"), str(self.folder), card, str(warp_instructions)],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_HERE.parent), *filter(None, sys.path)])},
        )
        deadline = time.monotonic() + 60
        while not (self.folder / "server").exists():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the stand-in's server did not start")
            time.sleep(0.01)

    def _link(self, name: str, sources: list[Path], *flags: str) -> None:
        """A name for the library in this folder, where it then finds what belongs to this card."""
        (self.folder / name).symlink_to(native(name, sources, (*_FLAGS, *flags)))

    def know(self, module: Module) -> None:
        """Tells the card what a cubin contains."""
        tell(self.folder, module)

    def install_tools(self) -> Path:
        """A folder with a compute-sanitizer and an ncu that watch programs on this card."""
        tools = self.folder / "bin"
        tools.mkdir(exist_ok=True)
        for name, script in (("compute-sanitizer", "sanitizer.py"), ("ncu", "profiler.py")):
            tool = tools / name
            tool.write_text(
                f"#!/bin/sh\nPYTHONPATH={_HERE.parent}:$PYTHONPATH exec {sys.executable} {_HERE / script}"
                f' {self.folder} "$@"\n'
            )
            tool.chmod(0o755)
        return tools

    def diary(self) -> list[str]:
        """For each launch since `keep_diary`, by which process that loaded the library."""
        return (self.folder / "diary").read_text().split()

    def keep_diary(self) -> None:
        (self.folder / "diary").write_text("")

    def misuse(self) -> str:
        """Why calls were refused, a line each."""
        path = self.folder / "misuse"
        return path.read_text() if path.exists() else ""

    def forgive(self) -> None:
        """Forgets the misuse so far."""
        (self.folder / "misuse").unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        """Of this process, changed so that a child finds the card."""
        paths = [str(self.folder), os.environ.get("LD_LIBRARY_PATH", "")]
        return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(filter(None, paths))}

    def close(self) -> None:
        """Ends the server. Idempotent."""
        self._server.kill()
        self._server.wait()
        with contextlib.suppress(FileNotFoundError):
            self._temporary.cleanup()

    def __enter__(self) -> StandIn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def tell(folder: Path, module: Module) -> None:
    """Tells the card with this folder what a cubin contains, from any process."""
    (folder / "modules" / hashlib.sha256(module.cubin).hexdigest()).write_text(module.model_dump_json())


def _facts(gpu: GPU, l2_bytes: int) -> str:
    """The card as the library reads it: attributes by their number in CUdevice_attribute (cuda.h)."""
    major, minor = map(int, gpu.sm.capability.split("."))
    bus_bits = 5120
    attributes = {
        1: gpu.max_threads_per_block,
        2: 1024, 3: 1024, 4: 64,  # of a block
        5: 2**31 - 1, 6: 65535, 7: 65535,  # of a grid
        8: 48 << 10,  # shared memory per block
        10: 32,  # lanes of a warp
        12: gpu.registers_per_sm,  # per block
        13: round(gpu.boost_mhz * 1000),
        16: gpu.sms,
        36: round(gpu.bandwidth / (2 * bus_bits / 8) / 1000),  # kHz of the memory's clock
        37: bus_bits,
        38: l2_bytes,
        39: 32 * gpu.max_warps_per_sm,
        75: major, 76: minor,
        81: gpu.shared_bytes_per_sm,
        82: gpu.registers_per_sm,
        95: 1,  # cooperative launches
        97: gpu.shared_bytes_per_block,  # with opt-in
        102: 1,  # virtual memory management
        106: gpu.max_blocks_per_sm,
        108: l2_bytes * 3 // 4,  # of the L2, for persisting lines
    }  # fmt: skip
    lines = [f"name {_TITLES.get(gpu.name, gpu.title)}", f"uuid {uuid4().hex}", f"memory {gpu.dram_bytes}"]
    return "\n".join([*lines, *(f"attribute {number} {value}" for number, value in attributes.items()), ""])
