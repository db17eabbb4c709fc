"""A line for the name of a file, completed from what is in the folder.

The one rule: nothing but names is read while one types.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from textual.suggester import Suggester
from textual.widgets import Input

from engine.paths import typed_path
from tui_chat.text import visible


class FileInput(Input):
    """An `Input` that suggests files; the Right key takes what it suggests."""

    def __init__(self, value: str = "", placeholder: str = "", compact: bool = False) -> None:
        super().__init__(
            value, placeholder=placeholder, compact=compact, suggester=FilesHere(), select_on_focus=False
        )


class FilesHere(Suggester):
    """Completes the last part of a path."""

    def __init__(self) -> None:
        super().__init__(case_sensitive=True, use_cache=False)

    async def get_suggestion(self, value: str) -> str | None:
        """The path with its last part completed; None where nothing fits."""
        return await asyncio.to_thread(completed, value)


def completed(text: str) -> str | None:
    """`text` with the first name of the folder that begins as it ends; folders end with a separator."""
    before, begun = os.path.split(text)
    if not begun:
        return None
    try:
        names = sorted(
            path for path in Path(typed_path(before or ".")).iterdir() if path.name.startswith(begun)
        )
        ending = os.sep if names and names[0].is_dir() else ""
    except (OSError, ValueError):
        return None
    end = names[0].name.removeprefix(begun) + ending if names else ""
    return text + end if end and visible(end) == end else None
