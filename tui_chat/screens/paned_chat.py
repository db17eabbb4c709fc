"""The panes of the chat screen: how many there are, which model, persona and settings the focused one has.

The one rule: an action is that of the pane that has the focus or had it last, unless panes are linked.
"""

from __future__ import annotations

from textual import on, work

from engine.model_library import run_of
from tui_chat.chat_settings import ChatSettings, default_settings
from tui_chat.config_schema import AppConfig
from tui_chat.conversations import Conversations
from tui_chat.engines import Engines
from tui_chat.screens import pane_dialogs
from tui_chat.screens.listed_chat import ListedChat
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.pane_row import PaneRow
from tui_chat.widgets.pane_tabs import PaneTabs
from tui_chat.workers import start_worker


class PanedChat(ListedChat):
    """The half of the chat screen that deals with the panes."""

    def __init__(self, config: AppConfig, conversations: Conversations, engines: Engines) -> None:
        self._config = config
        self._conversations = conversations  # a first pane is made before the list is
        self._engines = engines
        row = PaneRow(self._new_pane, self.default_settings)
        super().__init__(conversations, row, config.ui.show_conversations)
        self._tabs = PaneTabs()
        self._shown = range(1)  # the panes on the screen

    @property
    def default_settings(self) -> ChatSettings:
        """What a new chat starts with."""
        return default_settings(self._config)

    def _new_pane(self, settings: ChatSettings) -> ChatPane:
        ui = self._config.ui
        return ChatPane(self._conversations, self._engines, settings, ui.enter_sends, ui.show_statistics)

    async def chat_with(self, reference: str) -> None:
        """A pane that chats with this model."""
        await self._row.chat_with(self.default_settings.with_changes("chat", model=reference))

    def engine_changed(self, reference: str) -> None:
        """An engine made progress with loading."""
        for pane in self.panes:
            if pane.settings.model == reference:
                pane.refresh_title()

    @on(PaneRow.Arranged)
    def remember_shown(self, event: PaneRow.Arranged) -> None:
        """How many panes fit is known to their row."""
        self._shown = event.shown
        self.show_what_is_open()

    @on(ChatPane.ConversationChanged)
    def show_what_is_open(self) -> None:
        """Mark the open conversations in the list, and close the engines that no pane uses."""
        open_ones = {pane.session.conversation.id for pane in self.panes if pane.session.conversation}
        current = self.pane.session.conversation
        self._list.show_open(open_ones, current.id if current else None)
        self._tabs.show([pane.model_name for pane in self.panes], self._row.place, self._shown)
        start_worker(self, self._close_unused)

    async def _close_unused(self) -> None:
        models = {pane.settings.model for pane in self.panes}  # of now, not of when this was asked for
        await self._engines.keep_only(models)

    # ---- actions

    async def action_new_chat(self) -> None:
        await self.pane.begin_anew()
        self.go_to_chat()

    async def action_new_pane(self) -> None:
        await self._row.add(self.pane.settings)

    async def action_close_pane(self) -> None:
        await self._row.close()

    def action_next_pane(self, by: int) -> None:
        self._row.move_focus(by)

    def action_link_panes(self) -> None:
        self._row.link.toggle()

    async def action_stop(self) -> None:
        await self._row.link.stop()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "step_checkpoints":  # a key that does nothing is not shown
            return run_of(self.pane.settings.model) is not None
        return bool(self.pane.linked and self._row.link.stoppable) if action == "stop" else True

    def action_pane(self, number: int) -> None:
        if number <= len(self.panes):
            self._row.focus_pane(number - 1)

    @work
    async def action_choose_model(self) -> None:
        if await pane_dialogs.choose_model(self.pane):
            self.show_what_is_open()

    async def action_pane_settings(self) -> None:
        await pane_dialogs.toggle_settings(self)

    @work
    async def action_personas(self) -> None:
        if await pane_dialogs.ask_for_persona(self.pane):
            self.show_what_is_open()
            self.go_to_chat()

    @work
    async def action_step_checkpoints(self) -> None:
        """Ask the last question again at other checkpoints of the run."""
        await pane_dialogs.step_checkpoints(self.pane, self._engines.engine_for(self.pane.settings.model))

    def action_look(self) -> None:
        pane_dialogs.look_at_last_reply(self.pane)
