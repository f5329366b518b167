"""Clocks that jump: limits count on none that people or machines set."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from caches import ALONE, SECRET, with_cache
from kernels import KERNEL, told

from cudagym.build.cache import Store, cache_dir
from cudagym.grader import Grader
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

JUMPS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

/* By turns a day ahead, right, a day behind. */
static long jump(void) { static unsigned calls; return 86400L * ((long)(__sync_fetch_and_add(&calls, 1) % 3) - 1); }

int clock_gettime(clockid_t clock, struct timespec *t) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
  int failed = real(clock, t);
  if (clock == CLOCK_REALTIME) t->tv_sec += jump();
  return failed;
}
int gettimeofday(struct timeval *t, void *zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  t->tv_sec = now.tv_sec, t->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *t) { struct timeval now; gettimeofday(&now, 0); if (t) *t = now.tv_sec; return now.tv_sec; }
"""


def test_the_time_of_day_may_jump(tmp_path: Path, spec: KernelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "jumps.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", str(library), "-ldl"]
    subprocess.run(command, input=JUMPS, text=True, check=True)
    environment = with_cache(cache_dir(), LD_PRELOAD=str(library))
    done = subprocess.run(ALONE, env=environment, stdout=subprocess.PIPE, check=True)
    monkeypatch.setenv("CUDAGYM_SECRET", SECRET)
    with Grader("sim:h100", workers=1, cached=False) as grader:
        calm = grader.grade(spec, KERNEL)
    assert calm.status == "correct"
    assert told(Verdict.model_validate_json(done.stdout)) == told(calm)


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that holds twice what it may."""
    monkeypatch.setenv("CUDAGYM_CACHE", str(tmp_path))
    store = Store("things", max_bytes=1000)
    for key in "abcd":
        store.put(key, {"data": bytes(400)})
    return store


def test_a_clock_set_back_does_not_keep_a_store_from_sweeping(full: Store) -> None:
    assert all(full.get(key) for key in "abcd")  # swept once already, when it was empty
    ahead = time.time() + 86400
    os.utime(full.folder / ".swept", (ahead, ahead))
    full.put("e", {"data": bytes(400)})
    assert sum(full.get(key) is not None for key in "abcde") <= 2


def test_an_entry_that_a_sweep_took_away_while_it_was_written_is_no_error(
    full: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the clock jumps ahead by hours: what another process is writing then looks long forgotten."""
    chmod = Path.chmod

    def swept(path: Path, mode: int) -> None:
        chmod(path, mode)
        monkeypatch.setattr(Path, "chmod", chmod)
        os.utime(path.parent, (0, 0))
        full.sweep()

    monkeypatch.setattr(Path, "chmod", swept)
    with pytest.warns(UserWarning, match="cannot write to the cache folder"):
        full.put("f", {"data": b"", "more": b""})
    full.put("f", {"data": b"", "more": b""})
    assert full.get("f") == {"data": b"", "more": b""}
