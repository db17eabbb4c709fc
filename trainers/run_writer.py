"""The trainer's pen: everything it writes into its run directory but checkpoints and token files.

    status.json      replaced as a whole, about once a second and at every change of state
    metrics.jsonl    appended, one row per step that is logged; brought to the disk before a checkpoint
    samples.jsonl    likewise

The one rule: one process writes a run; it holds the lock in owner.lock for as long as it lives.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeVar

import msgspec
import psutil

from engine.errors import UserError
from engine.records import Record
from trainers.durable_files import replace_file, sweep
from trainers.run_directory import MetricsRow, RunDirectory, RunState, SampleRow

T = TypeVar("T", MetricsRow, SampleRow)
_SECONDS_BETWEEN_STATUSES = 1.0


class RunWriter:
    """Writes a run's status, metrics and samples."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        # What earlier sittings reached stays on show until this one has numbers of its own.
        self.status = msgspec.structs.replace(
            run.status(),
            state="starting",
            pid=os.getpid(),
            process_started=psutil.Process().create_time(),
            error="",
            seconds_left=None,
        )
        self._written = 0.0

    def report(self, state: RunState | None = None, **changes: object) -> None:
        """Change the status; it is written at once when the state changes, otherwise about once a second."""
        changes_state = state is not None and state != self.status.state
        if state is not None:
            changes["state"] = state
        self.status = msgspec.structs.replace(self.status, **changes)
        if changes_state or time.monotonic() - self._written >= _SECONDS_BETWEEN_STATUSES:
            self.write_status()

    def write_status(self) -> None:
        """Write the status now."""
        self.status = msgspec.structs.replace(self.status, updated=time.time())
        replace_file(self.run.path / "status.json", self.status.to_json())
        self._written = time.monotonic()

    def add_metrics(self, row: MetricsRow) -> None:
        """Append a row of metrics."""
        self._append("metrics.jsonl", row)

    def add_sample(self, row: SampleRow) -> None:
        """Append a sample."""
        self._append("samples.jsonl", row)

    def sync(self) -> None:
        """Bring metrics and samples to the disk, so that a checkpoint never knows more than they do."""
        for name in ("metrics.jsonl", "samples.jsonl"):
            path = self.run.path / name
            if path.exists():
                with path.open("rb") as file:
                    os.fsync(file.fileno())

    def forget_after(self, step: int) -> None:
        """Drop rows of steps after `step`: the run goes on from there and will write them again."""
        _keep(self.run.path / "metrics.jsonl", MetricsRow, step)
        _keep(self.run.path / "samples.jsonl", SampleRow, step)

    def _append(self, name: str, row: Record) -> None:
        with (self.run.path / name).open("ab") as file:
            file.write(row.to_json() + b"\n")


@contextlib.contextmanager
def owned(run: RunDirectory) -> Iterator[None]:
    """Hold the run's lock, and clear away what a killed trainer left behind.

    Raises:
        UserError: when another process trains this run.
    """
    with (run.path / "owner.lock").open("a+b") as file:
        if not _lock(file):
            raise UserError(f"The run '{run.name}' is being trained by another process already.")
        sweep(run.path)
        if run.checkpoints_path.is_dir():
            sweep(run.checkpoints_path)
        yield


def is_owned(path: Path) -> bool:
    """Whether some process trains the run in this folder now."""
    try:
        with (path / "owner.lock").open("r+b") as file:
            return not _lock(file)  # closing the file gives the lock back
    except OSError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _keep(path: Path, kind: type[T], step: int) -> None:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return
    kept = [line for line in lines if line.endswith(b"\n") and _step(line, kind) <= step]
    if len(kept) < len(lines):
        replace_file(path, b"".join(kept))


def _step(line: bytes, kind: type[T]) -> float:
    try:
        return kind.from_json(line, "row").step
    except UserError:
        return float("inf")  # a torn line goes
