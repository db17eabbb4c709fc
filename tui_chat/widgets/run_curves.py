"""The curves of one run: a large chart of the chosen measure, small ones below it, and the newest sample.

    ✔ still learning fast ...                 <- the verdict
    Loss  ━ train 1.43  ━ validation 1.55     <- with the floors of counting, and other runs as ghosts

The one rule: it only draws what it is given; it reads no file.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from trainers.floors import Floors
from trainers.run_comparison import have_one_unit
from trainers.run_directory import CheckpointInfo
from trainers.verdict import Circumstances, Curves, Verdict, verdict_of
from tui_chat.plots import Kind
from tui_chat.run_watch import RunHistory, WatchedRun
from tui_chat.text import one_line
from tui_chat.widgets.chart_picture import Ghost, Level, Mark
from tui_chat.widgets.chart_scale import Series, short_number
from tui_chat.widgets.metrics_chart import MetricsChart

# What the large chart can show, in the order the key goes through: title and names of series.
VIEWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Loss", ("loss", "val_loss")),
    ("Bits per byte", ("val_bits_per_byte",)),
    ("Validation accuracy", ("val_accuracy",)),
    ("Learning rate", ("learning_rate",)),
    ("Gradient norm", ("gradient_norm",)),
    ("Tokens per second", ("tokens_per_second",)),
    ("Memory in bytes", ("memory_bytes",)),
)
_SMALL = {"learning_rate": "Learning rate", "gradient_norm": "Gradient norm", "tokens_per_second": "Tokens/s"}
_TONES = {
    "good": ("✔", "$text-success"),
    "neutral": ("·", ""),
    "warning": ("!", "$text-warning"),
    "bad": ("✖", "$text-error"),
}
_FROM_ZERO = ("learning_rate", "tokens_per_second", "memory_bytes")


class RunCurves(Vertical):
    """Draws the history it was last given."""

    DEFAULT_CSS = """
    RunCurves { height: 1fr; }
    RunCurves #verdict { height: auto; max-height: 2; margin-bottom: 1; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._history: RunHistory | None = None
        self._marks: list[Mark] = []
        self._floors: Floors | None = None
        self._view = 0
        self._ghosts: Sequence[tuple[int, RunHistory]] = ()
        self.verdict: Verdict | None = None

    def compose(self) -> ComposeResult:
        """A sentence, the large chart, three small ones, what the model wrote last."""
        yield Static(id="verdict", markup=False)
        yield MetricsChart("Loss", id="main-chart", empty_text="Waiting for the first measurement")
        with Horizontal(id="small-charts"):
            for colour, (name, title) in enumerate(_SMALL.items(), 1):
                yield MetricsChart(
                    title,
                    id=f"small-{name}",
                    first_colour=colour,
                    has_x_axis=False,
                    is_from_zero=name in _FROM_ZERO,
                )
        with VerticalScroll(id="newest-sample-box", can_focus=False):
            yield Static(id="newest-sample", markup=False)

    def show(
        self,
        history: RunHistory | None,
        checkpoints: Sequence[CheckpointInfo],
        floors: Floors | None,
        empty_text: str,
        watched: WatchedRun | None = None,
    ) -> None:
        """Draw a run; without a history, say `empty_text`."""
        self._history, self._floors = history, floors
        self.verdict = _verdict(history, floors, watched) if history and watched else None
        self._show_verdict()
        self._marks = _marks(history, checkpoints)
        self.query_one("#main-chart", MetricsChart).empty_text = empty_text
        self._draw()

    def show_ghosts(self, ghosts: Sequence[tuple[int, RunHistory]]) -> None:
        """Draw these runs behind the one on show: (number of the colour, history)."""
        self._ghosts = ghosts
        self._draw()

    def _show_verdict(self) -> None:
        line = self.query_one("#verdict", Static)
        line.display = self.verdict is not None
        if self.verdict is not None:
            line.update(verdict_words(self.verdict))

    def _draw(self) -> None:
        series = self._history.series if self._history else {}
        title, names = VIEWS[self._view]
        units = [_bits_per_nat(one) for one in (series, *(past.series for _, past in self._ghosts))]
        if title == "Loss" and self._ghosts and not have_one_unit(units):
            title, names = VIEWS[1]  # tokens of another length: losses per token tell nothing
        chart = self.query_one("#main-chart", MetricsChart)
        chart.title, chart.is_from_zero = title, names[0] in _FROM_ZERO
        shown = [series[name] for name in names if name in series]
        levels = _levels(names[-1], series, self._floors)
        chart.show(shown, self._marks, levels, _ghosts(names, self._ghosts))
        for name in _SMALL:
            self.query_one(f"#small-{name}", MetricsChart).show([series[name]] if series else [])

    @property
    def plot_kind(self) -> Kind:
        """The kind of plot that is nearest to what the large chart shows."""
        kinds: dict[str, Kind] = {"Validation accuracy": "accuracy", "Learning rate": "learning-rate"}
        return kinds.get(VIEWS[self._view][0], "loss")

    def next_view(self) -> None:
        """Draw the next measure that was taken in the large chart."""
        series = self._history.series if self._history else {}
        for step in range(1, len(VIEWS) + 1):
            view = (self._view + step) % len(VIEWS)
            if view == 0 or any(series[name].xs for name in VIEWS[view][1] if name in series):
                self._view = view
                break
        self._draw()

    @on(MetricsChart.CursorMoved)
    def read_all_charts_at_one_step(self, event: MetricsChart.CursorMoved) -> None:
        """The cursor of one chart is the cursor of all."""
        for chart in self.query(MetricsChart):
            chart.cursor = event.x


