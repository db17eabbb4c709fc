"""The lines between panes, and how wide the panes are because of them.

    lines = PaneLines(panes)      the row's own list
    lines.show()                  lines between the panes on the screen, and these in their widths

The one rule: a hidden pane stays as wide as it was beside the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tui_chat.pane_widths import moved, shares_of
from tui_chat.widgets.pane_divider import PaneDivider

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane

_STEP = 4  # cells that a key moves a line


class PaneLines:
    """One line fewer than there are panes."""

    def __init__(self, panes: Sequence[ChatPane]) -> None:
        """`panes` grows and shrinks as whoever holds it adds and takes away."""
        self._panes = panes
        self._lines: list[PaneDivider] = []  # line n is after pane n
        self._widths: list[float] = [1.0]  # of the panes, compared with each other

    @property
    def shares(self) -> tuple[float, ...]:
        """What each pane has of the room, where 1 is an even share."""
        return shares_of(self._widths)

    def take_shares(self, shares: Iterable[float]) -> None:
        """Stand as they did; shown by `show`."""
        self._widths = list(shares)

    def add(self) -> PaneDivider:
        """The line before one more pane, which gets an even share."""
        self._lines.append(PaneDivider())
        self._widths.append(sum(self._widths) / len(self._widths))
        return self._lines[-1]

    def take_away(self, place: int) -> PaneDivider:
        """The line that goes with the pane of this place: the one before it, of the first pane the one after."""
        del self._widths[place]
        return self._lines.pop(max(0, place - 1))

    def show(self) -> None:
        """Lines stand between panes that can be seen."""
        for line, before, after in zip(self._lines, self._panes, self._panes[1:], strict=False):
            line.display = before.display and after.display
        for pane, width in zip(self._panes, self._widths, strict=True):
            pane.styles.width = f"{width}fr"

    def drag(self, line: PaneDivider, by: int) -> None:
        """Move a line by so many cells; nothing where its pane was closed meanwhile."""
        if line in self._lines:
            self._move(self._lines.index(line), by)

    def step(self, place: int, direction: int) -> None:
        """Move the line after the pane of this place, or else the one before it."""
        seen = [line for line in (place, place - 1) if self._is_seen(line)]
        if seen:
            self._move(seen[0], direction * _STEP)

    def even_out(self) -> None:
        """Make all panes as wide as each other."""
        self._widths = [1.0] * len(self._panes)
        self.show()

    def _is_seen(self, line: int) -> bool:
        return 0 <= line < len(self._lines) and self._lines[line].display

    def _move(self, line: int, by: int) -> None:
        seen = [place for place, pane in enumerate(self._panes) if pane.display]
        if line not in seen[:-1]:  # hidden while it was dragged
            return
        cells = [self._panes[place].outer_size.width for place in seen]
        scale = sum(cells) / sum(self._widths[place] for place in seen)
        self._widths = [width * scale for width in self._widths]
        self._widths[seen[0] : seen[-1] + 1] = moved(cells, seen.index(line), by)
        self.show()
