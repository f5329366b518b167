"""The wheel holds every room inside the package, and nothing at the top of site-packages but the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("agents", "configs", "envs", "rewards")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from a copy of the tree (building writes beside the sources)."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "tree"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("cudagym", *ROOMS):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "-w", folder, copy], check=True)
    (built,) = folder.glob("cudagym-*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_nothing_but_the_package_lies_at_the_top(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"cudagym"}


def test_every_source_file_is_in_it(wheel: set[str]) -> None:
    folders = {ROOT / "cudagym": "cudagym"} | {ROOT / room: f"cudagym/{room}" for room in ROOMS}
    for folder, inside in folders.items():
        files = [
            path.relative_to(folder)
            for path in folder.rglob("*")
            if path.suffix in {".py", ".c", ".h", ".cu", ".yaml", ".typed", ".j2"} and path.name != "__pycache__"
        ]
        assert files or folder.name == "configs"
        missing = [str(path) for path in files if f"{inside}/{path}" not in wheel and path.parts[0] not in ROOMS]
        assert not missing, f"not in the wheel: {missing} of {inside}"


def test_it_says_it_is_typed_and_has_its_command(wheel: set[str]) -> None:
    assert "cudagym/py.typed" in wheel
    assert any(name.endswith("entry_points.txt") for name in wheel)


def test_the_rooms_of_a_checkout_are_the_packages_of_the_wheel() -> None:
    for room in ROOMS:
        assert (ROOT / "cudagym" / room).is_symlink()
        assert (ROOT / "cudagym" / room).resolve() == ROOT / room
        assert not (ROOT / room / "__init__.py").exists()
