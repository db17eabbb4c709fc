"""One training run on disk: the only thing the trainer and everyone else share.

    runs/shakespeare/
        config.json       what was asked for; written once
        status.json       what is happening now; replaced as a whole
        metrics.jsonl     one line per logged step; only ever appended to
        samples.jsonl     what the model says along the way
        log.txt           everything else, for people
        floors.json       what counting n-grams reaches on its data; made when somebody first looks
        interventions.json   steps left out, another learning rate, smaller micro-batches: where, and why
        control/          wishes to the trainer: empty files named stop, stop_now, pause, resume, save, skip_step;
                          learning_rate holds a number
        tokens/           memory-mapped token files of this run's data
        checkpoints/step_000500/   a model directory plus training state; complete, or not there at all
        owner.lock        held (flock) by the process that trains

The one rule: readers never lock and never write anything but control files; a run is understood from its files alone.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from engine.errors import UserError
from engine.records import Record, at_least
from trainers.config import TrainingConfig
from trainers.memory import MemoryParts
from trainers.ownership import LOCK_FILE, is_owned, seconds_silent

RunState = Literal["starting", "running", "paused", "finished", "stopped", "failed", "crashed"]
PausedFor = Literal["", "bad_step", "full_disk"]
Wish = Literal["stop", "stop_now", "pause", "resume", "save", "skip_step", "learning_rate"]
T = TypeVar("T", bound=Record)
LONG_SILENCE = 10.0  # seconds; a process that lives beats every second
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class RunStatus(Record):
    """What a run is doing now; the trainer replaces it whole every second or so."""

    state: RunState = "starting"
    stage: str = ""  # what a starting run is busy with: "reading data", "training the tokenizer", ...
    pid: int = 0
    process_started: float = (
        0.0  # when the process of `pid` began (psutil), so that a reused pid is not taken for it
    )
    step: int = 0
    max_steps: int = 0
    loss: float | None = None  # last training loss, nats per token
    val_loss: float | None = None  # last validation loss, nats per token
    val_bits_per_byte: float | None = None
    best_step: int | None = None
    best_val_loss: float | None = None
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    seconds_left: float | None = None
    seconds_trained: float = 0.0  # over all sittings, evaluations included
    memory_bytes: int | None = None  # of the training process, or of the device
    num_parameters: int = 0
    train_tokens: int = 0
    validation_tokens: int = 0
    device: str = ""
    precision: str = ""
    memory_parts: MemoryParts | None = None  # what it was thought to need, before the first step
    error: str = ""  # why it failed, or paused by itself, in a sentence for a person
    paused_for: PausedFor = ""  # what a run that paused by itself needs a person for
    updated: float = 0.0  # Unix time
    silent: float = 0.0  # seconds without a sign of life; found by who reads, when they are many


class MetricsRow(Record):
    """A line of metrics.jsonl. Losses are nats per token; NaN and infinity are written as null plus `note`."""

    step: int
    loss: float | None = None
    val_loss: float | None = None
    val_bits_per_byte: float | None = None
    val_accuracy: float | None = None  # share of validation tokens whose likeliest guess was right
    learning_rate: float | None = None
    gradient_norm: float | None = None
    tokens_per_second: float | None = None
    memory_bytes: int | None = None
    seconds: float = 0.0  # trained so far
    note: str = ""


class SampleRow(Record):
    """A line of samples.jsonl."""

    step: int
    prompt: str
    text: str
    is_reply: bool = False  # the text answers the prompt, rather than going on with it


class CheckpointInfo(Record):
    """A checkpoint as the model list shows it."""

    step: Annotated[int, at_least(0)]
    directory: str
    is_best: bool = False
    val_loss: float | None = None


class RunDirectory:
    """Reads a run, and tells its trainer what is wished."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The run's name: its folder's name."""
        return self.path.name

    @property
    def checkpoints_path(self) -> Path:
        """Where checkpoints live."""
        return self.path / "checkpoints"

    @property
    def log_path(self) -> Path:
        """Everything the training process printed."""
        return self.path / "log.txt"

    def config(self) -> TrainingConfig:
        """What was asked for.

        Raises:
            UserError: when config.json is missing or damaged.
        """
        path = self.path / "config.json"
        try:
            return TrainingConfig.from_json(path.read_bytes(), str(path))
        except OSError as error:
            raise UserError(
                f"{path}: cannot be read ({error.strerror}); this is not a run directory."
            ) from None

    def status(self) -> RunStatus:
        """What is happening now; a run whose process is gone is reported as crashed."""
        try:
            status = of_any_version(RunStatus, (self.path / "status.json").read_bytes(), "status.json")
        except (OSError, UserError):
            return RunStatus(state="crashed", error="status.json is missing or damaged")
        if status.state not in ("starting", "running", "paused"):
            return status
        if _is_alive(status, self.path):
            silent = seconds_silent(self.path) if status.pid else 0.0
            return msgspec.structs.replace(status, silent=silent) if silent >= LONG_SILENCE else status
        if self.has_wish("stop_now"):
            return msgspec.structs.replace(status, state="stopped", paused_for="", error="")
        return msgspec.structs.replace(
            status,
            state="crashed",
            paused_for="",
            error="the training process is gone; resume continues from the last checkpoint",
        )

    def metrics(self, offset: int = 0) -> tuple[list[MetricsRow], int]:
        """Rows written since byte `offset`, and the offset to go on from; a torn last line waits for next time."""
        rows, offset = _read_lines(self.path / "metrics.jsonl", offset)
        return [row for line in rows if (row := _decode(line, MetricsRow)) is not None], offset

    def samples(self, offset: int = 0) -> tuple[list[SampleRow], int]:
        """Like `metrics`, for samples."""
        rows, offset = _read_lines(self.path / "samples.jsonl", offset)
        return [row for line in rows if (row := _decode(line, SampleRow)) is not None], offset

    def log_tail(self, max_bytes: int = 16384) -> str:
        """The end of the log, from the start of a line."""
        try:
            with self.log_path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                size = file.tell()
                file.seek(max(0, size - max_bytes))
                tail = file.read()
        except OSError:
            return ""
        if size > max_bytes:
            tail = tail.partition(b"\n")[2]
        return tail.decode("utf-8", "replace")

    def checkpoints(self) -> list[CheckpointInfo]:
        """Complete checkpoints, oldest first."""
        best = self.status().best_step
        found = []
        for path in self.checkpoints_path.glob("step_*"):
            step = path.name.removeprefix("step_")
            if step.isdigit() and (path / "manifest.json").is_file():
                found.append(
                    CheckpointInfo(
                        step=int(step), directory=str(path), is_best=int(step) == best, val_loss=_loss(path)
                    )
                )
        return sorted(found, key=lambda checkpoint: checkpoint.step)

    def wish(self, wish: Wish) -> None:
        """Ask the trainer for something; it looks after every step."""
        control = self.path / "control"
        control.mkdir(exist_ok=True)
        (control / wish).touch()

    def wish_learning_rate(self, rate: float) -> None:
        """Ask the trainer for another learning rate."""
        control = self.path / "control"
        control.mkdir(exist_ok=True)
        partial = control / "learning_rate.partial"
        partial.write_text(repr(rate))
        partial.replace(control / "learning_rate")

    def withdraw(self, wish: Wish) -> None:
        """Take a wish back; withdrawing "pause" lets the run go on."""
        (self.path / "control" / wish).unlink(missing_ok=True)

    def has_wish(self, wish: Wish) -> bool:
        """Whether a wish is waiting or, for "pause", in force."""
        return (self.path / "control" / wish).exists()


