"""The elements of one JSON array, read through a window, so that a file may be larger than memory.

    for line, value in array_values(blocks, 1_000_000, reject): ...      # blocks of text, in their order

Several values in a row are read as an array without its brackets; a pretty-printed object is one of them.
The one rule: an element that is longer than allowed is passed over without ever being held in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_BLANKS = re.compile(r"[ \t\r\n]*")
_BEGINNING = re.compile(r"[ \t\r\n\[]*")
_BETWEEN = re.compile(r"[ \t\r\n,]*")
_END = re.compile(r"[ \t\r\n\]]*")
_STRUCTURE = re.compile(r'["\[\]{},]')
_IN_STRING = re.compile(r'["\\]')
_LONGEST_WORD = 16  # characters that are understood together: -Infinity, two escapes of four digits


class _NotFiniteError(ValueError):
    """NaN and Infinity are Python's words, not JSON's."""


def _refuse_constant(name: str) -> None:
    raise _NotFiniteError(f"not valid JSON ({name})")


_STRICT, _LENIENT = json.JSONDecoder(parse_constant=_refuse_constant), json.JSONDecoder()


def array_values(
    blocks: Iterator[str], longest: int, reject: Callable[[int, str], None]
) -> Iterator[tuple[int, Any]]:
    """The elements with the lines they begin at; those of more than `longest` characters are rejected."""
    window = _Window(blocks)
    window.skip(_BLANKS)
    is_array = window.next == "["
    window.skip(_BEGINNING)
    while window.next not in ("", "]"):
        window.fill(longest + 1)
        line = window.line_at(window.position)
        try:
            value, end = _element(window, longest)
        except json.JSONDecodeError as error:
            # After a syntax error nobody can say where the next row begins.
            reject(
                window.line_at(error.pos),
                f"not valid JSON ({error.msg}); the rest of the file cannot be read",
            )
            return
        except RecursionError:
            reject(line, "nested too deeply; the rest of the file cannot be read")
            return
        except ValueError:  # Python reads no whole number of more than 4300 digits
            reject(line, "a number is too long; the rest of the file cannot be read")
            return
        if end - window.position > longest:
            reject(line, f"longer than {longest:,} characters")
            _pass_over(window)
        else:
            if isinstance(value, _NotFiniteError):
                reject(line, str(value))
            else:
                yield line, value
            window.position = end
        window.skip(_BETWEEN)
    line, is_cut_off = window.line_at(window.position), is_array and not window.next
    window.skip(_END)
    if is_cut_off:
        reject(line, "the array does not end; the file may be cut off")
    elif window.next:
        reject(line, "something follows the array; the rest of the file is not read")


class _Window:
    """The part of a text that is in memory, and where reading stands in it."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks = blocks
        self._line, self._counted = 1, 0  # the line of a place in the window that was asked for last
        self.text = ""
        self.position = 0
        self.is_last = False  # it reaches to the end of the text

    @property
    def next(self) -> str:
        """The character at the position; empty at the end of the text."""
        self.fill(1)
        return self.text[self.position : self.position + 1]

    def line_at(self, position: int) -> int:
        """The line of a place in the window that is not before the last one asked for."""
        self._line += self.text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def fill(self, characters: int) -> None:
        """Have so many characters from the position on, or all that are left."""
        while not self.is_last and len(self.text) - self.position < characters:
            block = next(self._blocks, None)
            if block is None:
                self.is_last = True
                return
            self.line_at(self.position)
            self.text, self.position, self._counted = self.text[self.position :] + block, 0, 0

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Go on to what the pattern does not match."""
        while self.next:
            found = pattern.match(self.text, self.position)
            self.position = found.end() if found else self.position
            if self.position < len(self.text):
                return


def _element(window: _Window, longest: int) -> tuple[Any, int]:
    """The element at the position and where it ends; in place of one that is sound but for a NaN, the reason."""
    try:
        try:
            return _STRICT.raw_decode(window.text, window.position)
        except _NotFiniteError as error:
            return error, _LENIENT.raw_decode(window.text, window.position)[1]
    except json.JSONDecodeError as error:
        at_the_end = error.pos > len(window.text) - _LONGEST_WORD or error.msg.startswith(
            "Unterminated string"
        )
        if window.is_last or not at_the_end:
            raise
        return None, len(window.text)  # it goes on beyond the window, and so is longer than allowed


def _pass_over(window: _Window) -> None:
    """Go on to after the element at the position, looking at brackets and strings only."""
    depth, in_string = 0, False
    while window.next:
        found = (_IN_STRING if in_string else _STRUCTURE).search(window.text, window.position)
        if found is None:
            window.position = len(window.text)
            continue
        mark = found[0]
        if depth == 0 and mark in ",]}":  # it was a number
            window.position = found.start()
            return
        window.position = found.end()
        if mark == "\\":
            escaped = window.next  # perhaps in the next block, with which the position is another
            window.position += len(escaped)
        elif mark == '"':
            in_string = not in_string
        else:
            depth += {"[": 1, "{": 1, ",": 0}.get(mark, -1)
        if depth == 0 and not in_string:
            return
