"""How and where conversations are exported: a format, and a file with a name that is free.

The one rule: the dialog stays, with what was typed, until the file is written.
"""

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
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import UserError
from engine.paths import typed_path
from tui_chat.conversation_export import FORMATS, default_name, taken
from tui_chat.screens.question import Question
from tui_chat.text import one_line, plain, visible
from tui_chat.widgets.dialog_keys import DialogKeys
from tui_chat.widgets.file_input import FileInput


class ExportDialog(ModalScreen[str | None]):
    """Gives what was done, in words, or None.

    `write(format, path, replace)` writes the file in a thread and says what it did.
    """

    DEFAULT_CSS = """
    ExportDialog OptionList { height: auto; max-height: 8; margin-bottom: 1; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="export.cancel"),
        Binding("ctrl+s", "accept", "Export", id="export.accept", priority=True),
    ]

    def __init__(self, title: str, count: int, folder: Path, write: Callable[[str, Path, bool], str]) -> None:
        super().__init__()
        self._title, self._count, self._folder, self._write = title, count, folder, write
        self._offered = ""  # the name that was offered last

    def compose(self) -> ComposeResult:
        """The formats, the file, and what is wrong with it."""
        what = f"{self._count:,} conversations" if self._count > 1 else f"“{one_line(self._title, 40)}”"
        with Vertical(classes="dialog"):
            yield Static(plain(f"Export {what}"), classes="dialog-title")
            yield OptionList(
                *(Option(known.explanation, id=name) for name, known in FORMATS.items()), compact=True
            )
            yield Static("File", classes="field-name -wide", markup=False)
            yield FileInput()
            yield Static(markup=False, classes="field-note -problem")
            yield DialogKeys(
                "↑↓ format",
                "Tab file",
                ("export.accept", "or Enter exports"),
                ("export.cancel", "cancels"),
            )

    @property
    def _format(self) -> str:
        option = self.query_one(OptionList).highlighted_option
        return (option.id if option else None) or "markdown"

    @on(OptionList.OptionHighlighted)
    def offer_name(self) -> None:
        """A name for this format, unless another one was typed."""
        field = self.query_one(Input)
        if field.value == self._offered:
            self._offered = visible(str(default_name(self._title, self._format, self._folder)))
            field.value = self._offered
            self.call_after_refresh(self._show_name, field)

    @staticmethod
    def _show_name(field: Input) -> None:
        """Of a path that is too long, the end."""
        field.scroll_to(x=max(0, len(field.value) + 1 - field.size.width), animate=False, force=True)

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    @work(exclusive=True)
    async def action_accept(self) -> None:
        """Write the file, after asking about one that is there."""
        text, problem = self.query_one(Input).value.strip(), self.query_one(".-problem", Static)
        if not text:
            problem.update("Name a file.")
            return
        path = (self._folder / typed_path(text)).absolute()
        replace = taken(path) and path.is_file()
        if replace and not await self.app.push_screen_wait(
            Question("Replace the file?", f"{path} is there already.", yes="Replace")
        ):
            return
        try:
            self.dismiss(await asyncio.to_thread(self._write, self._format, path, replace))
        except UserError as error:
            problem.update(plain(str(error)))
