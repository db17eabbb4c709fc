"""The values a slider goes through, setting by setting: closer together where a little makes a difference.

    scale = SCALES["temperature"]
    scale.moved(0.8, 1)            # 0.85
    scale.share(0.8)               # where the handle stands, 0 to 1
    scale.words(0.8)               # "0.8"

A value between two stops, typed by hand, moves to the next one on its side. The one rule: no step leads out of the
range that the setting takes; anything in that range may still be typed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Value = float | int | None


@dataclass(frozen=True)
class Stops:
    """A setting with a few dozen sensible values, in the order of the slider."""

    stops: Sequence[float | int]
    large: int  # stops at once
    zero_is: str = ""  # 0 has a name, and stands at the end

    def moved(self, value: Value, by: int, is_large: bool = False) -> Value:
        """The value `by` stops further (1 or -1)."""
        count = self.large if is_large else 1
        ranks = [self._rank(stop) for stop in self.stops]
        here = self._rank(value)
        if by > 0:
            after = [place for place, rank in enumerate(ranks) if rank > here]
            return self.stops[min(after[0] + count - 1, len(ranks) - 1)] if after else value
        before = [place for place, rank in enumerate(ranks) if rank < here]
        return self.stops[max(before[-1] - count + 1, 0)] if before else value

    def share(self, value: Value) -> float:
        """Where on the slider it stands, 0 to 1."""
        ranks = [self._rank(stop) for stop in self.stops]
        place = sum(rank < self._rank(value) for rank in ranks)
        if place < len(ranks) and place and ranks[place] != self._rank(value):  # between two stops
            low, high = ranks[place - 1], ranks[place]
            inside = 0.5 if high == float("inf") else (self._rank(value) - low) / (high - low)
            return (place - 1 + inside) / (len(ranks) - 1)
        return min(place / (len(ranks) - 1), 1.0)

    def at(self, share: float) -> Value:
        """The stop nearest to a place on the slider."""
        return self.stops[round(min(max(share, 0.0), 1.0) * (len(self.stops) - 1))]

    def words(self, value: Value) -> str:
        """The value for people."""
        if self.zero_is and value == 0:
            return self.zero_is
        return digits(value)

    def _rank(self, value: Value) -> float:
        return float("inf") if self.zero_is and value == 0 else float(value or 0)


@dataclass(frozen=True)
class Seeds:
    """Any whole number from 0, or none: a new one each time. A stepper, since no place on a line is better."""

    large: int = 10
    most: int = 2**62

    def moved(self, value: Value, by: int, is_large: bool = False) -> Value:
        """One seed further; before 0 comes none."""
        if value is None:
            return 0 if by > 0 else None
        if value == 0 and by < 0:
            return None
        return min(max(int(value) + by * (self.large if is_large else 1), 0), self.most)

    def share(self, value: Value) -> None:
        """It has no slider."""

    def at(self, share: float) -> Value:
        """Left of the middle is none, right of it a seed."""
        return None if share < 0.5 else 0

    def words(self, value: Value) -> str:
        """The value for people."""
        return "random" if value is None else digits(value)


def digits(value: Value) -> str:
    """A number as it is typed."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.10g}"


def _steps(first: float, last: float, step: float) -> tuple[float, ...]:
    return tuple(round(first + step * place, 6) for place in range(round((last - first) / step) + 1))


LABELS = {  # what people see, wherever they set it
    "temperature": "Temperature",
    "top_k": "Top-k",
    "top_p": "Top-p",
    "repetition_penalty": "Repetition penalty",
    "max_new_tokens": "Longest reply",
    "seed": "Seed",
}
_DOUBLED = tuple(2**power for power in range(11, 17))

SCALES: dict[str, Stops | Seeds] = {
    "temperature": Stops((*_steps(0, 2, 0.05), 2.5, 3.0, 4.0, 5.0), large=5),
    "top_k": Stops(
        (*range(1, 7), 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 500, 1000, 0),
        large=5,
        zero_is="all",
    ),
    "top_p": Stops((0.01, *_steps(0.05, 0.85, 0.05), *_steps(0.9, 1, 0.01)), large=5),
    "repetition_penalty": Stops(
        (
            0.1,
            0.25,
            0.5,
            0.7,
            0.8,
            0.9,
            0.95,
            *_steps(1, 1.1, 0.01),
            *_steps(1.15, 1.5, 0.05),
            2.0,
            3.0,
            5.0,
            10.0,
        ),
        large=5,
    ),
    "max_new_tokens": Stops(
        (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, *_DOUBLED),
        large=4,
    ),
    "seed": Seeds(),
}
