"""Commands of the plain chat about whole conversations: which is open, its title, pin, tags and files.

    /find tea    /open 12    /tag work    /export tea.md    /import theirs.json

The one rule: what was done is a sentence, the same as in the app.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from tui_chat import conversation_deeds as deeds
from tui_chat.attachments import given_path
from tui_chat.conversation_shelf import Shelf, Shelved, found_line
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.linear_chat import LinearChat

_LISTED = 20  # conversations


class LinearShelfCommands:
    """Those of one plain chat."""

    def __init__(self, chat: LinearChat) -> None:
        self._chat = chat

    @property
    def runs(self) -> dict[str, Callable[[str], Awaitable[None]]]:
        """What each does with what stands after its name."""
        return {
            "new": self._new,
            "find": self._find,
            "open": self._open,
            "rename": partial(self._do, deeds.rename),
            "pin": lambda _: self._do(deeds.toggle_pin),
            "tag": self._tag,
            "untag": partial(self._do, deeds.take_tags_off),
            "export": self._export,
            "import": self._import,
            "delete": self._delete,
            "undo": self._undo,
        }

    async def _new(self, _: str) -> None:
        self._chat.begin_anew()
        self._chat.lines.tell("A new conversation.")

    async def _find(self, words: str) -> None:
        found = await asyncio.to_thread(Shelf(self._chat.conversations.file).page, words, _LISTED)
        if not found:
            self._chat.lines.tell("There is no such conversation." if words else "There is none yet.")
        for talk in found:
            self._chat.lines.tell(_in_words(talk))
            if words and talk.found_in:
                self._chat.lines.tell(f"    {found_line(talk)}")

    async def _open(self, which: str) -> None:
        await self._chat.open(which or "last")
        await self._chat.load_model()

    # ---- what is done to the one that is open

    @property
    def _conversation(self) -> int:
        conversation = self._chat.session.conversation
        if conversation is None:
            raise UserError("This chat is still empty. It is kept from the first message on.")
        return conversation.id

    async def _do(self, deed: Callable[..., str], *typed: Any) -> None:
        """A deed that needs the conversation, and says what it did."""
        words = await asyncio.to_thread(deed, self._chat.conversations, self._conversation, *typed)
        self._chat.lines.tell(words)

    async def _tag(self, typed: str) -> None:
        if typed:
            await self._do(deeds.add_tags, typed)
            return
        shelf = Shelf(self._chat.conversations.file)
        here = await asyncio.to_thread(shelf.get, self._conversation)
        used = await asyncio.to_thread(shelf.tags)
        own = ", ".join(here.tags if here else ()) or "none"
        everywhere = ", ".join(f"{tag} {count}" for tag, count in used[:_LISTED]) or "none"
        self._chat.lines.tell(f"Tags of this conversation: {own}. In use, with how often: {everywhere}.")

    async def _export(self, typed: str) -> None:
        await self._do(deeds.export_as_typed, typed)

    async def _import(self, typed: str) -> None:
        path = given_path(typed)
        words = await asyncio.to_thread(deeds.take_in, self._chat.conversations, path)
        self._chat.lines.tell(f"{words} /find lists them.")

    async def _delete(self, _: str) -> None:
        words = await asyncio.to_thread(deeds.delete, self._chat.conversations, self._conversation)
        self._chat.begin_anew()
        self._chat.lines.tell(f"{words} /undo brings it back. This is a new conversation.")

    async def _undo(self, _: str) -> None:
        back, words = await asyncio.to_thread(deeds.undo_delete, self._chat.conversations)
        self._chat.lines.tell(words if back is None else f"{words} To go on with it: /open {back}")


def _in_words(talk: Shelved) -> str:
    more = ", pinned" if talk.pinned else ""
    more += f", tags: {', '.join(talk.tags)}" if talk.tags else ""
    return f"{talk.id}: {one_line(talk.title, 70)}{more}."
