"""The preflight of a configuration as it stands: looks at its data, its base model and this machine. Torch-free.

    look = outlook(config, runs_path)                     # from what is known: at once for small data
    look = outlook(config, runs_path, is_measured=True)   # with ten steps of a throw-away model

The one rule: small data is counted exactly, of larger data its characters tell about how much it is.
"""

from __future__ import annotations

from pathlib import Path

from trainers.base_models import BaseModel, look_at_base_model, shape_of_run
from trainers.config import TrainingConfig
from trainers.data_splits import parts_of
from trainers.datasets import inspect, read_text_chunks
from trainers.estimates import speeds_of
from trainers.preflight import DataSize, Preflight, data_size, look_ahead, machine_now
from trainers.probing import ProbeRequest, measure
from trainers.small_data import Trial, size_on_disk, try_out

_COUNTED = 20_000_000  # bytes of data that are looked through


def outlook(config: TrainingConfig, runs_path: Path, is_measured: bool = False) -> Preflight | None:
    """What a run of `config` will need; None while the model to start from is not on this machine.

    Raises:
        UserError: when data or model cannot be used, or the speed cannot be measured.
    """
    base: BaseModel | None = look_at_base_model(config.base_model) if config.base_model else None
    trial = try_out(config)
    known = shape_of_run(config, base, trial.files.vocab_size if trial else _different_characters(config))
    if known is None:
        return None
    shape, parameters = known
    size = size_of(config, trial) if trial else data_size(config, _characters(config), shape.vocab_size)
    machine = machine_now(config, shape.embedding_size, runs_path)
    speed = 0.0
    if is_measured:
        speed = measure([ProbeRequest(config=config, vocab_size=shape.vocab_size)])[0].tokens_per_second
    return look_ahead(config, shape, size, machine, speeds_of(runs_path), parameters, speed)


def size_of(config: TrainingConfig, trial: Trial) -> DataSize:
    """How much there is to read; packed windows are read whole, whatever of them is learnt."""
    files = trial.files
    if config.method == "pretraining":
        return DataSize(files.train_tokens, files.validation_tokens, is_exact=True)
    length = files.context_length
    return DataSize(trial.train_windows * length, trial.validation_windows * length, is_exact=True)


def _characters(config: TrainingConfig) -> int:
    """Of the training data; where counting would take seconds, as many as it has bytes."""
    size = size_on_disk(config)
    return inspect(parts_of(config).train).characters if size <= _COUNTED else size


def _different_characters(config: TrainingConfig) -> int:
    """In the first million or so; those that only come later are few."""
    if config.tokenizer != "char" or config.base_model:
        return 0
    parts = parts_of(config)
    return len(set(next(read_text_chunks(parts.train), "")))
