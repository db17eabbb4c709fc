"""What the form for a new run knows: which settings matter, what is wrong with what was typed, and what follows.

    config, problems = config_of(recipe, {"max_steps": "500", "learning_rate": "1e-3x"})
    problems    {"learning_rate": "must be a number."}

The one rule: pure functions of texts; nothing typed is changed, only understood or refused with a reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from engine import model_library
from engine.errors import UserError
from engine.model_card import read_json, read_model_card
from engine.paths import typed_path
from engine.records import words_of
from trainers.config import TrainingConfig, read_recipe, recipe_text
from trainers.data_files import is_data_name
from trainers.datasets import DataReport, inspect, is_plain_text, read_text_chunks
from trainers.estimates import ModelShape, Speed, estimate, num_parameters, vocabulary_size
from trainers.run_directory import check_run_name
from tui_chat import quantities
from tui_chat.text import one_line

SHAPE_FIELDS = ("num_layers", "num_heads", "embedding_size")  # given when a model is there already
FIELDS: dict[str, str] = {  # the few settings that matter, with their titles
    "base_model": "Start from model",
    "max_steps": "Steps",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "context_length": "Context length",
    "num_layers": "Layers",
    "num_heads": "Heads",
    "embedding_size": "Width",
}
NUMBERS = ("max_steps", "batch_size", "context_length", "num_layers", "num_heads", "embedding_size")
_SOURCE = "form"
_GUESSED_CHARACTERS = 65  # of a vocabulary of characters, until the data was read
_CHARACTERS_PER_TOKEN = 4  # of byte-pair encodings, about
_LARGE_FILE = 100_000_000  # bytes; of more, the check sees a part
_ROWS_OF_LARGE, _MILLIONS_OF_LARGE = 20_000, 50


class Recipe(NamedTuple):
    """A ready-made run: its name, its settings, and what its author says about it."""

    name: str
    config: TrainingConfig
    description: str


class CheckedData(NamedTuple):
    """A look at the data, and how many different characters there were."""

    report: DataReport
    characters: int


def load_recipe(name: str) -> Recipe:
    """A recipe with the comment its file begins with.

    Raises:
        UserError: when there is none, or it is wrong.
    """
    return Recipe(name, read_recipe(name), leading_comment(recipe_text(name)))


def leading_comment(text: str) -> str:
    """The comment at the top of a TOML file, as one paragraph."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if "tui-chat train" not in line:  # for the command line; the form does it
            lines.append(line.lstrip("# ").rstrip())
    return " ".join(" ".join(lines).split())


def prefilled(recipe: TrainingConfig) -> dict[str, str]:
    """The texts of the fields for a recipe."""
    values = recipe.to_dict()
    return {
        name: f"{values[name]:g}" if isinstance(values[name], float) else str(values[name]) for name in FIELDS
    }


def shown_fields(recipe: TrainingConfig, base_model: str) -> list[str]:
    """The fields that mean something: a model that is there already has its shape."""
    is_tuning = recipe.method != "pretraining"
    hidden = SHAPE_FIELDS if base_model.strip() else ()
    return [
        name for name in FIELDS if name not in hidden and (name != "base_model" or is_tuning or base_model)
    ]


def config_of(
    recipe: TrainingConfig, texts: Mapping[str, str]
) -> tuple[TrainingConfig | None, dict[str, str]]:
    """The configuration that was typed, or a problem for each field that keeps it from being one."""
    changes: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name, text in texts.items():
        try:
            changes[name] = _value_of(name, text.strip())
            TrainingConfig.from_dict(_alone(name, changes[name]), _SOURCE)
        except UserError as error:
            problems[name] = _without_name(str(error), name)
    if problems:
        return None, problems
    try:
        return recipe.with_changes(_SOURCE, **{**changes, **_what_follows(recipe, changes)}), {}
    except UserError as error:
        message = str(error).removeprefix(f"{_SOURCE}: ")
        field = next((name for name in reversed(FIELDS) if name in message and name in texts), "")
        return None, {field: message}


