"""Opening the app: the terminal checked first, the screen given back in the end.

The one rule: when the terminal cannot show the app, a sentence says so before anything is drawn.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from engine.errors import UserError

if TYPE_CHECKING:
    from tui_chat.chat_settings import ChatSettings
    from tui_chat.config import LoadedConfig


def start_app(flags: Mapping[str, Any], run_name: str | None = None, persona: str | None = None) -> int:
    """Run the app until it is closed; `flags` are settings by name, None where nothing was said.

    Raises:
        UserError: when this is no terminal the app can be drawn on, or a flag is wrong.
    """
    _check_terminal()
    gc.disable()  # until the first paint: a tenth of the start went into looking for garbage where none is yet
    from engine.paths import config_path, logs_path
    from tui_chat.app import TuiChatApp
    from tui_chat.config import load_config
    from tui_chat.own_terminal import own_terminal

    said = {key: value for key, value in flags.items() if value is not None}
    loaded = load_config(config_path(), flags=said)
    begins_with: ChatSettings | None = None
    if persona is not None:
        loaded, begins_with = with_persona(loaded, persona)
    with own_terminal(logs_path() / "app.log"):
        app = TuiChatApp(loaded, run_name=run_name, begins_with=begins_with)
        app.run()
    for line in runs_that_go_on():
        print(line)
    return app.return_code or 0


def with_persona(loaded: LoadedConfig, name: str) -> tuple[LoadedConfig, ChatSettings]:
    """The settings of a chat with a persona; a model of it that is not there is among the problems."""
    from tui_chat.chat_settings import default_settings
    from tui_chat.personas.choosing import settings_with
    from tui_chat.personas.library import find_persona

    usual, persona = default_settings(loaded.config), find_persona(name).persona
    if loaded.origin_of("chat.model") == "flag":
        persona = replace(persona, model="")
    settings, notice = settings_with(persona, usual, usual, loaded.config.providers)
    return dataclasses.replace(loaded, problems=(*loaded.problems, *filter(None, [notice]))), settings


def runs_that_go_on() -> list[str]:
    """What to know of when the app is closed: a line for each run whose process works on."""
    from engine.paths import runs_path
    from trainers.run_directory import list_runs
    from tui_chat.text import one_line

    lines = []
    for run in list_runs(runs_path()):
        status = run.status()
        if status.state in ("starting", "running", "paused"):
            how = "waits" if status.state == "paused" else "goes on"
            lines.append(f"Run {one_line(run.name)} {how} at step {status.step:,}; `tui-chat runs` shows it.")
    return lines


def _check_terminal() -> None:
    if not sys.stdout.isatty() or not sys.stderr.isatty():
        raise UserError(
            "The app needs a terminal for its output. Without one, use `tui-chat ask`, and `tui-chat runs`."
        )
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise UserError(
            "This terminal cannot place text (TERM is 'dumb' or empty). Use `tui-chat ask` in it."
        )
    if not sys.stdin.isatty():
        _take_keyboard()


def _take_keyboard() -> None:
    """`echo text | tui-chat` leaves no keyboard: read keys from the terminal itself."""
    try:
        keyboard = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        raise UserError(
            "The app needs a keyboard; its input is a pipe. Start it as `tui-chat` alone."
        ) from None
    os.dup2(keyboard, 0)
