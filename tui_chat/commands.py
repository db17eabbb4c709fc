"""The command palette: everything the app can do, by name.

The one rule: what a key does is found here too, under words a person would type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.command import Hit, Hits, Provider
from textual.content import Content

from tui_chat.text import one_line, plain

if TYPE_CHECKING:
    from tui_chat.app import TuiChatApp

_POEM = re.compile(r"\s*poem\s+(?:(?:about|on|of)\s+)?(?P<topic>\S.*)", re.IGNORECASE)


def commands_of(app: TuiChatApp) -> Iterator[SystemCommand]:
    """Every command, the ones people ask for first."""
    chat = app.chat
    yield SystemCommand("Joke", "Hear a joke: ask why, and get the punchline", lambda: tell(app, "joke"))
    yield SystemCommand("Poem", "Hear a poem; you choose the topic", lambda: tell(app, "poem"))
    yield SystemCommand("New chat", "Begin an empty conversation", _on_chat(app, chat.action_new_chat))
    yield SystemCommand("Choose model", "Talk to another model here", _on_chat(app, chat.action_choose_model))
    yield SystemCommand(
        "New pane", "A chat beside this one, with its own model", _on_chat(app, chat.action_new_pane)
    )
    yield SystemCommand("Training", "Your training runs", lambda: app.switch_mode("training"))
    yield SystemCommand("New run", "Train or fine-tune a model", lambda: _new_run(app))
    yield SystemCommand(
        "Search conversations", "Find words in all messages", _on_chat(app, chat.action_search)
    )
    yield SystemCommand(
        "Settings of this pane",
        "Temperature, top-k, system prompt …",
        _on_chat(app, chat.action_pane_settings),
    )
    yield SystemCommand(
        "Regenerate reply", "Another reply to the last message", _on_chat(app, chat.pane.action_regenerate)
    )
    yield SystemCommand("Stop reply", "Stop the reply and keep its text", _on_chat(app, chat.pane.stop))
    yield SystemCommand(
        "Copy reply", "Send the last reply to the clipboard", _on_chat(app, chat.action_copy_reply)
    )
    yield SystemCommand(
        "Copy code", "Send its last code block to the clipboard", _on_chat(app, chat.action_copy_code)
    )
    yield SystemCommand(
        "Rename chat",
        "Give this conversation another title",
        _on_chat(app, lambda: chat.change_chat("rename")),
    )
    yield SystemCommand(
        "Delete chat",
        "Delete this conversation; can be undone",
        _on_chat(app, lambda: chat.change_chat("delete")),
    )
    yield SystemCommand(
        "Undo delete",
        "Bring back the conversation deleted last",
        _on_chat(app, lambda: chat.change_chat("undo")),
    )
    yield SystemCommand(
        "Show or hide conversations", "The list on the left", _on_chat(app, chat.action_toggle_list)
    )
    if len(chat.panes) > 1:
        yield SystemCommand(
            "Next pane", "Go to the pane on the right", _on_chat(app, lambda: chat.action_next_pane(1))
        )
        yield SystemCommand(
            "Close pane", "Close this pane; its conversation stays", _on_chat(app, chat.action_close_pane)
        )
    yield SystemCommand("Chat", "Back to the conversations", lambda: app.switch_mode("chat"))
    yield SystemCommand("Settings", "Every setting, explained", app.action_settings)
    yield SystemCommand("Theme", "Change the colours", app.action_change_theme)
    yield SystemCommand("Help", "The keys, and how to get going", app.action_help)
    yield SystemCommand("Screenshot", "Save this screen as a picture (SVG)", lambda: app.deliver_screenshot())
    yield SystemCommand("Quit", "Leave; training runs go on", app.action_quit)


async def tell(app: TuiChatApp, companion: str, topic: str = "") -> None:
    """Let a companion speak in the focused pane."""
    await app.switch_mode("chat")
    app.chat.pane.tell(companion, topic)
    app.chat.pane.prompt.focus()


class PoemAboutProvider(Provider):
    """ "poem about the sea" in the palette recites one."""

    async def search(self, query: str) -> Hits:
        if match := _POEM.fullmatch(query):
            topic = match["topic"].strip()
            shown = Content.assemble("Poem about ", plain(one_line(topic, 60)).stylize("bold"))
            yield Hit(1.0, shown, lambda: self._recite(topic), help="Recited in this chat")

    async def _recite(self, topic: str) -> None:
        await tell(self.app, "poem", topic)  # type: ignore[arg-type]


def _on_chat(app: TuiChatApp, action):  # type: ignore[no-untyped-def]
    """The action, on the chat screen."""

    async def act() -> None:
        await app.switch_mode("chat")
        result = action()
        if hasattr(result, "__await__") and not hasattr(result, "cancel"):
            await result

    return act


async def _new_run(app: TuiChatApp) -> None:
    from tui_chat.screens.new_run import NewRunScreen  # here: when it is asked for

    await app.switch_mode("training")
    await app.push_screen(NewRunScreen())
