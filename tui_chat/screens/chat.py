"""The chat screen: conversations on the left, one to four panes beside each other.

Panes that do not fit are kept and hidden; the focused one is always on the screen.
The one rule: this screen arranges; what happens inside a pane is the pane's business.
"""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer

from engine.errors import UserError
from tui_chat.chat_settings import ChatSettings
from tui_chat.clipboard import send_to_clipboard
from tui_chat.config_schema import AppConfig
from tui_chat.conversations import Conversation, Conversations
from tui_chat.engines import Engines
from tui_chat.text import one_line, visible
from tui_chat.widgets.app_header import AppHeader
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.conversation_list import ConversationList
from tui_chat.widgets.message_view import MessageView

MOST_PANES = 4
_NARROWEST_PANE = 42  # cells
_NARROW_SCREEN = 100  # below it the list lies over the chat, and only when asked for
_TWICE_SECONDS = 2.0


class ChatScreen(Screen[None]):
    """Chat with one to four models at once."""

    TITLE = "Chat"
    HELP = "Write below, Enter sends. The list on the left keeps every conversation."
    BINDING_GROUP_TITLE = "Chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "new_chat", "New chat", id="chat.new"),
        Binding("ctrl+o", "choose_model", "Model", id="chat.model", tooltip="Choose the model of this pane"),
        Binding("ctrl+t", "new_pane", "New pane", id="chat.new_pane", tooltip="A pane beside this one"),
        Binding("f8,alt+w", "close_pane", "Close pane", id="chat.close_pane", show=False),
        Binding(
            "f6,ctrl+pagedown,alt+right",
            "next_pane(1)",
            "Next pane",
            id="chat.next_pane",
            priority=True,
            show=False,
        ),
        Binding("ctrl+pageup,alt+left", "next_pane(-1)", "Pane before", id="chat.previous_pane", show=False),
        *[
            Binding(f"alt+{n}", f"pane({n})", f"Pane {n}", id=f"chat.pane_{n}", show=False)
            for n in range(1, 5)
        ],
        Binding("ctrl+b", "toggle_list", "Chats", id="chat.list", tooltip="Show or hide the conversations"),
        Binding(
            "ctrl+f",
            "search",
            "Search",
            id="chat.search",
            priority=True,
            show=False,
            tooltip="Search all messages",
        ),
        Binding("ctrl+g", "pane_settings", "Settings of this pane", id="chat.settings", show=False),
        Binding("alt+c", "copy_reply", "Copy the last reply", id="chat.copy_reply", show=False),
        Binding("alt+b", "copy_code", "Copy its last code block", id="chat.copy_code", show=False),
        Binding(
            "ctrl+c",
            "copy_or_stop",
            "Copy the selection, or stop",
            id="chat.copy_or_stop",
            priority=True,
            show=False,
        ),
    ]

    def __init__(self, config: AppConfig, conversations: Conversations, engines: Engines) -> None:
        super().__init__()
        self._config = config
        self._conversations = conversations
        self._engines = engines
        self._list = ConversationList(conversations)
        self._panes: list[ChatPane] = []
        self._focused = 0  # place in _panes
        self._list_wanted: bool | None = None  # None = as the width allows
        self._deleted: list[Conversation] = []  # for undo, latest last
        self._interrupted_at = 0.0  # when Ctrl+C last had nothing to do

    def compose(self) -> ComposeResult:
        yield AppHeader("chat")
        with Horizontal(id="chat"):
            yield self._list
            with Horizontal(id="panes"):
                yield self._new_pane(self.default_settings)
        yield Footer(show_command_palette=True, compact=True)

    def on_mount(self) -> None:
        self._arrange()
        self._panes[0].prompt.focus()

    def begin_work(self) -> None:
        """What may wait until the screen is there: the list, the prompt's history, the model."""
        self._list.reload()
        self._read_history()
        self._panes[0].load_model()

    @work
    async def _read_history(self) -> None:
        try:
            history = await asyncio.to_thread(self._conversations.prompts)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        for pane in self._panes:
            pane.prompt.remember(history)
        if self._conversations.notice:
            self.notify(visible(self._conversations.notice), severity="warning", timeout=20, markup=False)

    def take_config(self, config: AppConfig) -> None:
        """Settings were changed: new chats use them, and the look follows at once."""
        self._config = config
        for pane in self._panes:
            pane.prompt.enter_sends = config.ui.enter_sends
        self._list_wanted = None
        self.on_resize()

    # ---- panes

    @property
    def default_settings(self) -> ChatSettings:
        """What a new chat starts with."""
        chat = self._config.chat
        return ChatSettings(
            model=chat.model, generation=self._config.generation, system_prompt=chat.system_prompt
        )

    @property
    def panes(self) -> list[ChatPane]:
        return list(self._panes)

    @property
    def pane(self) -> ChatPane:
        """The pane that has the focus, or had it last."""
        return self._panes[self._focused]

    def _new_pane(self, settings: ChatSettings) -> ChatPane:
        ui = self._config.ui
        pane = ChatPane(self._conversations, self._engines, settings, ui.enter_sends, ui.show_statistics)
        self._panes.append(pane)
        return pane

    async def add_pane(self, settings: ChatSettings) -> ChatPane | None:
        """One more pane, focused; None when there are as many as fit a mind."""
        if len(self._panes) >= MOST_PANES:
            self.notify(f"There are {MOST_PANES} panes already. F8 closes one.", markup=False)
            return None
        sent = self.pane.prompt.sent
        pane = self._new_pane(settings)
        await self.query_one("#panes").mount(pane)
        pane.prompt.remember(sent)
        pane.load_model()
        self._focus_pane(len(self._panes) - 1)
        return pane

    async def chat_with(self, reference: str) -> None:
        """A pane that chats with a model: an empty one if there is, else a new one, else the focused one anew."""
        settings = self.default_settings.with_changes("chat", model=reference)
        empty = next((pane for pane in self._panes if not pane.session.messages), None)
        pane = empty if empty is not None or len(self._panes) >= MOST_PANES else await self.add_pane(settings)
        pane = pane or self.pane
        if pane.session.messages:
            await pane.begin_anew()
        await pane.change_settings(settings)
        self._focus_pane(self._panes.index(pane))

    async def close_pane(self) -> None:
        """Close the focused pane; the last one is emptied instead."""
        pane = self.pane
        if len(self._panes) == 1:
            await pane.begin_anew()
            return
        await pane.stop()
        self._panes.remove(pane)
        self._focus_pane(min(self._focused, len(self._panes) - 1))
        await pane.remove()
        self._free_engines()

    def _focus_pane(self, place: int) -> None:
        self._focused = place % len(self._panes)
        self._arrange()
        self.pane.prompt.focus()

    def _arrange(self) -> None:
        """As many panes as fit, among them the focused one."""
        room = self.size.width - (self._list.outer_size.width if self._is_wide and self._list.display else 0)
        count = max(1, min(len(self._panes), room // _NARROWEST_PANE))
        first = min(max(self._focused - count + 1, 0), len(self._panes) - count)
        for place, pane in enumerate(self._panes):
            pane.display = first <= place < first + count
            pane.place = f"{place + 1}/{len(self._panes)}" if len(self._panes) > 1 else ""
            pane.set_class(place == self._focused and len(self._panes) > 1, "-current")
            pane.set_class(place == first, "-first")
            pane.refresh_title()
        self._show_open_conversations()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        pane = next((node for node in event.widget.ancestors_with_self if isinstance(node, ChatPane)), None)
        if pane in self._panes and self._panes.index(pane) != self._focused:
            self._focused = self._panes.index(pane)
            self._arrange()
        if not self._is_wide and pane is not None and self._list.display:
            self._list.display = False  # it lay over the chat

    def _free_engines(self) -> None:
        """Close the engines that no pane uses."""
        self.run_worker(self._engines.keep_only({pane.settings.model for pane in self._panes}))

    def engine_changed(self, reference: str) -> None:
        """An engine made progress with loading."""
        for pane in self._panes:
            if pane.settings.model == reference:
                pane.refresh_title()

    # ---- the list

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= _NARROW_SCREEN

    def on_resize(self) -> None:
        self.set_class(not self._is_wide, "-narrow")
        wanted = self._config.ui.show_conversations if self._list_wanted is None else self._list_wanted
        self._list.display = wanted and self._is_wide
        self.call_after_refresh(self._arrange)

    def action_toggle_list(self) -> None:
        self._show_list(not self._list.display)
        (self._list.focus_titles if self._list.display else self.pane.prompt.focus)()

    def _show_list(self, shown: bool) -> None:
        self._list.display = self._list_wanted = shown
        self.call_after_refresh(self._arrange)

    def action_search(self) -> None:
        self._show_list(True)
        self._list.focus_search()

    def _show_open_conversations(self) -> None:
        open_ones = {pane.session.conversation.id for pane in self._panes if pane.session.conversation}
        current = self.pane.session.conversation
        self._list.show_open(open_ones, current.id if current else None)

    @on(ChatPane.ConversationChanged)
    def conversation_changed(self) -> None:
        self._show_open_conversations()
        self._free_engines()

    @on(ConversationList.Opened)
    async def open_conversation(self, event: ConversationList.Opened) -> None:
        """Show a conversation in the focused pane, or go to the pane that shows it."""
        for place, pane in enumerate(self._panes):
            if pane.session.conversation and pane.session.conversation.id == event.conversation:
                self._focus_pane(place)
                return
        try:
            conversation = await asyncio.to_thread(self._conversations.get, event.conversation)
            if conversation is not None:
                await self.pane.open(conversation)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        self.pane.prompt.focus()

    @on(ConversationList.ChangeRequested)
    def change_conversation(self, event: ConversationList.ChangeRequested) -> None:
        self._change_conversation(event.what, event.conversation)

    @work
    async def _change_conversation(self, what: str, number: int | None) -> None:
        try:
            if what == "undo":
                await self._undo_delete()
            elif number is not None and (talk := await asyncio.to_thread(self._conversations.get, number)):
                await (self._rename(talk) if what == "rename" else self._delete(talk))
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        self._show_open_conversations()

    async def _rename(self, talk: Conversation) -> None:
        from tui_chat.screens.ask_text import AskText  # here: not needed for the first paint

        title = await self.app.push_screen_wait(AskText("Rename the conversation", talk.title))
        if title and title.strip():
            await asyncio.to_thread(self._conversations.rename, talk.id, one_line(title, 120))

    async def _delete(self, talk: Conversation) -> None:
        for pane in self._panes:
            if pane.session.conversation and pane.session.conversation.id == talk.id:
                await pane.begin_anew()
        await asyncio.to_thread(self._conversations.delete, talk.id)
        self._deleted.append(talk)
        self.notify(f"Deleted “{one_line(talk.title, 40)}”. Press u in the list to undo.", markup=False)

    async def _undo_delete(self) -> None:
        if not self._deleted:
            self.notify("Nothing was deleted just now.", markup=False)
            return
        talk = self._deleted.pop()
        await asyncio.to_thread(self._conversations.restore, talk.id)
        self.notify(f"“{one_line(talk.title, 40)}” is back.", markup=False)

    # ---- actions

    async def action_new_chat(self) -> None:
        await self.pane.begin_anew()
        self.pane.prompt.focus()

    async def action_new_pane(self) -> None:
        await self.add_pane(self.pane.settings)

    async def action_close_pane(self) -> None:
        await self.close_pane()

    def action_next_pane(self, by: int) -> None:
        self._focus_pane(self._focused + by)

    def action_pane(self, number: int) -> None:
        if number <= len(self._panes):
            self._focus_pane(number - 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return len(self._panes) > 1 if action == "close_pane" else True

    @work
    async def action_choose_model(self) -> None:
        from tui_chat.screens.model_picker import ModelPicker  # here: not needed for the first paint

        pane = self.pane
        reference = await self.app.push_screen_wait(ModelPicker(pane.settings.model))
        if reference:
            await pane.change_settings(pane.settings.with_changes("model", model=reference))
            self._free_engines()

    @work
    async def action_pane_settings(self) -> None:
        from tui_chat.screens.pane_settings import PaneSettings  # here: not needed for the first paint

        pane = self.pane
        settings = await self.app.push_screen_wait(PaneSettings(pane.settings, pane.model_name))
        if settings is not None:
            await pane.change_settings(settings)

    def action_rename_chat(self) -> None:
        self._change_open_conversation("rename")

    def action_delete_chat(self) -> None:
        self._change_open_conversation("delete")

    def action_undo_delete(self) -> None:
        self._change_conversation("undo", None)

    def _change_open_conversation(self, what: str) -> None:
        if self.pane.session.conversation is None:
            self.notify("This chat is still empty.", markup=False)
        else:
            self._change_conversation(what, self.pane.session.conversation.id)

    # ---- copying

    async def action_copy_reply(self) -> None:
        await self._copy_from(self.pane.transcript.last_reply, code_only=False)

    async def action_copy_code(self) -> None:
        await self._copy_from(self.pane.transcript.last_reply, code_only=True)

    @on(MessageView.CopyRequested)
    async def copy_message(self, event: MessageView.CopyRequested) -> None:
        await self._copy_from(event.view, event.code_only)

    async def _copy_from(self, view: MessageView | None, code_only: bool) -> None:
        if view is None:
            self.notify("There is no reply yet.", markup=False)
            return
        text = view.text_so_far
        if code_only:
            from tui_chat.markdown_text import code_blocks  # here: not needed for the first paint

            blocks = code_blocks(text)
            if not blocks:
                self.notify("There is no code in this message.", markup=False)
                return
            text = blocks[-1].rstrip("\n")
        await self._copy(text, "Code" if code_only else "Message")

    async def _copy(self, text: str, what: str) -> None:
        await send_to_clipboard(self.app, text)
        warning = " It holds control characters." if visible(text) != text else ""
        self.notify(f"{what} sent to the clipboard.{warning}", timeout=3, markup=False)

    async def action_copy_or_stop(self) -> None:
        """Ctrl+C: the selection, else the reply under way, else a hint; twice leaves."""
        selected = self.get_selected_text() or self.pane.prompt.selected_text
        if selected:
            await self._copy(selected, "Selection")
            self.clear_selection()
        elif self.pane.is_replying:
            await self.pane.stop()
        elif time.monotonic() - self._interrupted_at < _TWICE_SECONDS:
            await self.app.action_quit()
        else:
            self._interrupted_at = time.monotonic()
            self.notify("Press Ctrl+C again to leave, or Ctrl+Q.", timeout=_TWICE_SECONDS, markup=False)
