"""Real training processes on tiny runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from trainers.config import TrainingConfig
from trainers.durable_files import replace_file
from trainers.run_directory import RunDirectory

CODE = Path(__file__).parents[2]


def new_run(path: Path, config: TrainingConfig) -> RunDirectory:
    """A run directory whose process has not been started."""
    path.mkdir(parents=True)
    replace_file(path / "config.json", config.to_json())
    return RunDirectory(path)


def start(run: RunDirectory) -> subprocess.Popen[bytes]:
    """The training process of a run."""
    with run.log_path.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "trainers", str(run.path)],
            env={**os.environ, "PYTHONPATH": str(CODE)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def train(run: RunDirectory, seconds: float = 120) -> int:
    """Train in a process of its own, to the end; its exit code."""
    with start(run) as process:
        return process.wait(seconds)


def rows(run: RunDirectory) -> list[tuple[object, ...]]:
    """What a run logged, but for what the clock decides."""
    return [
        (row.step, row.loss, row.val_loss, row.val_accuracy, row.learning_rate, row.gradient_norm)
        for row in run.metrics()[0]
    ]


def outcome(run: RunDirectory) -> tuple[object, ...]:
    """What a run came to: logged numbers, samples, final weights and final optimizer, to the last bit."""
    last = Path(run.checkpoints()[-1].directory)
    files = [(last / name).read_bytes() for name in ("model.safetensors", "training_state.safetensors")]
    return (rows(run), [(row.step, row.prompt, row.text) for row in run.samples()[0]], *files)
