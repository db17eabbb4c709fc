"""Everything there is to tell: the collections that ship, and the user's own beside the settings file.

    config/jokes.toml      [[joke]] kind = "why", setup = "Why ...?", punchline = "..."
    config/poems.toml      [[poem]] title = "...", topics = ["rain"], text = "..."

The one rule: a file of the user's that cannot be read is left out as a whole, and a sentence says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

from engine.errors import UserError
from engine.paths import own_jokes_path, own_poems_path, told_path
from engine.records import Record
from tui_chat.companions.jokes import Joke, joke_fields, read_jokes, shipped_jokes
from tui_chat.companions.poems import Poem, poem_fields, read_poems, shipped_poems
from tui_chat.companions.repertoire import Repertoire
from tui_chat.companions.told import Told

Entry = TypeVar("Entry", bound=Record)


def told() -> Told:
    """What was told, on this machine."""
    return Told(told_path())


def jokes() -> tuple[Repertoire[Joke], str]:
    """All jokes, and what is wrong with the user's own."""
    path = own_jokes_path()
    return _jokes(path, _version(path), told_path())


def poems() -> tuple[Repertoire[Poem], str]:
    """All poems, and what is wrong with the user's own."""
    path = own_poems_path()
    return _poems(path, _version(path), told_path())


@cache  # the version of the file is among the arguments: a changed one is read again
def _jokes(path: Path, version: int, told_file: Path) -> tuple[Repertoire[Joke], str]:
    own, problem = _own(path, version, read_jokes)
    return Repertoire("joke", [*shipped_jokes(), *own], joke_fields, Told(told_file)), problem


@cache
def _poems(path: Path, version: int, told_file: Path) -> tuple[Repertoire[Poem], str]:
    own, problem = _own(path, version, read_poems)
    return Repertoire("poem", [*shipped_poems(), *own], poem_fields, Told(told_file)), problem


def _own(path: Path, version: int, read: Callable[[Path], Sequence[Entry]]) -> tuple[Sequence[Entry], str]:
    if not version:
        return (), ""
    try:
        return read(path), ""
    except UserError as error:
        return (), f"{error} Without it, the others are told."


def _version(path: Path) -> int:
    """0 for a file that is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
