"""Panes that are asked together: what is typed in one goes to all, and is stopped in all.

    row.link.toggle()
    row.link.send(text, prompt)      to every pane, with one seed

The one rule: linked panes are asked the same with the same seed, so that only the models differ.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui_chat.key_bindings import key_in_words

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane
    from tui_chat.widgets.pane_row import PaneRow
    from tui_chat.widgets.prompt_input import PromptInput


class PaneLink:
    """Whether the panes of a row are linked, and what that means."""

    def __init__(self, row: PaneRow) -> None:
        self._row = row
        self.is_on = False  # as `PaneRow.show_panes` shows it

    def toggle(self) -> None:
        """Send what is typed in one pane to all of them, or no longer."""
        if len(self._row.panes) == 1:
            key = key_in_words(self._row, "chat.new_pane")
            self._row.notify(f"There is only this pane. {key} opens another beside it.", markup=False)
        else:
            self.put(not self.is_on)

    def put(self, is_on: bool) -> None:
        """Send what is typed in one pane to all of them, or no longer."""
        self.is_on = is_on
        self._row.show_panes()

    def send(self, text: str, prompt: PromptInput) -> None:
        """Ask every pane what was typed in one."""
        row = self._row
        if any(pane.is_replying for pane in row.panes):
            key = key_in_words(row, "chat.stop_all")
            row.notify(f"A reply is still being written. {key} stops all.", markup=False)
            return
        seeds = [pane.settings.generation.seed for pane in (row.pane, *row.panes)]
        seed = next((seed for seed in seeds if seed is not None), secrets.randbelow(2**31))
        for pane in row.panes:
            pane.ask(text, prompt if prompt is pane.prompt else None, seed)

    @property
    def stoppable(self) -> Sequence[ChatPane]:
        """The panes whose replies are stopped together."""
        row = self._row
        return [pane for pane in row.panes if pane.is_replying and (pane.linked or pane is row.pane)]

    async def stop(self) -> None:
        """Stop the reply of the focused pane; of linked panes, all."""
        await asyncio.gather(*(pane.stop() for pane in self.stoppable))
