"""The conversations beside the panes: what the list and the panes tell each other.

    Ctrl+B list   Ctrl+F search   Alt+O back to the conversation before   Alt+L choose among the last

The one rule: a conversation is never open in two panes; who asks for it again is led to its pane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.errors import UserError
from tui_chat.conversations import Conversations
from tui_chat.search_hits import Hit
from tui_chat.widgets.app_header import AppHeader
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.conversation_list import ConversationList
from tui_chat.widgets.list_drawer import ListDrawer
from tui_chat.widgets.pane_row import PaneRow


class ListedChat(Screen[None]):
    """The half of the chat screen that deals with the list."""

    BINDING_GROUP_TITLE = "Chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "alt+o",
            "last_chat",
            "Back to the last chat",
            id="chat.last",
            tooltip="The conversation before this one; again: back here",
            show=False,
        ),
        Binding("alt+l", "recent_chats", "Last conversations", id="chat.recent", show=False),
    ]

    def __init__(self, conversations: Conversations, row: PaneRow, shows_list: bool) -> None:
        super().__init__()
        self._conversations = conversations
        self._row = row
        self._list = ConversationList(conversations)
        self._emptied: dict[int, ChatPane] = {}  # which pane showed a conversation that was deleted
        self._drawer = ListDrawer(self._list, shows_list, self.focus_prompt)

    @property
    def panes(self) -> Sequence[ChatPane]:
        return self._row.panes

    @property
    def pane(self) -> ChatPane:
        """The pane that has the focus, or had it last."""
        return self._row.pane

    @property
    def _current(self) -> int | None:
        """The conversation of the focused pane."""
        conversation = self.pane.session.conversation
        return conversation.id if conversation else None

    # ---- where the list is

    def on_resize(self) -> None:
        self._drawer.arrange()
        self.tell_of_list()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if self._row in event.widget.ancestors:
            self._drawer.chat_has_focus()
            self.tell_of_list()

    @on(ConversationList.Listed)
    def tell_of_list(self) -> None:
        """A list that is out of sight is spoken of in the header."""
        self.query_one(AppHeader).tell(self._drawer.word_of_it())

    def action_toggle_list(self) -> None:
        self._drawer.toggle()
        self.tell_of_list()

    def action_search(self) -> None:
        self._drawer.search()
        self.tell_of_list()

    # ---- from one conversation to another

    @on(ConversationList.Opened)
    async def open_conversation(self, event: ConversationList.Opened) -> None:
        """Show a conversation, and what a search found in it, in the focused pane or in the one that has it."""
        try:
            pane = await self._pane_with(event.conversation)
            if event.hit is not None and event.hit.message in pane.session.tree:
                await pane.branches.show(event.hit.message)
                self._tell_of_version(event.hit)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        self.go_to_chat()

    def go_to_chat(self) -> None:
        """Another chat was opened or begun: what is typed is for it, and the list is that of all chats."""
        self._list.show_all()
        self.pane.prompt.focus()

    def _tell_of_version(self, hit: Hit) -> None:
        if version := hit.version:
            place = f"‹ {version.number}/{version.count} ›"
            self.notify(f"Found in another version; {place} leads back.", timeout=10, markup=False)

    async def _pane_with(self, conversation: int) -> ChatPane:
        """The pane that shows a conversation: one that does already, else the focused one."""
        for place, pane in enumerate(self.panes):
            if pane.session.conversation and pane.session.conversation.id == conversation:
                self._row.focus_pane(place)
                return pane
        self._list.recent.note(self._current)
        pane = self.pane  # also when the focus goes on to another meanwhile
        found = await asyncio.to_thread(self._conversations.get, conversation)
        if found is not None:
            await pane.open(found)
        return pane

    def action_last_chat(self) -> None:
        """One key goes back and forth between two conversations."""
        self._list.switch(self._current, choose=False)

    def action_recent_chats(self) -> None:
        self._list.switch(self._current, choose=True)

    @on(ConversationList.Left)
    def focus_prompt(self) -> None:
        self.pane.prompt.focus()

    # ---- changes

    @on(ConversationList.Deleted)
    async def leave_deleted_conversation(self, event: ConversationList.Deleted) -> None:
        for pane in self.panes:
            if pane.session.conversation and pane.session.conversation.id == event.conversation:
                await pane.begin_anew()
                self._emptied[event.conversation] = pane

    @on(ConversationList.Restored)
    async def show_restored_conversation(self, event: ConversationList.Restored) -> None:
        """Back into the pane that showed it, unless another chat has begun there; the focus stays where it is."""
        pane = self._emptied.pop(event.conversation, None)
        if pane is None or pane not in self.panes or pane.session.conversation is not None:
            return
        try:
            if found := await asyncio.to_thread(self._conversations.get, event.conversation):
                await pane.open(found)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)

    def change_chat(self, what: str) -> None:
        """Do something to the conversation of the focused pane ("rename", "pin" ...), or to all ("undo", "import")."""
        if self._current is None and what not in ("undo", "import", "export_all"):
            self.notify("This chat is still empty.", markup=False)
        else:
            self._list.change(what, self._current)
