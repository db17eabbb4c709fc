"""Choosing data: a tree of folders that shows data files only, completion for a typed path, and data sets by name.

The one rule: names of files are foreign text; they are shown as text, whatever they hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text, TextType
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import DirectoryTree, OptionList
from textual.widgets.option_list import Option

from trainers.own_datasets import OWN_DATASETS
from tui_chat.quantities import counted
from tui_chat.run_form import is_data_file
from tui_chat.text import plain, visible

_MOST_NAMES = 2000  # of a folder, when completing


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


class PathSuggester(Suggester):
    """Completes the path that is being typed with the first name that fits."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The rest of the name of a folder or a data file."""
        folder, slash, beginning = value.rpartition("/")
        names = await asyncio.to_thread(_names_in, folder + slash or ".", beginning) if value else []
        if not names and value:
            names = [one.name for one in OWN_DATASETS if one.name.startswith(value) and one.rows]
        return folder + slash + names[0] if names else None


def _names_in(folder: str, beginning: str) -> list[str]:
    """Folders and data files whose name begins so; none that would show control characters."""
    try:
        entries = [
            path for path, _ in zip(Path(folder).expanduser().iterdir(), range(_MOST_NAMES), strict=False)
        ]
        fitting = [path for path in entries if path.name.startswith(beginning or "")]
        names = sorted(path.name for path in fitting if path.is_dir() or is_data_file(path))
    except (OSError, RuntimeError, ValueError):
        return []
    return [name for name in names if name == visible(name) and (beginning or not name.startswith("."))]
