"""`cudagym grade` as another program runs it: real processes, real nvcc, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cudagym.build.cache import cache_dir

PROGRAM = Path(sys.executable).with_name("cudagym")
ADD = """
__global__ void add(const float* a, const float* b, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = a[i] + b[i];
}
extern "C" void solve(const float* a, const float* b, float* out, int n) {
    add<<<(n + 255) / 256, 256>>>(a, b, out, n);
}
"""
ENDLESS = ADD.replace("if (i < n)", "for (volatile unsigned long long k = 1; k; k += 2) {}\n    if (i < n)")


def test_a_correct_kernel(tmp_path: Path) -> None:
    source = tmp_path / "add.cu"
    source.write_text(ADD)
    command: list[str | Path] = [
        PROGRAM,
        "grade",
        "--spec",
        "vector_add_fp32",
        "--source",
        source,
        "--device",
        "sim:a100",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    verdict = json.loads(done.stdout)
    assert verdict["status"] == "correct", verdict["message"]
    assert verdict["device"] == "sim:a100"
    assert verdict["time_kind"] == "modelled"
    assert verdict["time_us"] > 0
    assert 0 < verdict["fraction_of_peak"] <= 1
    assert verdict["rewards"]["throughput"] == verdict["fraction_of_peak"]
    assert verdict["reward"] == pytest.approx(0.4 + 0.6 * verdict["fraction_of_peak"])
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupting_leaves_no_process_behind(tmp_path: Path, signum: int, code: int) -> None:
    source = tmp_path / "endless.cu"
    source.write_text(f"{ENDLESS}int not_graded_before_{time.time_ns()};\n")
    # Every process of ours inherits the variable, which no other process has with this value.
    environment = os.environ | {"CUDAGYM_CACHE": str(cache_dir()), "XDG_CACHE_HOME": str(tmp_path)}
    command: list[str | Path] = [PROGRAM, "grade", "--spec", "vector_add_fp32", "--source", source, "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while not any("executor" in command_line for command_line in _processes(tmp_path)):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(0.3)
            process.send_signal(signum)
            out, err = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    deadline = time.monotonic() + 5
    while left := _processes(tmp_path):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _processes(marker: Path) -> list[str]:
    """The command lines of the processes whose environment names `marker`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"XDG_CACHE_HOME={marker}\0" in (folder / "environ").read_text(errors="replace"):
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return found
