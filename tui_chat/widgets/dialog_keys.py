"""The line at the foot of a dialog: its keys, as they are bound now.

    DialogKeys("Tab next field", ("persona_form.save", "saves"), ("persona_form.cancel", "cancels"))

The one rule: a key that has an id is named by its id.
"""

from __future__ import annotations

from textual.dom import DOMNode
from textual.widgets import Static

from tui_chat.key_bindings import key_in_words


class DialogKeys(Static):
    """Fixed words, and (id of a binding, what it does)."""

    def __init__(self, *parts: str | tuple[str, str]) -> None:
        super().__init__(markup=False, classes="dialog-keys")
        self._parts = parts

    def on_mount(self) -> None:
        self.update("  ·  ".join(self._words(part) for part in self._parts))

    def _words(self, part: str | tuple[str, str]) -> str:
        return part if isinstance(part, str) else f"{key_in_words(self, part[0])} {part[1]}"


def with_keys(node: DOMNode, *parts: tuple[str, str]) -> list[str]:
    """(What a button does, id of a binding) as its label: "Start (Ctrl+S)"."""
    return [f"{words} ({key})" if (key := key_in_words(node, id)) else words for words, id in parts]
