"""Terminal chat programs, each talking to the same server, each with the same conversation of 1,000 messages.

Installed by whoever measures: `python -m venv peers/elia && peers/elia/bin/pip install elia-chat`, likewise oterm.
The one rule: what a program keeps is made with its own tables, in folders of its own that are thrown away.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.steady_server import MODEL
from benchmarks.terminal import Terminal

LAST = "‡"  # stands at the end of the long conversation only
QUESTION = "Tell me more"


@dataclass(frozen=True)
class Setting:
    """Where a program finds what it needs."""

    home: Path
    port: int
    messages: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def conversation(self) -> list[tuple[str, str]]:
        """Role and text of every message of the long one; none when there is to be no such."""
        if not self.messages:
            return []
        said = [
            ("user", f"Question {number}: what is {number} + {number}?")
            if number % 2 == 0
            else ("assistant", f"It is **{2 * number - 2}**.\n\n* as `{number - 1} * 2`\n* or as a sum\n")
            for number in range(self.messages)
        ]
        end = f"The last answer, long enough that a list which shows its beginning does not show its end. {LAST}"
        return [*said[:-1], ("assistant", end)]


class Program(Protocol):
    """What is done to every program."""

    name: str
    painted: str  # a text of its first screen
    send: str  # the key that sends

    def command(self) -> list[str]:
        """What starts it."""

    def prepare(self, setting: Setting) -> dict[str, str]:
        """Write settings and conversation; returns variables of the environment."""

    def to_prompt(self, terminal: Terminal) -> None:
        """From the first screen to where a message is typed."""

    def open_long(self, terminal: Terminal) -> float:
        """From the first screen to the long conversation; returns when the last key was pressed."""


class TuiChat:
    """Ours."""

    name = "tui-chat"
    painted = "Good to see you"
    send = "\r"

    def __init__(self, model: str = f"api:steady/{MODEL}") -> None:
        self._model = model

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tui_chat"]

    def prepare(self, setting: Setting) -> dict[str, str]:
        from tui_chat.conversations import Conversations, StoredMessage

        folder = setting.home / "config"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(
            f'[chat]\nmodel = "{self._model}"\n[providers.steady]\nbase_url = "{setting.base_url}"\n'
            f'models = ["{MODEL}"]\n'
        )
        (setting.home / "data").mkdir()
        conversations = Conversations.open(setting.home / "data" / "conversations.db")
        if said := setting.conversation:
            talk = conversations.create("Long", self._model)
            for role, text in said:
                conversations.add(StoredMessage(0, talk.id, role, text))  # type: ignore[arg-type]
        conversations.close()
        code = str(Path(__file__).resolve().parent.parent)
        return {"TUI_CHAT_HOME": str(setting.home), "PYTHONPATH": code}

    def to_prompt(self, terminal: Terminal) -> None:
        """The prompt has the focus already."""

    def open_long(self, terminal: Terminal) -> float:
        terminal.type("\x02")  # Ctrl+B: the list
        terminal.rest(1)
        return terminal.type("\r")


class Oterm:
    """github.com/ggozad/oterm"""

    name = "oterm"
    painted = "Short"
    send = "\r"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def command(self) -> list[str]:
        return [str(self._folder / "bin" / "oterm")]

    def prepare(self, setting: Setting) -> dict[str, str]:
        endpoint = {"base_url": setting.base_url, "api_key": "none"}
        config = {"theme": "textual-dark", "splash-screen": False, "openaiCompatible": {"steady": endpoint}}
        (setting.home / "config.json").write_text(json.dumps(config))
        environment = {"OTERM_DATA_DIR": str(setting.home)}
        self._make_tables(environment)
        with sqlite3.connect(setting.home / "store.db") as database:
            chat = "INSERT INTO chat (name, model, provider, parameters, tools, thinking) VALUES (?, ?, ?, ?, ?, ?)"
            for name in ("Short", "Long") if setting.messages else ("Short",):
                database.execute(chat, (name, MODEL, "openai-compat/steady", "{}", "[]", False))
            message = "INSERT INTO message (chat_id, author, text, images) VALUES (2, ?, ?, '[]')"
            database.executemany(message, setting.conversation)
        return environment

    def _make_tables(self, environment: dict[str, str]) -> None:
        code = "import asyncio; from oterm.store.store import Store; asyncio.run(Store.get_store())"
        python = str(self._folder / "bin" / "python")
        subprocess.run([python, "-c", code], env={**os.environ, **environment}, check=True)

    def to_prompt(self, terminal: Terminal) -> None:
        terminal.rest(1)

    def open_long(self, terminal: Terminal) -> float:
        terminal.type("\x06")  # Ctrl+F: go to a chat
        terminal.rest(1)
        terminal.type("Long")
        terminal.rest(1)
        return terminal.type("\r")


class Elia:
    """github.com/darrenburns/elia"""

    name = "elia"
    painted = "Enter your message"
    send = "\n"  # Ctrl+J

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def command(self) -> list[str]:
        return [str(self._folder / "bin" / "elia")]

    def prepare(self, setting: Setting) -> dict[str, str]:
        environment = {"XDG_CONFIG_HOME": str(setting.home / "c"), "XDG_DATA_HOME": str(setting.home / "d")}
        config = setting.home / "c" / "elia" / "config.toml"
        config.parent.mkdir(parents=True)
        (setting.home / "d" / "elia").mkdir(parents=True)
        config.write_text(
            f'default_model = "openai/{MODEL}"\n[[models]]\nname = "openai/{MODEL}"\n'
            f'api_base = "{setting.base_url}"\napi_key = "none"\n'
        )
        code = (
            "import asyncio, elia_chat.database.models; from elia_chat.database import database; "
            "asyncio.run(database.create_database())"
        )
        python = str(self._folder / "bin" / "python")
        subprocess.run([python, "-c", code], env={**os.environ, **environment}, check=True)
        if not setting.messages:
            return environment
        with sqlite3.connect(setting.home / "d" / "elia" / "elia.sqlite") as database:
            database.execute(
                "INSERT INTO chat (id, model, title, started_at, archived) VALUES (1, ?, 'Long', datetime(), 0)",
                (f"openai/{MODEL}",),
            )
            database.executemany(
                "INSERT INTO message (chat_id, role, content, timestamp, meta, model) "
                "VALUES (1, ?, ?, datetime('2026-01-01', ? || ' seconds'), '{}', ?)",
                [
                    (role, text, number, f"openai/{MODEL}")
                    for number, (role, text) in enumerate([("system", "Be brief."), *setting.conversation])
                ],
            )
        return environment

    def to_prompt(self, terminal: Terminal) -> None:
        """The prompt of the first screen has the focus; a message typed there begins a chat."""

    def open_long(self, terminal: Terminal) -> float:
        terminal.type("\x1b[B")  # from the prompt down to the list
        terminal.rest(1)
        return terminal.type("\r")
