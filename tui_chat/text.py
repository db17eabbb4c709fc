"""The one filter between foreign text and the terminal.

Foreign is whatever a model, a person, a file, a data set or a server wrote. Textual passes escape sequences
on to the terminal and reads `[brackets]` in plain strings as markup; a reply could so write the clipboard or
run an action. The one rule: foreign text reaches a widget as `plain(text)`, or as `visible(text)` where the
widget has markup off.

Every control becomes exactly one visible cell, so the filter keeps lengths: it may be applied to a stream
piece by piece, and a position in what is shown is a position in what was said.
"""

from __future__ import annotations

from textual.content import Content

REPLACEMENT = "\ufffd"
_BIDI_CONTROLS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_LINE_SEPARATORS = (0x2028, 0x2029)  # a terminal may break the line here, where we did not count one


def _visible_cells() -> dict[int, str]:
    """What stands for each character that must not reach a terminal."""
    cells = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}  # ESC as ␛
    cells[0x7F] = "\u2421"
    unseen = (*range(0x80, 0xA0), *_BIDI_CONTROLS, *_LINE_SEPARATORS, *range(0xD800, 0xE000))
    return cells | dict.fromkeys(unseen, REPLACEMENT)


_CELLS = _visible_cells()


def visible(text: str) -> str:
    """`text` with every control character but newline and tab as one visible character; the length stays."""
    return text.translate(_CELLS)


def plain(text: str) -> Content:
    """`text` made visible, as content that no widget reads as markup."""
    return Content(visible(text))


def one_line(text: str, longest: int = 200) -> str:
    """`text` made visible, on one line, cut with an ellipsis: for titles, lists and notices."""
    joined = " ".join(visible(text[: 4 * longest]).split())
    return joined if len(joined) <= longest else joined[: longest - 1].rstrip() + "…"
