"""The messages of a pane, oldest first, following the newest until the user scrolls away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from tui_chat.conversations import StoredMessage
from tui_chat.text import plain
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.welcome import Welcome

_AT_ONCE = 40  # messages mounted when a conversation opens; earlier ones on request


class Transcript(VerticalScroll, can_focus=False):
    """What was said. The one rule: every message is one `MessageView`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("home,g", "earlier", "Earlier messages", show=False)]

    def __init__(self, show_statistics: bool = True) -> None:
        super().__init__()
        self._show_statistics = show_statistics
        self._messages = Vertical(
            classes="messages"
        )  # as tall as the pane at least: few messages stand below
        self._earlier: list[StoredMessage] = []  # not mounted yet

    def compose(self) -> ComposeResult:
        yield self._messages

    def on_mount(self) -> None:
        self.anchor()

    @property
    def views(self) -> list[MessageView]:
        """The messages on the screen, oldest first."""
        return list(self.query(MessageView))

    @property
    def last_reply(self) -> MessageView | None:
        """The newest message of the model."""
        return next((view for view in reversed(self.views) if view.message.role == "assistant"), None)

    async def show(self, messages: Sequence[StoredMessage]) -> None:
        """Show a conversation from its end."""
        await self._messages.remove_children()
        self._earlier = list(messages[:-_AT_ONCE])
        async with self.batch():
            if messages:
                await self._messages.mount_all(
                    [*self._earlier_note(), *map(self._view, messages[-_AT_ONCE:])]
                )
            else:
                await self._messages.mount(Welcome())
        self.anchor()

    async def add(self, message: StoredMessage) -> MessageView:
        """Show one more message."""
        view = self._view(message)
        await self.query(Welcome).remove()
        await self._messages.mount(view)
        self.anchor()
        return view

    async def remove_views(self, messages: Sequence[StoredMessage]) -> None:
        """Take messages off the screen."""
        gone = {message.id for message in messages}
        for view in self.views:
            if view.message.id in gone:
                await view.remove()

    async def action_earlier(self) -> None:
        """Show the messages before the first one on the screen."""
        if not self._earlier:
            self.scroll_home()
            return
        more, self._earlier = self._earlier[-_AT_ONCE:], self._earlier[:-_AT_ONCE]
        first = self.views[0]
        await self.query(".earlier").remove()
        await self._messages.mount_all([*self._earlier_note(), *map(self._view, more)], before=first)
        self.release_anchor()
        self.scroll_to_widget(first, top=True, animate=False)

    async def on_click(self, event: object) -> None:
        if isinstance(getattr(event, "widget", None), Static) and event.widget.has_class("earlier"):  # type: ignore[attr-defined]
            await self.action_earlier()

    def _earlier_note(self) -> list[Static]:
        count = len(self._earlier)
        return [Static(plain(f"↑ {count} earlier messages (Home)"), classes="earlier")] if count else []

    def _view(self, message: StoredMessage) -> MessageView:
        return MessageView(message, self._show_statistics)
