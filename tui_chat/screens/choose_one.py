"""Choosing one of many by typing some of its words: earlier messages, prompt templates, commands.

    text = await app.push_screen_wait(ChooseOne("What you sent", [Choice(text) for text in newest_first]))

The one rule: the order is the caller's; typing only leaves out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_chat.text import one_line, plain, visible
from tui_chat.widgets.dialog_keys import DialogKeys

_MOST_ROWS = 200
_WIDEST_VALUE = 30  # cells; what stands after longer ones is out of line
_LONGEST_ROW = 120
_BEFORE_FOUND = 30  # characters shown before the first word that was found


@dataclass(frozen=True)
class Choice:
    """One row."""

    value: str
    what: str = ""


class ChooseOne(ModalScreen[str | None]):
    """Gives the value of the chosen row, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="choose.cancel"),
        Binding("down", "move('cursor_down')", "Next", id="choose.down", show=False),
        Binding("up", "move('cursor_up')", "Previous", id="choose.up", show=False),
        Binding("pagedown", "move('page_down')", "A page down", id="choose.page_down", show=False),
        Binding("pageup", "move('page_up')", "A page up", id="choose.page_up", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], filter: str = "", nothing: str = "") -> None:
        """`filter` is typed beforehand; `nothing` is said when there are no choices at all."""
        super().__init__()
        self._title, self._choices = title, choices
        self._nothing = nothing or "Nothing is here yet."
        self._searched = [f"{choice.value}\n{choice.what}".lower() for choice in choices]
        self._values: list[str] = []  # of the rows
        self._typed = Input(visible(filter), placeholder="Some of its words", compact=True)
        self._rows = OptionList(markup=False, compact=True)
        self._rows.can_focus = False  # the keys stay in the box; those for the list are passed on

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="dialog-title")
            yield self._typed
            yield self._rows
            yield DialogKeys("↑↓ choose", "Enter takes it", ("choose.cancel", "back"))

    def on_mount(self) -> None:
        self._show()

    @on(Input.Changed)
    def _show(self) -> None:
        words = self._typed.value.lower().split()
        found = [
            choice
            for choice, searched in zip(self._choices, self._searched, strict=True)
            if all(word in searched for word in words)
        ][:_MOST_ROWS]
        rows = self._rows
        rows.clear_options()
        widest = max((cell_len(choice.value) for choice in found if choice.what), default=0)
        rows.add_options([Option(_row(choice, words, min(widest, _WIDEST_VALUE))) for choice in found])
        self._values = [choice.value for choice in found]
        if found:
            rows.highlighted = 0
        else:
            rows.add_option(Option("Nothing has these words." if words else self._nothing, disabled=True))

    def action_move(self, how: str) -> None:
        getattr(self._rows, f"action_{how}")()

    @on(Input.Submitted)
    def accept(self) -> None:
        self._choose(self._rows.highlighted)

    @on(OptionList.OptionSelected)
    def accept_clicked(self, event: OptionList.OptionSelected) -> None:
        self._choose(event.option_index)

    def _choose(self, place: int | None) -> None:
        if place is not None and place < len(self._values):
            self.dismiss(self._values[place])


def _row(choice: Choice, words: Sequence[str], width: int) -> Content:
    """The value on a line, from shortly before the first word that was found."""
    lowered = choice.value.lower()
    places = [place for word in words if (place := lowered.find(word)) > _LONGEST_ROW // 2]
    start = max(0, min(places, default=0) - _BEFORE_FOUND)
    value = ("…" if start else "") + one_line(choice.value[start:], _LONGEST_ROW)
    lines = choice.value.count("\n") + 1
    what = choice.what or (f"{lines:,} lines" if lines > 1 else "")
    gap = " " * (max(width - cell_len(value), 0) + 2)
    return Content.assemble(plain(value), plain(gap + what).stylize("dim"))
