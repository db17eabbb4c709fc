"""The views of the token microscope: which figure colours the tokens, and in which of five steps.

The one rule: a step shows without its colour too, by italics, underline and bold; what nobody knows has no step.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from textual.app import App
from textual.content import Content

from engine.inspection import InspectedToken

_COLOURS = (  # of every other token, so that one sees where tokens end
    ("$foreground on $success 16%", "$foreground on $success 26%"),
    ("$foreground on $warning 16%", "$foreground on $warning 26%"),
    ("$foreground on $warning 42%", "$foreground on $warning 54%"),
    ("$foreground on $error 45%", "$foreground on $error 58%"),
    ("bold $text on $error 85%", "bold $text on $error"),
)
_ANSI = (  # a terminal's own sixteen colours cannot be mixed
    ("$success", "$success"),
    ("$warning", "$warning"),
    ("underline $warning", "underline $warning"),
    ("$error", "$error"),
    ("bold reverse $error", "bold reverse $error"),
)
_MARKS = (
    ("", ""),
    ("italic", "italic"),
    ("underline", "underline"),
    ("bold underline", "bold underline"),
    ("bold italic underline", "bold italic underline"),
)
INKS = ("$success", "$warning 60%", "$warning", "$error 75%", "$error")  # of the steps' bars
UNKNOWN = "dim"
_LOOKS = {"shades": _COLOURS, "ansi": _ANSI, "marks": _MARKS}
_CURSORS = {"shades": "bold $background on $foreground", "ansi": "bold reverse", "marks": "bold reverse"}
Palette = Literal["shades", "ansi", "marks"]


class View(NamedTuple):
    """A way to look at tokens."""

    name: str
    steps: tuple[str, ...]  # in words, the ordinary first
    limits: tuple[float, ...]  # up to which value a step goes; the last one has no limit
    value: Callable[
        [InspectedToken, float | None], float | None
    ]  # of a token and its seconds; higher = stranger
    length: Callable[[InspectedToken, float | None], float | None]  # the same as a bar, from 0 on
    bars: str  # what the bars are, in words


VIEWS = (
    View(
        "probability",
        ("≥ 50 %", "≥ 20 %", "≥ 5 %", "≥ 1 %", "rarer"),
        (-0.5, -0.2, -0.05, -0.01),
        lambda token, seconds: None if token.probability is None else -token.probability,
        lambda token, seconds: token.surprise,
        "surprise",
    ),
    View(
        "rank",
        ("1", "2-3", "4-10", "11-100", "beyond"),
        (1, 3, 10, 100),
        lambda token, seconds: token.rank,
        lambda token, seconds: None if token.rank is None else math.log10(token.rank),
        "rank (1, 10, 100 ... one step each)",
    ),
    View(
        "entropy",
        ("< 0.5 bits", "< 1.5", "< 3", "< 5", "more"),
        (0.5, 1.5, 3, 5),
        lambda token, seconds: token.entropy,
        lambda token, seconds: token.entropy,
        "entropy",
    ),
    View(
        "time",
        ("usual", "1.3 ×", "2 ×", "4 ×", "10 × the usual"),
        (1.3, 2, 4, 10),
        lambda token, seconds: seconds,
        lambda token, seconds: seconds,
        "time",
    ),
)


def steps_of(
    view: View, tokens: Sequence[InspectedToken], seconds: Sequence[float | None]
) -> list[int | None]:
    """The step of each token, 0 = ordinary to 4; None where the figure is not known."""
    values = [view.value(token, took) for token, took in zip(tokens, seconds, strict=True)]
    if view.name == "time":  # a machine is fast or slow: what counts is the token beside the others
        known = [value for value in values if value]
        usual = statistics.median(known) if known else 1.0
        values = [None if value is None else value / usual for value in values]
    return [None if value is None else sum(value > limit for limit in view.limits) for value in values]


def palette_of(app: App[object]) -> Palette:
    """What the terminal and the theme can show."""
    if app.no_color:
        return "marks"
    return "ansi" if app.theme.startswith("ansi-") else "shades"


def cursor_style(palette: Palette) -> str:
    """How the token under the cursor looks."""
    return _CURSORS[palette]


def style_of(step: int | None, number: int, palette: Palette) -> str:
    """How a token of a step looks; `number` is its place in the text."""
    return UNKNOWN if step is None else _LOOKS[palette][step][number % 2]


def legend(view: View, palette: Palette) -> Content:
    """What the steps mean, each in its own look."""
    parts: list[Content | str | tuple[str, str]] = [(f"{view.name}  ", "bold")]
    for step, words in enumerate(view.steps):
        parts += [(f" {words} ", style_of(step, 1, palette)), " "]
    return Content.assemble(*parts)