def check_run_name(name: str) -> str:
    """`name`, if it can be a run's name.

    Raises:
        UserError: when it cannot; says what can.
    """
    if not NAME_PATTERN.fullmatch(name) or name.endswith("."):
        raise UserError(
            f"'{name[:80]}' cannot be the name of a run. Use up to 64 letters, digits, '.', '_' or '-', "
            "beginning with a letter or digit."
        )
    return name


def list_runs(runs_path: Path) -> Iterator[RunDirectory]:
    """All runs below `runs_path`, newest first."""
    found = [(began, path) for path in runs_path.glob("*") if (began := _began(path)) is not None]
    for _, path in sorted(found, reverse=True):
        yield RunDirectory(path)


def _began(path: Path) -> float | None:
    """When a run was begun; None when this is no run, or one that is just being deleted."""
    try:
        return (path / "config.json").stat().st_mtime
    except OSError:
        return None


def find_run(runs_path: Path, name: str) -> RunDirectory:
    """A run by name.

    Raises:
        UserError: when there is none; names the nearest.
    """
    check_run_name(name)
    if not (runs_path / name / "config.json").is_file():
        names = [run.name for run in list_runs(runs_path)]
        known = f"Runs: {', '.join(names[:8])}." if names else "There are no runs yet."
        raise UserError(f"There is no run '{name}'. {known}")
    return RunDirectory(runs_path / name)


def _is_alive(status: RunStatus, path: Path) -> bool:
    if status.pid == 0:  # the launcher wrote this status; the process reports within seconds
        return is_owned(path) or abs(time.time() - status.updated) < 60
    if (path / LOCK_FILE).exists():
        return is_owned(path)
    import psutil  # lazy: only runs without a lock need it

    try:
        process = psutil.Process(status.pid)
        return (
            abs(process.create_time() - status.process_started) < 2
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.Error:
        return False


def _read_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) < offset:
                offset = 0  # rows after a checkpoint were dropped by a resume: read again from the start
            file.seek(offset)
            data = file.read()
    except OSError:
        return [], offset
    complete = data.rpartition(b"\n")[0]
    return complete.splitlines(), offset + len(complete) + (1 if complete else 0)


def _decode(line: bytes, kind: type[T]) -> T | None:
    try:
        return of_any_version(kind, line, "row")
    except UserError:
        return None


def of_any_version(kind: type[T], data: bytes, source: str) -> T:
    """A record that a newer version may have written: what this one does not know is left out.

    An app that is open during an upgrade goes on showing runs.

    Raises:
        UserError: when it is damaged.
    """
    try:
        fields = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return kind.from_json(data, source)  # it says why not
    if isinstance(fields, dict):
        fields = _known_fields(kind, fields)
        if isinstance(parts := fields.get("memory_parts"), dict):
            fields["memory_parts"] = _known_fields(MemoryParts, parts)
    return kind.from_dict(fields, source)


def _known_fields(kind: type[Record], fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if name in kind.__struct_encode_fields__}


def _loss(path: Path) -> float | None:
    try:
        return json.loads((path / "model_card.json").read_bytes()).get("val_loss")
    except (OSError, ValueError):
        return None
