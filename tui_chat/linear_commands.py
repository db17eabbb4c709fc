"""What a line that begins with a slash does in the plain chat.

    /model run:NAME    /system TEXT    /temperature 0.5    /retry    /find tea    /open 12    /help

The commands are those of `slash_commands` that need no screen, and two of its own. The one rule: a command is called
and typed as in the app.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.model_library import absolute_reference
from tui_chat.chat_settings import ChatSettings
from tui_chat.generation_commands import GENERATION_COMMANDS, with_setting
from tui_chat.slash_commands import Given, SlashCommand, SlashCommands, described
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.linear_chat import LinearChat

_OTHERWISE = {  # (argument, what it does) where there is no list to choose from
    "model": ("[REFERENCE]", "Answer with another model; alone: which it is"),
    "system": ("[TEXT]", "What the model is told first; alone: what it is, 'none' takes it out"),
    "settings": ("", "How this chat answers"),
    "rename": ("TITLE", "Give this conversation another title"),
}
_LISTED = 20  # conversations


class LinearCommands:
    """The commands of one plain chat."""

    def __init__(self, chat: LinearChat) -> None:
        self._chat = chat
        own: dict[str, Callable[[str], Awaitable[None]]] = {
            "help": self._help,
            "new": self._new,
            "model": self._model,
            "system": self._system,
            "joke": partial(chat.tell_of, "joke"),
            "poem": partial(chat.tell_of, "poem"),
            **{name: partial(self._set, name) for name in GENERATION_COMMANDS},
            "settings": self._settings_told,
            "retry": self._retry,
            "rename": self._rename,
            "find": self._find,
        }
        known = [_described(name, run) for name, run in own.items()]
        opens = SlashCommand(
            "open", "NUMBER", "Go on with that conversation; last = the newest", _without_place(self._open)
        )
        leaves = described("quit", _without_place(self._help), aliases=("exit", "bye", "q"))
        self._commands: SlashCommands[LinearChat] = SlashCommands([*known, opens, leaves])

    def is_leaving(self, text: str) -> bool:
        """Whether this line ends the chat."""
        given = self._commands.under_way(text)
        return given is not None and given.command.name == "quit"

    async def does(self, text: str) -> str:
        """Do what a line asks for; what is to be said when it is no command.

        Raises:
            UserError: when there is no such command, or it cannot be done.
        """
        given = self._commands.read(text)
        if not isinstance(given, Given):
            return given
        if (done := given.command.run(self._chat, given.argument)) is not None:
            await done
        return ""

    # ---- the model and how it replies

    async def _help(self, _: str) -> None:
        for command in self._commands:
            self._chat.lines.tell(f"{command.usage}: {command.what}.")
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

    async def _set(self, name: str, text: str) -> None:
        if text:
            await self._change(generation=with_setting(self._settings.generation, name, text))
        now = getattr(self._settings.generation, GENERATION_COMMANDS[name])
        self._chat.lines.tell(f"{name} is {'none' if now is None else now}.")

    async def _settings_told(self, _: str) -> None:
        await self._model("")
        await self._system("")
        for name in GENERATION_COMMANDS:
            await self._set(name, "")

    async def _retry(self, _: str) -> None:
        question = self._chat.session.last_question()
        if question is None:
            raise UserError("There is no message to reply to yet.")
        await self._chat.reply(after=question.id)

    @property
    def _settings(self) -> ChatSettings:
        return self._chat.session.settings

    async def _change(self, **changes: object) -> None:
        await self._chat.session.change_settings(self._settings.with_changes("settings", **changes))

    # ---- conversations

    async def _new(self, _: str) -> None:
        self._chat.begin_anew()
        self._chat.lines.tell("A new conversation.")

    async def _find(self, words: str) -> None:
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
        if conversation is None:
            raise UserError("There is no conversation to rename yet.")
        await asyncio.to_thread(self._chat.conversations.rename, conversation.id, one_line(title, 120))
        self._chat.lines.tell(f"This conversation is called {one_line(title, 70)}.")


def _described(name: str, run: Callable[[str], Awaitable[None]]) -> SlashCommand[LinearChat]:
    command = described(name, _without_place(run))
    argument, what = _OTHERWISE.get(name, (command.argument, command.what))
    return replace(command, argument=argument, what=what)


def _without_place(run: Callable[[str], Awaitable[None]]) -> Callable[[LinearChat, str], Awaitable[None]]:
    """A command knows its chat already."""
    return lambda _, argument: run(argument)
