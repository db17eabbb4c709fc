"""Every setting there is: its section, type, limits, default and explanation, and the checks on a value.

The classes are the settings file: a section per class, a setting per field. The form, the command line and
the checks are all derived from them.
The one rule: a new setting is a new field here, and nothing else.
"""

from __future__ import annotations

import difflib
import re
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.records import Record, between, explanation_of, limits_of, word, words_of
from engine.remote.provider import ProviderSettings
from engine.wire import Backend, Device, Precision
from tui_chat import provider_settings, themes, toml_text
from tui_chat.companions.settings import CompanionsSection

KEY_PATTERN = re.compile(r"[a-z0-9_]+(\+[a-z0-9_]+)*")
KeySet = Literal["standard", "vim"]
Characters = Literal["auto", "unicode", "ascii"]


def lines(explanation: str) -> Meta:
    """A text that may well have several lines, explained."""
    return Meta(description=explanation, extra={"lines": True})


class ChatSection(Record):
    """What a new conversation starts with."""

    model: Annotated[
        str,
        word("The model of a new chat: builtin, a folder, run:NAME, hf:OWNER/NAME or api:PROVIDER/MODEL."),
    ] = "builtin"
    system_prompt: Annotated[str, lines("What every new chat is told first; empty = nothing.")] = ""


class EngineSection(Record):
    """Where and how models run."""

    device: Annotated[Device, word("Where models answer; auto takes a CUDA GPU when there is one.")] = "auto"
    precision: Annotated[Precision, word("Number format of the weights; auto suits the device.")] = "auto"
    backend: Annotated[
        Backend, word("scratch is our own GPT, hf is transformers; auto takes scratch where it can.")
    ] = "auto"
    threads: Annotated[int, between(0, 1024, "CPU threads per model; 0 = one less than there are cores.")] = 0


class UiSection(Record):
    """What the screen looks like."""

    theme: Annotated[
        str, word("Colours; the ansi themes use your terminal's own, files in themes/ are your own.")
    ] = "textual-dark"
    characters: Annotated[
        Characters,
        word(
            "ascii draws without boxes and dots, auto where the locale has no UTF-8; from the next start on."
        ),
    ] = "auto"
    key_set: Annotated[
        KeySet, word("vim adds j k g G, / and Ctrl+D/U, i and Escape; keys of your own go before it.")
    ] = "standard"
    show_conversations: Annotated[bool, word("Show the list of conversations beside the chat.")] = True
    show_statistics: Annotated[bool, word("Show tokens and tokens per second under each reply.")] = True
    enter_sends: Annotated[
        bool, word("Enter sends and Ctrl+J starts a new line; off: Enter starts a new line, Ctrl+J sends.")
    ] = True


class TrainingSection(Record):
    """What the form for a new run starts with."""

    device: Annotated[Device, word("Where runs train; auto takes a CUDA GPU when there is one.")] = "auto"
    precision: Annotated[Precision, word("Number format while training; auto suits the device.")] = "auto"
    threads: Annotated[int, between(0, 1024, "CPU threads per run; 0 = as many as there are cores.")] = 0


class AppConfig(Record):
    """The settings file: one section per field.

    `providers` are servers by name; `keys` maps the id of a key binding to the key(s) wanted.
    """

    chat: ChatSection = ChatSection()
    generation: GenerationSettings = GenerationSettings()
    engine: EngineSection = EngineSection()
    training: TrainingSection = TrainingSection()
    companions: CompanionsSection = CompanionsSection()
    ui: UiSection = UiSection()
    providers: dict[str, ProviderSettings] = {}  # noqa: RUF012 - a struct copies it
    keys: dict[str, str] = {}  # noqa: RUF012 - a struct copies it


