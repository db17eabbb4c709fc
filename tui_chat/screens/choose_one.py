"""Choosing one of many by typing some of its words: earlier messages, prompt templates, commands.

    text = await app.push_screen_wait(ChooseOne("What you sent", [Choice(text) for text in newest_first]))

What a row is about stands beside it, on more lines where the window is narrow.
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
from textual.css.styles import RulesMap
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_chat.text import one_line, plain, visible
from tui_chat.widgets.dialog_keys import DialogKeys

_MOST_ROWS = 200
_WIDEST_VALUE = 30  # cells; what stands after longer ones is out of line
_LONGEST_ROW = 120
_LEAST_BESIDE = 24  # cells; in less room, what a row is about stands below it
_INDENT = 2
_BEFORE_FOUND = 30  # characters shown before the first word that was found


@dataclass(frozen=True)
class Choice:
    """One row."""

    value: str
    what: str = ""
    answer: str = ""  # what is given for it, where that is not its value


class ChooseOne(ModalScreen[str | None]):
    """Gives the value of the chosen row, or its answer, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="choose.cancel"),
        Binding("down", "move('cursor_down')", "Next", id="choose.down", show=False),
        Binding("up", "move('cursor_up')", "Previous", id="choose.up", show=False),
        Binding("pagedown", "move('page_down')", "A page down", id="choose.page_down", show=False),
        Binding("pageup", "move('page_up')", "A page up", id="choose.page_up", show=False),
    ]

    KEYS: ClassVar[tuple[str | tuple[str, str], ...]] = (
        "↑↓ choose",
        "Enter takes it",
        ("choose.cancel", "back"),
    )

    def __init__(self, title: str, choices: Sequence[Choice], filter: str = "", nothing: str = "") -> None:
        """`filter` is typed beforehand; `nothing` is said when there are no choices at all."""
        super().__init__()
        self._title, self._choices = title, choices
        self._nothing = nothing or "Nothing is here yet."
        self._searched = [f"{choice.value}\n{choice.what}".lower() for choice in choices]
        self._values: list[str] = []  # that the rows give
        self._typed = Input(visible(filter), placeholder="Some of its words", compact=True)
        self._rows = OptionList(markup=False, compact=True)
        self._rows.can_focus = False  # the keys stay in the box; those for the list are passed on

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="dialog-title")
            yield self._typed
            yield self._rows
            yield DialogKeys(*self.KEYS)

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
        self._values = [choice.answer or choice.value for choice in found]
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


class _Row(Visual):
    """A value and what it is about, as wide as the list is."""

    def __init__(self, value: Content, what: Content, column: int) -> None:
        """`column` is where the list would like the second to begin."""
        self._value, self._what = value, what
        self._column = max(column, value.cell_length + _INDENT)

    def _content(self, width: int) -> Content:
        if not self._what:
            return self._value
        room = width - self._column
        if room < min(_LEAST_BESIDE, self._what.cell_length):
            below = self._what.wrap(max(width - _INDENT, 1))
            return Content("\n").join([self._value, *(line.pad_left(_INDENT) for line in below)])
        first, *more = self._what.wrap(room)
        beside = self._value.pad_right(self._column - self._value.cell_length) + first
        return Content("\n").join([beside, *(line.pad_left(self._column) for line in more)])

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        return self._content(width).render_strips(width, height, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return self._content(container_width).get_optimal_width(rules, container_width)

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._content(width).get_height(rules, width)


def _row(choice: Choice, words: Sequence[str], width: int) -> _Row:
    """The value on a line, from shortly before the first word that was found."""
    lowered = choice.value.lower()
    places = [place for word in words if (place := lowered.find(word)) > _LONGEST_ROW // 2]
    start = max(0, min(places, default=0) - _BEFORE_FOUND)
    value = ("…" if start else "") + one_line(choice.value[start:], _LONGEST_ROW)
    lines = choice.value.count("\n") + 1
    what = choice.what or (f"{lines:,} lines" if lines > 1 else "")
    return _Row(plain(value), plain(what).stylize("dim"), width + _INDENT if choice.what else 0)
