"""Two candidates are never on one card at a time, be they of one process or of two."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cudagym.cuda.queue import turn
from cudagym.errors import Disturbed, InfrastructureError


@pytest.fixture
def card() -> Iterator[str]:
    name = uuid.uuid4().hex
    yield name
    for path in Path(tempfile.gettempdir()).glob(f"cudagym-card-{name}.*"):
        path.unlink()


def test_threads_take_turns(card: str) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with turn(card, threading.Event()):
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.002)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_who_uses_the_card_again_and_again_passes_nobody_over(card: str) -> None:
    waited = threading.Event()

    def wait() -> None:
        with turn(card, threading.Event()):
            waited.set()

    with turn(card, threading.Event()):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.05)  # it is at the door by now
    turns = 0
    while not waited.is_set():
        with turn(card, threading.Event()):
            turns += 1
            time.sleep(0.001)
    waiting.join()
    assert turns <= 2


HOLD = """
import sys, threading
from cudagym.cuda.queue import turn
with turn(sys.argv[1], threading.Event()):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_processes_take_turns_and_a_dead_one_holds_nobody_up(card: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, card], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        got = threading.Event()

        def wait() -> None:
            with turn(card, threading.Event()):
                got.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not got.wait(0.1)
        other.kill()
        waiting.join(5)
        assert got.is_set()


def test_whoever_is_stopped_leaves_the_queue(card: str) -> None:
    stopped = threading.Event()
    with turn(card, threading.Event()):
        threading.Timer(0.05, stopped.set).start()
        with pytest.raises(Disturbed, match="while it waited"), turn(card, stopped):
            pass
    with turn(card, threading.Event()):
        pass


def test_the_turn_lasts_as_long_as_anybody_who_was_handed_it(card: str) -> None:
    """An executor that is still ending under a hung kernel keeps the card although its judge is gone."""
    hold = "import sys, time; print('up', flush=True); sys.stdin.read()"
    stopped = threading.Event()
    stopped.set()

    class Gone(Exception):
        pass

    with suppress(Gone), turn(card, threading.Event()) as fd:
        executor = subprocess.Popen(
            [sys.executable, "-c", hold], pass_fds=[fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert executor.stdout is not None
        assert executor.stdout.readline() == "up\n"
        raise Gone
    with pytest.raises(Disturbed), turn(card, stopped):
        pass
    executor.kill()
    executor.communicate()
    with turn(card, threading.Event()):
        pass


def test_a_link_in_the_lock_s_place_is_refused(card: str, tmp_path: Path) -> None:
    (Path(tempfile.gettempdir()) / f"cudagym-card-{card}.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InfrastructureError, match="cannot keep the queue"), turn(card, threading.Event()):
        pass
    assert not (tmp_path / "elsewhere").exists()
