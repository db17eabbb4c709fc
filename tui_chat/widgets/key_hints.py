"""The line at the bottom: what can be done here, and with which key.

What does not fit is left out as a whole, the least important first: a widget and a screen name their keys in the
order of importance. Under a dialog, which names its own keys, the line is empty.
The one rule: help and the palette, which lead to everything else, are always there.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Footer

_ALWAYS = ("help", "command_palette")
_BETWEEN = 1  # cell after each hint
_LINE = 1  # cell before the palette


class KeyHints(Footer):
    """A footer that fits."""

    DEFAULT_CSS = "KeyHints.-under-a-dialog > * { visibility: hidden; }"

    def __init__(self) -> None:
        super().__init__(compact=True)
        self._fitted_to = 0  # cells

    def compose(self) -> ComposeResult:
        yield from self._fitting(list(super().compose()))

    def _fitting(self, hints: list[Widget]) -> Iterator[Widget]:
        self._fitted_to = self.size.width
        room = self.size.width - _LINE - sum(_cells(hint) for hint in hints if _is_needed(hint))
        for hint in hints:
            if _is_needed(hint):
                yield hint
            elif room >= _cells(hint):
                room -= _cells(hint)
                yield hint
            else:
                room = 0  # nothing less important in its place

    def on_mount(self) -> None:
        self.watch(self.screen, "stack_updates", self._screens_changed, init=False)

    def _screens_changed(self) -> None:
        self.set_class(not self.screen.is_active, "-under-a-dialog")

    def on_resize(self, event: Resize) -> None:
        if self.size.width != self._fitted_to:
            self.call_after_refresh(self.recompose)


def _is_needed(hint: Widget) -> bool:
    return str(getattr(hint, "action", "")).removeprefix("app.") in _ALWAYS


def _cells(hint: Widget) -> int:
    words = f"{getattr(hint, 'key_display', '')} {getattr(hint, 'description', '')}"
    return cell_len(words) + _BETWEEN
