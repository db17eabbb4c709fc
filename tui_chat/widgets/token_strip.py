"""The whole text as a row of bars, one a token: where the model was surprised, or slow, at a glance.

The one rule: where there are more tokens than cells a bar is the highest of its tokens, so no peak is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui_chat.widgets.token_shades import INKS

_ROWS = 4
_WIDEST = 3  # cells of a bar
_EIGHTHS = " ▁▂▃▄▅▆▇█"


class TokenStrip(Static):
    """Bars, and under them a mark where the cursor is."""

    @dataclass
    class Chosen(Message):
        """A bar was clicked."""

        token: int

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._first = 0  # token of the first bar
        self._lengths: Sequence[float | None] = ()
        self._steps: Sequence[int | None] = ()
        self._cursor = 0
        self._title = ""

    def show(
        self, first: int, lengths: Sequence[float | None], steps: Sequence[int | None], title: str
    ) -> None:
        """Bars of the tokens from `first` on."""
        self._first, self._lengths, self._steps, self._title = first, lengths, steps, title
        self._draw()

    def mark(self, cursor: int) -> None:
        """The cursor stands on a token."""
        self._cursor = cursor
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _columns(self) -> list[range]:
        """The tokens of each bar, counted from the first one."""
        count, width = len(self._lengths), self.size.width
        if not count or not width:
            return []
        if count <= width:
            return [range(place, place + 1) for place in range(count)]
        return [range(count * cell // width, count * (cell + 1) // width) for cell in range(width)]

    def _bar_width(self, bars: int) -> int:
        return max(1, min(_WIDEST, self.size.width // bars)) if bars else 1

    def _draw(self) -> None:
        columns = self._columns()
        if not columns:
            return
        peak = max((length for length in self._lengths if length is not None), default=0.0) or 1.0
        width = self._bar_width(len(columns))
        heights = [self._height(tokens, peak) for tokens in columns]
        inks = [self._ink(tokens) for tokens in columns]
        rows = [Content.styled(self._title, "$foreground 50%")]
        for row in range(_ROWS - 1, -1, -1):
            cells = (_EIGHTHS[min(8, max(0, height - 8 * row))] for height in heights)
            rows.append(
                Content.assemble(
                    *(self._bar(cell, width, ink) for cell, ink in zip(cells, inks, strict=True))
                )
            )
        here = self._cursor - self._first
        rows.append(Content.assemble(*(("▲" if here in tokens else " ").ljust(width) for tokens in columns)))
        self.update(Content("\n").join(rows))

    def _bar(self, cell: str, width: int, ink: str) -> tuple[str, str]:
        return cell * max(1, width - 1) + " " * (width > 1), ink

    def _height(self, tokens: range, peak: float) -> int:
        """In eighths of a row; a token with a figure is always seen."""
        known = [length for token in tokens if (length := self._lengths[token]) is not None]
        return max(1, round(8 * _ROWS * max(known) / peak)) if known else 0

    def _ink(self, tokens: range) -> str:
        steps = [step for token in tokens if (step := self._steps[token]) is not None]
        return INKS[max(steps)] if steps and not self.app.no_color else ""

    def on_click(self, event: events.Click) -> None:
        columns, offset = self._columns(), event.get_content_offset(self)
        if columns and offset is not None:
            bar = min(offset.x // self._bar_width(len(columns)), len(columns) - 1)
            self.post_message(self.Chosen(self._first + columns[bar].start))
