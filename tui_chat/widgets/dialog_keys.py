"""The line at the foot of a dialog: its keys, as they are bound now.

    DialogKeys("Tab next field", ("persona_form.save", "saves"), ("persona_form.cancel", "cancels"))

The one rule: a key that has an id is named by its id.
"""

from __future__ import annotations

from textual.content import Content
from textual.dom import DOMNode
from textual.geometry import Size
from textual.widget import Widget

from tui_chat.key_bindings import key_in_words
from tui_chat.text import plain

_BETWEEN = "  ·  "


class DialogKeys(Widget):
    """Fixed words, and (id of a binding, what it does); what a key does is never on another line than the key."""

    DEFAULT_CSS = "DialogKeys { height: auto; }"

    def __init__(self, *parts: str | tuple[str, str]) -> None:
        super().__init__(classes="dialog-keys")
        self._parts = parts

    def render(self) -> Content:
        return plain("\n".join(self._lines(self.content_size.width)))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def _lines(self, width: int) -> list[str]:
        lines: list[str] = []
        for words in map(self._words, self._parts):
            if lines and len(lines[-1] + _BETWEEN + words) <= width:
                lines[-1] += _BETWEEN + words
            else:
                lines.append(words)
        return lines

    def _words(self, part: str | tuple[str, str]) -> str:
        return part if isinstance(part, str) else f"{key_in_words(self, part[0])} {part[1]}"


def with_keys(node: DOMNode, *parts: tuple[str, str]) -> list[str]:
    """(What a button does, id of a binding) as its label: "Start (Ctrl+S)"."""
    return [f"{words} ({key})" if (key := key_in_words(node, id)) else words for words, id in parts]
