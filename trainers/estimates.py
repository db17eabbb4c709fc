"""What a run will need, said before it starts: parameters, memory, time. Torch-free, so a form can ask at each key.

    shape = ModelShape.of(config, vocab_size=65)
    num_parameters(shape)                        804,096: exact, the same as the built model has
    estimate(config, shape, speeds_of(runs_path))  memory and time: guesses, and labelled as such

The one rule: a time comes from what earlier runs measured on this machine, or says that it is a rough figure.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainers.config import TrainingConfig
from trainers.run_directory import list_runs

GPT2_VOCABULARY = 50_257
# Useful floating point operations a second when nothing was measured: a CPU core, and a graphics card.
ROUGH_CORE_SPEED, ROUGH_CARD_SPEED = 4e10, 3e13
_PROCESS_BYTES = 350_000_000  # Python and torch before any model
_RUNS_LOOKED_AT = 50
_BYTES_PER_PARAMETER = 16  # weight, gradient and AdamW's two averages, 4 bytes each


@dataclass(frozen=True)
class ModelShape:
    """The numbers that decide a GPT's size."""

    num_layers: int
    embedding_size: int
    context_length: int
    vocab_size: int
    bias: bool = True
    qkv_bias: bool = True
    tied_head: bool = True

    @classmethod
    def of(cls, config: TrainingConfig, vocab_size: int) -> ModelShape:
        """The shape of a model that starts from random weights."""
        return cls(
            config.num_layers,
            config.embedding_size,
            config.context_length,
            vocab_size,
            config.bias,
            config.qkv_bias,
            config.tied_head,
        )


@dataclass(frozen=True)
class Speed:
    """What an earlier run on this machine reached."""

    run: str
    device: str
    num_parameters: int
    tokens_per_second: float


@dataclass(frozen=True)
class Estimate:
    """What a run will need."""

    num_parameters: int
    memory_bytes: int
    seconds: float
    tokens: int  # that the run learns from, counting repetitions
    measured_by: str  # the run whose speed was taken; empty for a rough figure


def vocabulary_size(config: TrainingConfig, characters: int) -> int:
    """How many tokens the vocabulary will have; `characters` is the number of different ones in the data."""
    if config.tokenizer == "char":
        return characters
    return config.vocab_size if config.tokenizer == "bpe" else GPT2_VOCABULARY


def num_parameters(shape: ModelShape) -> int:
    """All trainable numbers of a GPT-2 of this shape; exact."""
    C = shape.embedding_size
    norm = C * (2 if shape.bias else 1)
    attention = 3 * C * C + C * C + (3 * C if shape.bias and shape.qkv_bias else 0) + (C if shape.bias else 0)
    feed_forward = 8 * C * C + (5 * C if shape.bias else 0)
    embeddings = (shape.vocab_size + shape.context_length) * C
    head = 0 if shape.tied_head else shape.vocab_size * C
    return embeddings + shape.num_layers * (2 * norm + attention + feed_forward) + norm + head


def memory_bytes(config: TrainingConfig, shape: ModelShape, parameters: int) -> int:
    """Weights, gradients, AdamW's averages and the activations of one pass, beside the process itself.

    Per token and layer about 17 vectors of the model's width are kept for the backward pass (Korthikanti et al. 2022,
    with attention scores recomputed), per token three rows of the vocabulary for the loss.
    """
    tokens = (config.micro_batch_size or config.batch_size) * shape.context_length
    activations = tokens * (shape.num_layers * 17 * shape.embedding_size + 3 * shape.vocab_size) * 4
    return _PROCESS_BYTES + parameters * _BYTES_PER_PARAMETER + activations


def operations_per_token(shape: ModelShape, parameters: int) -> float:
    """Floating point operations of learning from one token: 6 per parameter, and attention over the context."""
    return 6.0 * parameters + 12.0 * shape.num_layers * shape.embedding_size * shape.context_length


def speeds_of(runs_path: Path) -> list[Speed]:
    """What the newest runs reached."""
    found = []
    for run, _ in zip(list_runs(runs_path), range(_RUNS_LOOKED_AT), strict=False):
        status = run.status()
        if status.tokens_per_second and status.num_parameters:
            found.append(Speed(run.name, status.device, status.num_parameters, status.tokens_per_second))
    return found


def estimate(
    config: TrainingConfig, shape: ModelShape, speeds: Sequence[Speed], parameters: int = 0
) -> Estimate:
    """What a run of `config` will need; `parameters` when the model is already there."""
    parameters = parameters or num_parameters(shape)
    tokens = config.max_steps * config.batch_size * shape.context_length
    device = "cuda" if config.device == "cuda" or (config.device == "auto" and has_card()) else "cpu"
    nearest = _nearest(speeds, device, parameters)
    if nearest:
        operations = 6.0 * nearest.num_parameters * nearest.tokens_per_second
    else:
        operations = (
            ROUGH_CARD_SPEED
            if device == "cuda"
            else ROUGH_CORE_SPEED * (config.threads or os.cpu_count() or 1)
        )
    seconds = tokens * operations_per_token(shape, parameters) / operations
    memory = memory_bytes(config, shape, parameters)
    return Estimate(parameters, memory, seconds, tokens, nearest.run if nearest else "")


def _nearest(speeds: Sequence[Speed], device: str, parameters: int) -> Speed | None:
    """The run on the same kind of device whose model is nearest in size, the fastest of those of about one size.

    A slower one shared the machine with something else; a model ten times as large or small tells nothing.
    """
    alike = [speed for speed in speeds if speed.device.startswith(device)]
    alike = [speed for speed in alike if 0.1 <= speed.num_parameters / parameters <= 10]

    def distance(speed: Speed) -> tuple[int, float]:
        return abs(round(math.log2(speed.num_parameters / parameters))), -speed.tokens_per_second

    return min(alike, key=distance, default=None)


def has_card() -> bool:
    """Whether the machine seems to have a graphics card that torch can use, without asking torch."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
