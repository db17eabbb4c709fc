"""How fast a run will be, guessed from earlier runs on this machine. Torch-free, so a form can ask at each key.

    speeds = speeds_of(runs_path)
    guess_speed(config, shape, parameters, speeds)   # SpeedGuess(tokens_per_second=23000.0, run="first")

The one rule: a speed comes from what earlier runs measured on this machine, or says that it is a rough figure.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from trainers.config import TrainingConfig
from trainers.memory import WIDE_ENOUGH
from trainers.model_shape import ModelShape, operations_per_token
from trainers.run_directory import list_runs

# Useful floating point operations a second when nothing was measured: a CPU core, and a graphics card.
ROUGH_CORE_SPEED, ROUGH_CARD_SPEED = 4e10, 3e13
_RUNS_LOOKED_AT = 50
_CPU_FLAGS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Speed:
    """What an earlier run on this machine reached."""

    run: str
    device: str
    num_parameters: int
    tokens_per_second: float


class SpeedGuess(NamedTuple):
    """A speed, and the run it was taken from; empty for a rough figure."""

    tokens_per_second: float
    run: str


def speeds_of(runs_path: Path) -> list[Speed]:
    """What the newest runs reached."""
    found = []
    for run, _ in zip(list_runs(runs_path), range(_RUNS_LOOKED_AT), strict=False):
        status = run.status()
        if status.tokens_per_second and status.num_parameters:
            found.append(Speed(run.name, status.device, status.num_parameters, status.tokens_per_second))
    return found


def guess_speed(
    config: TrainingConfig, shape: ModelShape, parameters: int, speeds: Sequence[Speed]
) -> SpeedGuess:
    """The speed a run of `config` will have on this machine when nothing else computes."""
    device = likely_device(config)
    nearest = _nearest(speeds, device, parameters)
    if nearest:
        operations = 6.0 * nearest.num_parameters * nearest.tokens_per_second
    elif device == "cuda":
        operations = ROUGH_CARD_SPEED
    else:
        operations = ROUGH_CORE_SPEED * (config.threads or os.cpu_count() or 1)
    return SpeedGuess(operations / operations_per_token(shape, parameters), nearest.run if nearest else "")


def _nearest(speeds: Sequence[Speed], device: str, parameters: int) -> Speed | None:
    """The run on the same kind of device whose model is nearest in size, the fastest of those of about one size.

    A slower one shared the machine with something else; a model ten times as large or small tells nothing.
    """
    alike = [speed for speed in speeds if speed.device.startswith(device)]
    alike = [speed for speed in alike if 0.1 <= speed.num_parameters / parameters <= 10]

    def distance(speed: Speed) -> tuple[int, float]:
        return abs(round(math.log2(speed.num_parameters / parameters))), -speed.tokens_per_second

    return min(alike, key=distance, default=None)


def likely_device(config: TrainingConfig) -> str:
    """ "cpu" or "cuda", as the training process will most likely choose."""
    return "cuda" if config.device == "cuda" or (config.device == "auto" and has_card()) else "cpu"


def likely_precision(config: TrainingConfig, device: str, embedding_size: int) -> str:
    """ "float32" or "bfloat16", as the training process will most likely choose."""
    if config.precision != "auto":
        return config.precision
    return "bfloat16" if device == "cuda" or (embedding_size >= WIDE_ENOUGH and _has_units()) else "float32"


def _has_units() -> bool:
    """Whether the processor computes in bfloat16 itself."""
    try:
        flags = _CPU_FLAGS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_tile" in flags


def has_card() -> bool:
    """Whether the machine seems to have a graphics card that torch can use, without asking torch."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
