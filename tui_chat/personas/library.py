"""The personas at hand: those that ship with the program, and the user's own, which go before them.

    find_persona("tutor")                    by file name or by the name inside
    save_persona(persona, "tutor")           into the user's folder; comments of the file stay
    import_persona(Path("theirs.toml"))      checked first; nothing is replaced unless asked

A key is the name of a file without `.toml`. The one rule: a file is written as a whole or not at all, and none of
the user's is replaced by one from elsewhere without being asked for.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from msgspec.structs import replace

from engine.errors import UserError
from engine.paths import personas_path, typed_path
from tui_chat import toml_text
from tui_chat.personas.persona import Persona, changed_text, check_persona, parse_persona, persona_text
from tui_chat.text import one_line

SUFFIX = ".toml"
_LONGEST_KEY = 60
_NO_FILES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class PersonaEntry:
    """A persona as a list shows it."""

    key: str
    persona: Persona  # of a file with a problem, only a name
    is_own: bool  # the user's, else it ships with the program
    problem: str = ""  # why it cannot be used, when it cannot
    is_changed: bool = False  # the user's, in the place of one that ships


def list_personas() -> list[PersonaEntry]:
    """All of them by name; a file with a mistake is among them, with what is wrong."""
    shipped = {entry.key: entry for entry in _shipped()}
    own = {entry.key: entry for entry in _own(frozenset(shipped))}
    return sorted({**shipped, **own}.values(), key=lambda entry: entry.persona.name.casefold())


def find_persona(name: str, with_mistakes: bool = False) -> PersonaEntry:
    """The persona with this key, or with this name inside.

    Raises:
        UserError: when there is none, or its file has a mistake; `with_mistakes` gives it all the same.
    """
    entries = list_personas()
    wanted, key = name.strip().casefold(), key_of(name)
    found = [entry for entry in entries if key_of(entry.key) == key]
    found = found or [entry for entry in entries if entry.persona.name.casefold() == wanted]
    if not found:
        known = [entry.key for entry in entries]
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"There are: {', '.join(known)}."
        raise UserError(f"There is no persona '{one_line(name, 60)}'. {hint}")
    if found[0].problem and not with_mistakes:
        raise UserError(found[0].problem)
    return found[0]


def key_of(name: str) -> str:
    """A name as a file name: "Patient tutor" is patient-tutor."""
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", name).casefold())
    key = words.strip("-")[:_LONGEST_KEY].rstrip("-") or "persona"
    return f"{key}-persona" if key in _NO_FILES else key


def save_persona(persona: Persona, key: str = "") -> str:
    """Save a new persona, or the one of `key` as it is now; a changed one that ships becomes the user's.

    Raises:
        UserError: when something is wrong with it, the name is taken, or it cannot be written.
    """
    check_persona(persona)
    _check_name_is_free(persona.name, key)
    key = key or key_of(persona.name)
    path = _path_of(key)
    text = toml_text.read_text(path) or ""
    toml_text.write_text(path, changed_text(text, persona, str(path)))
    return key


def _check_name_is_free(name: str, key: str) -> None:
    for entry in list_personas():
        is_same = entry.persona.name.casefold() == name.casefold() or (not key and entry.key == key_of(name))
        if is_same and entry.key != key:
            raise UserError(f"There is a persona '{entry.persona.name}' already. Give this one another name.")


def copied(persona: Persona) -> Persona:
    """The same under a name that is free."""
    taken = {entry.persona.name.casefold() for entry in list_personas()}
    names = (f"{persona.name[:40]} {number}" for number in range(2, 10_000))
    return replace(persona, name=next(name for name in names if name.casefold() not in taken))


def delete_persona(key: str) -> str:
    """Delete the user's file; returns what is so now, in a sentence.

    Raises:
        UserError: when it is not the user's, or cannot be deleted.
    """
    path = _path_of(key)
    try:
        path.unlink()
    except FileNotFoundError:
        raise UserError(f"'{key}' ships with the program and cannot be deleted.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be deleted ({error.strerror}).") from None
    again = any(entry.key == key for entry in _shipped())
    return f"{key} is as it was shipped again." if again else f"{key} was deleted."


def read_persona(path: Path) -> Persona:
    """The persona in any file.

    Raises:
        UserError: when there is no such file, or something is wrong in it.
    """
    text = toml_text.read_text(path)
    if text is None:
        raise UserError(f"{path}: there is no such file.")
    return parse_persona(text, str(path))


def in_the_way_of(persona: Persona) -> PersonaEntry | None:
    """Another persona that one from elsewhere would stand in the place of."""
    key = key_of(persona.name)
    there = next((entry for entry in list_personas() if entry.key == key), None)
    return there if there and there.persona != persona else None


def text_of(entry: PersonaEntry) -> str:
    """The file of a persona, comments and mistakes and all.

    Raises:
        UserError: when it cannot be read.
    """
    own = toml_text.read_text(_path_of(entry.key)) if entry.is_own else None
    return persona_text(entry.persona) if own is None else own


def replace_text(key: str, draft: Path) -> None:
    """Let the text of another file be that of a persona, once it is right.

    Raises:
        UserError: when something is wrong in it.
    """
    _check_name_is_free(read_persona(draft).name, key)
    toml_text.write_text(_path_of(key), toml_text.read_text(draft) or "")


def import_persona(path: Path, is_replacing: bool = False) -> PersonaEntry:
    """Copy a persona from elsewhere into the user's folder, comments and all.

    Raises:
        UserError: when something is wrong in the file, or there is another one of that name.
    """
    persona = read_persona(path)
    key = key_of(persona.name)
    there = in_the_way_of(persona)
    if there and not is_replacing:
        raise UserError(
            f"There is another persona '{there.persona.name}' already. Import it with --replace, or change the "
            f"name in {path.name}."
        )
    text = toml_text.read_text(path) or ""
    toml_text.write_text(_path_of(key), text)
    return PersonaEntry(key, persona, is_own=True)


def export_persona(entry: PersonaEntry, target: str, is_replacing: bool = False) -> Path:
    """Write a persona as one file that says it all; `target` is a file or a folder.

    Raises:
        UserError: when something else is there, or it cannot be written.
    """
    if entry.problem:
        raise UserError(entry.problem)
    path = export_path(entry, target)
    if path.exists() and not is_replacing:
        raise UserError(f"{path}: this file is there already. Export with --replace, or to another name.")
    toml_text.write_text(path, persona_text(entry.persona))
    return path


def export_path(entry: PersonaEntry, target: str) -> Path:
    """The file that `target`, a file or a folder, means for this persona.

    Raises:
        UserError: when no file can be there.
    """
    path = typed_path(target)
    try:
        path = path / f"{entry.key}{SUFFIX}" if path.is_dir() else path
        path.exists()
        has_folder = path.parent.is_dir()
    except (OSError, ValueError) as error:
        raise UserError(f"{one_line(target)}: this is no place for a file ({error}).") from None
    if not has_folder:
        raise UserError(f"{path.parent}: there is no such folder.")
    return path


def _path_of(key: str) -> Path:
    return personas_path() / f"{key}{SUFFIX}"


def _shipped() -> Iterator[PersonaEntry]:
    from importlib.resources import files  # lazy: only needed once somebody asks for a persona

    folder: Traversable = files(__package__)
    for file in folder.iterdir():
        if file.name.endswith(SUFFIX):
            persona = parse_persona(file.read_text(encoding="utf-8"), file.name)
            yield PersonaEntry(file.name.removesuffix(SUFFIX), persona, is_own=False)


def _own(shipped: frozenset[str]) -> Iterator[PersonaEntry]:
    for path in sorted(personas_path().glob(f"*{SUFFIX}")):
        if path.name.startswith("."):
            continue
        key = path.name.removesuffix(SUFFIX)
        try:
            yield PersonaEntry(key, read_persona(path), is_own=True, is_changed=key in shipped)
        except UserError as error:
            name = Persona(name=one_line(key, 48))
            yield PersonaEntry(key, name, is_own=True, problem=str(error), is_changed=key in shipped)
