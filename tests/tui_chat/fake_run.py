"""A run directory as a trainer would write it, without any training."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import psutil

from engine.manifest import write_manifest
from trainers.config import TrainingConfig
from trainers.run_directory import MetricsRow, RunDirectory, RunStatus, SampleRow


class FakeRun:
    """Writes what a trainer writes; this test's own process stands for the training process."""

    def __init__(self, runs_path: Path, name: str, **config: object) -> None:
        self.path = runs_path / name
        self.run = RunDirectory(self.path)
        self.config = TrainingConfig.from_dict(
            {"dataset": "plays.txt", "max_steps": 2000, **config}, "fake run"
        )
        self.path.mkdir(parents=True)
        (self.path / "config.json").write_bytes(self.config.to_json())
        self.status(state="starting", stage="reading data")

    def status(self, **fields: object) -> None:
        """Replace status.json; a running state belongs to a living process unless told otherwise."""
        alive = {"pid": os.getpid(), "process_started": psutil.Process().create_time()}
        known = {"max_steps": self.config.max_steps, "updated": time.time(), **alive, **fields}
        status = RunStatus.from_dict(known, "fake run")
        temporary = self.path / "status.json.tmp"
        temporary.write_bytes(status.to_json())
        temporary.replace(self.path / "status.json")

    def row(self, step: int, **fields: object) -> None:
        """Append a line of metrics."""
        self._append("metrics.jsonl", MetricsRow.from_dict({"step": step, **fields}, "fake run").to_json())

    def sample(self, step: int, text: str, prompt: str = "ROMEO:") -> None:
        """Append a sample."""
        self._append("samples.jsonl", SampleRow(step=step, prompt=prompt, text=text).to_json())

    def log(self, line: str) -> None:
        """Append a line to the log."""
        self._append("log.txt", line.encode())

    def checkpoint(self, step: int, val_loss: float | None = None) -> None:
        """A complete checkpoint, as far as a reader can see."""
        folder = self.path / "checkpoints" / f"step_{step:06d}"
        folder.mkdir(parents=True)
        (folder / "model_card.json").write_text(json.dumps({"name": "fake", "val_loss": val_loss}))
        write_manifest(folder)

    def train_until(self, step: int, every: int = 10) -> None:
        """Rows of a run that learns, up to `step`, and a status that fits."""
        validation = bits = None
        for now in range(0, step + 1, every):
            loss = 1.45 + 2.8 * math.exp(-now / 250) + 0.05 * math.sin(now * 1.7) * math.cos(now * 0.37)
            rate = 1e-3 * min(1, (now + 1) / 100) * (0.55 + 0.45 * math.cos(math.pi * now / 2000))
            measured = now % 250 == 0
            validation = loss + 0.12 if measured else validation
            bits = validation / math.log(2) if validation else None
            self.row(
                now,
                loss=loss,
                val_loss=validation if measured else None,
                val_bits_per_byte=bits if measured else None,
                val_accuracy=0.2 + 0.3 * now / 2000 if measured else None,
                learning_rate=rate,
                gradient_norm=0.4 + 2 * math.exp(-now / 80) + 0.1 * math.sin(now),
                tokens_per_second=33_000 + 900 * math.sin(now / 35),
                memory_bytes=412_000_000 + now * 1000,
                seconds=now / 43,
            )
        best = step // 250 * 250
        self.status(
            state="running",
            step=step,
            loss=loss,
            val_loss=validation,
            val_bits_per_byte=bits,
            best_step=best,
            best_val_loss=validation,
            learning_rate=rate,
            tokens_per_second=33_123.0,
            seconds_left=(self.config.max_steps - step) / 43,
            seconds_trained=step / 43,
            memory_bytes=412_000_000,
            num_parameters=804_096,
            train_tokens=1_003_854,
            validation_tokens=111_540,
            device="cpu",
            precision="float32",
        )

    def _append(self, name: str, line: bytes) -> None:
        with (self.path / name).open("ab") as file:
            file.write(line + b"\n")
