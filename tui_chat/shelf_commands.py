"""Slash commands about whole conversations in a pane of the app: title, pin, tags, files, deleting and finding.

Without an argument they open the dialog that the list opens by key. The one rule: what is done is done by
`conversation_deeds` or by the list, so that a key, the palette and a command do the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.widgets import Input

from engine.errors import UserError
from tui_chat import conversation_deeds as deeds
from tui_chat.attachments import given_path
from tui_chat.conversation_shelf import Shelf
from tui_chat.conversations import Conversation
from tui_chat.prompt_commands import app_of, paths
from tui_chat.slash_commands import SlashCommand, Suggestion, described, ranked
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane


def _conversation_of(pane: ChatPane) -> Conversation:
    if pane.session.conversation is None:
        raise UserError("This chat is still empty. It is kept from the first message on.")
    return pane.session.conversation


async def _do(pane: ChatPane, deed: Callable[..., str], *values: Any) -> None:
    """Do it, say so, and have the list read anew."""
    words = await asyncio.to_thread(deed, app_of(pane).conversations, *values)
    pane.notify(words, markup=False)
    pane.post_message(pane.ConversationChanged(pane))


async def _rename(pane: ChatPane, argument: str) -> None:
    conversation = _conversation_of(pane)
    if not argument:
        app_of(pane).chat.change_chat("rename")
        return
    await _do(pane, deeds.rename, conversation.id, argument)
    if pane.session.conversation is not None and pane.session.conversation.id == conversation.id:
        pane.session.conversation = replace(pane.session.conversation, title=one_line(argument, 120))


def _or_dialog(dialog: str, deed: Callable[..., str]) -> Callable[[ChatPane, str], Awaitable[None]]:
    """`deed` with the pane's conversation and what was typed; the list's `dialog` where nothing was."""

    async def run(pane: ChatPane, argument: str) -> None:
        conversation = _conversation_of(pane).id
        if argument:
            await _do(pane, deed, conversation, argument)
        else:
            app_of(pane).chat.change_chat(dialog)

    return run


def _exported_paths(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    force, space, path = argument.rpartition(f"{deeds.FORCE} ")
    return [replace(found, value=f"{force}{space}{found.value}") for found in paths(pane, path)]


async def _import(pane: ChatPane, argument: str) -> None:
    if argument:
        await _do(pane, deeds.take_in, given_path(argument))
    else:
        app_of(pane).chat.change_chat("import")


async def _untag(pane: ChatPane, argument: str) -> None:
    await _do(pane, deeds.take_tags_off, _conversation_of(pane).id, argument)


def _tags_in_use(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    return _last_word(argument, [tag for tag, _ in Shelf(app_of(pane).conversations.file).tags()])


def _tags_here(pane: ChatPane, argument: str) -> Sequence[Suggestion]:
    conversation = pane.session.conversation
    talk = Shelf(app_of(pane).conversations.file).get(conversation.id) if conversation else None
    return _last_word(argument, talk.tags if talk else ())


def _last_word(argument: str, tags: Sequence[str]) -> Sequence[Suggestion]:
    """Ways to go on with the last of several tags."""
    before, space, begun = argument.rpartition(" ")
    known = [Suggestion(tag) for tag in tags if tag not in before.replace("#", "").split()]
    return [Suggestion(f"{before}{space}{tag.value}") for tag in ranked(begun.removeprefix("#"), known)]


def _change(what: str) -> Callable[[ChatPane, str], Awaitable[None] | None]:
    """Does to the conversation what the list does by key."""
    return lambda pane, argument: app_of(pane).chat.change_chat(what)


async def _find(pane: ChatPane, argument: str) -> None:
    await pane.run_action("screen.search")
    if argument:
        pane.screen.query_one("#search", Input).value = argument


SHELF_COMMANDS: tuple[SlashCommand[ChatPane], ...] = (
    described("rename", _rename, aliases=("title",)),
    described("pin", _change("pin")),
    described("tag", _or_dialog("tag", deeds.add_tags), _tags_in_use),
    described("untag", _untag, _tags_here),
    described("export", _or_dialog("export", deeds.export_as_typed), _exported_paths, aliases=("save",)),
    described("import", _import, paths),
    described("delete", _change("delete")),
    described("undo", _change("undo")),
    described("find", _find, aliases=("search",)),
)
