"""A line chart as rows of text, before any widget or colour.

    Loss  ━ train 1.431  ╍ validation 1.612                    <- legend: the last values, or those at the cursor
    2.0 ┤⢣
    1.5 ┤⠈⠢⣀⣀┈┈┈┈                                              <- grid lines on the ticks, dots over them
        └────┬─★──┬                                            <- axis with marks: checkpoints, the best step
            500  1k

Each row is a list of (text, role); the widget gives every role its colour. The one rule: `draw` never fails, whatever
the size and the numbers: too small a place or too few points give an empty or partial picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from tui_chat.widgets.braille_canvas import DOTS_PER_COLUMN, DOTS_PER_ROW, BrailleCanvas
from tui_chat.widgets.chart_scale import (
    Column,
    Scale,
    Series,
    decimate,
    log_tick_labels,
    log_ticks,
    padded_range,
    short_number,
    tick_labels,
    ticks,
)

Row = list[tuple[str, str]]  # (text, role)
POINT, CURSOR = "●", "│"
LEAST_LEFT = 7  # cells for labels and axis, so that charts above each other line up
DASH = 3  # columns of dots drawn, then left out, where lines cannot differ by colour
GHOST_DASH = 2  # ghosts are always broken lines
LEAST_FOR_LABELS = 40  # cells of a plot whose levels are named


class Mark(NamedTuple):
    """Something that happened at a step, shown on the axis."""

    x: float
    glyph: str
    role: str


class Level(NamedTuple):
    """A value to read the lines against, drawn across the plot."""

    y: float
    label: str


class Ghost(NamedTuple):
    """The same measure of another run, in a colour of its own."""

    series: Series
    colour: int = 1


@dataclass
class ChartSpec:
    """All that decides a picture."""

    width: int
    height: int
    title: str = ""
    series: Sequence[Series] = ()
    behind: Sequence[Series] = ()  # drawn faintly behind: the measured values when `series` are averages
    ghosts: Sequence[Ghost] = ()  # drawn broken behind the lines
    levels: Sequence[Level] = ()  # they never widen the range
    marks: Sequence[Mark] = ()
    is_log_x: bool = False
    zoom: int = 0  # times the upper half of the range is cut away
    cursor: float | None = None  # an x
    notes: str = ""  # shown at the right of the legend
    has_x_axis: bool = True
    is_from_zero: bool = False  # for what is only understood against nothing, such as a speed
    has_dashes: bool = False  # lines differ by pattern, not only by colour
    number: Callable[[float | None], str] = short_number
    empty_text: str = "Nothing measured yet"


@dataclass
class Picture:
    """The rows, and where the plot lies in them."""

    rows: list[Row] = field(default_factory=list)
    left: int = 0  # cells before the plot
    x_scale: Scale | None = None  # over the cells of the plot


def draw(spec: ChartSpec) -> Picture:
    """The picture of a chart."""
    if spec.width < 4 or spec.height < 1:
        return Picture([[(" " * max(0, spec.width), "")] for _ in range(max(0, spec.height))])
    plot_height = spec.height - 1 - (2 if spec.has_x_axis else 0)
    limits = _x_limits(spec)
    if limits is None or plot_height < 1:
        return Picture(_empty_rows(spec))
    return _draw_lines(spec, plot_height, limits)


def _x_limits(spec: ChartSpec) -> tuple[float, float] | None:
    lines = [series for series in _all_series(spec) if series.xs]
    if not any(series.xs for series in spec.series):
        return None
    low, high = min(series.xs[0] for series in lines), max(series.xs[-1] for series in lines)
    if spec.is_log_x:
        low = min((x for series in lines for x in series.xs[:2] if x > 0), default=1.0)
        high = max(high, low)
    return (low, high) if high > low else (low, low + 1)


def _all_series(spec: ChartSpec) -> list[Series]:
    return [*spec.series, *(ghost.series for ghost in spec.ghosts)]


def _empty_rows(spec: ChartSpec) -> list[Row]:
    rows: list[Row] = [[(" " * spec.width, "")] for _ in range(spec.height)]
    if spec.height > 2:
        rows[0] = _padded([(spec.title, "title")], spec.width)
    rows[spec.height // 2] = [(spec.empty_text[: spec.width].center(spec.width), "axis")]
    return rows


def _draw_lines(spec: ChartSpec, plot_height: int, limits: tuple[float, float]) -> Picture:
    # The labels decide the plot's width, its columns decide the labels: one decimation serves when the guess holds.
    left = min(LEAST_LEFT, spec.width - 1)
    dots = Scale(*limits, (spec.width - left) * DOTS_PER_ROW, spec.is_log_x)
    lines = [decimate(series, dots) for series in _all_series(spec)]
    low, high = padded_range([(column.low, column.high) for columns in lines for column in columns])
    low = min(0.0, low) if spec.is_from_zero else low
    high = low + (high - low) / 2**spec.zoom
    values = ticks(low, high, max(2, plot_height * 2 // 5))
    labels = dict(zip(values, tick_labels(values), strict=True))
    needed = min(max((len(label) for label in labels.values()), default=0) + 2, spec.width - 1)
    if needed > left:
        left = needed
        dots = dots._replace(cells=(spec.width - left) * DOTS_PER_ROW)
        lines = [decimate(series, dots) for series in _all_series(spec)]
    plot = _Plot(spec.width - left, plot_height, dots, Scale(low, high, plot_height * DOTS_PER_COLUMN))
    tick_rows = {plot.row_of(value): label for value, label in labels.items()}
    cells = dots._replace(cells=plot.width)
    picture = Picture([_legend(spec)], left, cells)
    for index, row in enumerate(_plot_rows(spec, plot, lines, set(tick_rows))):
        label = tick_rows.get(index, "")
        picture.rows.append(
            [(label[: left - 2].rjust(left - 2), "label"), (" ┤" if label else " │", "axis"), *row]
        )
    if spec.has_x_axis:
        picture.rows += _x_axis(spec, cells, left)
    return picture


class _Plot(NamedTuple):
    """The place inside the axes: its size in cells, and its scales over dots."""

    width: int
    height: int
    x: Scale
    y: Scale

    def row_of(self, value: float) -> int:
        return self.height - 1 - int(self.y.place(value)) // DOTS_PER_COLUMN


def _plot_rows(spec: ChartSpec, plot: _Plot, lines: list[list[Column]], tick_rows: set[int]) -> list[Row]:
    grid_rows = set() if spec.levels else tick_rows  # one set of lines to read against is enough
    characters = [list(("┈" if row in grid_rows else " ") * plot.width) for row in range(plot.height)]
    roles = [["grid"] * plot.width for _ in range(plot.height)]
    _lay_levels(characters, roles, spec.levels, plot)
    for index, series in enumerate(spec.behind):
        _lay_over(characters, roles, _dots(decimate(series, plot.x), plot, 0), f"faint-{index + 1}")
    lines, ghosts = lines[: len(spec.series)], lines[len(spec.series) :]
    for ghost, columns in zip(spec.ghosts, ghosts, strict=True):
        _lay_over(characters, roles, _dots(columns, plot, GHOST_DASH), f"ghost-{ghost.colour}")
    for index, columns in enumerate(lines):
        _lay_over(
            characters, roles, _dots(columns, plot, DASH * index * spec.has_dashes), f"series-{index + 1}"
        )
    for index, columns in enumerate(lines):
        _lay_points(characters, roles, columns, plot, f"series-{index + 1}")
    _name_levels(characters, roles, spec.levels, plot)
    if spec.cursor is not None:
        _lay_cursor(characters, roles, round(plot.x.place(spec.cursor) / DOTS_PER_ROW - 0.25))
    return [_grouped(row, row_roles) for row, row_roles in zip(characters, roles, strict=True)]


def _lay_levels(
    characters: list[list[str]], roles: list[list[str]], levels: Sequence[Level], plot: _Plot
) -> None:
    """Dotted lines at their exact height."""
    for level in levels:
        canvas = BrailleCanvas(plot.width, plot.height)
        row = canvas.rows - 1 - plot.y.place(level.y)
        for column in range(0, canvas.columns, DOTS_PER_ROW):
            canvas.run(column, row, row)
        _lay_over(characters, roles, canvas.lines(), "level")


def _name_levels(
    characters: list[list[str]], roles: list[list[str]], levels: Sequence[Level], plot: _Plot
) -> None:
    """Each level's name on its line, as far to the right as the curves leave room."""
    if plot.width < LEAST_FOR_LABELS:
        return
    for level in sorted(levels, key=lambda level: -level.y):
        row, label = plot.row_of(level.y), f" {level.label} "
        if not 0 <= row < plot.height:
            continue
        is_free = [role in ("grid", "level") for role in roles[row]]
        for start in range(plot.width - len(label), -1, -1):
            if all(is_free[start : start + len(label)]):
                characters[row][start : start + len(label)] = label
                roles[row][start : start + len(label)] = ["level-label"] * len(label)
                break


