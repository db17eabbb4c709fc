"""A small question with one line as the answer."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui_chat.text import plain, visible
from tui_chat.widgets.dialog_keys import DialogKeys


class AskText(ModalScreen[str | None]):
    """Gives the text, or None when the user thought better of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", id="ask.cancel")]

    def __init__(self, question: str, text: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._question, self._text, self._placeholder = question, text, placeholder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -small"):
            yield Static(plain(self._question), classes="dialog-title")
            yield Input(visible(self._text), placeholder=visible(self._placeholder), compact=True)
            yield DialogKeys("Enter accepts", ("ask.cancel", "cancels"))

    @on(Input.Submitted)
    def accept(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
