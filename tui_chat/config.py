"""Every setting of the app: what there is, what it is now, and where that comes from.

    loaded = load_config(config_path())
    loaded.config.generation.temperature            # 0.8
    loaded.origin_of("generation.temperature")      # "default", "file", "environment" or "flag"
    loaded.problem                                  # "config.toml, line 3, [generation]: ..." or None
    save_setting(loaded.path, "ui.theme", "nord")

A flag beats `TUI_CHAT_<SECTION>__<NAME>`, which beats the file, which beats the default. A file with anything
wrong in it counts as absent: the app starts with defaults, says what is wrong, and leaves the file as it is.
A change is saved only if the whole file is right with it. So a broken file is mended by correcting what is
wrong, in an editor or by setting that very key, or by `set_aside`, which keeps it under another name.
The one rule: nobody else reads or writes the settings file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from engine.errors import UserError
from tui_chat import provider_settings, toml_text
from tui_chat.config_schema import (
    FREE_SECTIONS,
    SECTIONS,
    AppConfig,
    Setting,
    all_settings,
    parse_value,
    printable,
    problem_of,
    section_title,
    setting_of,
    settings_of_providers,
    split_key,
    unknown_setting,
    value_of,
)

__all__ = [
    "SECTIONS",
    "AppConfig",
    "LoadedConfig",
    "Origin",
    "Setting",
    "all_settings",
    "load_config",
    "parse_value",
    "save_setting",
    "section_title",
    "set_aside",
    "setting_of",
    "settings_of_providers",
    "value_of",
    "variable_of",
]

Origin = Literal["default", "file", "environment", "flag"]
ENVIRONMENT_PREFIX = "TUI_CHAT_"


@dataclass(frozen=True)
class LoadedConfig:
    """The settings in force, and where each comes from."""

    config: AppConfig
    path: Path
    problems: tuple[str, ...] = ()  # what was wrong in the file and the environment, a sentence each
    file_is_broken: bool = False
    origins: Mapping[str, Origin] = field(default_factory=dict)  # only what is not a default
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    flags: Mapping[str, Any] = field(default_factory=dict)

    @property
    def problem(self) -> str | None:
        """The first of `problems`."""
        return self.problems[0] if self.problems else None

    def origin_of(self, key: str) -> Origin:
        """Where the value of "section.name" comes from."""
        return self.origins.get(key, "default")

    def reloaded(self) -> LoadedConfig:
        """The same file, environment and flags, read again."""
        return load_config(self.path, self.environment, self.flags)


def load_config(
    path: Path, environment: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> LoadedConfig:
    """The settings in force. Never fails for what is in the file or the environment: that is in `problems`.

    `flags` are typed values by "section.name".

    Raises:
        UserError: when a flag is refused.
    """
    values, problems = _file_values(path)
    file_is_broken = bool(problems)
    layers: list[tuple[Origin, Mapping[str, Any]]] = [("file", {} if file_is_broken else values)]
    environment = _of_this_program(os.environ if environment is None else environment)
    from_environment, more = _environment_values(environment)
    layers += [("environment", from_environment), ("flag", _checked_flags(flags or {}))]
    return LoadedConfig(
        config=_built(layers),
        path=path,
        problems=(*problems, *more),
        file_is_broken=file_is_broken,
        origins={key: origin for origin, layer in layers for key in layer},
        environment=environment,
        flags=flags or {},
    )


def _built(layers: list[tuple[Origin, Mapping[str, Any]]]) -> AppConfig:
    sections: dict[str, dict[str, Any]] = {}
    for _, layer in layers:
        for key, value in layer.items():
            section, name = split_key(key)
            sections.setdefault(section, {})[name] = value
    if provider_settings.SECTION in sections:
        sections[provider_settings.SECTION] = provider_settings.nested(sections[provider_settings.SECTION])
    return AppConfig.from_dict(sections, "settings")


def _file_values(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The values in the file by "section.name", and everything that is wrong with it."""
    try:
        text = toml_text.read_text(path) or ""
        return _checked(text, toml_text.parse(text, str(path)), str(path))
    except UserError as error:
        return {}, [str(error)]


def _checked(text: str, data: dict[str, Any], source: str) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for place, section, name, value in _entries(data):
        if section not in (*SECTIONS, *FREE_SECTIONS):
            problem = unknown_setting(section)
        elif not name:
            problem = f"'{section}' is a section: write [{section}] and its settings below it."
        else:
            problem = problem_of(section, name, value)
        if (section, name) == ("ui", "theme") and isinstance(value, str):
            problem = ""  # its file may be gone by now, which is no reason to lose all settings
        if problem:
            line = toml_text.line_of(text, place) if len(problems) < 10 else None
            where = f"{source}, line {line}" if line else source
            problems.append(f"{where}{f', [{section}]' if name else ''}: {problem}")
        else:
            values[f"{section}.{name}"] = value
    return values, problems + _unfinished_providers(data, source)


