"""The last conversations, to go to one of them: by its digit, by words of its title, or with Enter.

The one rule: the one that was open before this one stands first, under the cursor.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui_chat.conversation_shelf import Shelved
from tui_chat.screens.choose_one import Choice, ChooseOne
from tui_chat.text import one_line
from tui_chat.widgets.conversation_titles import ago

_WIDTH = 44  # of a title


class RecentChats(ChooseOne):
    """Gives the id of the chosen conversation, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab,alt+l", "next(1)", "Next", id="recent.next"),
        Binding("shift+tab", "next(-1)", "Before", id="recent.previous"),
    ]
    KEYS = ("1-9 or Enter opens", ("recent.next", "next"), ("choose.cancel", "back"))

    def __init__(self, talks: Sequence[Shelved]) -> None:
        super().__init__("Last conversations", [_choice(*row) for row in enumerate(talks, 1)])

    def action_next(self, by: int) -> None:
        """Down or up, around the end."""
        self._rows.highlighted = ((self._rows.highlighted or 0) + by) % self._rows.option_count

    @on(Input.Changed)
    def choose_by_digit(self, event: Input.Changed) -> None:
        """A digit alone is a row; later in the words it is one of them."""
        if event.value in tuple("123456789"[: len(self._choices)]):
            self.dismiss(self._choices[int(event.value) - 1].answer)


def _choice(number: int, talk: Shelved) -> Choice:
    title = one_line(talk.title, _WIDTH) or "Conversation"
    return Choice(f"{number} {title}", ago(time.time() - talk.updated), answer=str(talk.id))
