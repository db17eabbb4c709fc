"""What can be done to conversations from the list and the palette, with the questions that it takes.

    await changes.make("rename", 7)      also: pin, tag, delete, undo, export, export_all, import

The one rule: whatever was done is said, and what was deleted can be brought back, one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from textual.widget import Widget

from tui_chat import conversation_deeds as deeds
from tui_chat.conversation_shelf import Shelf, Shelved
from tui_chat.conversations import Conversations
from tui_chat.key_bindings import key_in_words

# Dialogs, and what reads and writes files, are imported where they are needed: the first paint is not.


class ShelfChanges:
    """Changes the file and tells the user; `host` is where keys and notices belong.

    `let_go` is told of a conversation that is about to be deleted, `listed` says what the list is narrowed to.
    """

    def __init__(
        self,
        host: Widget,
        conversations: Conversations,
        let_go: Callable[[int], object],
        listed: Callable[[], str],
    ) -> None:
        self._host = host
        self._conversations = conversations
        self._shelf = Shelf(conversations.file)
        self._let_go = let_go
        self._listed = listed

    async def make(self, what: str, conversation: int | None) -> int | None:
        """Do one of these things; the conversation that it brought back, if any.

        Raises:
            UserError: when it cannot be saved.
        """
        if what == "undo":
            return await self._undo_delete()
        if what == "import":
            await self._import()
        elif what == "export_all":
            await self._export_listed()
        elif conversation is not None:
            talk = await asyncio.to_thread(self._shelf.get, conversation)
            if talk is not None:
                await self._on_one[what](self, talk)
        return None

    async def _pin(self, talk: Shelved) -> None:
        words = await asyncio.to_thread(deeds.toggle_pin, self._conversations, talk.id)
        self._host.notify(words, timeout=3, markup=False)

    async def _tag(self, talk: Shelved) -> None:
        from tui_chat.screens.edit_tags import EditTags

        known = await asyncio.to_thread(self._shelf.tags)
        tags = await self._host.app.push_screen_wait(EditTags(talk.title, talk.tags, known))
        if tags is not None:
            await asyncio.to_thread(self._shelf.tag, talk.id, tags)

    async def _rename(self, talk: Shelved) -> None:
        from tui_chat.screens.ask_text import AskText

        title = await self._host.app.push_screen_wait(AskText("Rename the conversation", talk.title))
        if title and title.strip():
            await asyncio.to_thread(deeds.rename, self._conversations, talk.id, title)

    async def _delete(self, talk: Shelved) -> None:
        self._let_go(talk.id)
        words = await asyncio.to_thread(deeds.delete, self._conversations, talk.id)
        undo = key_in_words(self._host, "conversations.undo").lower() or "u"
        self._host.notify(f"{words} To undo: {undo} in the list, or the palette.", markup=False)

    async def _undo_delete(self) -> int | None:
        """Bring back the conversation deleted last, and with the next call the one before it."""
        last, words = await asyncio.to_thread(deeds.undo_delete, self._conversations)
        self._host.notify(words, markup=False)
        return last

    async def _export(self, talk: Shelved) -> None:
        await self._export_these([talk.id], talk.title)

    async def _export_listed(self) -> None:
        ids = await asyncio.to_thread(self._shelf.ids, self._listed())
        if ids:
            await self._export_these(ids, self._listed() or "conversations")
        else:
            self._host.notify("There is nothing to export.", markup=False)

    async def _export_these(self, ids: Sequence[int], title: str) -> None:
        from tui_chat.screens.export_dialog import ExportDialog

        told = await self._host.app.push_screen_wait(
            ExportDialog(title, len(ids), Path.cwd(), partial(_exported, self._conversations, ids))
        )
        if told:
            self._host.notify(told, timeout=10, markup=False)

    async def _import(self) -> None:
        from tui_chat.screens.import_dialog import ImportDialog

        told = await self._host.app.push_screen_wait(
            ImportDialog(partial(deeds.take_in, self._conversations))
        )
        if told:
            self._host.notify(told, timeout=10, markup=False)

    _on_one = {"pin": _pin, "tag": _tag, "rename": _rename, "delete": _delete, "export": _export}  # noqa: RUF012


def _exported(
    conversations: Conversations, ids: Sequence[int], format: str, path: Path, replace: bool
) -> str:
    """Write these conversations to a file; what was done, in words."""
    return deeds.export(conversations, ids, path, format, replace)
