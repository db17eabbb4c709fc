"""Completing the path of a file while it is typed: at a slash command, and in every field for a file.

    paths_like("~/no")      [("~/Notes/", True), ("~/notes.txt", False)]      folders first
    completed("~/no")       "~/notes.txt"      the first that goes on as it was typed

The one rule: nothing but names is read, and no name that would control a terminal is offered.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from engine.paths import typed_path

_MOST_SUGGESTED = 200


def any_file(path: Path) -> bool:
    """No choice among them."""
    return True


def paths_like(typed: str, is_meant: Callable[[Path], bool] = any_file) -> list[tuple[str, bool]]:
    """The paths that `typed` may become, as they would be typed, and whether each is a folder. May wait for a disk.

    Of files, only those that are meant.
    """
    folder, slash, begun = typed.lstrip("'\"").rpartition("/")
    try:
        with os.scandir(typed_path(folder + slash or ".")) as entries:
            rows = [(one.name, one.is_dir()) for one in entries if _may_be_meant(one.name, begun)]
    except (OSError, ValueError):
        return []
    rows = [(name, is_folder) for name, is_folder in rows if is_folder or is_meant(Path(name))]
    rows.sort(key=lambda row: (not row[1], row[0].lower(), row[0]))
    return [
        (f"{folder}{slash}{name}{'/' if is_folder else ''}", is_folder)
        for name, is_folder in rows[:_MOST_SUGGESTED]
    ]


def _may_be_meant(name: str, begun: str) -> bool:
    is_hidden = name.startswith(".") and not begun.startswith(".")
    return not is_hidden and name.lower().startswith(begun.lower()) and name.isprintable()


def completed(typed: str, is_meant: Callable[[Path], bool] = any_file) -> str | None:
    """The first path that begins with `typed` letter by letter; None where there is none, or nothing is typed."""
    if not typed:
        return None
    return next((path for path, _ in paths_like(typed, is_meant) if path.startswith(typed)), None)
