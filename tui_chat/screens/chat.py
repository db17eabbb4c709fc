"""The chat screen: conversations on the left, panes beside each other; its keys, its beginning and its end.

    ListedChat      what the list and the panes tell each other
    PanedChat       what is done with panes
    ChatScreen      both, as they stood the last time

The one rule: this screen passes on; what happens inside a pane or the list is their own business.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.worker import Worker, WorkerError

from engine.errors import UserError
from tui_chat.clipboard import send_to_clipboard
from tui_chat.config_schema import AppConfig
from tui_chat.conversations import Conversations
from tui_chat.engines import Engines
from tui_chat.key_bindings import key_in_words
from tui_chat.screens.paned_chat import PanedChat
from tui_chat.screens.workspace_keeper import WorkspaceKeeper
from tui_chat.text import visible
from tui_chat.widgets.app_header import AppHeader
from tui_chat.widgets.key_hints import KeyHints
from tui_chat.workers import start_worker
from tui_chat.workspace import WorkspaceFile

_TWICE_SECONDS = 2.0
_LONGEST_OPENING_SECONDS = 1.0  # that the end of the app waits for its beginning


def _key(
    key: str, action: str, what: str, id: str, tooltip: str = "", show: bool = True, priority: bool = False
) -> Binding:
    return Binding(key, action, what, id=f"chat.{id}", tooltip=tooltip, show=show, priority=priority)


class ChatScreen(PanedChat):
    """Chat with one to four models at once."""

    TITLE = "Chat"
    HELP = "Write below. The list on the left keeps every conversation."
    BINDING_GROUP_TITLE = "Chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        _key("ctrl+n", "new_chat", "New chat", "new"),
        _key("ctrl+o", "choose_model", "Model", "model", "Choose the model of this pane"),
        _key("ctrl+t", "new_pane", "New pane", "new_pane", "A pane beside this one"),
        _key("f8,alt+w", "close_pane", "Close pane", "close_pane", show=False),
        _key(
            "f6,ctrl+pagedown,alt+right", "next_pane(1)", "Next pane", "next_pane", priority=True, show=False
        ),
        _key("ctrl+pageup,alt+left", "next_pane(-1)", "Pane before", "previous_pane", show=False),
        *[_key(f"alt+{n}", f"pane({n})", f"Pane {n}", f"pane_{n}", show=False) for n in range(1, 5)],
        _key("f4,alt+a", "link_panes", "Send to all panes", "link_panes", "One message for all", show=False),
        _key("escape", "stop", "Stop all", "stop_all", "Stop the replies of all panes"),
        _key("f5,alt+s", "step_checkpoints", "Ask other checkpoints", "checkpoints", show=False),
        _key("f9,alt+i", "look", "Last reply token by token", "tokens", show=False),
        _key("ctrl+b", "toggle_list", "Chats", "list", "Go to the conversations; again: hide them"),
        _key("ctrl+f", "search", "Search", "search", "Search all messages", priority=True, show=False),
        _key("ctrl+g", "pane_settings", "Settings of this pane", "settings", show=False),
        _key("alt+p", "personas", "Personas", "personas", "Who the model is to be", show=False),
        _key("alt+c", "copy_reply", "Copy the last reply", "copy_reply", show=False),
        _key("alt+q", "copy_code", "Copy its last code block", "copy_code", show=False),
        _key(
            "ctrl+c", "copy_or_stop", "Copy the selection, or stop", "copy_or_stop", priority=True, show=False
        ),
    ]

    def __init__(
        self,
        config: AppConfig,
        conversations: Conversations,
        engines: Engines,
        workspace: WorkspaceFile | None = None,
        begins_anew: bool = False,
    ) -> None:
        """`begins_anew` leaves the conversation of the first pane, for a model that was asked for."""
        super().__init__(config, conversations, engines)
        self.keeper = WorkspaceKeeper(
            workspace or WorkspaceFile(),
            self._row,
            conversations,
            lambda: self.default_settings,
            begins_anew,
        )
        self._opening: Worker[None] | None = None
        self._interrupted_at = 0.0  # when Ctrl+C last had nothing to do

    def compose(self) -> ComposeResult:
        yield AppHeader("chat")
        with Horizontal(id="chat"):
            yield self._list
            with Vertical(id="pane-side"):
                yield self._tabs
                yield self._row
        yield KeyHints()

    def on_mount(self) -> None:
        self.pane.prompt.focus()

    def begin_work(self) -> None:
        """What may wait until the screen is there: the list, the panes of last time, the model, the history."""
        self._list.reload()
        self._opening = start_worker(self, self._open)

    async def _open(self) -> None:
        try:
            await self.keeper.restore()
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        for pane in self.panes:
            pane.model.load()
        self.keeper.go_on()
        await self._read_history()

    async def _read_history(self) -> None:
        try:
            sent = await asyncio.to_thread(self._conversations.prompts)
            for pane in self.panes:
                pane.prompt.remember(sent)
            await asyncio.to_thread(self._conversations.tidy)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        if notice := self._conversations.notice:
            self.notify(visible(notice), severity="warning", timeout=20, markup=False)

    async def settle(self) -> None:
        """Take what was sent, stop the replies, and keep what was not sent: the app is about to end."""
        if self._opening is not None:
            with contextlib.suppress(WorkerError, TimeoutError):
                async with asyncio.timeout(_LONGEST_OPENING_SECONDS):
                    await self._opening.wait()
        await asyncio.gather(*(pane.prompt.settled() for pane in self.panes))
        await asyncio.gather(*(pane.stop() for pane in self.panes))
        await self.keeper.keep()

    def take_config(self, config: AppConfig) -> None:
        """Settings were changed: new chats use them, and the look follows at once."""
        self._config = config
        for pane in self.panes:
            pane.prompt.enter_sends = config.ui.enter_sends
            pane.transcript.show_statistics = config.ui.show_statistics
        self._drawer.is_wanted = config.ui.show_conversations
        self._drawer.arrange()
        self.tell_of_list()

    # ---- copying

    async def action_copy_reply(self) -> None:
        await self.pane.transcript.copy_last_reply(code_only=False)

    async def action_copy_code(self) -> None:
        await self.pane.transcript.copy_last_reply(code_only=True)

    async def action_copy_or_stop(self) -> None:
        """Ctrl+C: the selection, else the reply under way, else a hint; twice leaves."""
        selected = self.get_selected_text() or self.pane.prompt.selected_text
        if selected:
            await send_to_clipboard(self.app, selected, "Selection")
            self.clear_selection()
        elif self._row.link.stoppable:
            await self.action_stop()
        elif time.monotonic() - self._interrupted_at < _TWICE_SECONDS:
            await self.app.action_quit()
        else:
            self._interrupted_at = time.monotonic()
            again, quit_key = key_in_words(self, "chat.copy_or_stop"), key_in_words(self, "app.quit")
            self.notify(f"Press {again} again to leave, or {quit_key}.", timeout=_TWICE_SECONDS, markup=False)
