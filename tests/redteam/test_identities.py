"""What stops attacks does not depend on who grades: root, a user, or either in a container."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from identity import IDENTITIES
from suite import outcomes_as

ATTACKS = (
    "compiler/proc_environ",
    "escape/int_0x80",
    "escape/kills_everybody",
    "late/escape/looks_for_files",
)
HONEST = ("honest/relu_by_bits",)
DOCTOR = "import json, os; from cudagym.doctor import examine; print(json.dumps([os.getuid(), examine()]))"
BUBBLE = (
    *("bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev", "--proc", "/proc"),
    *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--die-with-parent"),
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become all of them")


def has_bubble() -> bool:
    return shutil.which("bwrap") is not None and subprocess.run([*BUBBLE, "true"], check=False).returncode == 0


@needs_root
@pytest.mark.parametrize("identity", IDENTITIES[1:] if os.environ.get("CUDAGYM_LONG_TESTS") else IDENTITIES[-1:])
def test_layers_hold(identity: str) -> None:
    assert outcomes_as(identity, [*ATTACKS, *HONEST]) == dict.fromkeys((*ATTACKS, *HONEST), "")


@needs_root
@pytest.mark.parametrize("identity", IDENTITIES[1:])
def test_the_doctor_finds_every_layer(identity: str) -> None:
    command = [sys.executable, str(Path(__file__).with_name("identity.py")), identity, sys.executable, "-c", DOCTOR]
    user, found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert (user != 0) == ("user" in identity)
    assert found["isolation"].startswith("full"), found
    assert found["problems"] == []


@pytest.mark.skipif(not has_bubble(), reason="bubblewrap is not installed, or may not make namespaces here")
def test_layers_hold_within_a_bubble() -> None:
    page = (Path(__file__).parents[2] / "docs" / "integrity.md").read_text()
    assert " ".join(BUBBLE) in page.replace("\\\n   ", "")
    command = [*BUBBLE, sys.executable, str(Path(__file__).with_name("suite.py")), "--outcomes", *ATTACKS, *HONEST]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout) == dict.fromkeys((*ATTACKS, *HONEST), "")
