"""The list that opens over the prompt while a slash command is typed: names, then what a name may be followed by.

While a name is typed its likeliest row is marked, and Enter takes it. For what follows a name nothing is marked
until an arrow is pressed, so Enter sends what stands in the box; Tab takes the marked row, or else the first.
The one rule: what is listed follows from the text alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from textual import work
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_chat.text import one_line, plain

if TYPE_CHECKING:
    from tui_chat.slash_commands import Given, SlashCommands, Suggestion

_MOST_ROWS = 100
_WIDEST_VALUE = 40  # cells; what stands after longer ones is out of line


class CompletionList(OptionList, can_focus=False):
    """Ways to go on with the text of a prompt; the keys come from there."""

    class Listed(Message):
        """There are other rows, or none."""

    @dataclass
    class Completed(Message):
        """Rows came that a Tab had waited for: `text` becomes `completed`."""

        text: str
        completed: str

    def __init__(self, commands: Callable[[], SlashCommands[Any]], place: object) -> None:
        """`commands` are those of `place`; they are asked for when the first slash is typed."""
        super().__init__(markup=False, compact=True)
        self.display = False
        self._commands = commands
        self._place = place
        self._text = ""  # that the rows belong to
        self._rows: Sequence[Suggestion] = ()
        self._is_dismissed = False
        self._awaited = ""  # the text at which Tab was pressed before there were rows for it

    @property
    def is_open(self) -> bool:
        """Whether there is something to choose from."""
        return bool(self._rows)

    def suggest(self, text: str) -> None:
        """The text is now this; a list that was put away stays away until the command is gone."""
        self._text = text
        if text != self._awaited:
            self._awaited = ""
        if not text.startswith("/") or "\n" in text:
            self._is_dismissed = False
            if self._rows:
                self.show(())
        elif not self._is_dismissed:
            self._suggest(text)

    def _suggest(self, text: str) -> None:
        commands = self._commands()
        names = commands.names_like(text)
        given = commands.under_way(text)
        if names is not None:
            self.show(names, marked=True)
        elif given is not None and given.command.complete is not None:
            self._complete(text, given)
        else:
            self.show(())

    @work(exclusive=True, group="completion")
    async def _complete(self, text: str, given: Given[Any]) -> None:
        assert given.command.complete is not None
        found = await asyncio.to_thread(given.command.complete, self._place, given.argument)
        if text == self._text and not self._is_dismissed:
            is_done = [row.value for row in found] == [given.argument]
            self.show(() if is_done else found)
            if text == self._awaited and (completed := self.chosen(text, or_first=True)):
                self.post_message(self.Completed(text, completed))

    def show(self, rows: Sequence[Suggestion], marked: bool = False) -> None:
        """Show these rows, the first of them marked or none; no rows close the list."""
        self._rows = rows[:_MOST_ROWS]
        self.clear_options()
        widest = min(max((cell_len(row.value) for row in self._rows), default=0), _WIDEST_VALUE)
        self.add_options([Option(_row(row, widest)) for row in self._rows])
        self.highlighted = 0 if marked and self._rows else None
        self.display = bool(self._rows)
        self.post_message(self.Listed())

    def dismiss(self) -> None:
        """Put the list away until another command is begun."""
        self._is_dismissed = True
        self.show(())

    def move(self, by: int) -> None:
        """Mark the next row, or the one before; with nothing marked, the first or the last."""
        (self.action_cursor_down if by > 0 else self.action_cursor_up)()

    def chosen(self, text: str, place: int | None = None, or_first: bool = False) -> str | None:
        """What `text` becomes with the marked row, or that at `place`; None when there is no such row for it."""
        place = self.highlighted if place is None else place
        if place is None and or_first:
            place = 0
        if text != self._text or place is None or place >= len(self._rows):
            return None
        row = self._rows[place]
        given = self._commands().under_way(text)
        if self._commands().names_like(text) is None and given is not None:
            return f"/{given.command.name} {row.value}"
        command = self._commands().named(row.value)
        return f"/{row.value} " if command and command.argument else f"/{row.value}"

    def await_first(self, text: str) -> None:
        """Complete `text` as soon as it is known to what."""
        self._awaited = text

    def is_whole(self, text: str) -> bool:
        """Whether a command can be given as it stands; else there is more to type."""
        given = self._commands().under_way(text)
        is_folder = text.endswith("/") and len(text) > 1
        return (
            given is not None and not is_folder and bool(given.argument or not given.command.needs_argument)
        )


def _row(suggestion: Suggestion, width: int) -> Content:
    value = one_line(suggestion.value, 60)
    gap = " " * (max(width - cell_len(value), 0) + 2)
    return Content.assemble(
        plain(value).stylize("bold"), plain(gap + one_line(suggestion.what, 100)).stylize("dim")
    )
