"""What a line that begins with a slash does in the plain chat.

    /model run:NAME    /persona NAME    /system TEXT    /temperature 0.5    /help    /help edit

Here are those that decide how the model replies; `linear_message_commands` and `linear_shelf_commands` have the others.
They are those of `slash_commands` that need no screen, and three of its own. The one rule: a command is called and
typed as in the app.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from engine.model_library import absolute_reference
from tui_chat.chat_settings import ChatSettings
from tui_chat.generation_commands import GENERATION_COMMANDS, with_setting
from tui_chat.linear_message_commands import LinearMessageCommands
from tui_chat.linear_shelf_commands import LinearShelfCommands
from tui_chat.personas.choosing import settings_with, settings_without
from tui_chat.personas.library import find_persona, list_personas
from tui_chat.slash_commands import KNOWN, Given, SlashCommand, SlashCommands, described
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.linear_chat import LinearChat

_OTHERWISE = {  # (argument, what it does) where it is not as in the app: there is no list to choose from
    "help": ("[NAME]", "All commands, with what they do; or that one alone"),
    "model": ("[REFERENCE]", "Answer with another model; alone: which it is"),
    "system": ("[TEXT]", "What the model is told first; alone: what it is, 'none' takes it out"),
    "persona": ("[NAME]", "Who the model is to be; alone: list all, 'none' is nobody"),
    "settings": ("", "How this chat answers"),
    "rename": ("TITLE", "Give this conversation another title"),
    "export": ("FILE", "This conversation as a file: .md, .json, or rows to train on"),
    "import": ("FILE", "Take in conversations: .md, .json, or rows to train on"),
    "tag": ("[TAGS]", "Give this conversation tags; alone: which there are"),
    "edit": (
        "[NUMBER|TEXT]",
        "Send your last message otherwise, as TEXT if it is given, or message NUMBER; the other one is kept",
    ),
    "version": (
        "[NUMBER]",
        "Another version of a message: 2, next, previous, 2 of message 1; alone: which there are",
    ),
    "template": ("[NAME]", "Begin the next message from a prompt template; alone: list all"),
    "tokens": ("[NUMBER]", "The last reply token by token, or message NUMBER, a line each"),
    "correct": ("TEXT", "How the last reply should have been; 'none' takes that back"),
}
_OF_ITS_OWN = {
    "messages": ("[NUMBER]", "What was said here, with numbers; or that message in full"),
    "open": ("NUMBER", "Go on with that conversation; last = the newest"),
}
_ALIASES: dict[str, tuple[str, ...]] = {
    "rename": ("title",),
    "find": ("conversations", "search"),
    "poor": ("bad",),
    "version": ("versions",),
    "export": ("save",),
    "new": ("clear",),
    "retry": ("again", "regenerate"),
}


class LinearCommands:
    """The commands of one plain chat."""

    def __init__(self, chat: LinearChat) -> None:
        self._chat = chat
        own: dict[str, Callable[[str], Awaitable[None]]] = {
            "help": self._help,
            "model": self._model,
            "persona": self._persona,
            "system": self._system,
            "joke": partial(chat.tell_of, "joke"),
            "poem": partial(chat.tell_of, "poem"),
            **{name: partial(self._set, name) for name in GENERATION_COMMANDS},
            "settings": self._settings_told,
            **LinearMessageCommands(chat).runs,
            **LinearShelfCommands(chat).runs,
        }
        known = [_described(name, run) for name, run in own.items()]
        leaves = described("quit", _without_place(self._help), aliases=("exit", "bye", "q"))
        self._commands: SlashCommands[LinearChat] = SlashCommands([*known, leaves])

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

    async def _help(self, name: str) -> None:
        if name:
            self._chat.lines.tell(self._commands.expect(name.removeprefix("/")).explanation)
            return
        for command in self._commands:
            self._chat.lines.tell(command.explanation)
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

    async def _persona(self, name: str) -> None:
        if not name:
            await self._list_personas()
            return
        if name.strip().casefold() == "none":
            settings, notice = settings_without(self._settings, self._chat.usual), ""
        else:
            chosen = (await asyncio.to_thread(find_persona, name)).persona
            settings, notice = await asyncio.to_thread(
                settings_with, chosen, self._settings, self._chat.usual, self._chat.providers
            )
        await self._chat.session.change_settings(settings)
        self._chat.lines.tell(f"{self._persona_told()}{f' {notice}' if notice else ''}")
        await self._chat.load_model()
        self._chat.greet()

    async def _list_personas(self) -> None:
        self._chat.lines.tell(self._persona_told())
        for entry in await asyncio.to_thread(list_personas):
            about = entry.problem or entry.persona.description
            self._chat.lines.tell(f"{entry.persona.name}: {one_line(about, 100)}")

    def _persona_told(self) -> str:
        return f"The model is {self._settings.persona or 'nobody in particular'}."

    @property
    def _settings(self) -> ChatSettings:
        return self._chat.session.settings

    async def _change(self, **changes: object) -> None:
        await self._chat.session.change_settings(self._settings.with_changes("settings", **changes))


def _described(name: str, run: Callable[[str], Awaitable[None]]) -> SlashCommand[LinearChat]:
    argument, what = {**KNOWN, **_OTHERWISE, **_OF_ITS_OWN}[name]
    return SlashCommand(name, argument, what, _without_place(run), aliases=_ALIASES.get(name, ()))


def _without_place(run: Callable[[str], Awaitable[None]]) -> Callable[[LinearChat, str], Awaitable[None]]:
    """A command knows its chat already."""
    return lambda _, argument: run(argument)
