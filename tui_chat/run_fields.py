"""The fields of the form for a new run: their titles, what stands beside them, and what a text in one means.

    prefilled(recipe)["packing"]            "yes"
    value_of("max_steps", "2,000")          2000
    in_titles("num_heads 5 is too many")    "Heads 5 is too many"

The one rule: a field is a setting of `TrainingConfig`, and its text is understood whole or refused with a reason.
"""

from __future__ import annotations

import re

from engine.errors import UserError
from trainers.config import TrainingConfig

SOURCE = "form"
SHAPE_FIELDS: tuple[str, ...] = (
    "num_layers",
    "num_heads",
    "embedding_size",
)  # given when a model is there already
FIELDS: dict[str, str] = {  # the few settings that matter, with their titles
    "base_model": "Start from model",
    "max_steps": "Steps",
    "num_train_epochs": "Epochs",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "context_length": "Context length",
    "prompt_loss": "Prompt loss",
    "packing": "Packing",
    "num_layers": "Layers",
    "num_heads": "Heads",
    "embedding_size": "Width",
    "vocab_size": "Vocabulary",
    "threads": "CPU threads",
}
NUMBERS = ("max_steps", "batch_size", "context_length", *SHAPE_FIELDS, "vocab_size", "threads")
DECIMALS = {"learning_rate": "1e-3 or 0.0005", "num_train_epochs": "3 or 0.5", "prompt_loss": "0.1"}
SWITCHES = ("packing",)
TUNING_FIELDS = ("prompt_loss", "packing")
_MOST_DIGITS = 1000  # Python reads no more than 4300
_YES, _NO = ("yes", "true", "on", "y", "1"), ("no", "false", "off", "n", "0")
_NOTES = {
    "base_model": "builtin, a folder, run:NAME, hf:OWNER/NAME",
    "max_steps": "optimizer steps",
    "num_train_epochs": "above 0: instead of steps",
    "batch_size": "sequences per step",
    "learning_rate": "at its highest",
    "context_length": "tokens seen at once",
    "prompt_loss": "0: only answers are learnt",
    "packing": "yes: rows share windows",
    "num_layers": "transformer blocks",
    "num_heads": "must divide the width",
    "embedding_size": "numbers per token",
    "vocab_size": "tokens learnt from the text",
    "threads": "0: all cores",
}


def note_of(name: str) -> str:
    """What stands beside a field that is right."""
    return _NOTES[name]


def prefilled(recipe: TrainingConfig) -> dict[str, str]:
    """The texts of the fields for a recipe."""
    values = recipe.to_dict()
    return {name: _text_of(values[name]) for name in FIELDS}


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return _YES[0] if value else _NO[0]
    return f"{value:g}" if isinstance(value, float) else str(value)


def shown_fields(recipe: TrainingConfig, base_model: str) -> list[str]:
    """The fields that mean something: a model that is there already has its shape."""
    is_tuning = recipe.method != "pretraining"
    hidden = SHAPE_FIELDS if base_model.strip() else ()
    if not is_tuning:
        hidden = (*hidden, *TUNING_FIELDS)
    if base_model.strip() or recipe.tokenizer != "bpe":  # the vocabulary is there, or follows from the data
        hidden = (*hidden, "vocab_size")
    return [
        name for name in FIELDS if name not in hidden and (name != "base_model" or is_tuning or base_model)
    ]


def value_of(name: str, text: str) -> object:
    """What was typed.

    Raises:
        UserError: when it is no value of that setting; names `SOURCE`.
    """
    if name in NUMBERS:
        digits = text.replace(",", "").replace("_", "").replace(" ", "")
        if not re.fullmatch(r"[+-]?\d+", digits):
            raise UserError(f"{SOURCE}: {name} must be a whole number.")
        if len(digits) > _MOST_DIGITS:
            raise UserError(f"{SOURCE}: {name} must be a whole number of fewer digits.")
        return int(digits)
    if name in DECIMALS:
        try:
            return float(text)
        except ValueError:
            raise UserError(f"{SOURCE}: {name} must be a number, such as {DECIMALS[name]}.") from None
    if name in SWITCHES:
        if text.lower() not in _YES + _NO:
            raise UserError(f"{SOURCE}: {name} must be {_YES[0]} or {_NO[0]}.")
        return text.lower() in _YES
    return text


def in_titles(message: str) -> str:
    """A sentence with the settings called as the form calls them."""
    for name, title in FIELDS.items():
        message = re.sub(rf"\b{name}\b", title, message)
    return message
