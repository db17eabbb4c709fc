"""The messages of a branch, oldest first, following the newest until the user scrolls away.

    await transcript.show(messages)         # another conversation, from its end
    await transcript.add(messages)          # the branch has a new last message
    await transcript.go_to(messages, 7)     # another branch; message 7 stays in sight

The one rule: what two branches have in common stays on the screen as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from tui_chat.clipboard import send_to_clipboard
from tui_chat.conversation_records import StoredMessage
from tui_chat.conversation_tree import Place
from tui_chat.feedback import Judgement
from tui_chat.key_bindings import key_in_words
from tui_chat.text import plain
from tui_chat.widgets.message_heading import Mask
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.welcome import Welcome

_AT_ONCE = 40  # messages mounted when a conversation opens; earlier ones on request


class Transcript(VerticalScroll, can_focus=False):
    """What was said. The one rule: every message is one `MessageView`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home,g", "earlier", "Earlier messages", id="messages.earlier", show=False),
        Binding("end,G", "latest", "Newest message", id="messages.latest", show=False),
    ]

    def __init__(
        self,
        show_statistics: bool = True,
        place_of: Callable[[int], Place] = lambda _: Place(),
        judgement_of: Callable[[int], Judgement] = lambda _: Judgement(),
    ) -> None:
        """`place_of` tells which of its siblings a message is, `judgement_of` what was said of it."""
        super().__init__()
        self.show_statistics = show_statistics
        self._place_of = place_of
        self._judgement_of = judgement_of
        self.mask = Mask()
        self._messages = Vertical(
            classes="messages"
        )  # as tall as the pane at least: few messages stand below
        self._earlier: list[StoredMessage] = []  # not mounted yet
        self._later: list[StoredMessage] = []  # not mounted, after a change of branches far above
        self._invitation: tuple[bool, bool, str, str] = (False, True, "", "")  # as `invite` has it
        self._growing: MessageView | None = None  # of the last message that began to grow
        self._changing = asyncio.Lock()  # a conversation may be opened while a reply begins

    def compose(self) -> ComposeResult:
        yield self._messages

    def on_mount(self) -> None:
        self.anchor()

    @property
    def views(self) -> list[MessageView]:
        """The messages on the screen, oldest first."""
        return list(self.query(MessageView))

    async def show(self, messages: Sequence[StoredMessage], at: int | None = None) -> None:
        """Show a conversation from its end, or around a place in it."""
        async with self._changing:
            await self._show(messages, at)

    async def _show(self, messages: Sequence[StoredMessage], at: int | None = None) -> None:
        end = len(messages) if at is None else min(max(at + _AT_ONCE // 2, _AT_ONCE), len(messages))
        begin = max(0, end - _AT_ONCE)
        self._earlier, self._later = list(messages[:begin]), list(messages[end:])
        await self._messages.remove_children()
        async with self.batch():
            if messages:
                views = map(self._view, messages[begin:end])
                await self._messages.mount_all([*self._earlier_note(), *views, *self._later_note()])
            else:
                await self._messages.mount(Welcome(*self._invitation))
        self._go_on_growing()
        self.anchor()

    def invite(self, continues_text: bool, enter_sends: bool, persona: str = "", greeting: str = "") -> None:
        """What an empty page suggests: a question, or a text to continue; the key that sends it; who says hello."""
        who = ("", "") if self.mask.name else (persona, greeting)
        self._invitation = (continues_text, enter_sends, *who)
        for welcome in self.query(Welcome):
            welcome.invite(*self._invitation)

    async def add(self, messages: Sequence[StoredMessage]) -> MessageView:
        """Show a branch that has a new last message; the view of that one."""
        async with self._changing:
            await self.query(Welcome).remove()
            await self._follow(messages)
            if self._later:
                await self._show(messages)
            self.anchor()
            self._growing = self.views[-1]
            return self._growing

    async def renew(self, messages: Sequence[StoredMessage]) -> None:
        """Show what has become of this branch elsewhere; the view stays where it is."""
        async with self._changing:
            if self.views:
                await self._follow(messages)

    async def go_to(self, messages: Sequence[StoredMessage], message: int) -> None:
        """Show another branch, with a message of it in sight."""
        async with self._changing:
            await self._follow(messages)
            if all(view.message.id != message for view in self.views):
                await self._show(messages, next(n for n, said in enumerate(messages) if said.id == message))
            self.release_anchor()
            (view,) = (view for view in self.views if view.message.id == message)
        self.call_after_refresh(self.scroll_to_widget, view, animate=False)

    async def _follow(self, messages: Sequence[StoredMessage]) -> None:
        """Put what a branch has in place of what is shown beyond their common beginning."""
        views, begin, common = self.views, len(self._earlier), self._in_common(messages)
        if common < begin or not messages:
            await self._show(messages)
            return
        first = min(common - begin, len(views))  # of the views that show something else
        for view, message in zip(views[:first], messages[begin:], strict=False):
            view.become(message, self._place_of(message.id))  # another app may have added a sibling
        room = (
            _AT_ONCE if common <= begin + len(views) else 0
        )  # what differs was not mounted, and need not be
        tail = list(messages[begin + first :])
        tail, self._later = tail[:room], tail[room:]
        async with self.batch():
            await self.query(".later").remove()
            if tail and first < len(views):  # it keeps the focus
                views[first].become(tail[0], self._place_of(tail[0].id))
                first, tail = first + 1, tail[1:]
            await self._messages.remove_children(views[first:])
            await self._messages.mount_all([*map(self._view, tail), *self._later_note()])

    def _in_common(self, messages: Sequence[StoredMessage]) -> int:
        """How many messages of a branch are shown, or would be further up or down."""
        shown = [*self._earlier, *(view.message for view in self.views), *self._later]
        pairs = enumerate(zip(shown, messages, strict=False))
        return next(
            (place for place, (one, other) in pairs if one.id != other.id), min(len(shown), len(messages))
        )

    # ---- growing

    def feed(self, text: str) -> None:
        """More of the message that was added last, also while it is out of sight."""
        if self._growing is not None:
            self._growing.feed(text)

    def tell(self, status: str) -> None:
        """What is going on with the message that was added last."""
        if self._growing is not None:
            self._growing.tell(status)

    def _go_on_growing(self) -> None:
        """A message that still grows was shown anew: in another view."""
        before = self._growing
        for view in self.views:
            if before and view is not before and view.is_growing and view.message.id == before.message.id:
                view.feed(before.text_so_far)
                self._growing = view

    def finish(self, message: StoredMessage) -> None:
        """A message that was growing is as it stays."""
        self._later = [message if one.id == message.id else one for one in self._later]
        for view in self.views:
            if view.message.id == message.id and view.is_growing:
                view.finish(message)

    def show_judgements(self) -> None:
        """Something else is said of messages now."""
        for view in self.views:
            view.show_judgement()

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

    async def action_earlier(self) -> None:
        """Show the messages before the first one on the screen."""
        if not self._earlier:
            self.scroll_home()
            return
        async with self._changing:
            if not self._earlier:  # another conversation was opened meanwhile
                return
            more, self._earlier = self._earlier[-_AT_ONCE:], self._earlier[:-_AT_ONCE]
            first = self.views[0]
            await self.query(".earlier").remove()
            await self._messages.mount_all([*self._earlier_note(), *map(self._view, more)], before=first)
            self.release_anchor()
            self.scroll_to_widget(first, top=True, animate=False)

    async def action_latest(self) -> None:
        """Show the end, also where it was not mounted."""
        if self._later:
            await self.show([*self._earlier, *(view.message for view in self.views), *self._later])
        self.anchor()
        if views := self.views:
            views[-1].focus(scroll_visible=False)

    async def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.has_class("later"):
            await self.action_latest()
        elif event.widget is not None and event.widget.has_class("earlier"):
            await self.action_earlier()

    def _earlier_note(self) -> list[Static]:
        count = len(self._earlier)
        words = f"↑ {count} earlier messages ({key_in_words(self, 'messages.earlier')})"
        return [Static(plain(words), classes="earlier")] if count else []

    def _later_note(self) -> list[Static]:
        count = len(self._later)
        words = f"↓ {count} later messages ({key_in_words(self, 'messages.latest')})"
        return [Static(plain(words), classes="later")] if count else []

    def _view(self, message: StoredMessage) -> MessageView:
        place = self._place_of(message.id)
        return MessageView(
            message, self.show_statistics, place, self._judgement_of, lambda said: self.mask.name_of(said)
        )


def _code_blocks(text: str) -> list[str]:
    from tui_chat.markdown_text import (
        code_blocks,  # here: a Markdown parser is not needed for the first paint
    )

    return code_blocks(text)
