"""The line above the panes when not all of them fit: which there are, which are seen, and how to get to the others.

The one rule: it is there exactly while a pane is hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from tui_chat.key_bindings import key_in_words
from tui_chat.text import one_line, plain

_SHORTEST_NAME = 6


class PaneTabs(Static):
    """One line: "Pane 2 of 3   1 friend   2 gpt2   3 poet   F6 next"."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.display = False

    def show(self, names: Sequence[str], focused: int, shown: range) -> None:
        """The model of each pane, which one has the focus, and which are on the screen."""
        self.display = len(shown) < len(names)
        if not self.display:
            return
        key = key_in_words(self, "chat.next_pane")
        seen = f"{shown[0] + 1}" if len(shown) == 1 else f"{shown[0] + 1}-{shown[-1] + 1}"
        lead = f" Pane{'s' if len(shown) > 1 else ''} {seen} of {len(names)} "
        tail = f" {key} next"
        room = (self.app.size.width if not self.size.width else self.size.width) - len(lead) - len(tail)
        width = max(_SHORTEST_NAME, room // len(names) - 5)
        tabs = [self._tab(place, name, width, focused, shown) for place, name in enumerate(names)]
        self.update(Content.assemble((lead, "bold"), *tabs, (tail, "$text-accent")))

    def _tab(self, place: int, name: str, width: int, focused: int, shown: range) -> Content:
        style = (
            "bold $text-primary on $primary-muted" if place == focused else "" if place in shown else "dim"
        )
        return Content.assemble(" ", plain(f" {place + 1} {one_line(name, width)} ").stylize(style))
