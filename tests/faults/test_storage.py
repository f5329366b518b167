"""A full disk, a read-only cache, damaged entries, two processes at once: verdicts stay what they are."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from caches import ALONE, SECRET, new_cache, with_cache
from kernels import KERNEL, told

from cudagym.build.cache import Store
from cudagym.build.stages import stages_of
from cudagym.errors import InfrastructureError
from cudagym.grader import Grader
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

OWN_MOUNTS = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--mount"]
needs_mounts = pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run([*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode != 0,
    reason="this user may not mount anything",
)


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory, spec: KernelSpec) -> tuple[Path, list[Verdict]]:
    """A cache that two processes filled at once, from nothing but cudagym's own programs, and their verdicts."""
    folder = new_cache(tmp_path_factory.mktemp("cache"), spec)
    both = [subprocess.Popen(ALONE, env=with_cache(folder), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return folder, [Verdict.model_validate_json(one.communicate(timeout=120)[0]) for one in both]


def test_two_processes_grade_one_source_at_once(cold: tuple[Path, list[Verdict]]) -> None:
    folder, (first, second) = cold
    assert first.status == "correct", first.message
    assert told(first) == told(second)
    left = [path for path in folder.rglob(".*") if path.name != ".swept"]
    assert left == []


def _rewrite(entry: Path, change: Callable[[bytes], bytes]) -> None:
    for file in entry.iterdir():
        if file.name != "checksums.json":
            file.write_bytes(change(file.read_bytes()))


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :] if data else b"\1"


def _become_a_file(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.write_bytes(b"")


def _of_another_form(entry: Path) -> None:
    """Intact, but not what its reader expects."""
    store = Store(entry.parent.name)
    shutil.rmtree(entry)
    store.put(entry.name, {"something": b"else"})


DAMAGE: Sequence[Callable[[Path], object]] = (
    lambda entry: _rewrite(entry, lambda data: data[: len(data) // 2]),
    lambda entry: _rewrite(entry, _flip),
    lambda entry: _rewrite(entry, lambda _: b""),
    lambda entry: [file.unlink() for file in entry.iterdir()],
    lambda entry: (entry / "checksums.json").write_text('["candidate.ptx", "kernel.o"]'),
    _become_a_file,
)


@pytest.mark.parametrize("turn", [*range(0, len(DAMAGE), 2), None])
def test_damaged_entries_are_made_again(
    turn: int | None,
    cold: tuple[Path, list[Verdict]],
    tmp_path: Path,
    spec: KernelSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each kind of entry meets several kinds of damage; in the last turn all are intact, but of another form."""
    folder = tmp_path / "cache"
    shutil.copytree(cold[0], folder)
    monkeypatch.setenv("CUDAGYM_CACHE", str(folder))
    monkeypatch.setenv("CUDAGYM_SECRET", SECRET)
    with Grader("sim:h100", workers=1) as grader:  # keeps its verdict, which is damaged like the others
        grader.grade(spec, KERNEL)
    # The simulated GPU's own libraries take long to compile.
    slow = {library.parent for library in folder.glob("native/*/*.so")}
    entries = sorted(set(folder.glob("*/*/")) - slow)
    kinds = ["builds", "headers", "jit", "native", "plans", "sass", "verdicts"]
    assert sorted({entry.parent.name for entry in entries}) == kinds
    for number, entry in enumerate(entries):
        damage = _of_another_form if turn is None else DAMAGE[(turn + number) % len(DAMAGE)]
        damage(entry)
    stages_of.cache_clear()
    with Grader("sim:h100", workers=1) as grader:
        verdict = grader.grade(spec, KERNEL)
    assert not verdict.cached
    assert told(verdict) == told(cold[1][0])
    for entry in entries:
        found = Store(entry.parent.name).get(entry.name)
        if entry.parent.name not in (
            "plans",
            "sass",
        ):  # whose keys are made of compilers' output, which varies a little
            assert found is not None, entry
            assert "something" not in found, entry


@needs_mounts
def test_a_cache_that_cannot_be_written_costs_time_only(cold: tuple[Path, list[Verdict]], tmp_path: Path) -> None:
    here = tmp_path / "cache"
    here.mkdir()
    filled = f"cat /dev/zero > {here}/filler; true"
    script = f'mount -t tmpfs -o size=16m none {here} && cp -r {cold[0]}/native {here} && exec "$@"'
    done = subprocess.run(
        [*OWN_MOUNTS, "sh", "-c", script, "sh", *ALONE, filled, f"rm {here}/filler; mount -o remount,ro {here}"],
        env=with_cache(here),
        capture_output=True,
        text=True,
        timeout=120,
    )
    verdicts = [Verdict.model_validate_json(line) for line in done.stdout.splitlines()]
    assert len(verdicts) == 3, done.stderr
    assert [told(verdict) for verdict in verdicts] == [told(cold[1][0])] * 3


@needs_mounts
def test_a_full_disk_is_no_fault_of_the_candidate(cold: tuple[Path, list[Verdict]], tmp_path: Path) -> None:
    here = tmp_path / "temporary"
    here.mkdir()
    script = f'mount -t tmpfs -o size=256m none {here} && exec "$@"'
    fills = [f"head -c {size} /dev/zero > {here}/filler" for size in ("230M", "255M", "300M || true")]
    done = subprocess.run(
        [*OWN_MOUNTS, "sh", "-c", script, "sh", *ALONE, *fills, f"rm {here}/filler"],
        env=with_cache(cold[0], TMPDIR=str(here)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    first, *full, last = done.stdout.splitlines()
    assert all(line.startswith("InfrastructureError: ") and "free some space" in line for line in full), full
    assert len(full) == 3, done.stderr
    for line in (first, last):
        assert told(Verdict.model_validate_json(line)) == told(cold[1][0])


def test_without_a_place_for_a_cache_people_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CUDAGYM_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InfrastructureError, match="CUDAGYM_CACHE"):
        Grader("sim:h100", workers=1)


def test_a_store_on_a_full_disk_says_so_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAGYM_CACHE", str(tmp_path))
    store = Store("things")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.warns(UserWarning, match=r"cannot write to the cache folder .*: File too large"):
            store.put("k", {"a": bytes(2000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.get("k") is None
    assert [path.name for path in store.folder.iterdir()] == []
    store.put("k", {"a": bytes(2000)})
    assert store.get("k") == {"a": bytes(2000)}


def test_checksums_may_say_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDAGYM_CACHE", str(tmp_path))
    store = Store("things")
    for manifest in (5, "text", ["a"], [["a", "b"]], {"a": 5}, {"..": "x"}, {"a/b": "x"}, None):
        store.put("k", {"a": b"alpha"})
        store.path("k", "checksums.json").write_text(json.dumps(manifest))
        assert store.get("k") is None, manifest
        assert not store.path("k", "a").exists(), manifest
