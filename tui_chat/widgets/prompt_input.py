"""The box a message is typed into."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from tui_chat.text import visible

_LONGEST_SETTLING_SECONDS = 0.5
_TALLEST = 8  # lines it grows to before it scrolls


class PromptInput(TextArea):
    """A multi-line text box: Enter sends, Shift+Enter or Ctrl+J starts a new line.

    Knows nothing about models, and never clears text that was not accepted: whoever takes `Submitted` calls
    `accept` once the text is safe.
    """

    BINDING_GROUP_TITLE = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", "Send", id="prompt.send", show=False, priority=True),
        Binding(
            "ctrl+j,shift+enter,alt+enter", "other_enter", "New line", id="prompt.newline", priority=True
        ),
        Binding("up", "earlier", "Earlier message", id="prompt.earlier", show=False),
        Binding("down", "later", "Later message", id="prompt.later", show=False),
        Binding("pageup", "scroll_chat(-1)", "Scroll the chat up", id="prompt.scroll_up", show=False),
        Binding("pagedown", "scroll_chat(1)", "Scroll the chat down", id="prompt.scroll_down", show=False),
        Binding("ctrl+end", "scroll_chat(0)", "Newest message", id="prompt.scroll_end", show=False),
    ]

    @dataclass
    class Submitted(Message):
        """The user asked to send `text`."""

        prompt: PromptInput
        text: str

    @dataclass
    class ScrollChat(Message):
        """The user asked to scroll by pages; 0 = to the end."""

        pages: int

    def __init__(self, enter_sends: bool = True) -> None:
        super().__init__(soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False, compact=True)
        self.enter_sends = enter_sends
        self.sent: list[str] = []  # oldest first
        self._place: int | None = None  # in the history; None = at the draft
        self._draft = ""

    def remember(self, history: Sequence[str]) -> None:
        """Earlier messages for the Up key, oldest first."""
        self.sent = list(history)

    def accept(self, text: str) -> None:
        """`text` was sent: remember it and take it out of the box; what was typed after it stays."""
        if self.sent[-1:] != [text]:
            self.sent.append(text)
        self._place = None
        before, sent, after = self.text.partition(text)
        if sent:  # else it was changed while it was being saved, and is the next message
            self.put(before.lstrip("\n") + after.lstrip("\n"))

    def put(self, text: str) -> None:
        """Replace what is in the box, with the cursor at the end."""
        self.text = text
        self.move_cursor(self.document.end)

    def on_mount(self) -> None:
        self._fit()

    def on_text_area_changed(self) -> None:
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """Grow with the text."""
        lines = self.wrapped_document.height
        self.styles.height = max(1, min(lines, _TALLEST)) + 2  # with its border
        self.show_vertical_scrollbar = lines > _TALLEST

    # Priority keys overtake the letters before them, which still wait in this widget's queue when typing is fast
    # or the line is slow. Queueing the action behind them puts it where it was typed.

    def action_enter(self) -> None:
        self.call_later(self._send if self.enter_sends else self._new_line)

    def action_other_enter(self) -> None:
        self.call_later(self._new_line if self.enter_sends else self._send)

    async def settled(self) -> None:
        """Wait until what was typed and sent before now has been taken."""
        passed = [node for node in self.ancestors_with_self if not isinstance(node, App)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_SETTLING_SECONDS):
                while any(node.message_queue_size for node in passed):
                    await asyncio.sleep(0.005)

    def _new_line(self) -> None:
        self.insert("\n")

    def _send(self) -> None:
        if self.text.strip():
            self.post_message(self.Submitted(self, self.text.strip("\n")))

    def action_earlier(self) -> None:
        """Up: to the line above, or at the first line to the message before."""
        if not self.cursor_at_first_line:
            self.action_cursor_up()
        elif self._place is None and self.sent:
            self._draft = self.text
            self._show(len(self.sent) - 1)
        elif self._place:
            self._show(self._place - 1)

    def action_later(self) -> None:
        """Down: to the line below, or at the last line back towards what was being typed."""
        if not self.cursor_at_last_line or self._place is None:
            self.action_cursor_down()
        elif self._place + 1 < len(self.sent):
            self._show(self._place + 1)
        else:
            self._place = None
            self.put(self._draft)

    def _show(self, place: int) -> None:
        self._place = place
        self.put(visible(self.sent[place]))

    def action_scroll_chat(self, pages: int) -> None:
        self.post_message(self.ScrollChat(pages))
