"""The views of the token microscope: which figure colours the tokens, and in which of five steps.

The one rule: a step shows without its colour too, by italics, underline and bold; what nobody knows has no step.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from textual.content import Content

from engine.inspection import InspectedToken

_COLOURS = (  # of every other token, so that one sees where tokens end
    ("$foreground on $success 16%", "$foreground on $success 26%"),
    ("$foreground on $warning 16%", "$foreground on $warning 26%"),
    ("$foreground on $warning 42%", "$foreground on $warning 54%"),
    ("$foreground on $error 45%", "$foreground on $error 58%"),
    ("bold $text on $error 85%", "bold $text on $error"),
)
_MARKS = (
    ("", ""),
    ("italic", "italic"),
    ("underline", "underline"),
    ("bold underline", "bold underline"),
    ("bold italic underline", "bold italic underline"),
)
UNKNOWN = "dim"
CURSOR = "bold $background on $foreground"
CURSOR_WITHOUT_COLOURS = "bold reverse"


class View(NamedTuple):
    """A way to look at tokens."""

    name: str
    steps: tuple[str, ...]  # in words, the ordinary first
    limits: tuple[float, ...]  # up to which value a step goes; the last one has no limit
    value: Callable[
        [InspectedToken, float | None], float | None
    ]  # of a token and its seconds; higher is stranger


VIEWS = (
    View(
        "probability",
        ("≥ 50 %", "≥ 20 %", "≥ 5 %", "≥ 1 %", "rarer"),
        (-0.5, -0.2, -0.05, -0.01),
        lambda token, seconds: None if token.probability is None else -token.probability,
    ),
    View(
        "rank", ("1", "2-3", "4-10", "11-100", "beyond"), (1, 3, 10, 100), lambda token, seconds: token.rank
    ),
    View(
        "entropy",
        ("< 0.5 bits", "< 1.5", "< 3", "< 5", "more"),
        (0.5, 1.5, 3, 5),
        lambda token, seconds: token.entropy,
    ),
    View(
        "time",
        ("usual", "1.3 ×", "2 ×", "4 ×", "10 × the usual"),
        (1.3, 2, 4, 10),
        lambda token, seconds: seconds,
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


def style_of(step: int | None, number: int, has_colours: bool) -> str:
    """How a token of a step looks; `number` is its place in the text."""
    if step is None:
        return UNKNOWN
    return (_COLOURS if has_colours else _MARKS)[step][number % 2]


def legend(view: View, has_colours: bool) -> Content:
    """What the steps mean, each in its own look."""
    parts: list[Content | str | tuple[str, str]] = [(f"{view.name}  ", "bold")]
    for step, words in enumerate(view.steps):
        parts += [(f" {words} ", style_of(step, 1, has_colours)), " "]
    return Content.assemble(*parts)
