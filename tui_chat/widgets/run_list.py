"""The list of runs, newest first: three lines each where there is height for them, else one line each.

The one rule: the person's choice stays on the same run, wherever new runs push it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_chat.run_watch import WatchedRun
from tui_chat.widgets.run_words import list_line, list_lines

# The colours of the ghosts in the charts, in their order.
MARK_STYLES = ("$text-success", "$text-error", "$text-warning", "$foreground 80%")


class RunList(OptionList):
    """Shows runs; `OptionHighlighted` tells which one the person looks at, with its name as the option's id."""

    BINDING_GROUP_TITLE = "List of runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Next run", show=False, id="runs.next"),
        Binding("space", "mark", "Mark", id="runs.mark"),
        Binding("k", "cursor_up", "Previous run", show=False, id="runs.previous"),
    ]
    HELP = "Up and down choose the run to look at. Space marks a run: its curve is drawn behind those of the others."

    @dataclass
    class MarksChanged(Message):
        """Runs were marked or are no longer; the place in `names` is the colour."""

        names: tuple[str | None, ...]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, markup=False, compact=True)
        self._runs: Sequence[WatchedRun] = ()
        self._shown: list[Content] = []
        self._marks: list[str | None] = [None] * len(MARK_STYLES)  # the place is the colour

    @property
    def selected_name(self) -> str | None:
        """The name of the highlighted run."""
        return self.get_option_at_index(self.highlighted).id if self.highlighted is not None else None

    def show(self, runs: Sequence[WatchedRun]) -> None:
        """Show these runs; only what changed is drawn anew."""
        names = [watched.run.name for watched in runs]
        has_same_runs = names == [watched.run.name for watched in self._runs]
        self._runs = runs
        prompts = [self._prompt(watched) for watched in runs]
        if has_same_runs:
            for index, (prompt, shown) in enumerate(zip(prompts, self._shown, strict=True)):
                if prompt != shown:
                    self.replace_option_prompt_at_index(index, prompt)
        else:
            selected = self.selected_name
            with self.prevent(OptionList.OptionHighlighted):
                self.clear_options()
                self.add_options(
                    [Option(prompt, id=name) for prompt, name in zip(prompts, names, strict=True)]
                )
            if names:
                self.highlighted = names.index(selected) if selected in names else 0
        self._shown = prompts

    @property
    def marked(self) -> list[str]:
        """The names of the marked runs that are there, in the order of the list."""
        return [watched.run.name for watched in self._runs if watched.run.name in self._marks]

    def action_mark(self) -> None:
        """Mark the highlighted run, or take its mark away; a fifth takes the first one's place."""
        name = self.selected_name
        if name is None:
            return
        if name in self._marks:
            self._marks[self._marks.index(name)] = None
        elif None in self._marks:
            self._marks[self._marks.index(None)] = name
        else:
            self._marks[0] = name
        self.show(self._runs)
        self.post_message(self.MarksChanged(tuple(self._marks)))

    def select(self, name: str) -> None:
        """Highlight a run, if it is in the list."""
        names = [watched.run.name for watched in self._runs]
        if name in names:
            self.highlighted = names.index(name)

    def on_resize(self, event: events.Resize) -> None:
        """A new width is a new shape of the lines."""
        self.call_after_refresh(lambda: self.show(self._runs))

    def _prompt(self, watched: WatchedRun) -> Content:
        width = max(20, self.size.width - 2)  # room for the scrollbar
        name = watched.run.name
        style = MARK_STYLES[self._marks.index(name)] if name in self._marks else ""
        shape = list_line if self.has_class("-one-line") else list_lines
        return shape(watched, width, style)
