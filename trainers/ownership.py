"""Who trains a run: one process, which holds a lock for as long as it lives and shows every second that it does.

    with owned(run_path): ...          the trainer
    is_owned(run_path)                 whether some process trains it; the lock tells, so no clock and no pid can lie
    seconds_silent(run_path)           how long its owner has shown no sign of life: a stopped or a stuck process

The one rule: the system gives the lock back when a process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engine.errors import UserError
from engine.file_locks import take_lock
from trainers.durable_files import sweep

LOCK_FILE = "owner.lock"
SECONDS_BETWEEN_BEATS = 1.0
_TRIES, _SECONDS_BETWEEN_TRIES = 25, 0.02  # somebody who only looks holds the lock for a moment


@contextlib.contextmanager
def owned(path: Path) -> Iterator[None]:
    """Hold the run's lock, beat, and clear away what a killed trainer left behind.

    Raises:
        UserError: when another process trains this run.
    """
    with (path / LOCK_FILE).open("a+b") as file:
        if not _lock_patiently(file):
            raise UserError(f"The run '{path.name}' is being trained by another process already.")
        sweep(path)
        if (path / "checkpoints").is_dir():
            sweep(path / "checkpoints")
        is_over = threading.Event()
        beating = threading.Thread(target=_beat, args=(path / LOCK_FILE, is_over), name="beat", daemon=True)
        beating.start()
        try:
            yield
        finally:
            is_over.set()
            beating.join()


def is_owned(path: Path) -> bool:
    """Whether some process trains the run in this folder now."""
    try:
        with (path / LOCK_FILE).open("r+b") as file:
            return not take_lock(file)  # closing the file gives the lock back
    except OSError:
        return False


def seconds_silent(path: Path) -> float:
    """Since the owner's last sign of life; 0 when there is no telling."""
    try:
        return max(0.0, time.time() - (path / LOCK_FILE).stat().st_mtime)
    except OSError:
        return 0.0


def _beat(path: Path, is_over: threading.Event) -> None:
    while True:
        with contextlib.suppress(OSError):  # the run was deleted, or the disk is away
            os.utime(path)
        if is_over.wait(SECONDS_BETWEEN_BEATS):
            return


def _lock_patiently(file: IO[bytes]) -> bool:
    for _ in range(_TRIES):
        if take_lock(file):
            return True
        time.sleep(_SECONDS_BETWEEN_TRIES)
    return False