def _unfinished_providers(data: dict[str, Any], source: str) -> list[str]:
    tables = data.get(provider_settings.SECTION)
    names = [f"{provider}." for provider in tables] if isinstance(tables, dict) else []
    names += [name for _, section, name, _ in _entries(data) if section == provider_settings.SECTION]
    wanting = provider_settings.problems_of_wholes(names)
    return [f"{source}, [{provider_settings.SECTION}.{printable(name)}]: {wanting[name]}" for name in wanting]


def _entries(data: dict[str, Any]) -> list[tuple[tuple[str, ...], str, str, Any]]:
    """(where it stands, section, name, value) of everything in the file."""
    entries: list[tuple[tuple[str, ...], str, str, Any]] = []
    for section, content in data.items():
        if not isinstance(content, dict) or section not in (*SECTIONS, *FREE_SECTIONS):
            entries.append(((section,), section, "", content))
        elif section in FREE_SECTIONS:
            entries += [
                ((section, *place), section, ".".join(place), value) for place, value in _leaves(content)
            ]
        else:
            entries += [((section, name), section, name, value) for name, value in content.items()]
    return entries


def _leaves(table: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    """`prompt.send = "f9"` is a table in TOML unless the key is quoted; both ways mean the same here."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, value in table.items():
        inner = _leaves(value) if isinstance(value, dict) else [((), value)]
        found += [((name, *place), leaf) for place, leaf in inner]
    return found


def _of_this_program(environment: Mapping[str, str]) -> dict[str, str]:
    """Our variables only: a whole environment holds secrets, which have no business in a settings object."""
    return {
        name: text
        for name, text in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name
    }


def variable_of(key: str) -> str:
    """The environment variable that sets "section.name"."""
    return ENVIRONMENT_PREFIX + key.upper().replace(".", "__")


def _environment_values(environment: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for variable, text in environment.items():
        key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
        if key.startswith(f"{provider_settings.SECTION}."):
            problems.append(
                f"environment variable {printable(variable)}: providers are taken from the settings file only, "
                "so that no variable can send a key elsewhere."
            )
            continue
        try:
            values[key] = parse_value(key, text)
        except UserError as error:
            problems.append(f"environment variable {printable(variable)}: {error}")
    return values, problems


def _checked_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in flags.items():
        section, name = split_key(key)
        if problem := problem_of(section, name, value):
            raise UserError(f"{key}: {problem}")
    return dict(flags)


def save_setting(path: Path, key: str, value: Any) -> None:
    """Write one setting into the file; None takes it out, so that the default holds again.

    Raises:
        UserError: when there is no such setting, the value is refused, the file is (and stays) broken, or it
            cannot be written. The file is then as it was.
    """
    section, name = split_key(key)
    if value is not None and (problem := problem_of(section, name, value)):
        raise UserError(f"{key}: {problem}")
    text = toml_text.read_text(path)
    if text is None:
        text = "# Settings of tui-chat. All of them, explained: tui-chat config show\n"
    written = {
        (section, name): place for place, section, name, _ in _entries(toml_text.parse(text, str(path)))
    }
    new_place = (section, *name.split(".")) if section == provider_settings.SECTION else (section, name)
    place = written.get((section, name), new_place)
    changed = toml_text.with_value(text, place, _plain(value), str(path))
    values, problems = _checked(changed, toml_text.parse(changed, str(path)), str(path))
    if problems:
        raise UserError(f"Nothing was saved, since the settings file needs mending first. {problems[0]}")
    if key == "chat.model" and value is not None:
        _check_model(value, _built([("file", values)]))
    toml_text.write_text(path, changed)


def _check_model(reference: str, config: AppConfig) -> None:
    # Asked when it is saved, not when it is read: a run that is deleted later is no reason to lose all settings.
    from tui_chat.model_references import problem_of_model  # here: the first paint does not need it

    if problem := problem_of_model(reference, config.providers):
        raise UserError(f"chat.model: {problem}")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def set_aside(path: Path) -> Path:
    """Rename a broken settings file, so that the next change starts a new one; returns where it is now.

    Raises:
        UserError: when it cannot be renamed.
    """
    target = path.with_name(f"{path.name}.bad-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        path.rename(target)
    except OSError as error:
        raise UserError(f"{path}: cannot be renamed ({error.strerror}).") from None
    return target
