"""What the numbers of a chart become before anything is drawn."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.widgets.chart_scale import (
    Scale,
    Series,
    Smoothed,
    decimate,
    log_tick_labels,
    log_ticks,
    padded_range,
    short_number,
    tick_labels,
    ticks,
)

any_float = st.floats(allow_nan=True, allow_infinity=True)


def series_of(values: list[float | None], start: int = 0) -> Series:
    series = Series("loss")
    for x, value in enumerate(values, start):
        series.add(x, value)
    return series


def test_ticks_are_round_numbers_inside_the_range():
    assert ticks(1.38, 4.31, 6) == [1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
    assert ticks(0, 2000, 5) == [0, 500, 1000, 1500, 2000]
    assert ticks(-1, 1, 3) == [-1, 0, 1]


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e12), st.integers(1, 20))
def test_there_are_never_more_ticks_than_asked_for(low: float, span: float, most: int):
    found = ticks(low, low + span, most)
    assert len(found) <= most
    assert found == sorted(found)


@pytest.mark.parametrize("low, high", [(1, 1), (2, 1), (math.nan, 1), (0, math.inf)])
def test_an_impossible_range_has_no_ticks(low: float, high: float):
    assert ticks(low, high, 5) == []
    assert log_ticks(0, high, 5) == []


def test_log_ticks_are_powers_of_ten_with_what_fits_between_them():
    assert log_ticks(1, 1000, 4) == [1, 10, 100, 1000]
    assert log_ticks(1, 10, 5) == [1, 2, 5, 10]
    assert log_tick_labels([1, 300, 1000, 10000]) == ["1", "300", "1k", "10k"]


def test_labels_show_the_decimals_the_steps_need():
    assert tick_labels([1.5, 2.0, 2.5]) == ["1.5", "2.0", "2.5"]
    assert tick_labels([0, 500, 1000]) == ["0", "500", "1,000"]
    assert tick_labels([0, 5e4, 1e5]) == ["0", "50k", "100k"]
    assert tick_labels([0, 5e-4, 1e-3]) == ["0", "5e-4", "1e-3"]


def test_measured_values_are_short_enough_to_read_at_a_glance():
    shown = [short_number(value) for value in (1.61234, 33_123.0, 6.1e-4, 804_096, 0.0, None, math.nan)]
    assert shown == ["1.612", "33.1k", "6.1e-4", "804k", "0", "–", "–"]


def test_decimation_keeps_the_one_spike_among_a_hundred_thousand_points():
    values: list[float | None] = [1.0] * 100_000
    values[54_321] = 9.0
    columns = decimate(series_of(values), Scale(0, 99_999, 200))
    assert max(column.high for column in columns) == 9.0
    assert sum(column.points for column in columns) == 100_000


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.integers(2, 50))
def test_decimation_loses_no_point_and_no_extreme(values: list[float], cells: int):
    columns = decimate(series_of(list(values)), Scale(0, max(1, len(values) - 1), cells))
    assert sum(column.points for column in columns) == len(values)
    assert min(column.low for column in columns) == min(values)
    assert max(column.high for column in columns) == max(values)


def test_a_missing_value_breaks_the_line():
    series = series_of([1.0, None, 2.0, 3.0])
    connected = [column.is_connected for column in decimate(series, Scale(0, 3, 4))]
    assert connected == [True, False, True]


@given(st.lists(st.one_of(st.none(), any_float), max_size=50))
def test_only_finite_numbers_become_points(values: list[float | None]):
    series = series_of(values)
    assert all(math.isfinite(y) for y in series.ys)
    assert len(series.xs) == len(series.ys)


def test_a_resumed_run_writes_over_what_came_after_its_checkpoint():
    series = series_of([5.0, 4.0, None, 3.0])
    series.add(1, 4.5)
    assert (series.xs, series.ys, series.holes) == ([0, 1], [5.0, 4.5], set())


def test_the_value_at_a_step_is_the_last_one_measured_until_then():
    series = series_of([5.0, 4.0], start=10)
    assert [series.value_at(x) for x in (9, 10, 10.5, 99)] == [None, 5.0, 5.0, 4.0]


def test_smoothing_starts_at_the_first_value_and_calms_the_noise():
    random.seed(0)
    series = series_of([2.0 + random.gauss(0, 0.1) for _ in range(500)])
    average = Smoothed(series, 0.9).catch_up()
    assert average.ys[0] == pytest.approx(series.ys[0])
    assert max(average.ys[100:]) - min(average.ys[100:]) < 0.3 * (max(series.ys) - min(series.ys))


def test_smoothing_a_growing_series_gives_what_smoothing_it_at_once_gives():
    values: list[float | None] = [4.0, 3.0, None, 5.0, 2.0, 1.0]
    growing = Series("loss")
    smoothed = Smoothed(growing, 0.9)
    for x, value in enumerate(values):
        growing.add(x, value)
        smoothed.catch_up()
    assert smoothed.catch_up().ys == Smoothed(series_of(values), 0.9).catch_up().ys


def test_smoothing_follows_a_series_that_was_cut_back():
    series = series_of([4.0, 3.0, 2.0])
    smoothed = Smoothed(series, 0.9)
    smoothed.catch_up()
    series.add(1, 9.0)
    assert smoothed.catch_up().ys == Smoothed(series_of([4.0, 9.0]), 0.9).catch_up().ys


@given(st.lists(st.tuples(st.floats(-1e200, 1e200), st.floats(0, 1e200)), max_size=5))
def test_a_range_always_has_room(pairs: list[tuple[float, float]]):
    low, high = padded_range([(low, low + span) for low, span in pairs])
    assert low < high


def test_a_place_and_its_value_are_inverses_also_on_a_log_axis():
    for scale in (Scale(0, 2000, 140), Scale(1, 2000, 140, is_log=True)):
        assert scale.place(scale.value(33)) == pytest.approx(33)


def test_a_number_that_overflows_when_it_is_scaled_is_a_hole() -> None:
    series = Series("loss")
    for step, value in enumerate([1.0, 1.7e308, -1.7e308, float("nan"), 2.0]):
        series.add(step, value)
    assert series.ys == [1.0, 2.0]
    assert series.holes
