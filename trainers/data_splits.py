"""Which data trains, which validates, which is kept for testing.

    parts = data_parts("folder", "")        # folder with train.txt, val.txt: DataParts(train=..., validation=...)
    side_of = divider(path, 0.1, 0.05)
    side = side_of(text)                    # a row of a file: "train", "validation" or "test", by its own hash

The one rule: a row's side depends on its text and on the shares alone, so it never moves between runs; asking for a
share of test rows takes them out of those that train, and changes nothing else. Where a share is asked for, something
is held out: of rows of which none would validate, so few that chance may have it, the one with the lowest hash does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from trainers.config import TrainingConfig
from trainers.data_files import ready_splits
from trainers.datasets import is_held_out, read_rows

Split = Literal["train", "validation", "test"]
_FEWEST_CHARACTERS = 16  # of a text that are held out; a validation needs two tokens


class DataParts(NamedTuple):
    """Files or folders of a run's data; None where a share of `train` is taken instead."""

    train: Path
    validation: Path | None = None
    test: Path | None = None
    vocabulary: Path | None = None  # a vocab.txt that came with the data


def data_parts(dataset: str, validation_dataset: str = "") -> DataParts:
    """What a run reads; a `validation_dataset` goes before the one of a folder that is split already."""
    path, validation = Path(dataset), Path(validation_dataset) if validation_dataset else None
    splits = ready_splits(path)
    if splits is None:
        return DataParts(path, validation)
    return DataParts(splits.train, validation or splits.validation, splits.test, splits.vocabulary)


def parts_of(config: TrainingConfig) -> DataParts:
    """What a run trains, validates and tests on."""
    return data_parts(config.dataset, config.validation_dataset)


def early_stopping_problem(config: TrainingConfig) -> str:
    """Why `patience` would never end this run; empty when it can, or is not asked for."""
    if not config.patience or config.validation_share or parts_of(config).validation:
        return ""
    return (
        f"patience {config.patience} waits for a better validation, but nothing validates. Set validation_share "
        "(such as 0.1) or a validation_dataset, or set patience to 0."
    )


def test_share_of(config: TrainingConfig) -> float:
    """The share of rows that is kept for testing; none where a test file came with the data."""
    return 0.0 if parts_of(config).test else config.test_share


def split_of(text: str, validation_share: float, test_share: float = 0.0) -> Split:
    """The side of a document: one in n validates, another one in m tests, the rest trains."""
    if is_held_out(text, validation_share):
        return "validation"
    if test_share <= 0:
        return "train"
    # The next number of the same hash (not for security), so that validation is what it is without a test split.
    return "test" if _number(text) % max(2, round(1 / test_share)) == 1 else "train"


def divider(path: Path, validation_share: float, test_share: float = 0.0) -> Callable[[str], Split]:
    """Tells the side of each row of a data set, and holds out at least one when a share is asked for."""
    held_out = _row_to_hold_out(path, validation_share, test_share) if validation_share > 0 else None

    def side_of(text: str) -> Split:
        return "validation" if text == held_out else split_of(text, validation_share, test_share)

    return side_of


def _row_to_hold_out(path: Path, validation_share: float, test_share: float) -> str | None:
    """The row that validates because no other does; None where one does, or nothing would be left to train on.

    Reading ends with the first row that validates, so of large data only the beginning is read.
    """
    lowest: tuple[int, str] | None = None
    others = False
    for row in read_rows(path):
        text = row.as_text()
        side = split_of(text, validation_share, test_share)
        if side == "validation":
            return None
        if side == "train":
            others = others or (lowest is not None and text != lowest[1])
            lowest = min(lowest or (_number(text), text), (_number(text), text))
    return lowest[1] if lowest and others else None


def training_characters(characters: int, validation_share: float) -> int:
    """How much of a text's beginning trains; its end validates."""
    end = int(characters * (1 - validation_share))
    if validation_share > 0 and characters - end < _FEWEST_CHARACTERS:
        end = characters - min(_FEWEST_CHARACTERS, characters // 2)
    return end


def _number(text: str) -> int:
    """32 bits of the text's MD5, which is not for security here."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16)
