"""What counting alone reaches on a run's data: the floors that a curve is read against.

    runs/shakespeare/floors.json    made once, by a process of its own (trainers/ngrams.py)

A model that has not come below the loss of a bigram model knows no more than which token follows which.
The one rule: this half needs neither numpy nor the data; it reads the file, or starts the process that writes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from engine.errors import UserError
from engine.records import Record
from trainers.run_directory import RunDirectory

FLOORS_FILE = "floors.json"
NAMES = {0: "uniform", 1: "unigram", 2: "bigram", 3: "trigram"}


class Floor(Record):
    """What one way of counting reaches on the validation text."""

    order: int  # tokens in a gram; 0 knows nothing but the size of the vocabulary
    loss: float  # nats per token

    @property
    def name(self) -> str:
        """bigram, trigram, 5-gram."""
        return NAMES.get(self.order, f"{self.order}-gram")


class Floors(Record):
    """All floors of a run by order, and what they were counted on. Of few data a 5-gram can be above a trigram."""

    floors: tuple[Floor, ...] = ()
    train_tokens: int = 0  # counted
    validation_tokens: int = 0  # predicted
    is_sampled: bool = False  # the data were larger: blocks of them, evenly spread

    def loss_of(self, order: int) -> float | None:
        """The loss of one order."""
        return next((floor.loss for floor in self.floors if floor.order == order), None)


def read_floors(run: RunDirectory) -> Floors | None:
    """The floors of a run; None when they were not counted yet, or cannot be."""
    try:
        return Floors.from_json((run.path / FLOORS_FILE).read_bytes(), FLOORS_FILE)
    except (OSError, UserError):
        return None


def can_count(run: RunDirectory) -> bool:
    """Whether the run has token files of a text and no floors yet."""
    tokens = run.path / "tokens"
    is_ready = all((tokens / name).is_file() for name in ("tokens.json", "train.bin", "validation.bin"))
    return is_ready and not (tokens / "train.marks").exists() and not (run.path / FLOORS_FILE).exists()


def start_counting(run: RunDirectory) -> threading.Thread:
    """Count in a process of the lowest priority; the thread ends with it."""
    code = str(Path(__file__).resolve().parent.parent)
    paths = [code, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "trainers.ngrams", str(run.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=run.path,
        env=environment,
    )
    waiting = threading.Thread(target=process.wait, name=f"count {run.name}", daemon=True)
    waiting.start()
    return waiting
