"""Rows of the data lens as lines for a terminal without the app: coloured, or with brackets.

    colours    learnt green, only read grey, cut off red, padding dim; every other token a shade lighter
    brackets   <|user|>Hi<|assistant|>[Hello!<|endoftext|>] {beyond the context} (12 × padding)
               with prompt_loss a learnt prompt is yellow, or /between strokes/

The one rule: what tokens say is foreign text; controls become visible, and a line break shows as ⏎ too.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from tui_chat.text import visible

if TYPE_CHECKING:  # it loads numpy, and the app starts without
    from trainers.data_lens_report import Kind, LensRow, LensToken

LEGEND = {
    "trained": "learnt",
    "prompt": "prompt, learnt too",
    "masked": "only read",
    "padding": "padding",
    "cut": "cut off",
}
_COLOURS: dict[Kind, tuple[str, str]] = {  # of every other token, so that one sees where tokens end
    "trained": ("32", "92"),
    "prompt": ("33", "93"),
    "masked": ("90", "37"),
    "padding": ("2;3", "2;3"),
    "cut": ("9;31", "9;91"),
}
_BRACKETS: dict[Kind, tuple[str, str]] = {
    "trained": ("[", "]"),
    "prompt": ("/", "/"),
    "masked": ("", ""),
    "padding": (" (", ")"),
    "cut": ("{", "}"),
}


def shown(text: str) -> str:
    """A token's text: controls visible, line breaks and tabs marked and kept."""
    return visible(text).replace("\n", "⏎\n").replace("\t", "⇥\t")


def row_text(row: LensRow, in_colour: bool) -> str:
    """All tokens of a row."""
    return "".join(_coloured(row.tokens) if in_colour else _in_brackets(row.tokens))


def legend(in_colour: bool, has_prompts: bool = False) -> str:
    """What the colours or brackets mean; prompts are named where some are learnt."""
    learnt: tuple[Kind, ...] = ("trained", "prompt") if has_prompts else ("trained",)
    kinds: tuple[Kind, ...] = (*learnt, "masked", "cut", "padding")
    if in_colour:
        return " · ".join(_painted(LEGEND[kind], _COLOURS[kind][0]) for kind in kinds)
    return " · ".join(LEGEND[kind].join(_BRACKETS[kind]).strip() for kind in kinds)


def heading(row: LensRow, unit: str = "line") -> str:
    """Where a row stands and how many tokens of each kind it has; of running text a row is a "window"."""
    place = f"{visible(row.file)} {unit} {row.line:,}".strip()
    counts = [
        f"{count:,} {word}"
        for count, word in (
            (row.trained, "learnt"),
            (row.prompt, "learnt of the prompt"),
            (row.masked, "only read"),
            (row.cut, "cut off"),
            (row.padding, "padding"),
        )
        if count
    ]
    side = "validates" if row.split == "validation" else "trains"
    return f"{place}, {side}: {', '.join(counts)}"


def _coloured(tokens: tuple[LensToken, ...]) -> Iterator[str]:
    for number, token in enumerate(tokens):
        yield _painted(shown(token.text), _COLOURS[token.kind][number % 2])


def _painted(text: str, colour: str) -> str:
    """Coloured line by line, so that no colour runs over the end of a line."""
    return "\n".join(f"\x1b[{colour}m{line}\x1b[0m" if line else "" for line in text.split("\n"))


def _in_brackets(tokens: tuple[LensToken, ...]) -> Iterator[str]:
    for kind, run in groupby(tokens, key=lambda token: token.kind):
        yield shown("".join(token.text for token in run)).join(_BRACKETS[kind])
