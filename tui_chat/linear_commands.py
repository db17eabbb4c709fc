"""What a line that begins with a slash does in the plain chat.

    /model run:NAME    /system TEXT    /set temperature 0.5    /conversations    /open 12    /help

The names mean what they mean in the app. The one rule: what is no command is said to be none, and never sent; two
slashes send a text that begins with one.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.model_library import absolute_reference
from tui_chat.chat_settings import ChatSettings
from tui_chat.config_schema import parse_value, problem_of
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.linear_chat import LinearChat

_SETTINGS = ("temperature", "top_k", "top_p", "repetition_penalty", "max_new_tokens", "seed")
_LISTED = 20  # conversations


@dataclass(frozen=True)
class _Command:
    argument: str  # as the help shows it
    about: str
    do: Callable[[str], Awaitable[None]]


class LinearCommands:
    """The commands of one plain chat."""

    def __init__(self, chat: LinearChat) -> None:
        self._chat = chat
        self._commands = {
            "help": _Command("", "this list", self._help),
            "model": _Command("[REF]", "which model answers; with REF, another one", self._model),
            "system": _Command("[TEXT]", "what every message is told first; none = nothing", self._system),
            "set": _Command("[NAME VALUE]", f"how replies are sampled: {', '.join(_SETTINGS)}", self._set),
            "seed": _Command("[N]", "the same seed gives the same reply; none = random", self._seed),
            "new": _Command("", "an empty conversation", self._new),
            "conversations": _Command("[WORDS]", "the newest ones, or those with these words", self._list),
            "open": _Command("N", "go on with conversation N, or the last", self._open),
            "rename": _Command("TITLE", "give this conversation another title", self._rename),
            "joke": _Command("[TOPIC]", "a joke; ask why", self._joke),
            "poem": _Command("[TOPIC]", "a poem", self._poem),
            "quit": _Command("", "leave, as Ctrl+D does", self._help),
        }

    def is_leaving(self, text: str) -> bool:
        """Whether this line ends the chat."""
        return text.strip() in ("/quit", "/exit")

    async def does(self, text: str) -> bool:
        """Do what a line asks for; False when it is no command, but something to say.

        Raises:
            UserError: when there is no such command, or it cannot be done.
        """
        if not text.startswith("/"):
            return False
        if text.startswith("//"):
            await self._chat.converse(text[1:])
            return True
        name, _, argument = text[1:].partition(" ")
        if name not in self._commands:
            close = difflib.get_close_matches(name, self._commands, n=1)
            hint = f"Did you mean /{close[0]}?" if close else "/help lists them."
            raise UserError(
                f"There is no command /{one_line(name, 30)}. {hint} Two slashes send a text as it is."
            )
        await self._commands[name].do(argument.strip())
        return True

    # ---- the model and how it replies

    async def _help(self, _: str) -> None:
        for name, command in self._commands.items():
            usage = f"/{name} {command.argument}".strip()
            self._chat.lines.tell(f"{usage}: {command.about}.")
        self._chat.lines.tell("A line that ends with a backslash goes on in the next one.")

    async def _model(self, reference: str) -> None:
        if reference:
            await self._change(model=absolute_reference(reference))
            await self._chat.load_model()
        else:
            self._chat.lines.tell(f"The model is {self._settings.model}.")

    async def _system(self, text: str) -> None:
        if text:
            await self._change(system_prompt="" if text == "none" else text)
        now = self._settings.system_prompt
        self._chat.lines.tell(f"Every message is told first: {now}" if now else "There is no system prompt.")

    async def _set(self, words: str) -> None:
        name, _, value = words.partition(" ")
        name = name.replace("-", "_")
        if words and name not in _SETTINGS:
            raise UserError(f"/set {one_line(name, 30)}: choose one of {', '.join(_SETTINGS)}.")
        if value:
            await self._set_one(name, value.strip())
        for known in [name] if words else _SETTINGS:
            now = getattr(self._settings.generation, known)
            self._chat.lines.tell(f"{known} is {'none' if now is None else now}.")

    async def _seed(self, number: str) -> None:
        await self._set(f"seed {number}".strip())

    async def _set_one(self, name: str, text: str) -> None:
        value = parse_value(f"generation.{name}", text)
        if problem := problem_of("generation", name, value):
            raise UserError(problem)
        await self._change(generation=self._settings.generation.with_changes("/set", **{name: value}))

    @property
    def _settings(self) -> ChatSettings:
        return self._chat.session.settings

    async def _change(self, **changes: object) -> None:
        await self._chat.session.change_settings(self._settings.with_changes("settings", **changes))

    # ---- conversations

    async def _new(self, _: str) -> None:
        self._chat.begin_anew()
        self._chat.lines.tell("A new conversation.")

    async def _list(self, words: str) -> None:
        find = self._chat.conversations.search
        found = await asyncio.to_thread(find, words, _LISTED)
        if not found:
            self._chat.lines.tell("There is no such conversation." if words else "There is none yet.")
        for talk in found:
            self._chat.lines.tell(f"{talk.id}: {one_line(talk.title, 70)}.")

    async def _open(self, which: str) -> None:
        await self._chat.open(which or "last")
        await self._chat.load_model()

    async def _rename(self, title: str) -> None:
        conversation = self._chat.session.conversation
        if conversation is None or not title:
            raise UserError("/rename needs a title, and a conversation that has begun.")
        await asyncio.to_thread(self._chat.conversations.rename, conversation.id, title)
        self._chat.lines.tell(f"This conversation is called {one_line(title, 70)}.")

    # ---- jokes and poems

    async def _joke(self, topic: str) -> None:
        await self._chat.tell_of("joke", topic)

    async def _poem(self, topic: str) -> None:
        await self._chat.tell_of("poem", topic)
