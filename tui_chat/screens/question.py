"""A question with two answers, asked before something is lost.

    if await app.push_screen_wait(Question("Delete the run?", "Its checkpoints go too.", yes="Delete")): ...

The one rule: the harmless answer has the focus, and Escape gives it.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static

from tui_chat.text import plain


class Question(ModalScreen[bool]):
    """Answers True when the person agrees."""

    DEFAULT_CSS = """
    Question { align: center middle; }
    Question .dialog-title { width: 1fr; }
    Question Horizontal { height: auto; margin-top: 1; align-horizontal: right; }
    Question Button { margin-left: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "No", id="question.no"),
        Binding("y", "answer(True)", "Yes", id="question.yes"),
        Binding("left,up", "app.focus_previous", "Previous answer", show=False, id="question.previous"),
        Binding("right,down", "app.focus_next", "Next answer", show=False, id="question.next"),
    ]

    def __init__(self, title: str, explanation: str, *, yes: str, no: str = "Cancel") -> None:
        super().__init__()
        self._title, self._explanation, self._yes, self._no = title, explanation, yes, no

    def compose(self) -> ComposeResult:
        """The question, what follows from it, the answers."""
        with Vertical(classes="dialog -small"):
            yield Label(plain(self._title), classes="dialog-title")
            yield Static(plain(self._explanation))
            with Horizontal():
                yield Button(plain(f"{self._no} (n)"), id="no")
                yield Button(plain(f"{self._yes} (y)"), id="yes", variant="warning")

    def on_mount(self) -> None:
        """Enter without looking does no harm."""
        self.query_one("#no").focus()

    @on(Button.Pressed)
    def answer_by_button(self, event: Button.Pressed) -> None:
        """A click or Enter on an answer."""
        self.action_answer(event.button.id == "yes")

    def action_answer(self, agreed: bool) -> None:
        """Close with an answer."""
        self.dismiss(agreed)