SECTIONS: dict[str, type[Record]] = {
    "chat": ChatSection,
    "generation": GenerationSettings,
    "engine": EngineSection,
    "training": TrainingSection,
    "companions": CompanionsSection,
    "ui": UiSection,
}
FREE_SECTIONS = (provider_settings.SECTION, "keys")  # whose settings have names of the user's own


def section_title(section: str) -> str:
    """What a section is about: the first sentence of its class."""
    if section == "keys":
        return "Which key does what; several keys are separated by commas"
    if section == provider_settings.SECTION:
        return provider_settings.TITLE
    return (SECTIONS[section].__doc__ or section).partition(".")[0]


@dataclass(frozen=True)
class Setting:
    """One setting as a form or a table shows it."""

    section: str
    name: str
    kind: Literal["switch", "choice", "whole number", "number", "text", "lines", "texts"]
    default: Any
    explanation: str
    words: tuple[str, ...] = ()  # of a choice
    limits: tuple[float | None, float | None] = (None, None)
    may_be_none: bool = False

    @property
    def key(self) -> str:
        """As on the command line: "generation.top_k"."""
        return f"{self.section}.{self.name}"

    @property
    def allowed(self) -> str:
        """What it takes, as in "top_k must be ..."."""
        low, high = self.limits
        if self.words:
            return f"one of: {', '.join(self.words)}"
        if self.kind in _ALLOWED:
            return _ALLOWED[self.kind]
        bounds = "" if low is None else f", {_digits(low)} or more"
        if low is not None and high is not None and high < 2**31:
            bounds = f" from {_digits(low)} to {_digits(high)}"
        return f"a {self.kind}{bounds}{', or none' if self.may_be_none else ''}"


_ALLOWED = {
    "switch": "true or false",
    "text": "a text",
    "lines": "a text",
    "texts": 'a list such as ["User:"]',
}


def _digits(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:g}"


def all_settings() -> list[Setting]:
    """Every setting but the providers' and the keys, in the order of the file."""
    return [setting_of(section, name) for section, cls in SECTIONS.items() for name in cls.__struct_fields__]


def settings_of_providers(config: AppConfig) -> list[Setting]:
    """Every setting of every provider there is."""
    names = [f"{provider}.{field}" for provider in config.providers for field in provider_settings.FIELDS]
    return [setting_of(provider_settings.SECTION, name) for name in names]


def setting_of(section: str, name: str) -> Setting:
    """What is known about one setting."""
    cls, field = provider_settings.record_and_field(SECTIONS, section, name)
    hint = typing.get_type_hints(cls)[field]
    options = typing.get_args(hint) if type(None) in typing.get_args(hint) else (hint,)
    text = "lines" if _has_lines(cls, field) else "text"
    kinds = {bool: "switch", int: "whole number", float: "number", str: text}
    words = themes.theme_names() if f"{section}.{field}" == "ui.theme" else words_of(cls, field)
    return Setting(
        section,
        name,
        kind=typing.cast(Any, "choice" if words else kinds.get(options[0], "texts")),
        default=getattr(cls(), field),
        explanation=explanation_of(cls, field) or _EXPLANATIONS.get(f"{section}.{field}", ""),
        words=words,
        limits=limits_of(cls, field),
        may_be_none=type(None) in options,
    )


def _has_lines(cls: type[Record], name: str) -> bool:
    metas = getattr(typing.get_type_hints(cls, include_extras=True)[name], "__metadata__", ())
    return any((meta.extra or {}).get("lines") for meta in metas if isinstance(meta, Meta))


_EXPLANATIONS = {"generation.stop": "Texts that end a reply; they are not part of it."}


def value_of(config: AppConfig, key: str) -> Any:
    """The value of "section.name"; None for a key that is not remapped.

    Raises:
        UserError: when there is no such setting.
    """
    section, name = split_key(key)
    if section == provider_settings.SECTION:
        return provider_settings.value_in(config.providers, name)
    return config.keys.get(name) if section == "keys" else getattr(getattr(config, section), name)


