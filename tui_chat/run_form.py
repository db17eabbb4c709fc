"""What the form for a new run knows: what is wrong with what was typed, and what follows.

    config, problems = config_of(recipe, {"max_steps": "500", "learning_rate": "1e-3x"})
    problems    {"learning_rate": "must be a number."}

The one rule: pure functions of texts; nothing typed is changed, only understood or refused with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from engine.errors import UserError
from engine.records import words_of
from trainers.base_models import BaseModel, shape_of_run
from trainers.config import TrainingConfig, read_recipe, recipe_text
from trainers.data_files import is_data_name
from trainers.data_splits import early_stopping_problem
from trainers.datasets import DataReport, inspect, is_plain_text, read_text_chunks
from trainers.estimates import Speed
from trainers.model_shape import ModelShape
from trainers.own_datasets import dataset_path
from trainers.preflight import (
    DataSize,
    Machine,
    Preflight,
    characters_per_token,
    data_size,
    look_ahead,
)
from trainers.run_directory import check_run_name
from tui_chat.run_fields import FIELDS, SOURCE, in_titles, value_of
from tui_chat.text import one_line

_GUESSED_CHARACTERS = 65  # of a vocabulary of characters, until the data was read
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


def suited_recipe(report: DataReport | None) -> str:
    """The recipe to begin with, for data that was looked at or for none yet."""
    is_chat = report is not None and report.rows > 0 and report.has_conversations
    return "fine-tune-conversations" if is_chat else "shakespeare-char-cpu"


def leading_comment(text: str) -> str:
    """The comment at the top of a TOML file, as one paragraph."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if "tui-chat train" not in line:  # for the command line; the form does it
            lines.append(line.lstrip("# ").rstrip())
    return " ".join(" ".join(lines).split())


def config_of(
    recipe: TrainingConfig, texts: Mapping[str, str]
) -> tuple[TrainingConfig | None, dict[str, str]]:
    """The configuration that was typed, or a problem for each field that keeps it from being one."""
    changes: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name, text in texts.items():
        try:
            changes[name] = value_of(name, text.strip())
            TrainingConfig.from_dict(_alone(name, changes[name]), SOURCE)
        except UserError as error:
            problems[name] = _without_name(str(error), name)
    if problems:
        return None, problems
    try:
        return recipe.with_changes(SOURCE, **{**changes, **_what_follows(recipe, changes)}), {}
    except UserError as error:
        message = str(error).removeprefix(f"{SOURCE}: ")
        field = next((name for name in reversed(FIELDS) if name in message and name in texts), "")
        return None, {field: in_titles(message)}


def _alone(name: str, value: object) -> dict[str, object]:
    """A configuration in which only this value can be wrong."""
    return {
        name: value,
        **({"num_heads": 1} if name == "embedding_size" else {}),
        **({"embedding_size": value} if name == "num_heads" else {}),
        **({"min_learning_rate": 0.0} if name == "learning_rate" else {}),
        **({"method": "fine_tuning"} if name == "prompt_loss" else {}),
    }


def _what_follows(recipe: TrainingConfig, changes: Mapping[str, object]) -> dict[str, object]:
    """Settings that are not in the form and have to go along with those that are."""
    follows: dict[str, object] = {}
    rate, batch = changes.get("learning_rate"), changes.get("batch_size")
    if isinstance(rate, float):
        follows["min_learning_rate"] = recipe.min_learning_rate * (rate / recipe.learning_rate)
    if isinstance(batch, int) and recipe.micro_batch_size:
        follows["micro_batch_size"] = math.gcd(batch, recipe.micro_batch_size)
    return follows


def _without_name(message: str, name: str) -> str:
    return message.removeprefix(f"{SOURCE}: ").removeprefix(f"{name} ")


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
    path = dataset_path(typed)
    try:
        report = inspect(path, look_limit(path))
        return CheckedData(report, len(set(next(read_text_chunks(path), ""))))
    except OSError as error:  # not allowed, too long for a name, gone meanwhile
        raise UserError(f"{one_line(typed)}: cannot be read ({error.strerror}).") from None


def dataset_of(typed: str) -> str:
    """The data set of the configuration, for what was typed."""
    return str(dataset_path(typed).absolute()) if typed else ""


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
    if report.has_nothing:
        return "There is nothing in it that can be used."
    if config.method != "pretraining" and not report.has_conversations:
        return "This recipe needs conversations, and this is running text. Choose a pretraining recipe."
    return early_stopping_problem(config)


def what_is_missing(
    config: TrainingConfig | None,
    problems: Mapping[str, str],
    name: str,
    data: CheckedData | None,
    base: BaseModel | None = None,
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
    return problem or data_hint(config, data.report, base), bool(problem)


def data_hint(config: TrainingConfig, report: DataReport, base: BaseModel | None = None) -> str:
    """What would suit the data better; empty when all is well."""
    if config.method == "pretraining" and report.has_conversations:
        return (
            "These are conversations: a fine-tuning recipe would learn to answer; this one learns their text."
        )
    if config.method != "pretraining" and base and base.shape and report.rows:
        mean = report.characters / report.rows / characters_per_token(base.shape.vocab_size)
        suited = min(2 ** math.ceil(math.log2(max(2.0, mean))), base.shape.context_length)
        if mean > config.context_length and suited > config.context_length:
            return f"A context of {suited} cuts off fewer rows."
    return ""


def words_of_model(base: BaseModel) -> str:
    """What is known of a model to start from."""
    if base.shape is None:
        return "Downloaded when the run starts, if it is not there yet."
    # The shortest first: at 80 columns there is room for thirty characters.
    millions = f"{base.num_parameters / 1e6:.3g}M parameters"
    return f"context {base.shape.context_length:,}, {millions}: {base.name}"


def shape_of(
    config: TrainingConfig, data: CheckedData | None, base: BaseModel | None
) -> tuple[ModelShape, int] | None:
    """The shape and the parameters of a run's model; None while the model to start from is not known."""
    characters = data.characters if data else 0  # of an empty file, none either
    return shape_of_run(config, base, characters or _GUESSED_CHARACTERS)


def preflight_of(
    config: TrainingConfig,
    data: CheckedData | None,
    base: BaseModel | None,
    speeds: Sequence[Speed],
    machine: Machine,
    measured: float = 0.0,
) -> Preflight | None:
    """What a run will need; None while the model to start from is not known."""
    known = shape_of(config, data, base)
    if known is None:
        return None
    shape, parameters = known
    size = DataSize()
    if data is not None and data.report.complete:
        size = data_size(config, data.report.characters, shape.vocab_size)
    return look_ahead(config, shape, size, machine, speeds, parameters, measured)


def is_data_file(path: Path) -> bool:
    """Whether the file tree offers a file."""
    return is_data_name(path)
