"""Breaks lines between words at the width of a terminal, while the text is still coming.

    lines = WrappedLines(sys.stdout)
    lines.write("A reply that goes "); lines.write("on and on.\n")

A terminal by itself breaks a line in the middle of a word. What is no terminal gets the text as it is, and so do
lines of code between fences: whoever copies them wants them whole.
The one rule: nothing of the text is left out but the spaces at which a line is broken.
"""

from __future__ import annotations

import os
import re
from typing import TextIO

from rich.cells import cell_len

_PARTS = re.compile(r"\n|[^\S\n]+|\S+")
_FENCE = re.compile(r"`{3,}[^`]*")  # with more behind it, it is code within a line


class WrappedLines:
    """What is written to one stream, from the beginning of a line on."""

    def __init__(self, out: TextIO, width: int | None = None) -> None:
        """`width` is in cells; None is that of the terminal behind `out`, if it is one."""
        self._out = out
        self._width = _width_of(out) if width is None else width
        self._column = 0
        self._gap = ""  # spaces that are only written before a word of the same line
        self._is_code = False

    def write(self, text: str) -> None:
        """More of the text; a word may come in pieces."""
        shown = "".join(map(self._placed, _PARTS.findall(text))) if self._width else text
        if shown:
            self._out.write(shown)
        self._out.flush()

    def _placed(self, part: str) -> str:
        if part == "\n":
            self._column, self._gap = 0, ""
            return part
        if part.isspace():
            self._gap += part.expandtabs(4)
            return ""
        if not self._column and _FENCE.fullmatch(part):
            self._is_code = not self._is_code
        gap, self._gap = self._gap, ""
        after = self._column + len(gap) + cell_len(part)
        if self._column and after > self._width and not self._is_code:
            self._column = cell_len(part)
            return f"\n{part}"
        self._column = after
        return f"{gap}{part}"


def _width_of(out: TextIO) -> int:
    """0 where lines are as long as they are."""
    try:
        return os.get_terminal_size(out.fileno()).columns
    except (OSError, ValueError, AttributeError):  # a pipe, a file, or a stream of a test
        return 0