def _alone(name: str, value: object) -> dict[str, object]:
    """A configuration in which only this value can be wrong."""
    return {
        name: value,
        **({"num_heads": 1} if name == "embedding_size" else {}),
        **({"embedding_size": value} if name == "num_heads" else {}),
        **({"min_learning_rate": 0.0} if name == "learning_rate" else {}),
    }


def _value_of(name: str, text: str) -> object:
    if name in NUMBERS:
        digits = text.replace(",", "").replace("_", "").replace(" ", "")
        if not re.fullmatch(r"[+-]?\d+", digits):
            raise UserError(f"{_SOURCE}: {name} must be a whole number.")
        return int(digits)
    if name == "learning_rate":
        try:
            return float(text)
        except ValueError:
            raise UserError(f"{_SOURCE}: {name} must be a number, such as 1e-3 or 0.0005.") from None
    return text


def _what_follows(recipe: TrainingConfig, changes: Mapping[str, object]) -> dict[str, object]:
    """Settings that are not in the form and have to go along with those that are."""
    follows: dict[str, object] = {}
    rate, batch = changes.get("learning_rate"), changes.get("batch_size")
    if isinstance(rate, float):
        follows["min_learning_rate"] = recipe.min_learning_rate * rate / recipe.learning_rate
    if isinstance(batch, int) and recipe.micro_batch_size:
        follows["micro_batch_size"] = math.gcd(batch, recipe.micro_batch_size)
    return follows


def _without_name(message: str, name: str) -> str:
    return message.removeprefix(f"{_SOURCE}: ").removeprefix(f"{name} ")


_NOTES = {
    "base_model": "builtin, a folder, run:NAME, hf:OWNER/NAME",
    "max_steps": "optimizer steps",
    "batch_size": "sequences per step",
    "learning_rate": "at its highest",
    "context_length": "tokens seen at once",
    "num_layers": "transformer blocks",
    "num_heads": "must divide the width",
    "embedding_size": "numbers per token",
}


def note_of(name: str) -> str:
    """What stands beside a field that is right."""
    return _NOTES[name]


def device_words() -> tuple[str, ...]:
    """The devices to choose from."""
    return words_of(TrainingConfig, "device")


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, with a number when that run is there already."""
    names = set(taken)
    candidates = (wanted, *(f"{wanted}-{number}" for number in range(2, len(names) + 3)))
    return next(name for name in candidates if name not in names)


def name_problem(name: str, taken: Iterable[str]) -> str:
    """Why this cannot be the new run's name; empty when it can."""
    try:
        check_run_name(name)
    except UserError as error:
        return str(error)
    return "There is a run of this name already." if name in set(taken) else ""


def check_data(typed: str) -> CheckedData:
    """Look at the data; of a very large file, at its beginning.

    Raises:
        UserError: when it cannot be used at all.
    """
    path = typed_path(typed)
    try:
        report = inspect(path, look_limit(path))
        return CheckedData(report, len(set(next(read_text_chunks(path), ""))))
    except OSError as error:  # not allowed, too long for a name, gone meanwhile
        raise UserError(f"{one_line(typed)}: cannot be read ({error.strerror}).") from None


def look_limit(path: Path) -> int:
    """How much of a very large file is looked at (rows, or millions of characters of text); 0 = all.

    Raises:
        UserError, OSError: when it cannot be read.
    """
    if not path.is_file() or path.stat().st_size <= _LARGE_FILE:
        return 0
    return _MILLIONS_OF_LARGE if is_plain_text(path) else _ROWS_OF_LARGE


def data_problem(config: TrainingConfig, report: DataReport) -> str:
    """Why this recipe cannot learn from this data; empty when it can."""
    if not report.rows:
        return "There is nothing in it that can be used."
    if config.method != "pretraining" and not report.has_conversations:
        return "This recipe needs conversations, and this is running text. Choose a pretraining recipe."
    return ""


