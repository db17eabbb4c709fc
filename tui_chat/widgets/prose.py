"""A piece of a message; its lists and quotes keep their indent where a line is wrapped."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widgets import Static

from tui_chat.markdown_text import LINK, hanging


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

    def on_click(self, event: events.Click) -> None:
        """A link was clicked: whoever hears of it shows where it leads before anything is opened."""
        if (address := event.style.meta.get(LINK)) is not None:
            self.post_message(self.LinkClicked(str(address)))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        if width and width != self._wrapped_to:
            self._wrapped_to = width
            self.update(hanging(self._unwrapped, width), layout=False)
        return super().get_content_height(container, viewport, width)
