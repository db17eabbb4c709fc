"""Tokens as lines of a given width: broken between words where possible, each piece still knowing its token.

    lay_out([(0, "Hel"), (1, "lo"), (2, " there")], width=8)[0][1] == Span(token=1, text="lo", start=3, cells=2)

The one rule: no character is lost, and no line is wider than the width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.cells import split_graphemes

NOTE = -1  # the token of a line that is no part of the text


class Span(NamedTuple):
    """A piece of one token on one line."""

    token: int
    text: str
    start: int  # cells from the left
    cells: int


class _Mark(NamedTuple):
    token: int
    text: str  # one character, as people count them
    cells: int


Line = list[Span]


def lay_out(pieces: Iterable[tuple[int, str]], width: int) -> list[Line]:
    """The lines of `pieces`, (number of the token, text); a piece of `NOTE` is a line of its own."""
    lines: list[Line] = []
    marks: list[_Mark] = []
    for token, text in pieces:
        if token == NOTE:
            lines += [*_wrapped(marks, width), [Span(NOTE, text, 0, 0)]]
            marks = []
            continue
        for number, part in enumerate(text.split("\n")):
            marks += [_Mark(token, "\n", 0)] if number else []
            marks += (_Mark(token, part[begin:end], cells) for begin, end, cells in _graphemes(part))
    return [*lines, *_wrapped(marks, width)]


def _graphemes(text: str) -> Iterable[tuple[int, int, int]]:
    """(begin, end, cells) of the characters as people count them."""
    if text.isascii():
        return ((place, place + 1, 1) for place in range(len(text)))
    return split_graphemes(text)[0]


def _wrapped(marks: list[_Mark], width: int) -> Iterator[Line]:
    line: list[_Mark] = []
    used = after_space = 0  # cells of the line; how many of its marks stand up to its last space
    for mark in marks:
        if mark.text == "\n":
            yield _spans(line)
            line, used, after_space = [], 0, 0
            continue
        while used + mark.cells > width and line:
            keep = after_space or len(line)
            yield _spans(line[:keep])
            line = line[keep:]
            used, after_space = sum(each.cells for each in line), 0
        line.append(mark)
        used += mark.cells
        if mark.text.isspace():
            after_space = len(line)
    if line:
        yield _spans(line)


def _spans(marks: list[_Mark]) -> Line:
    spans: Line = []
    start = 0
    for mark in marks:
        if spans and spans[-1].token == mark.token:
            spans[-1] = spans[-1]._replace(
                text=spans[-1].text + mark.text, cells=spans[-1].cells + mark.cells
            )
        else:
            spans.append(Span(mark.token, mark.text, start, mark.cells))
        start += mark.cells
    return spans
