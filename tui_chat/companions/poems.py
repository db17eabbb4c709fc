"""Poems: what one is, where they come from, and how one is shown.

The one rule: a poem is plain text; what Markdown would read as a sign of its own is escaped.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from engine.records import Record
from tui_chat.companions.collection import read_collection, shipped

Text = Annotated[str, Meta(min_length=1)]


class Poem(Record, frozen=True):
    """One poem; an empty line in the text parts two stanzas."""

    title: Text
    text: Text
    topics: tuple[str, ...] = ()


def read_poems(file: Path | Traversable) -> tuple[Poem, ...]:
    """The poems of a TOML file.

    Raises:
        UserError: names the file and the entry that is wrong.
    """
    return read_collection(file, "poem", Poem)


@cache
def shipped_poems() -> tuple[Poem, ...]:
    """The poems that come with the program."""
    return read_poems(shipped("poems.toml"))


def poem_fields(poem: Poem) -> tuple[tuple[str, float], ...]:
    """The words of a poem with their weights, for the search by topic."""
    return (poem.title, 3.0), (" ".join(poem.topics), 4.0), (poem.text, 1.0)


def has_form(poem: Poem, form: str) -> bool:
    """Whether a poem is a "haiku", a "limerick" or a "lullaby": its topics say so."""
    return not form or form in poem.topics


def as_markdown(poem: Poem) -> str:
    """The title in bold, then the poem line by line; two spaces at a line's end keep the break."""
    stanzas = re.split(r"\n\s*\n", poem.text.strip())
    return "\n\n".join([f"**{escaped(poem.title.strip())}**", *map(verses, stanzas)]) + "\n"


def verses(text: str) -> str:
    """Lines that stay apart in Markdown."""
    return "  \n".join(escaped(line.strip()) for line in text.splitlines())


def escaped(line: str) -> str:
    """A line of plain text, for Markdown."""
    line = re.sub(r"([\\`*_\[\]<>&~|#])", r"\\\1", line)
    line = re.sub(r"^([-+=])", r"\\\1", line)
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


def as_plain(told: str) -> str:
    """What a companion told, without the signs of Markdown: for plain lines."""
    text = re.sub(r"^(\*{1,2})(.+)\1[ \t]*$", r"\2", told, flags=re.MULTILINE)  # a title, an excuse
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\\([\\`*_\[\]<>&~|#+=.)-])", r"\1", text)
