"""The chart on the screen: what it shows, and that odd data and sizes never hurt it."""

import math
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from tui_chat.widgets.braille_canvas import BrailleCanvas
from tui_chat.widgets.chart_picture import ChartSpec, Ghost, Level, Mark, draw
from tui_chat.widgets.chart_scale import Series
from tui_chat.widgets.metrics_chart import MetricsChart


def series_of(label: str, values: list[float | None], every: int = 1, is_noisy: bool = True) -> Series:
    series = Series(label, is_noisy)
    for index, value in enumerate(values):
        series.add(index * every, value)
    return series


def text_of(spec: ChartSpec) -> list[str]:
    return ["".join(text for text, _ in row) for row in draw(spec).rows]


def falling(points: int, start: float = 4.0) -> list[float | None]:
    return [1.0 + (start - 1) * math.exp(-3 * index / points) for index in range(points)]


class ChartApp(App[None]):
    def compose(self) -> ComposeResult:
        yield MetricsChart("Loss")


def test_a_diagonal_becomes_a_diagonal_of_dots():
    canvas = BrailleCanvas(2, 1)
    canvas.line(0, 3, 3, 0)
    assert canvas.lines() == ["⡠⠊"]


def test_dots_outside_the_canvas_are_cut_off():
    canvas = BrailleCanvas(2, 2)
    canvas.run(0, -50, 50)
    canvas.run(99, 0, 1)
    assert canvas.lines() == ["⡇ ", "⡇ "]


def test_training_and_validation_are_named_with_their_newest_values():
    rows = text_of(
        ChartSpec(80, 12, "Loss", [series_of("train", [4.0, 2.5]), series_of("validation", [4.1, 2.75])])
    )
    assert "train 2.5" in rows[0]
    assert "validation 2.75" in rows[0]


def test_the_axis_carries_steps_and_marks():
    series = series_of("train", falling(100), every=20)
    rows = text_of(ChartSpec(80, 12, "Loss", [series], marks=[Mark(1000, "★", "best")]))
    assert "★" in rows[-2]
    assert rows[-1].split() == ["0", "500", "1,000", "1,500"]


@given(
    st.integers(0, 60),
    st.integers(0, 20),
    st.lists(st.one_of(st.none(), st.floats()), max_size=30),
    st.booleans(),
    st.integers(0, 10),
)
@example(width=4, height=4, values=[2.2250738585e-313], is_log_x=False, zoom=0)
@settings(max_examples=200)
def test_every_size_and_every_number_gives_rows_of_exactly_that_size(
    width: int, height: int, values: list[float | None], is_log_x: bool, zoom: int
):
    series = series_of("train", values)
    spec = ChartSpec(
        width,
        height,
        "Loss",
        [series],
        [series],
        ghosts=[Ghost(series)],
        levels=[Level(1.0, "bigram 1.00")],
        is_log_x=is_log_x,
        zoom=zoom,
        cursor=3.0,
    )
    rows = text_of(spec)
    assert len(rows) == height
    assert {len(row) for row in rows} <= {width}


def test_a_single_point_is_seen():
    assert any("●" in row for row in text_of(ChartSpec(60, 10, "Loss", [series_of("train", [3.0])])))


def test_an_empty_chart_says_what_it_waits_for():
    rows = text_of(ChartSpec(60, 10, "Loss", [Series("train")], empty_text="Waiting for the first step"))
    assert any("Waiting for the first step" in row for row in rows)


def test_without_colour_the_lines_differ_by_their_dashes():
    lines = [series_of("train", falling(300)), series_of("validation", falling(300, 6.0))]
    plain, dashed = (
        sum(row.count(" ") for row in text_of(ChartSpec(80, 20, series=lines, has_dashes=dashes)))
        for dashes in (False, True)
    )
    assert dashed > plain
    assert "╍" in text_of(ChartSpec(80, 20, series=lines, has_dashes=True))[0]


def test_a_hundred_thousand_points_are_drawn_in_a_blink():
    series = series_of("train", falling(100_000))
    spec = ChartSpec(120, 30, "Loss", [series])
    draw(spec)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        draw(spec)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1  # 7 ms on a quiet machine; the limit only catches a change of kind