def _dots(columns: list[Column], plot: _Plot, dash: int) -> list[str]:
    canvas = BrailleCanvas(plot.width, plot.height)
    bottom = canvas.rows - 1
    before: Column | None = None
    for column in columns:
        if not dash or column.place // dash % 2 == 0:
            canvas.run(column.place, bottom - plot.y.place(column.high), bottom - plot.y.place(column.low))
        if before is not None and column.is_connected:
            start, end = bottom - plot.y.place(before.last), bottom - plot.y.place(column.first)
            canvas.line(before.place, start, column.place, end, dash)
        before = column
    return canvas.lines()


def _lay_over(characters: list[list[str]], roles: list[list[str]], lines: list[str], role: str) -> None:
    for row, row_roles, line in zip(characters, roles, lines, strict=True):
        if line.isspace():
            continue
        for index, character in enumerate(line):
            if character == " ":
                continue
            if row_roles[index].startswith("series"):  # two lines in one cell: keep the dots of both
                character = chr(ord(character) | ord(row[index]))
            row[index], row_roles[index] = character, role


def _lay_points(
    characters: list[list[str]], roles: list[list[str]], columns: list[Column], plot: _Plot, role: str
) -> None:
    """Few points are shown as such, and a single one would be lost otherwise."""
    if sum(column.points for column in columns) > max(1, plot.width // 5):
        return
    for column in columns:
        row = plot.row_of(column.last)
        if 0 <= row < plot.height:
            characters[row][column.place // DOTS_PER_ROW] = POINT
            roles[row][column.place // DOTS_PER_ROW] = role


def _lay_cursor(characters: list[list[str]], roles: list[list[str]], column: int) -> None:
    if 0 <= column < len(characters[0]):
        for row, row_roles in zip(characters, roles, strict=True):
            if row_roles[column] == "grid":
                row[column], row_roles[column] = CURSOR, "cursor"


def _grouped(characters: list[str], roles: list[str]) -> Row:
    row: Row = []
    start = 0
    for role, group in groupby(roles):
        end = start + sum(1 for _ in group)
        row.append(("".join(characters[start:end]), role))
        start = end
    return row


def _legend(spec: ChartSpec) -> Row:
    row: Row = [(spec.title, "title")]
    for index, series in enumerate(spec.series):
        value = series.ys[-1] if spec.cursor is None and series.ys else series.value_at(spec.cursor or 0.0)
        sample = "╍╍" if spec.has_dashes and index else "━━"
        row.append((f"  {sample} " if len(spec.series) > 1 else "  ", f"series-{index + 1}"))
        row.append((f"{series.label} " if series.label else "", "label"))
        row.append((spec.number(value), "value"))
    _add_ghosts(row, spec)
    used = sum(len(text) for text, _ in row)
    at = f"step {spec.cursor:,.0f}" if spec.cursor is not None else ""
    notes = "  ".join(part for part in (at, spec.notes) if part)
    if notes and used + len(notes) + 2 <= spec.width:
        row.append((notes.rjust(spec.width - used), "cursor" if at else "label"))
    elif at and used + len(at) + 2 <= spec.width:
        row.append((at.rjust(spec.width - used), "cursor"))
    return _padded(row, spec.width)


def _add_ghosts(row: Row, spec: ChartSpec) -> None:
    """Name the ghosts that fit, and count the others."""
    for index, ghost in enumerate(spec.ghosts):
        series = ghost.series
        value = series.ys[-1] if spec.cursor is None and series.ys else series.value_at(spec.cursor or 0.0)
        entry = [
            ("  ╍╍ ", f"ghost-{ghost.colour}"),
            (f"{series.label} ", "label"),
            (spec.number(value), "value"),
        ]
        used = sum(len(text) for text, _ in (*row, *entry))
        left_over = len(spec.ghosts) - index
        if used + 4 > spec.width:
            row.append((f"  +{left_over}", "label"))
            return
        row += entry


def _padded(row: Row, width: int) -> Row:
    """The row cut or filled to exactly `width` cells."""
    fitted: Row = []
    for text, role in row:
        fitted.append((text[:width], role))
        width -= len(fitted[-1][0])
    return [*fitted, (" " * width, "")]


def _x_axis(spec: ChartSpec, cells: Scale, left: int) -> list[Row]:
    line, roles = ["─"] * cells.cells, ["axis"] * cells.cells
    values = (log_ticks if spec.is_log_x else ticks)(cells.low, cells.high, max(2, cells.cells // 10))
    labels = (log_tick_labels if spec.is_log_x else tick_labels)(values)
    words = [" "] * (left + cells.cells)
    free_from = 0
    for value, label in zip(values, labels, strict=True):
        place = round(cells.place(value))
        line[place] = "┬"
        start = min(max(0, left + place - len(label) // 2), len(words) - len(label))
        if start >= free_from:
            words[start : start + len(label)] = label
            free_from = start + len(label) + 1
    for mark in spec.marks:
        place = round(cells.place(mark.x))
        if 0 <= place < cells.cells:
            line[place], roles[place] = mark.glyph, mark.role
    corner = ("└".rjust(left), "axis")
    return [[corner, *_grouped(line, roles)], [("".join(words), "label")]]
