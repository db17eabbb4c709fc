"""The line above a pane: which model, what it is doing, and how it samples."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from tui_chat.text import one_line, plain

_BAR_CELLS = 10
_GAP = 3  # cells between the two


class PaneTitle(Horizontal):
    """One line. The model on the left, sampling on the right."""

    def __init__(self) -> None:
        super().__init__()
        self._model = Static(classes="model", markup=False)
        self._sampling = Static(classes="sampling", markup=False)
        self._needed = 0  # cells for both
        self.hidden_as = ""  # a letter in place of all that would tell who answers

    def compose(self) -> ComposeResult:
        yield self._model
        yield self._sampling

    def on_resize(self) -> None:
        self._sampling.display = self.content_size.width >= self._needed

    def show(self, name: str, status: str, sampling: str, place: str = "", persona: str = "") -> None:
        """`place` is "2/3" when there are several panes."""
        if self.hidden_as:
            name, status, sampling, persona = self.hidden_as, "blind", "", ""
        left = Content.assemble(
            (f"{place}  " if place else "", "dim"),
            plain(f"{one_line(persona, 48)}  " if persona else "").stylize("bold"),
            plain(one_line(name, 48)).stylize("" if persona else "bold"),
            plain(f"  {status}" if status else "").stylize("dim"),
        )
        self._model.update(left)
        right = plain(sampling)
        self._sampling.update(right)
        self._needed = left.cell_length + _GAP + right.cell_length
        self.on_resize()  # what the model is doing comes first


def progress_bar(share: float | None) -> str:
    """ "▰▰▰▱▱▱▱▱▱▱ 30 %"; empty when nobody knows."""
    if share is None:
        return ""
    full = round(min(max(share, 0.0), 1.0) * _BAR_CELLS)
    return f" {'▰' * full}{'▱' * (_BAR_CELLS - full)} {share:.0%}"
