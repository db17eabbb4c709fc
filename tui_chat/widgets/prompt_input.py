"""The box a message is typed into.

Around it stand others who know what may be said here (`prompt_box`): while one of them wants some keys, such as
an open list the arrows, it names them in `taken_keys` and hears of them as `Offered`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from tui_chat.attachments import without_attachments
from tui_chat.text import visible

_LONGEST_SETTLING_SECONDS = 0.5
_TALLEST = 8  # lines it grows to before it scrolls
_LONGEST_LINE = 150_000  # characters


def _wish(key: str, what: str, description: str) -> Binding:
    return Binding(key, f"wish('{what}')", description, id=f"prompt.{what}", show=False)


def _typed_for(message: str) -> str:
    if not message.startswith("/"):
        return message
    from tui_chat.slash_commands import typed_for  # here: nearly no message begins so

    return typed_for(message)


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
        Binding("tab", "offer('tab')", "Complete", id="prompt.complete"),
        Binding("escape", "offer('escape')", "Close list", id="prompt.close_list"),
        Binding(
            "backspace",
            "backspace",
            "Delete to the left; at first the attached file",
            id="prompt.delete",
            show=False,
        ),
        _wish("alt+r", "history", "Search what you sent"),
        _wish("alt+v", "editor", "Write in your editor"),
        _wish("alt+j", "attach", "Attach a text file"),
        _wish("alt+t", "template", "Prompt template"),
    ]

    @dataclass
    class Submitted(Message):
        """The user asked to send `text`."""

        prompt: PromptInput
        text: str

    @dataclass
    class Accepted(Message):
        """`text` is safe and out of the box."""

        prompt: PromptInput
        text: str

    @dataclass
    class TooLong(Message):
        """A line so long was pasted that the box cannot hold it: every key would take a second."""

        text: str

    @dataclass
    class Offered(Message):
        """A key that somebody around the prompt had asked for."""

        key: str

    @dataclass
    class Wished(Message):
        """The user wants something done with the text: "history", "editor", "attach" or "template"."""

        what: str

    @dataclass
    class ScrollChat(Message):
        """The user asked to scroll by pages; 0 = to the end."""

        pages: int

    def __init__(self, enter_sends: bool = True) -> None:
        super().__init__(soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False, compact=True)
        self.enter_sends = enter_sends
        self.sent: list[str] = []  # oldest first
        self.taken_keys: Set[str] = frozenset()  # by who stands around: they go there as `Offered`
        self._had_command = False  # when it was last asked for keys
        self.sends_nothing = False  # whether there is something to send beside the text
        self._place: int | None = None  # in the history; None = at the draft
        self._draft = ""
        self._typed: dict[str, str] = {}  # what was typed, by what it is sent as, where that is not the same

    def remember(self, history: Sequence[str]) -> None:
        """Earlier messages for the Up key, oldest first."""
        self.sent = [_typed_for(without_attachments(text)) for text in history]

    def accept(self, text: str) -> None:
        """`text` was sent: remember it and take it out of the box; what was typed after it stays."""
        typed = self._typed.pop(text, text)
        if typed and self.sent[-1:] != [typed]:
            self.sent.append(typed)
        self._place = None
        before, sent, after = self.text.partition(typed) if typed else ("", "", "")
        if sent:  # else it was changed while it was being saved, and is the next message
            self.put(before.lstrip("\n") + after.lstrip("\n"))
        self.post_message(self.Accepted(self, text))

    def is_sent_as(self, typed: str, text: str) -> None:
        """What was typed goes out as another text: with files, or without its first slash."""
        self._typed = {text: typed}

    def take_keys(self, *keys: str) -> None:
        """From now on these keys, and no others, go to who stands around."""
        if (self.taken_keys, self._had_command) != (set(keys), self.begins_a_command):
            self.taken_keys, self._had_command = set(keys), self.begins_a_command
            self.refresh_bindings()

    def put(self, text: str) -> None:
        """Replace what is in the box, with the cursor at the end."""
        self.text = text
        self.move_cursor(self.document.end)

    def put_message(self, message: str) -> None:
        """Like `put`, so that what is sent from here is this message and no command."""
        self.put(_typed_for(visible(message)))

    def on_mount(self) -> None:
        self._fit()

    def on_paste(self, event: events.Paste) -> None:
        """Wrapping and drawing take as long as the longest line: lines without an end go elsewhere, whole."""
        if max(map(len, event.text.split("\n"))) > _LONGEST_LINE:
            event.prevent_default()
            event.stop()
            self.post_message(self.TooLong(event.text))

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
        if self.sends_nothing or self.text.strip():
            self.post_message(self.Submitted(self, self.text.strip("\n")))

    def action_earlier(self) -> None:
        """Up: to the line above, or at the first line to the message before."""
        if "up" in self.taken_keys:
            self.action_offer("up")
        elif not self.cursor_at_first_line:
            self.action_cursor_up()
        elif self._place is None and self.sent:
            self._draft = self.text
            self._show(len(self.sent) - 1)
        elif self._place:
            self._show(self._place - 1)

    def action_later(self) -> None:
        """Down: to the line below, or at the last line back towards what was being typed."""
        if "down" in self.taken_keys:
            self.action_offer("down")
        elif not self.cursor_at_last_line or self._place is None:
            self.action_cursor_down()
        elif self._place + 1 < len(self.sent):
            self._show(self._place + 1)
        else:
            self._place = None
            self.put(self._draft)

    def _show(self, place: int) -> None:
        self._place = place
        self.put(visible(self.sent[place]))

    def action_backspace(self) -> None:
        """Delete a character; where there is none, whatever else is about to be sent."""
        if "backspace" in self.taken_keys and not self.text:
            self.action_offer("backspace")
        else:
            self.action_delete_left()

    def action_offer(self, key: str) -> None:
        self.post_message(self.Offered(key))

    def action_wish(self, what: str) -> None:
        """Once the letters typed before the key are in the box."""
        self.call_later(self.post_message, self.Wished(what))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action != "offer":
            return True
        return parameters[0] in self.taken_keys or (parameters[0] == "tab" and self.begins_a_command)

    @property
    def begins_a_command(self) -> bool:
        """Whether it may be a command; then a Tab belongs to it, also when no list is open yet."""
        return self.document.line_count == 1 and self.document.get_line(0).startswith("/")

    @property
    def is_in_history(self) -> bool:
        """Whether it shows an earlier message that was not changed: the arrows then go on to others."""
        return self._place is not None and self.text == visible(self.sent[self._place])

    def action_scroll_chat(self, pages: int) -> None:
        self.post_message(self.ScrollChat(pages))
