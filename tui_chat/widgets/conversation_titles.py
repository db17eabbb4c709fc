"""The rows of the conversation list: pinned ones under a heading of their own, then the latest.

    titles.put(talks, width=28, marks=Marks(open={7}, current=7), is_found=False, has_more=True)
    titles.append(more_talks)                     when `NearEnd` asked for them

The one rule: only the rows of a few pages are ever here, whatever the number of conversations.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_chat.conversation_shelf import Shelved
from tui_chat.text import one_line, plain


@dataclass(frozen=True)
class Marks:
    """Which conversations panes show."""

    open: frozenset[int] = field(default_factory=frozenset)
    current: int | None = None  # in the focused pane


class Titles(OptionList):
    """The list itself, with what can be done to a conversation."""

    @dataclass
    class ChangeRequested(Message):
        """The user wants something done: "rename", "delete", "undo", "pin", "tag", "export", "export_all", "import"."""

        what: str
        conversation: int | None

    @dataclass
    class NearEnd(Message):
        """The last rows are about to be seen, and there are more."""

    BINDING_GROUP_TITLE = "Conversations"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", id="conversations.open"),
        Binding(
            "p",
            "change('pin')",
            "Pin",
            id="conversations.pin",
            tooltip="Let it stand first; again: no longer",
        ),
        Binding("t", "change('tag')", "Tags", id="conversations.tag", tooltip="Found by typing #tag above"),
        Binding("r", "change('rename')", "Rename", id="conversations.rename"),
        Binding("d,delete", "change('delete')", "Delete", id="conversations.delete"),
        Binding("u", "change('undo')", "Undo delete", id="conversations.undo"),
        Binding("e", "change('export')", "Export", id="conversations.export"),
        Binding(
            "E", "change('export_all')", "Export what is listed", id="conversations.export_all", show=False
        ),
        Binding("i", "change('import')", "Import", id="conversations.import", show=False),
        Binding("j", "cursor_down", "Down", id="conversations.down", show=False),
        Binding("k", "cursor_up", "Up", id="conversations.up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(markup=False, compact=True)
        self._shown: list[Shelved] = []
        self._looks: tuple[object, ...] = ()  # all that decides how the rows look
        self._has_more = False
        self.awaited: int | None = None  # the conversation that the cursor goes to when the list is put anew

    @property
    def talks(self) -> Sequence[Shelved]:
        """The conversations in the list."""
        return self._shown

    def action_change(self, what: str) -> None:
        option = self.highlighted_option
        conversation = int(option.id) if option is not None and option.id else None
        self.post_message(self.ChangeRequested(what, conversation))

    # ---- rows

    def put(
        self, talks: Sequence[Shelved], width: int, marks: Marks, is_found: bool, has_more: bool = False
    ) -> None:
        """Show these conversations in place of the others; the cursor stays where it is as far as it can."""
        looks = (list(talks), width, marks, is_found, int(time.time() // 60))
        self._has_more = has_more
        if looks == self._looks:
            return
        place, before = self.highlighted, self.highlighted_option
        self._looks, self._shown = looks, list(talks)
        with self.prevent(OptionList.OptionHighlighted):
            self.clear_options()
            self.add_options(self._rows(talks))
            awaited, self.awaited = self.place_of(self.awaited or 0), None
            if awaited is not None:
                self.highlighted = awaited
            elif self.has_focus and before is not None:
                self.highlighted = self._near(self.place_of(int(before.id or 0)) or place or 0)
            elif is_found:
                self.highlighted = self._near(0)
            elif marks.current is not None:
                self.highlighted = self.place_of(marks.current)

    def append(self, talks: Sequence[Shelved], has_more: bool) -> None:
        """More conversations, below the others."""
        self._has_more = has_more
        before = self._shown[-1] if self._shown else None
        self._shown += talks
        self._looks = ([*self._shown], *self._looks[1:])
        self.add_options(self._rows(talks, before))

    def _rows(self, talks: Sequence[Shelved], before: Shelved | None = None) -> Iterator[Option]:
        _, width, marks, is_found, _ = self._looks
        assert isinstance(width, int) and isinstance(marks, Marks)
        was_pinned = before.pinned if before else False
        for talk in talks:
            if talk.pinned != was_pinned:
                title = "Pinned" if talk.pinned else "Others"
                yield Option(Content.styled(title, "bold $text-muted"), disabled=True)
            was_pinned = talk.pinned
            yield Option(_row(talk, width, marks, bool(is_found)), id=str(talk.id))

    def place_of(self, conversation: int) -> int | None:
        """The row of a conversation."""
        ids = [option.id for option in self.options]
        return ids.index(str(conversation)) if str(conversation) in ids else None

    def _near(self, place: int) -> int | None:
        """The first row from a place on that is a conversation, else the last one before it."""
        rows = [number for number, option in enumerate(self.options) if not option.disabled]
        return next((row for row in rows if row >= place), rows[-1] if rows else None)

    def to_first(self) -> None:
        """Put the cursor on the first conversation."""
        self.highlighted = self._near(0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for more rows while there is still a screen of them below."""
        super().watch_scroll_y(old_value, new_value)
        if self._has_more and new_value + 2 * self.size.height >= self.max_scroll_y:
            self.post_message(self.NearEnd())


def _row(talk: Shelved, width: int, marks: Marks, is_found: bool) -> Content:
    mark = "● " if talk.id == marks.current else "○ " if talk.id in marks.open else "  "
    title = plain(one_line(talk.title, width - 2) or "Conversation")
    when = "" if is_found else f"{ago(time.time() - talk.updated)}  "
    tags = one_line("".join(f"#{tag} " for tag in talk.tags), max(width // 2, 8))
    tags = f"{tags} " if tags else ""
    words = re.sub(r"[*`#>]+", "", talk.preview)  # the marks of Markdown tell nothing in one line
    below = one_line(words, max(width - 2 - len(when) - len(tags), 8))
    return Content.assemble(
        (mark, "$accent"),
        title,
        "\n  ",
        plain(when).stylize("dim"),
        (tags, "$text-primary"),
        plain(below).stylize("dim"),
    )


def ago(seconds: float) -> str:
    """Roughly how long ago something was."""
    for length, unit in ((86400 * 7, "w"), (86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"
