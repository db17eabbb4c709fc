"""The line between two panes, which the mouse can drag.

    PaneDivider.Dragged(divider, by)       by so many cells to the right
    PaneDivider.EvenedOut(divider)         it was clicked twice

The one rule: a divider knows no pane; whoever holds the panes decides how far it goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.widget import Widget


class PaneDivider(Widget):
    """One cell wide; lights up under the mouse."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PaneDivider { width: 1; height: 1fr; border-left: vkey $foreground 20%; }
    PaneDivider:hover { border-left: vkey $primary; }
    PaneDivider.-dragged { border-left: vkey $accent; }
    """

    @dataclass
    class Dragged(Message):
        """The mouse pulls it `by` cells to the right."""

        divider: PaneDivider
        by: int

    @dataclass
    class EvenedOut(Message):
        """The panes shall be as wide as each other."""

        divider: PaneDivider

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        self.capture_mouse()
        self.add_class("-dragged")

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.has_class("-dragged") and (by := event.screen_x - self.region.x):
            self.post_message(self.Dragged(self, by))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        event.stop()
        self.release_mouse()

    def on_mouse_release(self) -> None:
        self.remove_class("-dragged")

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.chain == 2:
            self.post_message(self.EvenedOut(self))
