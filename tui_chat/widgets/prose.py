"""A piece of a message; its lists and quotes keep their indent where a line is wrapped."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection
from textual.widgets import Static

from tui_chat.markdown_text import LINK, broken_lines, hanging

_OURS = "\ufdd0"  # no character of any text; stands for each cell of an indent of ours
_BREAK = re.compile(rf"(.)\n{_OURS}+(.)")


class Prose(Static):
    """Static text. Textual wraps to the first column; lines that hang are wrapped here, for the width there is."""

    @dataclass
    class LinkClicked(Message):
        """The user clicked on a link to a web page."""

        address: str

    def __init__(self, content: Content, classes: str) -> None:
        super().__init__(content, markup=False, classes=classes)
        self._unwrapped = content
        self._wrapped_to = 0  # cells

    def show(self, content: Content) -> None:
        """Show another text."""
        self._unwrapped, self._wrapped_to = content, 0
        self.update(content)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What was selected, without the line breaks and indents that only stand here."""
        lines = str(self.content).split("\n")
        for place, indent in broken_lines(self._unwrapped, self._wrapped_to):
            lines[place] = _OURS * indent + lines[place][indent:]
        return _BREAK.sub(_what_stood_there, selection.extract("\n".join(lines))).replace(_OURS, ""), "\n"

    def on_click(self, event: events.Click) -> None:
        """A link was clicked: whoever hears of it shows where it leads before anything is opened."""
        if (address := event.style.meta.get(LINK)) is not None:
            self.post_message(self.LinkClicked(str(address)))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        if width and width != self._wrapped_to:
            self._wrapped_to = width
            self.update(hanging(self._unwrapped, width), layout=False)
        return super().get_content_height(container, viewport, width)


def _what_stood_there(match: re.Match[str]) -> str:
    """A space, but for scripts that are written without."""
    before, after = match.groups()
    return before + ("" if cell_len(before) == cell_len(after) == 2 else " ") + after
