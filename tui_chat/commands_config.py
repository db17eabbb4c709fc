"""`tui-chat config` and `tui-chat doctor`: the settings and the machine, without opening the app.

    tui-chat config                      every setting, its value and where it comes from
    tui-chat config get generation.top_k
    tui-chat config set ui.theme nord    (none takes a setting out of the file again)
    tui-chat doctor --json

The one rule: what comes from the file is foreign text; control characters in it never reach the terminal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from engine.paths import config_path
from tui_chat.command_flags import add_action, add_listing
from tui_chat.config import (
    LoadedConfig,
    Setting,
    all_settings,
    load_config,
    parse_value,
    save_setting,
    section_title,
    settings_of_providers,
    value_of,
)

_JSON = "one JSON object"


def add_config_commands(subparsers: Any) -> None:
    """Add `config` and `doctor` to the command line."""
    _, actions = add_listing(subparsers, "config", show_config, "show and change settings", _JSON)
    add_action(actions, "path", show_path, "where the settings file is", _JSON)
    add_action(actions, "show", show_config, "every setting, its value and where it comes from", _JSON)
    get = add_action(actions, "get", get_setting, "one value", _JSON)
    get.add_argument("key", metavar="KEY", help="such as generation.temperature")
    put = add_action(actions, "set", set_setting, "change one setting in the file", _JSON)
    put.add_argument("key", metavar="KEY", help="such as ui.theme")
    put.add_argument("value", metavar="VALUE", help="such as nord; none = back to the default")
    add_action(subparsers, "doctor", show_machine, "what this machine has, and what to expect of it", _JSON)


def show_path(options: argparse.Namespace) -> int:
    """Print where the settings file is, or would be."""
    path = config_path()
    _print(options, {"path": str(path), "exists": path.exists()}, str(path))
    return 0


def show_config(options: argparse.Namespace) -> int:
    """Print every setting."""
    loaded = _loaded()
    shown = [*all_settings(), *settings_of_providers(loaded.config)]
    settings = {setting.key: _as_dict(loaded, setting) for setting in shown}
    settings |= {f"keys.{id}": {"value": keys} for id, keys in loaded.config.keys.items()}
    facts = {"path": str(loaded.path), "problems": list(loaded.problems), "settings": settings}
    _print(options, facts, "\n".join(_listing(loaded)))
    return 0


def get_setting(options: argparse.Namespace) -> int:
    """Print one value."""
    loaded = _loaded()
    value = value_of(loaded.config, options.key)
    facts = {"key": options.key, "value": value, "origin": loaded.origin_of(options.key)}
    _print(options, facts, _shown(value))
    return 0


def set_setting(options: argparse.Namespace) -> int:
    """Save one value; "none" takes it out of the file."""
    value = None if options.value == "none" else parse_value(options.key, options.value)
    if options.key.startswith("keys.") and value is not None:
        from tui_chat.key_checks import check_key  # here: it needs Textual, and all screens

        check_key(options.key.removeprefix("keys."), value)
    save_setting(config_path(), options.key, value)
    loaded = _loaded()
    now = value_of(loaded.config, options.key)
    origin = loaded.origin_of(options.key)
    facts = {"key": options.key, "value": now, "origin": origin, "path": str(loaded.path)}
    _print(options, facts, f"{options.key} = {_shown(now)}, saved in {loaded.path}")
    for warning in _key_clashes(loaded, options.key):
        print(f"tui-chat: saved, but {warning}", file=sys.stderr)
    if options.key.startswith("providers.") and value is not None:
        _tell_where_the_key_goes(loaded, options.key)
    if origin in ("environment", "flag"):
        print(
            f"tui-chat: saved, but the {origin} sets {options.key} too, and beats the file.", file=sys.stderr
        )
    return 0


def _tell_where_the_key_goes(loaded: LoadedConfig, key: str) -> None:
    """Whoever changes where a server is, or which key it gets, is told what will be sent where."""
    from engine.remote import keys
    from engine.remote.provider import find_provider

    name, _, field = key.removeprefix("providers.").partition(".")
    if field not in ("base_url", "api_key_env", "api_key_keyring") or name not in loaded.config.providers:
        return
    provider = find_provider(name, loaded.config.providers)
    if place := keys.place_of(provider):
        print(f"tui-chat: from now on {provider.address.origin} gets the key from {place}.", file=sys.stderr)


def _key_clashes(loaded: LoadedConfig, key: str) -> list[str]:
    """What else the key of an action does, where a key was set."""
    id = key.removeprefix("keys.")
    if not key.startswith("keys.") or id not in loaded.config.keys:
        return []
    from tui_chat.key_checks import clashes  # here: it needs Textual, and all screens
    from tui_chat.key_sets import keys_in_force

    return clashes(id, keys_in_force(loaded.config.ui.key_set, loaded.config.keys))


def _loaded() -> LoadedConfig:
    """The settings in force; what is wrong with them goes to stderr."""
    loaded = load_config(config_path())
    for problem in loaded.problems:
        print(f"tui-chat: {problem}", file=sys.stderr)
    if loaded.file_is_broken:
        print("tui-chat: defaults hold until the settings file is mended.", file=sys.stderr)
    return loaded


def _as_dict(loaded: LoadedConfig, setting: Setting) -> dict[str, Any]:
    return {
        "value": value_of(loaded.config, setting.key),
        "default": setting.default,
        "origin": loaded.origin_of(setting.key),
        "allowed": setting.allowed,
        "explanation": setting.explanation,
    }


def _listing(loaded: LoadedConfig) -> list[str]:
    lines = [f"# {loaded.path}"]
    section = ""
    for setting in [*all_settings(), *settings_of_providers(loaded.config)]:
        if setting.section != section:
            section = setting.section
            lines += ["", f"[{section}]  # {section_title(section)}"]
        origin = loaded.origin_of(setting.key)
        source = "" if origin == "default" else f"   <- {origin}, default {_shown(setting.default)}"
        lines.append(f"{setting.name} = {_shown(value_of(loaded.config, setting.key))}{source}")
        lines.append(f"    # {setting.explanation}")
    if not loaded.config.providers:
        lines += ["", f"[providers]  # {section_title('providers')}"]
        lines += ["    # add one: tui-chat config set providers.NAME.base_url http://localhost:8000/v1"]
    keys = [f'"{id}" = {_shown(keys)}' for id, keys in loaded.config.keys.items()]
    return [*lines, "", f"[keys]  # {section_title('keys')}", *keys]


def _shown(value: Any) -> str:
    """As TOML has it, which for these types is as JSON has it."""
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def show_machine(options: argparse.Namespace) -> int:
    """Print what this machine has."""
    from tui_chat import machine, training_hour  # here: psutil and the rest are for this command only

    loaded = load_config(config_path())
    if not options.json and sys.stderr.isatty():
        print("Asking torch and trying some training steps, a quarter of a minute ...", file=sys.stderr)
    facts = {**machine.facts(loaded.config.engine.threads), "settings_problems": list(loaded.problems)}
    facts["training"] = (
        training_hour.what_an_hour_gives() if "problem" not in facts["compute"] else {"problem": "not tried"}
    )
    _print(options, facts, "\n".join(_report(facts)))
    return 0


def _report(facts: Mapping[str, Any]) -> list[str]:
    from tui_chat import training_hour
    from tui_chat.quantities import byte_count, rate

    compute, terminal, memory = facts["compute"], facts["terminal"], facts["memory"]
    lines = ["Machine"]
    lines += _lines(
        {
            "system": facts["system"],
            "cores": f"{facts['cores']['physical']} ({facts['cores']['logical']} logical)",
        }
    )
    lines += _lines({"memory": f"{byte_count(memory['total'])}, {byte_count(memory['available'])} free"})
    lines += _lines({"disk": f"{byte_count(facts['disk_free'])} free"})
    lines += _lines(_compute_lines(compute))
    lines += ["", "What to expect, roughly"]
    lines += _lines(
        {name: rate(speed).replace("/s", " tokens/s") for name, speed in facts["expect"].items()}, 32
    )
    lines += [
        "",
        "An hour of training here (epochs: of a text of 1 MB)",
        *training_hour.in_words(facts["training"]),
    ]
    inside = ", ".join(terminal["inside"])
    size = f"{terminal['columns']} x {terminal['rows']}"
    lines += [
        "",
        "Terminal",
        *_lines({"type": f"{terminal['type'] or 'unknown'}{f' in {inside}' if inside else ''}"}),
    ]
    lines += _lines({"size": size, "colours": terminal["colours"], "encoding": terminal["encoding"]})
    lines += [f"  ! {note}" for note in terminal["notes"]]
    lines += ["", "Versions", *_lines(facts["versions"]), "", "Paths", *_lines(facts["paths"])]
    return lines + [f"  ! {problem}" for problem in facts["settings_problems"]]


def _compute_lines(compute: Mapping[str, Any]) -> dict[str, str]:
    from tui_chat.quantities import byte_count

    if "problem" in compute:
        return {"! torch": compute["problem"]}
    gpus = ", ".join(f"{gpu['name']} ({byte_count(gpu['memory_bytes'])})" for gpu in compute["gpus"])
    return {
        "device": f"cuda: {gpus}" if gpus else "cpu (no CUDA device)",
        "threads": f"{compute['threads']} per model",
        "speed": f"reads weights at {byte_count(compute['bytes_per_second'])}/s, "
        f"multiplies at {compute['flops_per_second'] / 1e9:.0f} GFLOP/s",
    }


def _lines(facts: Mapping[str, object], width: int = 14) -> list[str]:
    return [f"  {name:<{width}} {value}" for name, value in facts.items()]


def _print(options: argparse.Namespace, facts: Mapping[str, Any], text: str) -> None:
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print("\n".join(_plain(line) for line in text.split("\n")))


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
