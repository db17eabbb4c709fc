"""The data sets that chatting makes, by name: replies that were preferred, corrected or liked in the app.

    my-preferences   {"prompt": [...], "chosen": [...], "rejected": [...]}      of each vote
    my-corrections   {"messages": [...]}   with the reply as it should have been
    my-favourites    {"messages": [...]}   with a reply that got a thumb up

    dataset_path("my-corrections")      DATA/datasets/my-corrections.jsonl, a name wherever data is named
    dataset_path("~/chats.jsonl")       a path, as it was typed

The app writes the files and takes away those that have no rows; here they are only found.
The one rule: a name means the same everywhere; a file that is called so is meant by ./my-corrections.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from engine.paths import datasets_path, typed_path

MY_PREFERENCES, MY_CORRECTIONS, MY_FAVOURITES = "my-preferences", "my-corrections", "my-favourites"


class OwnDataset(NamedTuple):
    """A name, what it holds, and how rows come into it."""

    name: str
    holds: str
    fill: str

    @property
    def path(self) -> Path:
        """Its file; not there while there are no rows."""
        return datasets_path() / f"{self.name}.jsonl"

    @property
    def rows(self) -> int:
        """How many there are now."""
        try:
            return self.path.read_bytes().count(b"\n")
        except OSError:
            return 0


OWN_DATASETS = (
    OwnDataset(
        MY_PREFERENCES,
        "replies that you preferred to others, in pairs",
        'ask two panes the same in the app (F4 links them), and say "This reply is better" of one',
    ),
    OwnDataset(
        MY_CORRECTIONS,
        "replies as you corrected them, with what was said before",
        'choose "Correct the last reply" in the app, and write it as it should have been',
    ),
    OwnDataset(
        MY_FAVOURITES,
        "replies that got your thumb up, with what was said before",
        'choose "Thumb up for the last reply" in the app',
    ),
)


def dataset_path(typed: str) -> Path:
    """Where a data set is: one of our own by its name, all else by its path."""
    return next((one.path for one in OWN_DATASETS if one.name == typed.strip()), typed_path(typed))


def is_own_name(typed: str) -> bool:
    """Whether this names a data set of our own rather than a path."""
    return any(one.name == typed.strip() for one in OWN_DATASETS)


def why_missing(path: Path) -> str:
    """What to tell about data that is not there."""
    for one in OWN_DATASETS:
        if path == one.path:
            return f"{one.name}: there is nothing in it yet. To fill it, {one.fill}."
    return f"{path}: there is no such file or folder."
