"""What the training screen knows of runs, read from their files and kept until the files change.

    RunWatch(runs_path).look()      all runs with their states; cheap enough for twice a second
    read_history(run)               every measurement, sample and log line so far; slow for long runs: use a thread
    history.catch_up()              what came since then

The one rule: nothing here is asked of a training process; a file that did not change is not read again.
"""

from __future__ import annotations

import contextlib
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from engine.errors import UserError
from trainers.config import TrainingConfig
from trainers.run_directory import MetricsRow, RunDirectory, RunStatus, SampleRow, list_runs
from tui_chat.widgets.chart_scale import Series

ACTIVE = ("starting", "running", "paused")
_SECONDS_BETWEEN_SIGNS_OF_LIFE = 0.4  # below the time between two looks: a killed run is seen within a second
_LONGEST_LOG_READ = 256 * 1024


class WatchedRun(NamedTuple):
    """A run as it was at the last look."""

    run: RunDirectory
    status: RunStatus
    wishes: tuple[str, ...] = ()  # asked of the trainer and not yet done: "stop", "pause", "save"

    @property
    def is_active(self) -> bool:
        """Whether a process works on it."""
        return self.status.state in ACTIVE

    @property
    def share_done(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.status.step / self.status.max_steps) if self.status.max_steps else 0.0


class RunWatch:
    """Looks at all runs again and again."""

    def __init__(self, runs_path: Path) -> None:
        self.runs_path = runs_path
        self._seen: dict[Path, tuple[object, float, WatchedRun]] = {}

    def look(self) -> list[WatchedRun]:
        """All runs, newest first."""
        seen = {run.path: self._look_at(run) for run in list_runs(self.runs_path)}
        self._seen = seen
        return [watched for _, _, watched in seen.values()]

    def _look_at(self, run: RunDirectory) -> tuple[object, float, WatchedRun]:
        stamp = (_stamp(run.path / "status.json"), _stamp(run.path / "control"))
        known = self._seen.get(run.path)
        now = time.monotonic()
        if known is None or known[0] != stamp:
            return stamp, now, look_at(run)
        # A process that was killed changes no file, so active runs are looked at once in a while.
        is_due = known[2].is_active and now - known[1] >= _SECONDS_BETWEEN_SIGNS_OF_LIFE
        return (stamp, now, look_at(run)) if is_due else known


def look_at(run: RunDirectory) -> WatchedRun:
    """One run, read now."""
    return WatchedRun(
        run, run.status(), tuple(wish for wish in ("stop", "pause", "save") if run.has_wish(wish))
    )


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


# What can be drawn: name in the history -> (title of its chart, the field of a row).
METRICS: dict[str, Callable[[MetricsRow], float | None]] = {
    "loss": lambda row: row.loss,
    "val_loss": lambda row: row.val_loss,
    "val_bits_per_byte": lambda row: row.val_bits_per_byte,
    "val_accuracy": lambda row: row.val_accuracy,
    "learning_rate": lambda row: row.learning_rate,
    "gradient_norm": lambda row: row.gradient_norm,
    "tokens_per_second": lambda row: row.tokens_per_second,
    "memory_bytes": lambda row: row.memory_bytes,
}
_LABELS = {
    "loss": "train",
    "val_loss": "validation",
    "val_bits_per_byte": "validation",
    "val_accuracy": "validation",
}


@dataclass
class RunHistory:
    """Everything a run has written so far."""

    run: RunDirectory
    series: dict[str, Series] = field(
        default_factory=lambda: {
            name: Series(_LABELS.get(name, ""), is_noisy=not name.startswith("val_")) for name in METRICS
        }
    )
    samples: list[SampleRow] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)  # (step, what was odd)
    log: str = ""
    config: TrainingConfig | None = None  # None when it cannot be read
    is_rewritten: bool = False  # the files went back in time (a resume): read the history anew
    _metrics_offset: int = 0
    _samples_offset: int = 0
    _log_offset: int = 0
    _stamps: dict[str, object] = field(default_factory=dict)

    def catch_up(self) -> set[str]:
        """Read what is new; the names of what changed: "metrics", "samples", "log"."""
        changed = set()
        for name, file, read in (
            ("metrics", "metrics.jsonl", self._read_metrics),
            ("samples", "samples.jsonl", self._read_samples),
            ("log", "log.txt", self._read_log),
        ):
            stamp = _stamp(self.run.path / file)
            if self._stamps.get(name) != stamp:
                self._stamps[name] = stamp
                read()
                changed.add(name)
        return changed

    def passes(self, status: RunStatus) -> float:
        """How often the run has read its training text; 0 when that is not known."""
        config = self.config
        if config is None or config.method != "pretraining" or not status.train_tokens:
            return 0.0
        return status.step * config.batch_size * config.context_length / status.train_tokens

    def latest(self, name: str) -> float | None:
        """The newest value of a measure."""
        return self.series[name].ys[-1] if self.series[name].ys else None

    @property
    def steps_without_loss(self) -> list[float]:
        """Where the loss was NaN or infinite."""
        measured = self.series["loss"].xs
        places = ((step, bisect_left(measured, step)) for step, _ in self.notes)
        return [step for step, place in places if measured[place : place + 1] != [step]]

    def _read_metrics(self) -> None:
        before = self._metrics_offset
        rows, self._metrics_offset = self.run.metrics(before)
        if before and (self._metrics_offset < before or (rows and rows[0].step < self._last_step())):
            self.is_rewritten = True
            return
        for row in rows:
            self._add(row)

    def _add(self, row: MetricsRow) -> None:
        for name, value_of in METRICS.items():
            value = value_of(row)
            # A loss that is missing from a row with a note was NaN or infinite: that is a hole in the line.
            if value is not None or (name == "loss" and row.note):
                self.series[name].add(row.step, value)
        if row.note:
            self.notes.append((row.step, row.note))

    def _last_step(self) -> float:
        return max((one.xs[-1] for one in self.series.values() if one.xs), default=0)

    def _read_samples(self) -> None:
        before = self._samples_offset
        rows, self._samples_offset = self.run.samples(before)
        if self._samples_offset < before or (self.samples and rows and rows[0].step < self.samples[-1].step):
            self.is_rewritten = True
            return
        self.samples += rows

    def _read_log(self) -> None:
        try:
            with self.run.log_path.open("rb") as file:
                size = file.seek(0, 2)
                start = self._log_offset if self._log_offset <= size else 0
                file.seek(max(start, size - _LONGEST_LOG_READ))
                text = file.read().decode("utf-8", "replace")
                size = file.tell()  # it may have grown meanwhile
        except OSError:
            return
        self._log_offset = size
        self.log += text.replace("\r\n", "\n").replace("\r", "\n")


def read_history(run: RunDirectory) -> RunHistory:
    """Everything a run has written; a second for a hundred thousand rows."""
    history = RunHistory(run)
    with contextlib.suppress(UserError):  # the monitor tells of it where it shows the configuration
        history.config = run.config()
    history.catch_up()
    return history
