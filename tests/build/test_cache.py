"""The store: whole entries or none, whatever happens to the files."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from cudagym.build.cache import Store, cache_dir, key_of

FILES = {"a": b"alpha" * 100, "b": b""}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    monkeypatch.setenv("CUDAGYM_CACHE", str(tmp_path))
    return Store("things", max_bytes=3000)


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/x")
    monkeypatch.delenv("CUDAGYM_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_dir() == Path("/home/x/.cache/cudagym")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/x")
    assert cache_dir() == Path("/var/x/cudagym")
    monkeypatch.setenv("CUDAGYM_CACHE", "/fast/y")
    assert cache_dir() == Path("/fast/y")


def test_keys_tell_parts_apart() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of("a", b"b") == key_of("a", "b")
    assert key_of("\ud800") != key_of("")


def test_an_entry_comes_back_as_it_was_put(store: Store) -> None:
    assert store.get("k") is None
    store.put("k", FILES)
    assert store.get("k") == FILES
    assert store.path("k", "a").read_bytes() == FILES["a"]


@pytest.mark.parametrize("damage", ["changed", "removed", "manifest", "emptied"])
def test_a_damaged_entry_is_absent_and_can_be_put_again(store: Store, damage: str) -> None:
    store.put("k", FILES)
    match damage:
        case "changed":
            store.path("k", "a").write_bytes(b"beta")
        case "removed":
            store.path("k", "a").unlink()
        case "manifest":
            store.path("k", "checksums.json").write_text("{")
        case "emptied":
            for file in store.path("k", "a").parent.iterdir():
                file.unlink()
    assert store.get("k") is None
    store.put("k", FILES)
    assert store.get("k") == FILES


def test_the_least_recently_used_go_first(store: Store) -> None:
    for age, key in enumerate(["new", "used", "old"]):
        store.put(key, {"data": bytes(1400)})
        os.utime(store.path(key, "checksums.json"), (1e9 - age, 1e9 - age))
    assert store.get("used")
    store.sweep()
    assert [store.get(key) is not None for key in ("new", "used", "old")] == [True, True, False]


def _put_and_get(folder: str, rounds: int) -> None:
    os.environ["CUDAGYM_CACHE"] = folder
    store = Store("things")
    for i in range(rounds):
        key = str(i % 7)
        found = store.get(key)
        assert found is None or found == {"data": key.encode() * 5000}
        store.put(key, {"data": key.encode() * 5000})
        if i % 5 == 0:
            store.path(key, "data").write_bytes(b"torn")


def test_processes_share_a_store_without_wrong_answers(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_put_and_get, args=(str(tmp_path), 60)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
