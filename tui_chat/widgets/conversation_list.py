"""The conversations beside the chat: newest first, searched as one types."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import UserError
from tui_chat.conversations import Conversation, Conversations
from tui_chat.key_bindings import key_in_words
from tui_chat.text import one_line, plain

_TYPING_PAUSE_SECONDS = 0.12


class Titles(OptionList):
    """The list itself, with what can be done to a conversation."""

    @dataclass
    class ChangeRequested(Message):
        """The user wants to "rename", "delete" or "undo" deleting a conversation."""

        what: str
        conversation: int | None

    BINDING_GROUP_TITLE = "Conversations"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="conversations.open"),
        Binding("r", "change('rename')", "Rename", id="conversations.rename"),
        Binding("d,delete", "change('delete')", "Delete", id="conversations.delete"),
        Binding("u", "change('undo')", "Undo delete", id="conversations.undo"),
        Binding("j", "cursor_down", "Down", id="conversations.down", show=False),
        Binding("k", "cursor_up", "Up", id="conversations.up", show=False),
    ]

    def action_change(self, what: str) -> None:
        option = self.highlighted_option
        conversation = int(option.id) if option is not None and option.id else None
        self.post_message(self.ChangeRequested(what, conversation))


class ConversationList(Vertical):
    """Search box and list; renames and deletes. Opening is left to the screen."""

    @dataclass
    class Opened(Message):
        """The user chose a conversation."""

        conversation: int

    @dataclass
    class Deleted(Message):
        """A conversation is about to be gone; panes that show it should let go of it."""

        conversation: int

    @dataclass
    class Listed(Message):
        """The list was read anew."""

        count: int

    @dataclass
    class Left(Message):
        """The user is done with the list."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="conversations.leave")]

    def __init__(self, conversations: Conversations) -> None:
        super().__init__()
        self._conversations = conversations
        self._search = Input(placeholder="Search all messages", compact=True, id="search")
        self._titles = Titles(markup=False, compact=True)
        self._note = Static(markup=False, classes="note")
        self._open: set[int] = set()
        self._current: int | None = None
        self._shown: list[Conversation] = []
        self._deleted: list[Conversation] = []  # for undo, latest last
        self.count = 0  # of all conversations, as last read without a search

    def compose(self) -> ComposeResult:
        yield self._search
        yield self._titles
        yield self._note

    def on_resize(self, event: events.Resize) -> None:
        """Rows are cut to the width, which is unknown while the list is put away."""
        self.reload()

    def focus_search(self) -> None:
        """Put the cursor into the search box."""
        self._search.focus()
        self._search.select_all()

    def focus_titles(self) -> None:
        """Put the cursor on the list, on the open conversation or else the newest."""
        self._titles.focus()
        if self._titles.highlighted is None and self._shown:
            self._titles.highlighted = 0

    @property
    def has_focus_within(self) -> bool:
        """Whether the search box or the list has the focus."""
        return self._search.has_focus or self._titles.has_focus

    def show_open(self, conversations: set[int], current: int | None) -> None:
        """Mark the conversations that are open in panes, the focused pane's above all, and read the list anew."""
        self._open, self._current = conversations, current
        self.reload()

    @work(exclusive=True, group="conversations")
    async def reload(self) -> None:
        """Read the list, or what the search finds, and show it."""
        query = self._search.value
        if query.strip():
            await asyncio.sleep(_TYPING_PAUSE_SECONDS)
        try:
            found = await asyncio.to_thread(
                self._conversations.search if query.strip() else lambda _: self._conversations.newest(), query
            )
        except UserError as error:
            self._note.update(plain(str(error)))
            return
        self._show(found, query)

    def _show(self, found: Sequence[Conversation], query: str) -> None:
        highlighted = self._titles.highlighted_option
        width = max(self.size.width - 4, 12)
        options = [Option(self._row(talk, width, bool(query.strip())), id=str(talk.id)) for talk in found]
        with self.prevent(OptionList.OptionHighlighted):
            self._titles.clear_options()
            self._titles.add_options(options)
            ids = [str(talk.id) for talk in found]
            if query.strip():
                self._titles.highlighted = 0 if found else None
            elif self._titles.has_focus and highlighted is not None and highlighted.id in ids:
                self._titles.highlighted = ids.index(highlighted.id)
            elif str(self._current) in ids:
                self._titles.highlighted = ids.index(str(self._current))
        nothing = "Nothing found." if query.strip() else "Your conversations will be listed here."
        self._note.update("" if found else nothing)
        self._shown = list(found)
        if not query.strip():
            self.count = len(found)
            self.post_message(self.Listed(self.count))

    def _row(self, talk: Conversation, width: int, is_found: bool) -> Content:
        mark = "● " if talk.id == self._current else "○ " if talk.id in self._open else "  "
        title = plain(one_line(talk.title, width - 2) or "Conversation")
        when = "" if is_found else f"{ago(time.time() - talk.updated)}  "
        words = re.sub(r"[*`#>]+", "", talk.preview)  # the marks of Markdown tell nothing in one line
        below = when + one_line(words, max(width - 2 - len(when), 8))
        return Content.assemble((mark, "$accent"), title, "\n  ", plain(below).stylize("dim"))

    def action_leave(self) -> None:
        """Back to the chat, with the whole list."""
        self._search.clear()
        self.post_message(self.Left())

    # ---- changing

    @on(Titles.ChangeRequested)
    def change_requested(self, event: Titles.ChangeRequested) -> None:
        event.stop()
        self.change(event.what, event.conversation)

    @work
    async def change(self, what: str, conversation: int | None) -> None:
        """ "rename" or "delete" a conversation, or "undo" the last delete."""
        try:
            if what == "undo":
                await self._undo_delete()
            elif conversation is not None:
                talk = await asyncio.to_thread(self._conversations.get, conversation)
                if talk is not None:
                    await (self._rename(talk) if what == "rename" else self._delete(talk))
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        self.reload()

    async def _rename(self, talk: Conversation) -> None:
        from tui_chat.screens.ask_text import AskText  # here: not needed for the first paint

        title = await self.app.push_screen_wait(AskText("Rename the conversation", talk.title))
        if title and title.strip():
            await asyncio.to_thread(self._conversations.rename, talk.id, one_line(title, 120))

    async def _delete(self, talk: Conversation) -> None:
        self.post_message(self.Deleted(talk.id))
        await asyncio.to_thread(self._conversations.delete, talk.id)
        self._deleted.append(talk)
        undo = key_in_words(self._titles, "conversations.undo").lower()
        title = one_line(talk.title, 40)
        self.notify(f"Deleted “{title}”. To undo: {undo} in the list, or the palette.", markup=False)

    async def _undo_delete(self) -> None:
        if not self._deleted:
            self.notify("Nothing was deleted just now.", markup=False)
            return
        talk = self._deleted.pop()
        await asyncio.to_thread(self._conversations.restore, talk.id)
        self.notify(f"“{one_line(talk.title, 40)}” is back.", markup=False)

    # ---- searching and opening

    @on(Input.Changed)
    def search_as_typed(self) -> None:
        self.reload()

    @on(Input.Submitted)
    def open_first(self) -> None:
        """Enter in the search box opens what was found first."""
        if self._shown:
            self.post_message(self.Opened(self._shown[0].id))

    @on(OptionList.OptionSelected)
    def open_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Opened(int(event.option.id or 0)))

    def key_down(self) -> None:
        """Down from the search box goes to the list."""
        if self._search.has_focus:
            self._titles.focus()


def ago(seconds: float) -> str:
    """Roughly how long ago something was."""
    for length, unit in ((86400 * 7, "w"), (86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"
