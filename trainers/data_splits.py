"""Which data trains, which validates, which is kept for testing.

    parts = data_parts("folder", "")        # folder with train.txt, val.txt: DataParts(train=..., validation=...)
    side = split_of(text, 0.1, 0.05)        # a row of a file: "train", "validation" or "test", by its own hash

The one rule: a row's side depends on its text and on the shares alone, so it never moves between runs; asking for a
share of test rows takes them out of those that train, and changes nothing else.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, NamedTuple

from trainers.config import TrainingConfig
from trainers.data_files import ready_splits
from trainers.datasets import is_held_out

Split = Literal["train", "validation", "test"]


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
    number = int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16)
    return "test" if number % max(2, round(1 / test_share)) == 1 else "train"
