"""A line for the name of a file, completed from what is in the folder.

The one rule: what completes it may wait for a disk, so it runs beside the screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from rich.segment import Segment
from textual.strip import Strip
from textual.suggester import Suggester
from textual.widgets import Input

from tui_chat.path_completion import any_file, completed
from tui_chat.text import visible


class FileInput(Input):
    """An `Input` that suggests files; the Right key takes what it suggests.

    A name may hold anything: it is kept as it is, and shown with its control characters made visible.
    """

    def __init__(
        self,
        value: str = "",
        placeholder: str = "",
        id: str | None = None,
        suggester: Suggester | None = None,
        select_on_focus: bool = False,
    ) -> None:
        super().__init__(
            value,
            placeholder=placeholder,
            id=id,
            compact=True,
            suggester=suggester or PathSuggester(),
            select_on_focus=select_on_focus,
        )

    def render_line(self, y: int) -> Strip:
        segments = super().render_line(y)
        return Strip([Segment(visible(text), style, control) for text, style, control in segments])


class PathSuggester(Suggester):
    """Completes the path that is being typed."""

    def __init__(self, is_meant: Callable[[Path], bool] = any_file) -> None:
        """Of files, those that are meant are suggested."""
        super().__init__(case_sensitive=True, use_cache=False)
        self._is_meant = is_meant

    async def get_suggestion(self, value: str) -> str | None:
        """The path with its last part completed; None where nothing fits."""
        return await asyncio.to_thread(completed, value, self._is_meant)
