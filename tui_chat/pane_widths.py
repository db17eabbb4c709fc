"""How wide panes beside each other are: shares, in which 1 is an even one, and cells of the screen.

    shares_of([60, 30])               (1.333, 0.667)
    moved([45, 45], 0, by=10)         [55, 35]: the line after the first pane, ten cells to the right

The one rule: moving a line changes the two panes beside it, and none becomes narrower than can be read.
"""

from __future__ import annotations

from collections.abc import Sequence

NARROWEST_PANE = 42  # cells that a pane needs to be shown at all
NARROWEST_BY_HAND = 24  # cells that somebody may leave to it


def how_many_fit(width: int, total: int) -> int:
    """How many of the panes can be seen at once: one at least."""
    return max(1, min(total, width // NARROWEST_PANE))


def moved(widths: Sequence[int], line: int, by: int) -> list[int]:
    """The widths after the line between pane `line` and the next went `by` cells to the right, as far as it can."""
    room_left = max(0, widths[line] - NARROWEST_BY_HAND)
    room_right = max(0, widths[line + 1] - NARROWEST_BY_HAND)
    by = min(max(by, -room_left), room_right)
    new = list(widths)
    new[line], new[line + 1] = widths[line] + by, widths[line + 1] - by
    return new


def shares_of(widths: Sequence[float]) -> tuple[float, ...]:
    """What each pane has of the room, where 1 is an even share."""
    even = sum(widths) / len(widths)
    return tuple(round(width / even, 3) for width in widths)
