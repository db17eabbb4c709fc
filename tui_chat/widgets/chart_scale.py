"""From measured numbers to places on a chart: axes, ticks, decimation, smoothing.

The one rule: pure functions over lists. Nothing here knows about terminals, and none of it fails on odd numbers:
NaN and infinity are holes in a `Series`, never values of it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass
class Series:
    """One line of a chart: points in order of x, with holes where the value was not a finite number.

    Adding a point at or before an earlier x first forgets everything from there on, since a resumed run writes its
    history again from the checkpoint.
    """

    label: str
    is_noisy: bool = True  # worth smoothing; averages over many measurements are not
    xs: list[float] = field(default_factory=list)
    ys: list[float] = field(default_factory=list)
    holes: set[int] = field(default_factory=set)  # the line is broken before the points of these indices
    revision: int = 0  # grows when points were taken back

    def add(self, x: float, y: float | None) -> None:
        """Append a point; None, NaN, infinity and what overflows when it is scaled leave a hole."""
        if not math.isfinite(x):
            return
        if self.xs and x <= self.xs[-1]:
            self._forget_from(bisect_left(self.xs, x))
        if y is None or not abs(y) < _LARGEST:
            self.holes.add(len(self.xs))
            return
        self.xs.append(x)
        self.ys.append(y)

    def _forget_from(self, index: int) -> None:
        del self.xs[index:], self.ys[index:]
        self.holes.difference_update([hole for hole in self.holes if hole > index])
        self.revision += 1

    def value_at(self, x: float) -> float | None:
        """The last value measured at or before `x`."""
        index = bisect_right(self.xs, x)
        return self.ys[index - 1] if index else None


_LARGEST = 1e300  # spans of larger numbers are infinite


class Scale(NamedTuple):
    """A range of numbers laid over `cells` places, 0 at `low`."""

    low: float
    high: float
    cells: int
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where `value` lies, in places from 0 to `cells - 1`; beyond them when it is out of range."""
        low, high, value = (self._bend(number) for number in (self.low, self.high, value))
        return (value - low) / (high - low) * (self.cells - 1) if high > low else 0.0

    def value(self, place: float) -> float:
        """The number at a place; the inverse of `place`."""
        low, high = self._bend(self.low), self._bend(self.high)
        bent = low + (high - low) * place / max(1, self.cells - 1)
        return math.exp(bent) if self.is_log else bent

    def borders(self) -> list[float]:
        """The `cells + 1` numbers between which a value belongs to a place."""
        return [self.value(index - 0.5) for index in range(self.cells + 1)]

    def _bend(self, value: float) -> float:
        return math.log(max(value, 1e-300)) if self.is_log else value


class Column(NamedTuple):
    """What is left of all points of a series that fall on one column."""

    place: int
    first: float
    low: float
    high: float
    last: float
    is_connected: bool  # to the column before it; False after a hole
    points: int


def decimate(series: Series, scale: Scale) -> list[Column]:
    """Each column's first, lowest, highest and last value: no spike is lost, however many points there are."""
    xs, ys, holes = series.xs, series.ys, series.holes
    borders = scale.borders()
    start = bisect_left(xs, borders[0])
    columns = []
    for index in range(scale.cells):
        # The last column takes everything up to and including its border, so that rounding loses no point.
        is_last = index == scale.cells - 1
        end = (
            bisect_right(xs, borders[index + 1], start)
            if is_last
            else bisect_left(xs, borders[index + 1], start)
        )
        if end > start:
            values = ys[start:end]
            columns.append(
                Column(
                    index, values[0], min(values), max(values), values[-1], start not in holes, end - start
                )
            )
            start = end
    return columns


class Smoothed:
    """The exponential moving average of a series, corrected for its start; a hole begins it anew.

    Keeps up with a growing series at the cost of the new points only.
    """

    def __init__(self, source: Series, weight: float) -> None:
        self.source, self.weight = source, weight
        self._restart()

    def _restart(self) -> None:
        self._revision = self.source.revision
        self._average, self._bias = 0.0, 1.0
        self.series = Series(self.source.label, True, self.source.xs, [], self.source.holes)

    def catch_up(self) -> Series:
        """The average up to the source's last point; it shares the source's xs."""
        if self._revision != self.source.revision:
            self._restart()
        weight, rest, averages = self.weight, 1 - self.weight, self.series.ys
        average, bias, holes = self._average, self._bias, self.source.holes
        for index in range(len(averages), len(self.source.ys)):
            if holes and index in holes:
                average, bias = 0.0, 1.0
            average = weight * average + rest * self.source.ys[index]
            bias *= weight
            averages.append(average / (1 - bias))
        self._average, self._bias = average, bias
        return self.series


def padded_range(values: Sequence[tuple[float, float]], share: float = 0.04) -> tuple[float, float]:
    """The range that holds all (low, high) pairs with a little air; 0 to 1 when there are none."""
    if not values:
        return 0.0, 1.0
    low, high = min(pair[0] for pair in values), max(pair[1] for pair in values)
    is_flat = high - low <= abs(high) * 1e-9
    air = (abs(high) * 0.1 or 1.0) if is_flat else (high - low) * share
    return max(low - air, -1e300), min(high + air, 1e300)


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers (1, 2, 2.5 or 5 times a power of ten) from `low` to `high`."""
    span = high - low
    if most < 1 or not math.isfinite(span) or span <= 0:
        return []
    step = _round_step(span / (most + 1))
    while True:
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [
                round(index * step, 12) if step > 1e-6 else index * step for index in range(first, last + 1)
            ]
        step = _round_step(step * 1.01)


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten from `low` to `high`, with 2 and 5 times them where there is room."""
    if not 0 < low < high or most < 1:
        return []
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        found = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """Labels with as many decimals as the steps between them need: 1.5, 2.0; 10k, 20k; 1e-4, 2e-4."""
    largest = max((abs(value) for value in values), default=0.0)
    for unit, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if largest >= unit * (10 if suffix == "k" else 1):
            return [
                f"{label}{suffix}" if label != "0" else label for label in _plain([v / unit for v in values])
            ]
    if 0 < largest < 1e-2:
        return ["0" if value == 0 else _scientific(value) for value in values]
    return _plain(values)


def log_tick_labels(values: Sequence[float]) -> list[str]:
    """Labels of powers of ten and their like: 1, 10, 100, 1k."""
    return [short_number(value) if value < 1000 or value >= 1e4 else f"{value / 1000:g}k" for value in values]


def _plain(values: Sequence[float]) -> list[str]:
    decimals = next(
        (
            n
            for n in range(6)
            if all(abs(value - round(value, n)) <= 1e-9 + abs(value) * 1e-9 for value in values)
        ),
        6,
    )
    return [f"{value:,.{decimals}f}" if value else "0" for value in values]


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def short_number(value: float | None, digits: int = 4) -> str:
    """A measured value in few characters: 1.612, 33.1k, 6.1e-4; a dash when there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    for unit, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= unit:
            divisor = 1e3 if suffix == "k" else unit
            return (
                f"{value / divisor:.3g}{suffix}"
                if size < divisor * 1000
                else f"{value / divisor:,.0f}{suffix}"
            )
    if size >= 1000:
        return f"{value:,.0f}"
    if 0 < size < 1e-2:
        return _scientific(value)
    return f"{value:.{digits}g}"
