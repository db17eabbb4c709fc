"""The conversations beside the chat: pinned ones and the latest first, searched by words and #tags as one types.

    Shelf (the file) -> ConversationList -> Titles (the rows)        what is done to them: `ShelfChanges`

The one rule: the list reads a page at a time, and asks for the next one only when it is about to be seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, OptionList, Static

from engine.errors import UserError
from tui_chat.conversation_shelf import PAGE, Shelf, Shelved, clean_tag
from tui_chat.conversations import Conversations
from tui_chat.key_bindings import key_in_words
from tui_chat.recent_conversations import RecentConversations
from tui_chat.search_hits import Hit, hit_to_show
from tui_chat.shelf_changes import ShelfChanges
from tui_chat.text import plain
from tui_chat.widgets.conversation_titles import Marks, Titles

TYPING_PAUSE_SECONDS = 0.12
_TAGS_SHOWN = 12


class ConversationList(Vertical):
    """Search box and list. Opening is left to the screen."""

    @dataclass
    class Opened(Message):
        """The user chose a conversation."""

        conversation: int
        hit: Hit | None = None  # what a search found in it

    @dataclass
    class Deleted(Message):
        """A conversation is about to be gone; panes that show it should let go of it."""

        conversation: int

    @dataclass
    class Restored(Message):
        """A conversation that was deleted is back."""

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
        self._shelf = Shelf(conversations.file)
        self._search = Input(placeholder="Search words or #tags", compact=True, id="search")
        self._titles = Titles()
        self._changes = ShelfChanges(self._titles, conversations, self._let_go, lambda: self.listed_query)
        self._note = Static(markup=False, classes="note")
        self._marks = Marks()
        self.listed_query = ""  # what the list is narrowed to
        self.recent = RecentConversations()
        self.count = 0  # of all conversations, as last read

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
        if self._titles.highlighted is None:
            self._titles.to_first()

    @property
    def has_focus_within(self) -> bool:
        """Whether the search box or the list has the focus."""
        return self._search.has_focus or self._titles.has_focus

    def show_open(self, conversations: set[int], current: int | None) -> None:
        """Mark the conversations that are open in panes, the focused pane's above all, and read the list anew."""
        self._marks = Marks(frozenset(conversations), current)
        self.recent.note(current)
        self.reload()

    # ---- reading

    @work(exclusive=True, group="conversations")
    async def reload(self) -> None:
        """Read the list, or what the search finds, and show it."""
        query = self._search.value.strip()
        if query and query != self.listed_query:
            await asyncio.sleep(TYPING_PAUSE_SECONDS)
        pages = (
            1
            if query != self.listed_query or not self._titles.has_focus
            else -(-len(self._titles.talks) // PAGE)
        )
        limit = PAGE * max(1, pages)
        try:
            found = await asyncio.to_thread(self._shelf.page, query, limit)
            self.count = await asyncio.to_thread(self._shelf.count)
            note = await self._note_below(query, found)
        except UserError as error:
            self._note.update(plain(str(error)))
            return
        self.listed_query = query
        width = max(self.size.width - 4, 12)
        self._titles.put(found, width, self._marks, is_found=bool(query), has_more=len(found) == limit)
        self._note.update(plain(note))
        self.post_message(self.Listed(self.count))

    async def _note_below(self, query: str, found: Sequence[Shelved]) -> str:
        """The tags, while one is being typed; or why there is nothing."""
        typed = query.split()[-1:]
        if typed and typed[0].startswith("#"):
            tags = await asyncio.to_thread(self._shelf.tags)
            fitting = [f"#{tag} {count}" for tag, count in tags if tag.startswith(clean_tag(typed[0]))]
            key = key_in_words(self._titles, "conversations.tag")
            nothing = f"No conversation has that tag. {key} in the list gives tags."
            return "   ".join(fitting[:_TAGS_SHOWN]) or nothing
        nothing = "Nothing found." if query else "Your conversations will be listed here."
        return "" if found else nothing

    @on(Titles.NearEnd)
    @work(exclusive=True, group="next page")
    async def read_on(self, event: Titles.NearEnd) -> None:
        """The next page."""
        event.stop()
        before = list(self._titles.talks)
        try:
            more = await asyncio.to_thread(self._shelf.page, self.listed_query, PAGE, len(before))
        except UserError as error:
            self._note.update(plain(str(error)))
            return
        if before == self._titles.talks:  # else the list was read anew meanwhile
            known = {talk.id for talk in before}
            self._titles.append([talk for talk in more if talk.id not in known], has_more=len(more) == PAGE)

    # ---- changing

    @on(Titles.ChangeRequested)
    def change_requested(self, event: Titles.ChangeRequested) -> None:
        event.stop()
        self.change(event.what, event.conversation)

    @work
    async def change(self, what: str, conversation: int | None) -> None:
        """Do something to a conversation: see `ShelfChanges`."""
        try:
            restored = self._titles.awaited = await self._changes.make(what, conversation)
            if restored is not None:
                self.post_message(self.Restored(restored))
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        self.reload()

    def _let_go(self, conversation: int) -> None:
        self.post_message(self.Deleted(conversation))

    # ---- searching and opening

    @on(Input.Changed)
    def search_as_typed(self, event: Input.Changed) -> None:
        event.stop()
        self.reload()

    @on(Input.Submitted)
    def open_first(self) -> None:
        """Enter in the search box opens what was found first."""
        if self._titles.talks:
            self.open(self._titles.talks[0].id)

    @on(OptionList.OptionSelected)
    def open_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.open(int(event.option.id or 0))

    @work(exclusive=True, group="open")
    async def open(self, conversation: int) -> None:
        """Ask for a conversation to be opened, with the branch in which the search found something."""
        hit, query = None, self.listed_query
        try:
            if any(talk.id == conversation and talk.found_in for talk in self._titles.talks):
                hit = await asyncio.to_thread(hit_to_show, self._conversations, conversation, query)
            if hit and hit.version and conversation not in self._marks.open:
                await asyncio.to_thread(self._conversations.show_branch, conversation, hit.message)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        self.post_message(self.Opened(conversation, hit))

    @work(exclusive=True, group="switch")
    async def switch(self, current: int | None, choose: bool) -> None:
        """Open the conversation that was open before `current`, or let the user choose among the last ones."""
        self.recent.note(current)
        try:
            last = await asyncio.to_thread(self.recent.read, self._shelf, current)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        if not last:
            self.notify("There is no other conversation yet.", markup=False)
        elif not choose:
            self.post_message(self.Opened(last[0].id))
        else:
            from tui_chat.screens.recent_chats import RecentChats  # here: not needed for the first paint

            chosen = await self.app.push_screen_wait(RecentChats(last))
            if chosen is not None:
                self.post_message(self.Opened(int(chosen)))

    def key_down(self) -> None:
        """Down from the search box goes to the list."""
        if self._search.has_focus:
            self._titles.focus()

    def show_all(self) -> None:
        """End the search: what it would hide is to be seen again."""
        self._search.clear()

    def action_leave(self) -> None:
        """Back to the chat, with the whole list."""
        self.show_all()
        self.post_message(self.Left())
