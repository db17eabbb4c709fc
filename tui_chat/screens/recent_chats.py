"""The last conversations, to go to one of them: by its digit or with Enter.

The one rule: the one that was open before this one stands first, under the cursor.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_chat.conversation_shelf import Shelved
from tui_chat.text import one_line, plain
from tui_chat.widgets.conversation_titles import ago
from tui_chat.widgets.dialog_keys import DialogKeys

_WIDTH = 44  # of a title


class RecentChats(ModalScreen[int | None]):
    """Gives the id of the chosen conversation, or None."""

    DEFAULT_CSS = """
    RecentChats OptionList { height: auto; max-height: 60vh; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="recent.cancel"),
        Binding("tab,j,alt+l", "next(1)", "Next", id="recent.next"),
        Binding("shift+tab,k", "next(-1)", "Before", id="recent.previous"),
    ]

    def __init__(self, talks: Sequence[Shelved]) -> None:
        super().__init__()
        self._talks = talks

    def compose(self) -> ComposeResult:
        """A row each, the likeliest first."""
        with Vertical(classes="dialog -small"):
            yield Static("Last conversations", classes="dialog-title", markup=False)
            rows = [Option(_row(number, talk), id=str(talk.id)) for number, talk in enumerate(self._talks, 1)]
            yield OptionList(*rows, compact=True)
            yield DialogKeys("1-9 or Enter opens", ("recent.next", "next"), ("recent.cancel", "cancels"))

    def action_next(self, by: int) -> None:
        """Down or up, around the end."""
        rows = self.query_one(OptionList)
        rows.highlighted = ((rows.highlighted or 0) + by) % rows.option_count

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        self.dismiss(int(event.option.id or 0))

    def on_key(self, event: events.Key) -> None:
        """A digit chooses its row."""
        if event.character and event.character in "123456789"[: len(self._talks)]:
            event.stop()
            self.dismiss(self._talks[int(event.character) - 1].id)


def _row(number: int, talk: Shelved) -> Content:
    title = one_line(talk.title, _WIDTH) or "Conversation"
    when = ago(time.time() - talk.updated)
    return Content.assemble(plain(f"{number}  {title}  "), plain(when).stylize("dim"))
