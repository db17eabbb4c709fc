"""Which file conversations are imported from. The dialog stays, with what was typed, until the file is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from engine.errors import UserError
from engine.paths import typed_path
from tui_chat.text import plain
from tui_chat.widgets.dialog_keys import DialogKeys
from tui_chat.widgets.file_input import FileInput

_EXPLANATION = (
    "Markdown or JSON exported here, or rows as of OpenAI or ShareGPT. The file itself tells which it is."
)


class ImportDialog(ModalScreen[str | None]):
    """Gives what was done, in words, or None. `read(path)` takes the file in, in a thread, and says what it did."""

    DEFAULT_CSS = "ImportDialog .about { color: $text-muted; margin-bottom: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", id="import.cancel")]

    def __init__(self, read: Callable[[Path], str]) -> None:
        super().__init__()
        self._read = read

    def compose(self) -> ComposeResult:
        """The file, and what is wrong with it."""
        with Vertical(classes="dialog"):
            yield Static("Import conversations", classes="dialog-title", markup=False)
            yield Static(_EXPLANATION, classes="about", markup=False)
            yield FileInput(placeholder="~/chats.json")
            yield Static(markup=False, classes="field-note -problem")
            yield DialogKeys("Enter imports", "Right completes", ("import.cancel", "cancels"))

    @on(Input.Submitted)
    @work(exclusive=True)
    async def read_file(self, event: Input.Submitted) -> None:
        """Read the file, and say so."""
        text, problem = event.value.strip().strip("'\""), self.query_one(".-problem", Static)
        if not text:
            problem.update("Name a file.")
            return
        problem.update("Reading …")
        try:
            self.dismiss(await asyncio.to_thread(self._read, typed_path(text).absolute()))
        except UserError as error:
            problem.update(plain(str(error)))
