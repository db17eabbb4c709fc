"""The trainer's pen: everything it writes into its run directory but checkpoints and token files.

    status.json      replaced as a whole, about once a second and at every change of state
    metrics.jsonl    appended, one row per step that is logged; brought to the disk before a checkpoint
    samples.jsonl    likewise

The one rule: a full disk stops none of this: rows wait in memory, and no checkpoint is made that knows of them.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

from engine.errors import UserError
from engine.records import Record
from trainers.checkpoints import DISK_FULL
from trainers.durable_files import replace_file
from trainers.run_directory import MetricsRow, RunDirectory, RunState, SampleRow, of_any_version

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
        self._waiting: list[tuple[str, bytes]] = []  # rows that found no room on the disk

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
        self._written = time.monotonic()
        with _tolerating_a_full_disk():  # the next one is tried in a second
            replace_file(self.run.path / "status.json", self.status.to_json())

    def add_metrics(self, row: MetricsRow) -> None:
        """Append a row of metrics."""
        self._append("metrics.jsonl", row)

    def add_sample(self, row: SampleRow) -> None:
        """Append a sample."""
        self._append("samples.jsonl", row)

    def sync(self) -> None:
        """Bring metrics and samples to the disk, so that a checkpoint never knows more than they do.

        Raises:
            OSError: when the disk is full; the rows are kept, and written as soon as there is room.
        """
        self._write_waiting()
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
        self._waiting.append((name, row.to_json() + b"\n"))
        with _tolerating_a_full_disk():
            self._write_waiting()

    def _write_waiting(self) -> None:
        while self._waiting:
            name, line = self._waiting[0]
            _append_whole(self.run.path / name, line)
            del self._waiting[0]


@contextlib.contextmanager
def _tolerating_a_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise


def _append_whole(path: Path, line: bytes) -> None:
    """Append a line, or nothing of it."""
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            written = file.write(line)
            if written < len(line):
                file.write(line[written:])
        except OSError:
            file.truncate(size)
            raise


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
        return of_any_version(kind, line, "row").step
    except UserError:
        return float("inf")  # a torn line goes