def verdict_words(verdict: Verdict) -> Content:
    """The verdict with a glyph of its own for each tone."""
    glyph, style = _TONES[verdict.tone]
    return Content.assemble(
        (f"{glyph} {verdict.headline}", f"bold {style}"), (f"  {verdict.detail}", "$foreground 75%")
    )


def _verdict(history: RunHistory, floors: Floors | None, watched: WatchedRun) -> Verdict | None:
    train, validation = history.series["loss"], history.series["val_loss"]
    if not train.xs:
        return None
    curves = Curves(train.xs, train.ys, validation.xs, validation.ys, history.steps_without_loss)
    status = watched.status
    known = Circumstances(status.state, status.step, status.max_steps, floors, history.passes(status))
    return verdict_of(curves, known)


def _marks(history: RunHistory | None, checkpoints: Sequence[CheckpointInfo]) -> list[Mark]:
    marks = [
        Mark(point.step, "★" if point.is_best else "▲", "best" if point.is_best else "checkpoint")
        for point in checkpoints
    ]
    return marks + [Mark(step, "✖", "alarm") for step, _ in (history.notes if history else [])]


def _levels(measure: str, series: dict[str, Series], floors: Floors | None) -> list[Level]:
    """The floors in the unit of the chart; bits per byte by what one nat per token is on this data."""
    if floors is None or measure not in ("val_loss", "val_bits_per_byte"):
        return []
    factor = 1.0 if measure == "val_loss" else _bits_per_nat(series)
    return [
        Level(floor.loss * factor, f"{floor.name} {short_number(floor.loss * factor, 3)}")
        for floor in floors.floors
        if factor
    ]


def _ghosts(names: tuple[str, ...], histories: Sequence[tuple[int, RunHistory]]) -> list[Ghost]:
    ghosts = []
    for colour, history in histories:
        measured = next((history.series[name] for name in reversed(names) if history.series[name].xs), None)
        if measured is not None:
            label = one_line(history.run.name, 24)
            named = Series(label, measured.is_noisy, measured.xs, measured.ys, measured.holes)
            ghosts.append(Ghost(named, colour))
    return ghosts


def _bits_per_nat(series: dict[str, Series]) -> float:
    if not series:
        return 0.0
    losses, bits = series["val_loss"].ys, series["val_bits_per_byte"].ys
    return bits[-1] / losses[-1] if bits and losses and losses[-1] else 0.0
