"""Runs beside each other: the settings in which they differ, and what came of it.

The one rule: what is the same is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from trainers.run_comparison import Comparison
from trainers.run_directory import RunStatus
from tui_chat import quantities
from tui_chat.text import one_line
from tui_chat.widgets.dialog_keys import DialogKeys

_RESULTS: tuple[tuple[str, Callable[[RunStatus], str]], ...] = (
    ("state", lambda status: status.state),
    ("steps", lambda status: f"{status.step:,}"),
    ("training loss", lambda status: quantities.loss(status.loss)),
    ("validation loss", lambda status: quantities.loss(status.val_loss)),
    ("best validation", lambda status: _best(status)),
    ("bits per byte", lambda status: _decimals(status.val_bits_per_byte)),
    ("trained for", lambda status: quantities.duration(status.seconds_trained or None)),
    ("tokens per second", lambda status: quantities.rate(status.tokens_per_second).removesuffix("/s")),
    ("memory", lambda status: quantities.byte_count(status.memory_bytes)),
    ("parameters", lambda status: quantities.count(status.num_parameters or None)),
)
_LEAST_COLUMN = 14


def beside(chosen: str, marked: Sequence[str], names: Sequence[str]) -> list[str]:
    """The runs to compare: the chosen one with the marked ones, or else with its neighbour in the list."""
    others = [name for name in marked if name != chosen]
    if not others and len(names) > 1:
        place = list(names).index(chosen)
        others = [names[place + 1 if place + 1 < len(names) else place - 1]]
    return [chosen, *others]


class CompareRuns(ModalScreen[None]):
    """A table with a column for each run."""

    CSS = """
    CompareRuns .dialog { width: auto; min-width: 60; }
    CompareRuns VerticalScroll { height: auto; max-height: 60vh; width: auto; }
    CompareRuns #comparison { width: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,a,q,enter", "dismiss(None)", "Close", id="compare.close")
    ]

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison = comparison

    def compose(self) -> ComposeResult:
        """The table in a dialog."""
        width = max(50, min(self.app.size.width - 12, 130))
        with Vertical(classes="dialog"):
            yield Static("Runs beside each other", classes="dialog-title", markup=False)
            with VerticalScroll():
                yield Static(comparison_words(self._comparison, width), id="comparison", markup=False)
            yield DialogKeys(("compare.close", "closes"))


def comparison_words(comparison: Comparison, width: int) -> Content:
    """The table, `width` cells wide."""
    first = 4 + max(len(name) for name, _ in (*comparison.settings, *_RESULTS))
    column = max(_LEAST_COLUMN, min(30, (width - first) // len(comparison.names)))
    lines = [_line("", comparison.names, first, column, "bold", comparison.best)]
    lines.append(Content.styled("Settings that differ", "bold $text-accent"))
    lines += [_line(name, values, first, column) for name, values in comparison.settings]
    if not comparison.settings:
        lines.append(Content.styled("  none: the same settings", "$foreground 60%"))
    lines += [Content(""), Content.styled("What came of it", "bold $text-accent")]
    for what, shown in _RESULTS:
        values = tuple(shown(status) for status in comparison.statuses)
        if any(value != quantities.NOTHING for value in values):
            lines.append(_line(what, values, first, column))
    lines += [Content(""), Content.styled(_note(comparison), "$foreground 60%")]
    return Content("\n").join(lines)


def _line(
    name: str, values: tuple[str, ...], first: int, column: int, style: str = "", best: int | None = None
) -> Content:
    """A name in `first` cells, and the values in columns."""
    cells = [
        (
            one_line(f"★ {value}" if place == best else value, column - 2).ljust(column),
            "bold $text-success" if place == best else style,
        )
        for place, value in enumerate(values)
    ]
    return Content.assemble((f"  {name:<{first - 2}}", "$foreground 70%"), *cells)


def _note(comparison: Comparison) -> str:
    if comparison.best is None:
        return "Which predicts better cannot be said yet."
    if comparison.has_one_unit:
        return "★ has the lowest validation loss."
    return "★ has the fewest bits per byte; their tokens differ, so their losses cannot be compared."


def _best(status: RunStatus) -> str:
    if status.best_val_loss is None:
        return quantities.NOTHING
    return f"{quantities.loss(status.best_val_loss)} at {status.best_step or 0:,}"


def _decimals(value: float | None) -> str:
    return f"{value:.3f}" if value is not None else quantities.NOTHING
