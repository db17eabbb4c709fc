"""What the palette offers when it opens: what people use most first, then the rest by name.

The one rule: the list holds what can be done now; typing finds the rest too, which says what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.command import DiscoveryHit, Hits
from textual.system_commands import SystemCommandsProvider

from engine.model_library import run_of
from tui_chat.commands import RUN_COMMANDS

if TYPE_CHECKING:
    from tui_chat.app import TuiChatApp
    from tui_chat.screens.chat import ChatScreen

FIRST = (
    "New chat",
    "Choose model",
    "Joke",
    "Poem",
    "New pane",
    "Compare two models",
    "Personas",
    "Settings of this pane",
    "Settings",
    "Training",
    "New run",
    "Search conversations",
    "Help",
)


def _talks_with_a_run(chat: ChatScreen) -> bool:
    return run_of(chat.pane.settings.model) is not None


def _has_panes(chat: ChatScreen) -> bool:
    return len(chat.panes) > 1


def _has_messages(chat: ChatScreen) -> bool:
    return bool(chat.pane.session.messages)


def _has_reply(chat: ChatScreen) -> bool:
    return any(message.model for message in chat.pane.session.messages)


def _is_kept(chat: ChatScreen) -> bool:
    return chat.pane.session.conversation is not None


def _is_replying(chat: ChatScreen) -> bool:
    return any(pane.is_replying for pane in chat.panes)


_NEEDS: dict[Callable[[ChatScreen], bool], tuple[str, ...]] = {
    _talks_with_a_run: ("Compare two checkpoints of the run", "Step through checkpoints"),
    _has_panes: (
        "Next pane",
        "Pane before",
        "Move the line left",
        "Move the line right",
        "Panes of one width",
    ),
    _has_messages: (
        *("Copy conversation", "Copy reply", "Copy code", "Regenerate reply", "Edit my last message"),
        *("Version before", "Version after", "New chat from here", "Open a link"),
    ),
    _has_reply: (
        *("Look at the last reply token by token", "Correct the last reply", "This reply is better"),
        *("The replies are as good", "Thumb up for the last reply", "Thumb down for the last reply"),
    ),
    _is_kept: ("Rename chat", "Delete chat", "Pin chat", "Tags of this chat", "Export chat"),
    _is_replying: ("Stop reply",),
}


def offered(commands: Iterable[SystemCommand], chat: ChatScreen) -> list[SystemCommand]:
    """Those that can be used now: of the run on show, then the most used ones, then the others by name."""
    missing = {title for has, titles in _NEEDS.items() if not has(chat) for title in titles}
    of_a_run = [title for title, _, _ in RUN_COMMANDS]
    first = {title: place for place, title in enumerate([*of_a_run, *FIRST])}
    possible = [command for command in commands if command.title not in missing]
    return sorted(possible, key=lambda command: (first.get(command.title, len(first)), command.title))


class PaletteProvider(SystemCommandsProvider):
    """The commands of the app, in that order."""

    async def discover(self) -> Hits:
        app: TuiChatApp = self.app  # type: ignore[assignment]
        for title, explanation, act, _ in offered(app.get_system_commands(self.screen), app.chat):
            yield DiscoveryHit(title, act, help=explanation)