def what_is_missing(
    config: TrainingConfig | None, problems: Mapping[str, str], name: str, data: CheckedData | None
) -> tuple[str, bool]:
    """What to do before the run can start, and whether something is wrong; empty when it can."""
    if problems:
        return problems.get("") or "Some settings are not right yet.", True
    if name:
        return "The name is not right yet.", True
    if data is None:
        return "Choose what to learn from.", False
    if config is None:
        return "", False
    problem = data_problem(config, data.report)
    return problem or data_hint(config, data.report), bool(problem)


def data_hint(config: TrainingConfig, report: DataReport) -> str:
    """What would suit the data better; empty when all is well."""
    if config.method == "pretraining" and report.has_conversations:
        return (
            "These are conversations: a fine-tuning recipe would learn to answer; this one learns their text."
        )
    return ""


class BaseModel(NamedTuple):
    """A model to start from, as far as it is known without loading it."""

    words: str
    shape: ModelShape | None = None
    num_parameters: int = 0


def look_at_model(reference: str) -> BaseModel:
    """What is known of a model to start from; one of the Hub is not downloaded for it.

    Raises:
        UserError: when there is no such model.
    """
    if reference.startswith("hf:"):
        return BaseModel("Downloaded when the run starts, if it is not there yet.")
    directory = model_library.resolve(reference)
    card, config = (
        read_model_card(directory),
        read_json(directory / "config.json", "a model directory needs it"),
    )
    numbers = [_first_number(config, *names) for names in _CONFIG_NAMES]
    shape = ModelShape(
        numbers[0], numbers[1], card.context_length or numbers[2], card.vocab_size or numbers[3]
    )
    parameters = card.num_parameters or num_parameters(shape)
    words = f"{card.name}: {quantities.count(parameters)} parameters, context {shape.context_length:,}"
    return BaseModel(words, shape, parameters)


def expectations(
    config: TrainingConfig, data: CheckedData | None, base: BaseModel | None, speeds: Sequence[Speed]
) -> list[tuple[str, str]]:
    """(what, how much) of what a run will need; an existing model's shape is not known before it was looked at."""
    if not config.base_model:
        characters = data.characters if data else _GUESSED_CHARACTERS
        shape, parameters = ModelShape.of(config, vocabulary_size(config, characters)), 0
    elif base and base.shape:
        shape, parameters = base.shape, base.num_parameters
        shape = replace(shape, context_length=min(shape.context_length, config.context_length))
    else:
        return [("", "Known when the model to start from is there.")]
    found = estimate(config, shape, speeds, parameters)
    basis = f"as fast as “{found.measured_by}”" if found.measured_by else "a rough guess"
    return [
        ("Parameters", f"{found.num_parameters:,}"),
        ("Memory", f"about {quantities.byte_count(found.memory_bytes)}"),
        ("Time", f"about {quantities.duration(found.seconds)}, {basis}"),
        ("Reads", f"{quantities.count(found.tokens)} tokens{_repetitions(config, data, found.tokens)}"),
    ]


def _repetitions(config: TrainingConfig, data: CheckedData | None, tokens: int) -> str:
    if data is None or not data.report.complete or not data.report.characters:
        return ""
    is_by_character = config.tokenizer == "char" and not config.base_model
    times = tokens / (data.report.characters / (1 if is_by_character else _CHARACTERS_PER_TOKEN))
    return f", the data {times:.1f} times" if times >= 0.1 else ""


# Layers, width, context and vocabulary in a config.json, as GPT-2 and as others call them.
_CONFIG_NAMES = (
    ("n_layer", "num_hidden_layers"),
    ("n_embd", "hidden_size"),
    ("n_positions", "max_position_embeddings"),
    ("vocab_size",),
)


def _first_number(config: Mapping[str, object], *names: str) -> int:
    return next((value for name in names if isinstance(value := config.get(name), int)), 1)


def is_data_file(path: Path) -> bool:
    """Whether the file tree offers a file."""
    return is_data_name(path)
