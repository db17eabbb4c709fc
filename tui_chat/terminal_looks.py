"""What the terminal can show: letters without box drawing (ASCII), and no colours at all (NO_COLOR).

    is_ascii("auto", os.environ)         # True in a locale that has no UTF-8
    suit_the_terminal(app, "auto")       # every line that is drawn goes through the filters below

Both work on drawn lines, so that no widget has to know. The one rule: a line keeps its width, cell by cell.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.color import Color as RichColor
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter, Monochrome

if TYPE_CHECKING:
    from textual.app import App

_CONTRAST = 0.22  # of brightness; a background that differs more from the page is a cursor or a choice
_INVISIBLE = 0.06  # a mark that differs less from what is behind it was not meant to be seen

# Horizontal, vertical, corner; blocks by height; arrows; marks: what comes closest with the same width.
_LOOKS_LIKE = {
    "-": "─╌┄┈╴╶‐‑‒–—−▀▔╼╾⎯",
    "=": "━═╍┅┉╸╺▅≡",
    "|": "│┃║╎╏┆┇┊┋╵╷╹╻▎▏▍▌▋▊▉▐▕⎸",
    "+": "┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬▆╪╫",
    "#": "█▇▓■▪◼◾▮",
    ":": "▃▒░∶",
    "_": "▁▄",
    ".": "▂…·⋯∙",
    "*": "•●★◆✱✻✽⚑◉✦",
    "o": "◦○☆◇◌",
    "<": "←◀◂‹≤⟨",
    ">": "→▶▸›≥⟩⏵➜▷",
    "^": "↑▲▴△",
    "v": "↓▼▾▽✓✔",
    "x": "×✗✘✕✖",
    "~": "≈∼",
    "'": "‘’",
    '"': "“”„",
    "/": "╱",
    "\\": "╲",
    "X": "╳",
}
_SYMBOLS = (  # what fonts without box drawing lack; other letters are left to the terminal
    range(0x2010, 0x2028),
    range(0x2030, 0x2060),
    range(0x2190, 0x27C0),
    range(0x27F0, 0x2A00),
    range(0x2B00, 0x2C00),
)


def _braille(bits: int) -> str:
    """A cell of braille dots as the letter that has its ink in the same place."""
    rows = [bool(bits & mask) for mask in (0x09, 0x12, 0x24, 0xC0)]  # from the top
    match sum(rows):
        case 0:
            return " "
        case 1:
            return "'--."[rows.index(True)]
        case 2:
            return (
                ":"
                if rows[0] != rows[1] and rows[2] != rows[3]
                else '"'
                if rows[0]
                else "-"
                if rows[1]
                else "_"
            )
    return "|"


def _table() -> dict[int, str]:
    wide = {code for span in _SYMBOLS for code in span if cell_len(chr(code)) != 1}
    table = {code: "?" for span in _SYMBOLS for code in span if code not in wide}
    table |= {0xA0: " ", 0xB7: ".", 0xD7: "x", 0x1F50E: "/ "}  # the last one stands in the palette
    similar = [(one, letter) for letter, all_like_it in _LOOKS_LIKE.items() for one in all_like_it]
    table |= {ord(one): letter * cell_len(one) for one, letter in similar}
    return table | {0x2800 + bits: _braille(bits) for bits in range(256)}


@lru_cache(1)
def ascii_table() -> Mapping[int, str]:
    """For `str.translate`: symbols as ASCII."""
    return _table()


def in_ascii(text: str, letters_too: bool = False) -> str:
    """`text` with symbols as ASCII, of the same width; with `letters_too` nothing else is left either."""
    shown = text.translate(ascii_table())
    if letters_too:
        shown = "".join(one if one.isascii() else "?" * cell_len(one) for one in shown)
    return set_cell_size(shown, cell_len(text))


class AsciiOnly(LineFilter):
    """Draws with ASCII characters."""

    def __init__(self, letters_too: bool) -> None:
        """`letters_too` where the terminal has no other letters at all."""
        super().__init__()
        self._letters_too = letters_too

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The line with symbols replaced."""
        return [
            segment
            if segment.text.isascii()
            else Segment(in_ascii(segment.text, self._letters_too), segment.style, segment.control)
            for segment in segments
        ]


class NoColours(LineFilter):
    """Draws in the terminal's own two colours; what stood out by its background is reversed."""

    def __init__(self, page: Callable[[], Color]) -> None:
        """`page` is the background of the whole screen, as the theme wants it."""
        super().__init__()
        self._page = page

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The line without colours."""
        page = self._page().brightness
        return [_without_colours(segment, page) for segment in segments]


def _without_colours(segment: Segment, page: float) -> Segment:
    text, style, control = segment
    if style is None:
        return segment
    behind, ink = _brightness(style.bgcolor, page), _brightness(style.color, 1 - page)
    if style.color is not None and abs(behind - ink) < _INVISIBLE:
        text = " " * cell_len(text)
    stands_out = abs(behind - page) > _CONTRAST
    kept = Style(
        bold=style.bold,
        dim=style.dim,
        italic=style.italic,
        underline=style.underline,
        strike=style.strike,
        reverse=stands_out != bool(style.reverse),
        meta=style.meta or None,
        link=style.link,
    )
    return Segment(text, kept, control)


def _brightness(colour: RichColor | None, otherwise: float) -> float:
    if colour is None or colour.type is ColorType.DEFAULT:
        return otherwise
    return Color.from_rich_color(colour).brightness


def suit_the_terminal(app: App[Any], characters: str) -> None:
    """Draw with what it has; Textual makes greys of NO_COLOR, and box drawing where there is none."""
    if app.no_color:
        page = lambda: Color.parse(app.current_theme.background or "#121212")  # noqa: E731
        app._filters = [NoColours(page) if isinstance(one, Monochrome) else one for one in app._filters]
    if is_ascii(characters, os.environ):
        app._filters.append(AsciiOnly(letters_too=not has_utf8(os.environ)))
        app.add_class("-ascii")


def is_ascii(wish: str, environment: Mapping[str, str]) -> bool:
    """Whether to draw with ASCII: as the settings say, and with "auto" where the locale has no UTF-8."""
    return wish == "ascii" or (wish == "auto" and not has_utf8(environment))


def has_utf8(environment: Mapping[str, str]) -> bool:
    """Whether the locale is one with UTF-8; where none is set, nobody says that it is not."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := environment.get(name, ""):
            return "utf-8" in value.lower() or "utf8" in value.lower()
    return True
