"""The messages of a pane, oldest first, following the newest until the user scrolls away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from tui_chat.clipboard import send_to_clipboard
from tui_chat.conversations import StoredMessage
from tui_chat.key_bindings import key_in_words
from tui_chat.text import plain
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.welcome import Welcome

_AT_ONCE = 40  # messages mounted when a conversation opens; earlier ones on request


class Transcript(VerticalScroll, can_focus=False):
    """What was said. The one rule: every message is one `MessageView`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home,g", "earlier", "Earlier messages", id="messages.earlier", show=False)
    ]

    def __init__(self, show_statistics: bool = True) -> None:
        super().__init__()
        self.show_statistics = show_statistics
        self._messages = Vertical(
            classes="messages"
        )  # as tall as the pane at least: few messages stand below
        self._earlier: list[StoredMessage] = []  # not mounted yet
        self._invitation = (False, True)  # whether the model continues texts, and whether Enter sends

    def compose(self) -> ComposeResult:
        yield self._messages

    def on_mount(self) -> None:
        self.anchor()

    @property
    def views(self) -> list[MessageView]:
        """The messages on the screen, oldest first."""
        return list(self.query(MessageView))

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
                await self._messages.mount(Welcome(*self._invitation))
        self.anchor()

    def invite(self, continues_text: bool, enter_sends: bool) -> None:
        """What an empty page suggests: a question, or a text to continue; and the key that sends it."""
        self._invitation = (continues_text, enter_sends)
        for welcome in self.query(Welcome):
            welcome.invite(*self._invitation)

    async def add(self, message: StoredMessage) -> MessageView:
        """Show one more message."""
        view = self._view(message)
        await self.query(Welcome).remove()
        await self._messages.mount(view)
        self.anchor()
        return view

    def finish(self, message: StoredMessage) -> None:
        """A message that was growing is as it stays."""
        for view in self.views:
            if view.message.id == message.id and view.is_growing:
                view.finish(message)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 0 < old_value and self._earlier:
            self.call_later(self.action_earlier)

    async def copy_last_reply(self, code_only: bool) -> None:
        """Send the newest message of the model to the clipboard, or its last code block."""
        replies = [view for view in self.views if view.message.role == "assistant"]
        if replies:
            await self.copy(MessageView.CopyRequested(replies[-1], code_only))
        else:
            self.notify("There is no reply yet.", markup=False)

    @on(MessageView.CopyRequested)
    async def copy(self, event: MessageView.CopyRequested) -> None:
        """Send a message, as it was said, or its last code block to the clipboard."""
        event.stop()
        text = event.view.text_so_far
        if not event.code_only:
            await send_to_clipboard(self.app, text, "Message")
        elif blocks := _code_blocks(text):
            await send_to_clipboard(self.app, blocks[-1].rstrip("\n"), "Code")
        else:
            self.notify("There is no code in this message.", markup=False)

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

    async def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.has_class("earlier"):
            await self.action_earlier()

    def _earlier_note(self) -> list[Static]:
        count = len(self._earlier)
        words = f"↑ {count} earlier messages ({key_in_words(self, 'messages.earlier')})"
        return [Static(plain(words), classes="earlier")] if count else []

    def _view(self, message: StoredMessage) -> MessageView:
        return MessageView(message, self.show_statistics)


def _code_blocks(text: str) -> list[str]:
    from tui_chat.markdown_text import (
        code_blocks,  # here: a Markdown parser is not needed for the first paint
    )

    return code_blocks(text)
