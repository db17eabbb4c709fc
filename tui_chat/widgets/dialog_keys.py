"""The line at the foot of a dialog: its keys, as they are bound now.

    DialogKeys("Tab next field", ("pane_settings.accept", "accepts"), ("pane_settings.cancel", "cancels"))

The one rule: a key that has an id is named by its id.
"""

from __future__ import annotations

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
