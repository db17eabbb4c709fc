"""A run before its first step: size, tokens, memory against what is free, time, and what would fit. Torch-free.

    now = machine_now(config, width, runs_path)
    look = look_ahead(config, shape, DataSize(1_003_854, 111_540), now, speeds)
    look.fits, look.suggestions        # (Suggestion({"micro_batch_size": 4}, 1_200_000_000, "..."), ...)

Speeds are guessed from earlier runs, or measured: `trainers.probing` trains ten steps of a throw-away model.
The one rule: each figure says where it comes from, and "does not fit" always comes with what does.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

from engine.records import Record
from trainers.config import TrainingConfig
from trainers.estimates import Speed, guess_speed, likely_device, likely_precision
from trainers.memory import MemoryParts, memory_parts
from trainers.model_shape import ModelShape, num_parameters
from trainers.run_directory import list_runs

Basis = Literal["probe", "run", "rough"]
_CGROUP = Path("/sys/fs/cgroup")
_SMALLEST_CONTEXT = 32
_FORWARD_SHARE = 1 / 3  # of a step's time that a forward pass takes: the way back is two of them
_SECONDS_FOR_CARD = 10
_FAR_BELOW = 6  # times; a rough guess may be three times too high


class DataSize(NamedTuple):
    """How much there is to learn from; 0 = not known."""

    train_tokens: int = 0
    validation_tokens: int = 0
    is_exact: bool = False


class Machine(NamedTuple):
    """What a run finds."""

    device: str = "cpu"  # or "cuda"
    precision: str = "float32"
    free_bytes: int | None = None  # None: not known
    others: tuple[str, ...] = ()  # runs that compute on the same device


class Suggestion(Record):
    """Settings with which a run would fit."""

    changes: dict[str, int | bool]
    memory_bytes: int
    words: str


class Preflight(Record):
    """What a run will need, and whether it is there."""

    num_parameters: int
    tokens_per_epoch: int = 0  # 0: not known
    tokens: int = 0  # that the run reads, counting repetitions
    epochs: float | None = None
    is_exact: bool = False  # the tokens were counted, not guessed
    memory: MemoryParts = MemoryParts()
    memory_bytes: int = 0  # the sum of the parts
    free_bytes: int | None = None
    device: str = "cpu"
    precision: str = "float32"
    tokens_per_second: float = 0.0
    basis: Basis = "rough"
    like_run: str = ""  # whose speed was taken
    is_slow: bool = False  # what was measured is far below what was to be expected
    others: tuple[str, ...] = ()  # runs that it shares the machine with
    seconds: float = 0.0  # to the end, validations included
    fits: bool = True
    suggestions: tuple[Suggestion, ...] = ()


def look_ahead(
    config: TrainingConfig,
    shape: ModelShape,
    size: DataSize,
    machine: Machine,
    speeds: Sequence[Speed] = (),
    parameters: int = 0,
    measured: float = 0.0,
) -> Preflight:
    """Everything about a run of `config`; `parameters` when the model is there already, `measured` tokens/s."""
    parameters = parameters or num_parameters(shape)
    memory = memory_parts(config, shape, parameters, machine.device, machine.precision)
    guess = guess_speed(config, shape, parameters, speeds)
    # Others take their share of what a quiet machine reaches; what was just measured has felt them already.
    speed = measured or guess.tokens_per_second / (1 + len(machine.others))
    steps = steps_of(config, size.train_tokens // shape.context_length)
    tokens = steps * config.batch_size * shape.context_length
    fits = machine.free_bytes is None or memory.total <= machine.free_bytes
    return Preflight(
        num_parameters=parameters,
        tokens_per_epoch=size.train_tokens,
        tokens=tokens,
        epochs=tokens / size.train_tokens if size.train_tokens else None,
        is_exact=size.is_exact,
        memory=memory,
        memory_bytes=memory.total,
        free_bytes=machine.free_bytes,
        device=machine.device,
        precision=machine.precision,
        tokens_per_second=speed,
        basis="probe" if measured else "run" if guess.run else "rough",
        like_run="" if measured else guess.run,
        is_slow=0 < measured < guess.tokens_per_second / _FAR_BELOW,
        others=machine.others,
        seconds=(tokens + _validated(config, shape, size, steps) * _FORWARD_SHARE) / speed,
        fits=fits,
        suggestions=() if fits else tuple(what_fits(config, shape, machine, not config.base_model)),
    )


def steps_of(config: TrainingConfig, windows: int) -> int:
    """The steps of a run; those of epochs are known as well as the data is."""
    if not config.num_train_epochs or not windows:
        return config.max_steps
    return max(1, math.ceil(config.num_train_epochs * windows / config.batch_size))


def _validated(config: TrainingConfig, shape: ModelShape, size: DataSize, steps: int) -> int:
    """Tokens of all validations of a run."""
    tokens = size.validation_tokens
    if config.eval_windows:
        tokens = min(tokens, config.eval_windows * shape.context_length)
    return tokens * (1 + math.ceil(steps / config.eval_interval))


def data_size(config: TrainingConfig, characters: int, vocab_size: int) -> DataSize:
    """About how many tokens so many characters of a data set are; exact for characters only."""
    is_by_character = config.tokenizer == "char" and not config.base_model
    tokens = characters / (1 if is_by_character else characters_per_token(vocab_size))
    held_out = 0.0 if config.validation_dataset else config.validation_share
    return DataSize(int(tokens * (1 - held_out - config.test_share)), int(tokens * held_out), is_by_character)


def characters_per_token(vocab_size: int) -> float:
    """Of byte-pair encodings of English, about: 3.1 with 2,048 tokens, 4.4 with GPT-2's 50,257."""
    return max(1.0, 0.28 * math.log2(max(2, vocab_size)))


