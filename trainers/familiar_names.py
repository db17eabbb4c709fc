"""The names under which people who come from `transformers.Trainer` or nanoGPT know our settings.

    with_our_names({"per_device_train_batch_size": 4, "gradient_accumulation_steps": 8}, 32, "--set")
        {"batch_size": 32, "micro_batch_size": 4}

The one rule: a name stands for exactly one of ours with the same meaning, and contradictions are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import UserError

_SAME_MEANING = {
    "adam_beta1": "beta1",
    "adam_beta2": "beta2",
    "max_grad_norm": "gradient_clip",
    "lr_scheduler_type": "schedule",
    "label_smoothing_factor": "label_smoothing",
    "logging_steps": "log_interval",
    "eval_steps": "eval_interval",
    "save_steps": "checkpoint_interval",
    "early_stopping_patience": "patience",
    "model_name_or_path": "base_model",
    "lr": "learning_rate",
    "min_lr": "min_learning_rate",
    "max_iters": "max_steps",
    "warmup_iters": "warmup_steps",
    "block_size": "context_length",
    "n_layer": "num_layers",
    "n_head": "num_heads",
    "n_embd": "embedding_size",
    "grad_clip": "gradient_clip",
}
_PER_DEVICE, _ACCUMULATION = "per_device_train_batch_size", "gradient_accumulation_steps"


def as_typed(values: Mapping[str, Any]) -> dict[str, str]:
    """Our names of the settings that were given under others', for `said_with`."""
    return {ours: theirs for theirs, ours in _SAME_MEANING.items() if theirs in values}


def with_our_names(values: Mapping[str, Any], batch_size: int, source: str) -> dict[str, Any]:
    """Settings as given, with others' names replaced by ours; `batch_size` is what holds when none is given.

    Raises:
        UserError: when a setting is given under both names, or the sizes of batches do not fit together.
    """
    given = dict(values)
    for theirs, ours in _SAME_MEANING.items():
        if theirs in given:
            if ours in given:
                raise UserError(f"{source}: {theirs} and {ours} are the same setting. Give one of them.")
            given[ours] = given.pop(theirs)
    if _PER_DEVICE not in given and _ACCUMULATION not in given:
        return given
    return _with_batch_sizes(given, batch_size, source)


def _with_batch_sizes(given: dict[str, Any], batch_size: int, source: str) -> dict[str, Any]:
    """per_device_train_batch_size x gradient_accumulation_steps = batch_size, on one device."""
    per_device = _positive(given.pop(_PER_DEVICE, None), _PER_DEVICE, source)
    times = _positive(given.pop(_ACCUMULATION, None), _ACCUMULATION, source)
    if per_device and "micro_batch_size" in given:
        raise UserError(
            f"{source}: {_PER_DEVICE} and micro_batch_size are the same setting. Give one of them."
        )
    per_device = per_device or _positive(given.pop("micro_batch_size", None), "micro_batch_size", source)
    wanted = _positive(given.get("batch_size"), "batch_size", source)
    if per_device is None:  # the batch is cut into so many
        wanted = wanted or batch_size
        per_device = max(1, wanted // (times or 1))
    elif times is None:  # as Trainer does it: once, unless the whole is known
        times = max(1, wanted // per_device) if wanted else 1
    whole = per_device * (times or 1)
    if wanted is not None and whole != wanted:
        raise UserError(
            f"{source}: {_PER_DEVICE} {per_device} x {_ACCUMULATION} {times} is {whole}, but batch_size is {wanted}. "
            "Leave one of the three out, or let them agree."
        )
    return {**given, "batch_size": whole, "micro_batch_size": per_device}


def _positive(value: object, name: str, source: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UserError(f"{source}: {name} is a number of at least 1, not {value!r}.")
    return value