def parse_value(key: str, text: str) -> Any:
    """What a person typed for `key`, as the type that setting has; checked.

    Raises:
        UserError: when the text is not a value for it.
    """
    section, name = split_key(key)
    if section == provider_settings.SECTION and "." not in name:
        raise UserError(f"{key} is a provider. Set its parts, such as {key}.base_url; `none` takes it out.")
    value = text if section == "keys" else _converted(setting_of(section, name), text)
    if problem := problem_of(section, name, value):
        raise UserError(f"{key}: {problem}")
    return value


def _converted(setting: Setting, text: str) -> Any:
    """The text itself where it does not fit: the check that follows then says what is allowed."""
    word = text.strip().lower()
    if setting.may_be_none and word in ("", "none"):
        return None
    if setting.kind == "texts" and not word:
        return []
    match setting.kind:
        case "switch":
            return {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}.get(
                word, text
            )
        case "whole number" | "number" | "texts":
            try:
                return toml_text.parse(f"value = {word if setting.kind != 'texts' else text}", "")["value"]
            except (UserError, KeyError):
                return text
    return text


def split_key(key: str) -> tuple[str, str]:
    """ "section.name" taken apart.

    Raises:
        UserError: when there is no such setting.
    """
    section, _, name = key.partition(".")
    if section == "keys" and name:
        return section, name
    if section == provider_settings.SECTION and name:
        if problem := provider_settings.problem_of_name(name):
            raise UserError(f"{printable(key)}: {problem}")
        return section, name
    if section not in SECTIONS or name not in SECTIONS[section].__struct_fields__:
        raise UserError(unknown_setting(key))
    return section, name


def unknown_setting(key: str) -> str:
    """There is no such setting; the likeliest one meant."""
    known = [f"{section}.{name}" for section, cls in SECTIONS.items() for name in cls.__struct_fields__]
    by_name = [candidate for candidate in known if candidate.partition(".")[2] == key.rpartition(".")[2]]
    close = by_name[:1] or difflib.get_close_matches(key, [*known, *SECTIONS, *FREE_SECTIONS], n=1)
    sections = ", ".join([*SECTIONS, *FREE_SECTIONS])
    hint = f"Did you mean '{close[0]}'?" if close else f"Sections: {sections}."
    return f"there is no setting '{printable(key)}'. {hint}"


def printable(name: str) -> str:
    """A name out of the file, harmless in a terminal."""
    shown = "".join(character if character.isprintable() else "�" for character in name)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def problem_of(section: str, name: str, value: object) -> str:
    """What is wrong with one value, in a sentence; empty when nothing is."""
    if section == "keys":
        is_key = isinstance(value, str) and all(map(KEY_PATTERN.fullmatch, value.split(",")))
        return (
            "" if is_key else f"'{printable(name)}' must be a key such as \"ctrl+s\", or several with commas."
        )
    if section == provider_settings.SECTION:
        return _problem_of_provider(name, value)
    if name not in SECTIONS[section].__struct_fields__:
        return unknown_setting(f"{section}.{name}")
    if value is None and setting_of(section, name).may_be_none:
        return ""
    try:
        SECTIONS[section].from_dict({name: value}, "")
        is_right = f"{section}.{name}" != "ui.theme" or value in themes.theme_names()
    except UserError:
        is_right = False
    if not is_right:
        setting = setting_of(section, name)
        close = difflib.get_close_matches(str(value), setting.words, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""  # first: the words may be many
        return f"{hint}{name} must be {setting.allowed}."
    return ""


def _problem_of_provider(name: str, value: object) -> str:
    if problem := provider_settings.problem_of_name(name):
        return problem
    if "." not in name:
        return f"'{name}' is a provider: write [providers.{name}] and its settings below it."
    allowed = f"{name.partition('.')[2]} must be {setting_of(provider_settings.SECTION, name).allowed}."
    return provider_settings.problem_of_value(name, value, allowed)
