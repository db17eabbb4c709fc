"""What could have stood in a place: the likeliest tokens, with bars for what the model thought of them.

    1  ·there    ██████████▌    43.1 %   51.2 %        the model's own, and what it is drawn with

The one rule: the token that was said is marked with a dot, whether it is among the likeliest or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.inspection import Candidate, InspectedToken
from tui_chat import token_words

_EIGHTHS = " ▏▎▍▌▋▊▉"
_NUMBERS = 2 + 9 + 9  # cells of rank and percentages
_LONGEST_WORD = 18


class TokenChoices(OptionList):
    """The alternatives of one place; Enter takes one."""

    BINDING_GROUP_TITLE = "Alternatives"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Go on with this token", id="choices.take"),
        Binding("escape", "leave", "Back to the text", id="choices.leave"),
        Binding("left,h", "leave", "Back to the text", show=False, id="choices.left"),
        Binding("k", "cursor_up", "Up", show=False, id="choices.up"),
        Binding("j", "cursor_down", "Down", show=False, id="choices.down"),
    ]

    @dataclass
    class Taken(Message):
        """The reply is to go on with this token."""

        candidate: Candidate

    @dataclass
    class Left(Message):
        """Back to the text."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, compact=True)
        self._token: InspectedToken | None = None
        self._candidates: list[Candidate] = []

    def show(self, token: InspectedToken) -> None:
        """The alternatives of the place where `token` stands."""
        self._token, self._candidates = token, _with_said(token)
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def heading(self) -> Content:
        """What the columns are."""
        word, bar = self._widths()
        return Content.styled(f"  {'token'.ljust(word)} {' ' * bar}{'own':>9}{'drawn':>9}", "$foreground 60%")

    def _widths(self) -> tuple[int, int]:
        """Cells of the words and of the bars."""
        room = max(20, self.scrollable_content_region.width - 2) - _NUMBERS - 2
        word = min(_LONGEST_WORD, max(8, room // 2))
        return word, max(0, room - word)

    def _draw(self) -> None:
        if self._token is None or not self.size.width:
            return
        said, place = self._token.token_id, self.highlighted
        self.clear_options()
        self.add_options(
            Option(_row(candidate, number, candidate.token_id == said, *self._widths()))
            for number, candidate in enumerate(self._candidates, 1)
        )
        if self._candidates and self.has_focus:
            self.highlighted = min(place or 0, len(self._candidates) - 1)

    def go_to_another(self) -> None:
        """To the likeliest token that was not said."""
        said = self._token.token_id if self._token else None
        others = [n for n, candidate in enumerate(self._candidates) if candidate.token_id != said]
        self.highlighted = others[0] if others else None

    def on_click(self, event: events.Click) -> None:
        """A click goes to a token; one more takes it."""
        event.prevent_default()
        place = event.style.meta.get("option")
        if place is not None and place == self.highlighted:
            self.action_select()
        elif place is not None:
            self.highlighted = place

    @on(OptionList.OptionSelected)
    def take(self, event: OptionList.OptionSelected) -> None:
        """Enter, or a second click."""
        event.stop()
        self.post_message(self.Taken(self._candidates[event.option_index]))

    def action_leave(self) -> None:
        self.post_message(self.Left())


def _with_said(token: InspectedToken) -> list[Candidate]:
    """The likeliest tokens, and the one that was said where it is not among them."""
    found = list(token.candidates)
    if token.logprob is not None and token.token_id not in {candidate.token_id for candidate in found}:
        found.append(
            Candidate(token_id=token.token_id, text=token.spelling, logprob=token.logprob, drawn=token.drawn)
        )
    return found


def _row(candidate: Candidate, number: int, was_said: bool, word_cells: int, bar_cells: int) -> Content:
    probability = token_words.own(candidate)
    word = token_words.alone(candidate.text)
    if cell_len(word) > word_cells:
        word = set_cell_size(word, word_cells - 1) + "…"
    drawn = "cut" if candidate.drawn == 0 else token_words.percent(candidate.drawn)
    look = "bold $text-accent" if was_said else ""
    return Content.assemble(
        ("● " if was_said else "  ", "$text-accent"),
        (set_cell_size(word, word_cells), look),
        " ",
        (bar(probability, bar_cells), "$primary"),
        (f"{token_words.percent(probability):>9}", look),
        (f"{drawn:>9}", "$foreground 60%"),
    )


def bar(share: float, cells: int) -> str:
    """A bar as long as `share` (0-1) of the cells."""
    eighths = round(share * cells * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(cells)
