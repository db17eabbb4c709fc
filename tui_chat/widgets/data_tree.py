"""Choosing data: a tree of folders that shows data files only, completion for a typed path, and data sets by name.

The one rule: names of files are foreign text; they are shown as text, whatever they hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text, TextType
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DirectoryTree, OptionList
from textual.widgets.option_list import Option

from trainers.own_datasets import OWN_DATASETS
from tui_chat.quantities import counted
from tui_chat.run_form import is_data_file
from tui_chat.text import plain, visible
from tui_chat.widgets.file_input import PathSuggester


class DataTree(DirectoryTree):
    """Folders, and files that can be learnt from."""

    BINDING_GROUP_TITLE = "Data files"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace", "parent_folder", "Folder above", id="data.parent"),
    ]
    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """No hidden entries, and no files of other kinds."""
        return [
            path for path in paths if not path.name.startswith(".") and (path.is_dir() or is_data_file(path))
        ]

    def process_label(self, label: TextType) -> Text:
        """Control characters of a file name become visible ones."""
        return super().process_label(visible(label if isinstance(label, str) else label.plain))

    def action_parent_folder(self) -> None:
        """Begin the tree one folder further up."""
        self.path = Path(self.path).absolute().parent


class OwnData(OptionList):
    """The data sets that chatting made, while they have rows."""

    BINDING_GROUP_TITLE = "Data from your chats"
    DEFAULT_CSS = """
    OwnData { height: auto; border: none; padding: 0; background: transparent; }
    OwnData:focus { border: none; }
    """

    @dataclass
    class Chosen(Message):
        """One of them shall be learnt from."""

        path: str  # its name

    def on_mount(self) -> None:
        """Nothing is shown where nothing was voted for, corrected or liked."""
        filled = [(one, rows) for one in OWN_DATASETS if (rows := one.rows)]
        for one, rows in filled:
            self.add_option(Option(plain(f"{one.name}  {counted(rows, 'row')}"), id=one.name))
        self.display = bool(filled)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Tell who asked."""
        event.stop()
        self.post_message(self.Chosen(event.option_id or ""))


class DataSuggester(PathSuggester):
    """Completes a path of data, or where there is none so, the name of a data set of one's own."""

    def __init__(self) -> None:
        super().__init__(is_data_file)

    async def get_suggestion(self, value: str) -> str | None:
        """The rest of the name of a folder, a data file or a data set."""
        if path := await super().get_suggestion(value):
            return path
        named = [one.name for one in OWN_DATASETS if value and one.name.startswith(value) and one.rows]
        return named[0] if named else None
