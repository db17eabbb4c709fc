"""A persona: who the model is to be, how it samples, and how it says hello; a TOML file, to be shared.

    name = "Patient tutor"
    description = "Explains one step at a time."      # for people, in the list
    greeting = "Hello! What shall we look at?"        # what a new chat begins with
    system_prompt = "You are a patient tutor. ..."
    model = "builtin"                                 # left out: whichever model is there

    [generation]                                      # what is left out stays as the settings say
    temperature = 0.6

Such a file may come from anyone. The one rule: it becomes a persona through `parse_persona`, which refuses what is
not known and names the file and the line; its texts are shown through `text` like all foreign text.
"""

from __future__ import annotations

from typing import Annotated, Any

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.records import Record, word
from tui_chat import toml_text
from tui_chat.text import visible

TEXTS = ("name", "description", "greeting", "system_prompt", "model")
SAMPLING = tuple(name for name in GenerationSettings.__struct_fields__ if name != "alternatives")
_LONGEST = {"name": 48, "description": 300, "greeting": 4000, "system_prompt": 60_000, "model": 500}
_ONE_LINE = ("name", "description", "model")


class Persona(Record):
    """Who answers, and how."""

    name: Annotated[str, word("What it is called in lists and above the pane.")] = ""
    description: Annotated[str, word("A line about it, for people.")] = ""
    greeting: Annotated[str, word("What a new chat with it begins with. The model is not told.")] = ""
    system_prompt: Annotated[
        str, word("What the model is told first. Short is better for a small model.")
    ] = ""
    model: Annotated[str, word("The model it needs; empty = whichever is there.")] = ""
    generation: dict[str, Any] = {}  # noqa: RUF012 - a struct copies it; only what differs from the settings


def parse_persona(text: str, source: str) -> Persona:
    """The persona in the text of a file.

    Raises:
        UserError: naming `source`, the line and what is wrong.
    """
    data = toml_text.parse(text, source)
    for place, problem in _problems(data):
        line = toml_text.line_of(text, place) if place else None
        where = f"{source}, line {line}" if line else source
        raise UserError(f"{where}{', [generation]' if len(place) > 1 else ''}: {problem}")
    return Persona.from_dict(data, source)


def check_persona(persona: Persona) -> Persona:
    """A persona that was made in a form or by flags, checked like one of a file.

    Raises:
        UserError: with what is wrong.
    """
    for _, problem in _problems(persona.to_dict()):
        raise UserError(problem)
    return persona


def _problems(data: dict[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """(place, what is wrong there, in a sentence) of everything that is wrong."""
    found: list[tuple[tuple[str, ...], str]] = []
    for key, value in data.items():
        if key == "generation" and isinstance(value, dict):
            found += [
                (("generation", name), problem_of_sampling(name, given)) for name, given in value.items()
            ]
        else:
            found.append(((key,), problem_of_text(key, value)))
    if not data.get("name"):
        found.append(((), "'name' is missing: what is the persona called?"))
    return [(place, problem) for place, problem in found if problem]


def problem_of_text(key: str, value: object) -> str:
    """What is wrong with a field other than the settings, in a sentence; empty when nothing is."""
    try:
        Persona.from_dict({key: value}, "")
    except UserError as error:
        return str(error).removeprefix(": ")
    assert isinstance(value, str), "all other fields are texts"
    if len(value) > _LONGEST[key]:
        return f"{key} is longer than {_LONGEST[key]:,} characters."
    if key in _ONE_LINE and (visible(value) != value or "\n" in value or "\t" in value):
        return f"{key} must be one line of visible characters."
    return "" if value == value.strip() or key not in _ONE_LINE else f"{key} begins or ends with a space."


def problem_of_sampling(name: str, value: object) -> str:
    """What is wrong with a setting, in a sentence; empty when nothing is."""
    if name == "alternatives":  # a question about a reply, and no way to make one
        return f"there is no setting 'alternatives' here. Known: {', '.join(SAMPLING)}."
    try:
        GenerationSettings.from_dict({name: value}, "")
    except UserError as error:
        return str(error).removeprefix(": ")
    return ""


def persona_text(persona: Persona) -> str:
    """The persona as a file that says it all."""
    return changed_text("", persona, "persona")


def changed_text(text: str, persona: Persona, source: str) -> str:
    """`text` of a file made to say this persona; comments, and what does not change, stay as they are.

    Raises:
        UserError: when the file is written in a way that cannot be changed safely.
    """
    data = toml_text.parse(text, source)
    wished = persona.to_dict()
    for name in TEXTS:
        if data.get(name, "") != wished[name]:
            text = toml_text.with_value(text, (name,), _written(wished[name]) or None, source)
    sampling: dict[str, Any] = data.get("generation", {})
    for name in dict.fromkeys([*sampling, *persona.generation]):
        value = persona.generation.get(name)
        if sampling.get(name) != value:
            text = toml_text.with_value(text, ("generation", name), value, source)
    return text


def _written(text: str) -> str:
    """A text of several lines is written as such."""
    import tomlkit  # lazy: 40 ms that only saving needs

    is_plain = "\n" in text and visible(text) == text and not text.startswith("\n")
    return tomlkit.string(text, multiline=True) if is_plain else text