# ---- the machine


def machine_now(config: TrainingConfig, embedding_size: int, runs_path: Path) -> Machine:
    """What a run of `config` would find now."""
    device = likely_device(config)
    return Machine(
        device,
        likely_precision(config, device, embedding_size),
        free_memory(device),
        others_running(runs_path, device),
    )


def others_running(runs_path: Path, device: str) -> tuple[str, ...]:
    """Runs that learn on this device now."""
    found = ((run.name, run.status()) for run in list_runs(runs_path))
    return tuple(
        name for name, status in found if status.state == "running" and status.device.startswith(device)
    )


def free_memory(device: str) -> int | None:
    """Bytes a new process can have on a device; None when that cannot be found out."""
    if device == "cuda":
        return _free_on_card()
    free = int(psutil.virtual_memory().available)
    limit = _cgroup_number("memory.max")
    used = _cgroup_number("memory.current")
    return free if limit is None or used is None else min(free, max(0, limit - used))


def _cgroup_number(name: str) -> int | None:
    """A limit that a container sets (control groups, version 2)."""
    try:
        return int((_CGROUP / name).read_text())
    except (OSError, ValueError):  # there is none, or it says "max"
        return None


def _free_on_card() -> int | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS_FOR_CARD, check=False)
        return int(done.stdout.splitlines()[0]) << 20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


# ---- what would fit


def what_fits(
    config: TrainingConfig, shape: ModelShape, machine: Machine, may_shrink: bool
) -> list[Suggestion]:
    """Changes with which a run fits, those that leave its result alone first; `may_shrink` the model itself."""
    found = [_first_that_fits(kind(config), config, shape, machine) for kind in (_smaller_passes, _less_kept)]
    if not any(found):
        found.append(_first_that_fits(_both(config), config, shape, machine))
    # Where no way of computing the same is enough, all of it is needed beside a smaller task.
    least: Change = {} if any(found) else _least_memory(config)
    found.append(_first_that_fits(({**least, **one} for one in _shorter(shape)), config, shape, machine))
    if may_shrink:
        smaller = ({**least, **one} for one in _smaller_model(config))
        found.append(_first_that_fits(smaller, config, shape, machine))
    return [one for one in found if one is not None]


Change = Mapping[str, int | bool]


def _first_that_fits(
    candidates: Iterator[Change], config: TrainingConfig, shape: ModelShape, machine: Machine
) -> Suggestion | None:
    for change in candidates:
        changed = config.with_changes("preflight", **change)
        smaller = _resized(shape, change)
        total = memory_parts(
            changed, smaller, num_parameters(smaller), machine.device, machine.precision
        ).total
        if machine.free_bytes is None or total <= machine.free_bytes:
            return Suggestion(changes=dict(change), memory_bytes=total, words=_words(changed, change))
    return None


def _resized(shape: ModelShape, change: Change) -> ModelShape:
    def of(name: str, now: int) -> int:
        return int(change.get(name, now))

    return replace(
        shape,
        context_length=of("context_length", shape.context_length),
        num_layers=of("num_layers", shape.num_layers),
        embedding_size=of("embedding_size", shape.embedding_size),
        num_heads=of("num_heads", shape.num_heads),
    )


def _passes(config: TrainingConfig) -> Iterator[int]:
    """Smaller passes that make up the same batch."""
    now = config.micro_batch_size or config.batch_size
    return (size for size in range(now - 1, 0, -1) if config.batch_size % size == 0)


def _smaller_passes(config: TrainingConfig) -> Iterator[Change]:
    return ({"micro_batch_size": size} for size in _passes(config))


def _less_kept(config: TrainingConfig) -> Iterator[Change]:
    if not config.gradient_checkpointing:
        yield {"gradient_checkpointing": True}


def _both(config: TrainingConfig) -> Iterator[Change]:
    if not config.gradient_checkpointing:
        yield from ({"gradient_checkpointing": True, "micro_batch_size": size} for size in _passes(config))


def _least_memory(config: TrainingConfig) -> Change:
    size: Change = {"micro_batch_size": 1} if (config.micro_batch_size or config.batch_size) > 1 else {}
    return size if config.gradient_checkpointing else {"gradient_checkpointing": True, **size}


def _shorter(shape: ModelShape) -> Iterator[Change]:
    length = shape.context_length // 2
    while length >= _SMALLEST_CONTEXT:
        yield {"context_length": length}
        length //= 2


def _smaller_model(config: TrainingConfig) -> Iterator[Change]:
    """Half the layers, then half the width, and so on; the width of a head stays."""
    layers, width, heads = config.num_layers, config.embedding_size, config.num_heads
    while layers > 1 or heads > 1:
        if layers > 1:
            layers = -(-layers // 2)
            yield {"num_layers": layers, "embedding_size": width, "num_heads": heads}
        if heads > 1:
            width, heads = width // heads * -(-heads // 2), -(-heads // 2)
            yield {"num_layers": layers, "embedding_size": width, "num_heads": heads}


def _words(config: TrainingConfig, change: Change) -> str:
    parts = []
    if "gradient_checkpointing" in change:
        parts.append("gradient_checkpointing=true (the same result, a third more time)")
    if "micro_batch_size" in change:
        parts.append(f"micro_batch_size={config.micro_batch_size} (the same batch of {config.batch_size})")
    if "context_length" in change:
        parts.append(f"context_length={config.context_length}")
    if "num_layers" in change:
        parts.append(
            f"a smaller model: num_layers={config.num_layers}, num_heads={config.num_heads}, "
            f"embedding_size={config.embedding_size}"
        )
    return " and ".join(parts)