async def test_the_arrow_keys_read_the_values_of_earlier_steps():
    app = ChartApp()
    async with app.run_test(size=(80, 16)) as pilot:
        chart = app.query_one(MetricsChart)
        chart.show([series_of("train", falling(100))])
        await pilot.press("home")
        assert chart.cursor == 0
        assert "train 4" in "".join(text for text, _ in chart.picture.rows[0])
        await pilot.press("right", "right", "left", "escape")
        assert chart.cursor is None
        await pilot.press("left")
        assert chart.cursor is not None and 95 < chart.cursor < 99


async def test_the_pointer_reads_values_and_leaving_ends_it():
    app = ChartApp()
    async with app.run_test(size=(80, 16)) as pilot:
        chart = app.query_one(MetricsChart)
        chart.show([series_of("train", falling(100))])
        await pilot.hover(MetricsChart, offset=(40, 8))
        assert chart.cursor == pytest.approx(46, abs=3)


async def test_keys_smooth_zoom_and_spread_the_first_steps():
    app = ChartApp()
    async with app.run_test(size=(80, 16)) as pilot:
        chart = app.query_one(MetricsChart)
        chart.show([series_of("train", falling(100)), series_of("validation", [4, 2], 50, is_noisy=False)])
        await pilot.press("m", "x", "plus")
        legend = "".join(text for text, _ in chart.picture.rows[0])
        assert "log steps" in legend and "smoothed 0.9" in legend and "zoom 2x" in legend
        assert "validation 2" in legend  # an average over the validation set is not smoothed
        await pilot.press("0")
        assert "smoothed" not in "".join(text for text, _ in chart.picture.rows[0])


async def test_new_points_appear_when_shown_again():
    app = ChartApp()
    async with app.run_test(size=(80, 16)) as pilot:
        chart, series = app.query_one(MetricsChart), series_of("train", [3.0, 2.0])
        chart.show([series])
        await pilot.pause()
        series.add(2, 1.25)
        chart.show([series])
        await pilot.pause()
        assert "train 1.25" in chart.render_line(0).text


def test_a_level_is_a_named_line_that_does_not_widen_the_range():
    series = series_of("train", falling(100))
    levels = [Level(2.5, "bigram 2.50"), Level(90.0, "far 90.0")]
    rows = text_of(ChartSpec(80, 14, "Loss", [series], levels=levels))
    assert sum("bigram 2.50" in row for row in rows) == 1
    assert not any("far" in row or "90" in row for row in rows)


def test_the_name_of_a_level_makes_room_for_the_curve():
    flat = series_of("train", [2.0, *([1.0] * 99)])
    named = text_of(ChartSpec(80, 14, "Loss", [flat], levels=[Level(1.0, "bigram")]))
    assert not any("bigr" in row and "bigram" not in row for row in named)


def test_a_ghost_is_a_broken_line_with_its_name_and_its_value_under_the_cursor():
    series = series_of("validation", falling(100))
    ghost = series_of("before", [3.0, 2.0, *([2.0] * 98)])
    spec = ChartSpec(100, 14, "Loss", [series], ghosts=[Ghost(ghost, 2)], cursor=0.0)
    assert "╍╍ before 3" in text_of(spec)[0]
    roles = {role for row in draw(spec).rows for _, role in row}
    assert "ghost-2" in roles


def test_ghosts_without_room_in_the_legend_are_counted():
    series = series_of("validation", falling(100))
    ghosts = [Ghost(series_of(f"a run of a long name {number}", falling(100))) for number in range(4)]
    first = text_of(ChartSpec(70, 14, "Loss", [series], ghosts=ghosts))[0]
    assert "a run of a long name 0" in first and "+3" in first
    assert len(first) == 70


async def test_a_key_hides_and_shows_the_levels():
    async with ChartApp().run_test(size=(80, 20)) as pilot:
        chart = pilot.app.query_one(MetricsChart)
        chart.show([series_of("train", falling(100))], levels=[Level(2.5, "bigram 2.50")])
        chart.focus()

        def is_named() -> bool:
            return any("bigram" in text for row in chart.picture.rows for text, _ in row)

        assert is_named()
        await pilot.press("f")
        assert not is_named()
        await pilot.press("f")
        assert is_named()
