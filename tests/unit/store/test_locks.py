"""WriteLock: one holder among threads and processes, fair, and free when its holder dies."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from typeplate_server.store.locks import WriteLock

HOLD = """
import sys, time
from pathlib import Path
from typeplate_server.store.locks import WriteLock
with WriteLock(Path(sys.argv[1])).hold():
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_threads_never_hold_it_at_once(tmp_path: Path) -> None:
    """Each holds it by a descriptor of its own."""
    holders, most = 0, 0

    def take_turns() -> None:
        nonlocal holders, most
        for _ in range(50):
            with WriteLock(tmp_path).hold():
                holders += 1
                most = max(most, holders)
                time.sleep(0)
                holders -= 1

    threads = [threading.Thread(target=take_turns) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_it_is_fair(tmp_path: Path) -> None:
    """Who waits gets it after the present holder, though that one wants it again at once."""
    stop, holds = threading.Event(), [0]

    def hog() -> None:
        while not stop.is_set():
            with WriteLock(tmp_path).hold():
                holds[0] += 1
                time.sleep(0.01)

    thread = threading.Thread(target=hog)
    thread.start()
    waited = []
    for _ in range(10):
        before = holds[0]
        with WriteLock(tmp_path).hold():
            waited.append(holds[0] - before)
        time.sleep(0.005)
    stop.set()
    thread.join()
    assert max(waited) <= 2


def test_waiting_ends(tmp_path: Path) -> None:
    """With TimeoutError, which leaves no descriptor that would still hold the turnstile."""
    with WriteLock(tmp_path).hold(), pytest.raises(TimeoutError), WriteLock(tmp_path, timeout_s=0.02).hold():
        pytest.fail("held twice")
    with WriteLock(tmp_path, timeout_s=0.02).hold():
        pass


def test_it_is_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    """The kernel closes what the dead had open."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(TimeoutError), WriteLock(tmp_path, timeout_s=0.02).hold():
        pytest.fail("held twice")
    child.kill()
    child.communicate()
    with WriteLock(tmp_path, timeout_s=1).hold():
        pass


def test_an_exception_inside_frees_it(tmp_path: Path) -> None:
    """As does any other way out."""
    with pytest.raises(KeyError), WriteLock(tmp_path).hold():
        raise KeyError
    with WriteLock(tmp_path, timeout_s=0.02).hold():
        pass


def test_a_missing_directory_is_an_os_error(tmp_path: Path) -> None:
    """The caller knows whom to tell."""
    with pytest.raises(FileNotFoundError), WriteLock(tmp_path / "none").hold():
        pytest.fail("held")
