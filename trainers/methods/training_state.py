"""What a checkpoint holds beside the model, and how a run finds its way back to exactly where it was.

    training_state.json         TrainingState: step, best loss, sums since the last logged row, versions
    training_state.safetensors  optimizer moments, and the state of every random number generator

Neither is pickled, so opening a checkpoint never runs code.
The one rule: what cannot be restored exactly is refused or told, never filled in.
"""

from __future__ import annotations

import hashlib
import json
import platform
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.errors import UserError
from engine.models.checkpoints import write_tensors
from engine.records import Record
from trainers.config import TrainingConfig
from trainers.interventions import Intervention

STATE_FILE = "training_state.json"
TENSORS_FILE = "training_state.safetensors"
_PIECE, _SMALL = 1 << 20, 1 << 28  # bytes
# Settings that do not change what has been computed so far.
_FREE = (
    "max_steps",
    "num_train_epochs",
    "log_interval",
    "eval_interval",
    "eval_windows",
    "checkpoint_interval",
    "sample_interval",
    "patience",
    "keep_checkpoints",
    "keep_every",
)
_ALSO_FREE = ("sample_prompts", "sample_tokens", "device", "threads", "on_bad_step", "on_full_disk")
# Settings that runs made before them did not have: they count when they are not what such runs did.
_LATER = (
    "test_share",
    "backend",
    "initialization",
    "packing",
    "prompt_loss",
    "optimizer",
    "muon_learning_rate",
    "muon_momentum",
    "decay_share",
    "label_smoothing",
    "ema_decay",
    "gradient_checkpointing",
)


class TrainingState(Record):
    """Where a run stands. A state without one of the fields is refused, but for those that came later."""

    step: int  # optimizer steps applied
    measured_step: int  # the last step whose logging, evaluation and samples are complete
    best_step: int | None
    best_val_loss: float | None
    loss_sum: float  # of the steps since the last logged row
    loss_count: int
    seconds_trained: float
    config_hash: str
    tokenizer_hash: str
    python_random: list[Any]
    numpy_random: list[Any]
    precision: str
    device: str
    threads: int
    torch_version: str
    machine: str
    validations_without_gain: int = 0
    gradient_norm: float = 0.0  # of the last step, for a row that is still to be logged
    data_hash: str = ""  # of the token files; runs made before it did not have it
    interventions: tuple[Intervention, ...] = ()  # up to this step; the file of the run has later ones too


def config_hash(config: TrainingConfig) -> str:
    """A fingerprint of everything that decides the numbers of a run."""
    defaults = TrainingConfig().to_dict()
    data = {
        key: value
        for key, value in config.to_dict().items()
        if key not in _FREE + _ALSO_FREE and not (key in _LATER and value == defaults[key])
    }
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file; empty when there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def data_hash(folder: Path) -> str:
    """A fingerprint of the token files: all of small ones, a megabyte in every 64 of large ones."""
    found = hashlib.sha256()
    for path in sorted([*folder.glob("*.bin"), *folder.glob("*.marks")]):
        size = path.stat().st_size
        found.update(f"{path.name} {size} ".encode())
        with path.open("rb") as file:
            for start in range(0, size, _PIECE if size <= _SMALL else 64 * _PIECE):
                file.seek(start)
                found.update(file.read(_PIECE))
    return found.hexdigest()


def machine() -> str:
    """What exactness depends on beside torch."""
    return f"{platform.system()} {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def random_states() -> tuple[list[Any], list[Any]]:
    """The states of Python's and numpy's global generators as JSON."""
    version, numbers, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    return [version, list(numbers), gauss], [name, keys.tolist(), *rest]  # type: ignore[union-attr]


def save_state(folder: Path, state: TrainingState, tensors: dict[str, Tensor]) -> None:
    """Write both files into a checkpoint that is being made."""
    tensors = {**tensors, "random.torch": torch.get_rng_state()}
    if state.device.startswith("cuda"):
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    write_tensors(tensors, folder / TENSORS_FILE)
    (folder / STATE_FILE).write_bytes(state.to_json() + b"\n")


def load_state(checkpoint: Path) -> tuple[TrainingState, dict[str, Tensor]]:
    """Read both files of a checkpoint.

    Raises:
        UserError: when one is missing or incomplete.
    """
    try:
        state = TrainingState.from_json((checkpoint / STATE_FILE).read_bytes(), str(checkpoint / STATE_FILE))
        tensors = load_file(checkpoint / TENSORS_FILE)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{checkpoint}: the training state cannot be read ({error}).") from None
    if "random.torch" not in tensors or (state.device.startswith("cuda") and "random.cuda" not in tensors):
        raise UserError(f"{checkpoint / TENSORS_FILE}: the state of the random numbers is missing.")
    return state, tensors


def restore_random_states(state: TrainingState, tensors: dict[str, Tensor], device: torch.device) -> None:
    """Put every generator back to where it was."""
    version, numbers, gauss = state.python_random
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state.numpy_random
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(tensors["random.torch"])
    if device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])


def differences(state: TrainingState, precision: str, device: str, threads: int) -> list[str]:
    """What differs from when the checkpoint was made, so that going on may not be exact to the last bit."""
    then_and_now = {
        "precision": (state.precision, precision),
        "device": (state.device, device),
        "number of threads": (str(state.threads), str(threads)),
        "torch": (state.torch_version, str(torch.__version__)),
        "machine": (state.machine, machine()),
    }
    return [f"{name} was {then}, is {now}" for name, (then, now) in then_and_now.items() if then != now]
