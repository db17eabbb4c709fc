"""Prompts worth writing once: texts with {blanks} that are filled in where they are used.

    prompts/explain.toml     what = "..."  and  prompt = "Explain {topic} to {whom}."
    prompts/letter.txt       the prompt itself (or .md)

Some come with the program; those in the prompts folder beside the settings come on top, and a file of the same name
goes before ours. A blank is a name in braces, {like this}; any other brace is just a brace.
The one rule: a file that cannot be used is named with its reason, and hides none of the others.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from engine.errors import UserError
from engine.paths import prompts_path
from engine.records import Record
from tui_chat import toml_text
from tui_chat.text import one_line, visible

_BLANK = re.compile(r"\{[A-Za-z][A-Za-z0-9_ -]{0,39}\}")
_SUFFIXES = (".toml", ".txt", ".md")


class PromptFile(Record):
    """What stands in a TOML file."""

    prompt: str
    what: str = ""


@dataclass(frozen=True)
class PromptTemplate:
    """A prompt with blanks."""

    name: str
    prompt: str
    what: str  # in a line

    @property
    def blanks(self) -> tuple[str, ...]:
        """Each with its braces, once, in the order in which they come."""
        return tuple(dict.fromkeys(_BLANK.findall(self.prompt)))


def prompt_templates(folder: Path | None = None) -> tuple[list[PromptTemplate], list[str]]:
    """All of them by name, and what is wrong with files of the user's, a sentence each. May wait for a disk."""
    found: dict[str, PromptTemplate] = {}
    problems: list[str] = []
    for file in (*_shipped(), *_own(folder or prompts_path())):
        try:
            template = _read(file)
        except UserError as error:
            problems.append(str(error))
        else:
            found[template.name] = template
    return sorted(found.values(), key=lambda template: template.name), problems


def template_named(name: str, templates: Iterable[PromptTemplate]) -> PromptTemplate:
    """The template of that name.

    Raises:
        UserError: when there is none; names the likeliest one meant.
    """
    by_name = {template.name: template for template in templates}
    if found := by_name.get(name):
        return found
    close = difflib.get_close_matches(name, by_name, n=1, cutoff=0.5)
    hint = f"Did you mean '{close[0]}'?" if close else f"Yours belong into {prompts_path()}."
    raise UserError(f"There is no prompt template '{one_line(name, 40)}'. {hint}")


def next_blank(text: str, blanks: Iterable[str], after: int) -> tuple[int, int] | None:
    """Where the next blank of `text` stands, from the place `after` on and then from the beginning; None = no more."""
    wanted = set(blanks)
    places = [match.span() for match in _BLANK.finditer(text) if match[0] in wanted]
    return next((place for place in places if place[0] >= after), places[0] if places else None)


def _shipped() -> list[Traversable]:
    from importlib.resources import files  # lazy: only needed once somebody asks for a template

    return sorted(files(__package__).joinpath("prompts").iterdir(), key=lambda file: file.name)


def _own(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError:  # nobody made it yet
        return


def _read(file: Traversable | Path) -> PromptTemplate:
    path = Path(str(file))
    text = (toml_text.read_text(path) or "").replace("\r\n", "\n")
    if path.suffix.lower() == ".toml":
        read = PromptFile.from_dict(toml_text.parse(text, str(path)), str(path))
    else:
        read = PromptFile(prompt=text)
    prompt = visible(read.prompt.strip("\n"))
    if not prompt.strip():
        raise UserError(f"{path}: the prompt is empty. Write one, with {{blanks}} where you want them.")
    return PromptTemplate(path.stem, prompt, one_line(read.what or prompt, 70))
