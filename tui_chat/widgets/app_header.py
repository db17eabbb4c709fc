"""The line at the top: the program's name, its modes, and on the right what is out of sight.

The one rule: a key named here is the one in force, whatever the settings made of it.
"""

from __future__ import annotations

from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from tui_chat.key_bindings import key_in_words
from tui_chat.text import plain

_MODES = (("chat", "Chat"), ("training", "Training"))


class AppHeader(Static):
    """Shows where one is; a click goes to the other mode."""

    def __init__(self, active: str) -> None:
        super().__init__(markup=False)
        self._active = active
        self._note = ""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._show())
        self._show()

    def on_resize(self, event: Resize) -> None:
        self._show()

    def tell(self, note: str) -> None:
        """Say something on the right; it gives way as a whole where it does not fit."""
        if note != self._note:
            self._note = note
            self._show()

    def _show(self) -> None:
        tabs = self._tabs()
        room = self.size.width - tabs.cell_length - 1
        note = plain(self._note).stylize("dim")
        if 0 < note.cell_length <= room - 2:
            tabs = Content.assemble(tabs, " " * (room - note.cell_length), note)
        self.update(tabs)

    def _tabs(self) -> Content:
        key = key_in_words(self, "app.training")
        tabs = []
        for mode, title in _MODES:
            if mode == self._active:
                tabs.append(Content.styled(f" {title} ", "bold $text-primary on $primary-muted"))
            else:  # our own words: the one place where an action may hide in a text
                action = f"[@click=app.switch_mode('{mode}')] {title} [/]"
                tabs.append(Content.assemble(Content.from_markup(action), (f"{key} ", "dim")))
        return Content.assemble((" tui-chat ", "bold $text-accent"), " ", Content(" ").join(tabs))
