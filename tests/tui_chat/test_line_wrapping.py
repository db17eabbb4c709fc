"""Lines of the plain chat break between words, at the width of the terminal."""

from __future__ import annotations

import io
import os
import struct

import pytest

from tui_chat.line_wrapping import WrappedLines
from tui_chat.plain_lines import PlainLines


def wrapped(*pieces: str, width: int) -> str:
    out = io.StringIO()
    lines = WrappedLines(out, width)
    for piece in pieces:
        lines.write(piece)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("With a second slash", "With a\nsecond\nslash"),
        ("twelve cell ends", "twelve\ncell ends"),
        ("exactly ten\nx", "exactly\nten\nx"),
        ("ab  cd", "ab  cd"),
        ("  indented so", "  indented\nso"),
        ("longer-than-a-line so", "longer-than-a-line\nso"),
        ("漢字漢 字字", "漢字漢\n字字"),  # two cells each
        ("```\nx = a + b + c + d\n```\nand on and on", "```\nx = a + b + c + d\n```\nand on and\non"),
        ("````py\na + b + c + d\n````", "````py\na + b + c + d\n````"),
        ("```a``` is\nwrapped as ever", "```a``` is\nwrapped as\never"),  # code within a line
    ],
)
def test_a_line_breaks_between_words_whole_or_in_pieces(text: str, shown: str) -> None:
    assert wrapped(text, width=10) == shown
    pieces = text.replace(" ", " \0").replace("\n", "\n\0").split("\0")
    assert wrapped(*pieces, width=10) == shown


def test_what_is_no_terminal_gets_the_text_as_it_is() -> None:
    text = "one long line  " * 40
    assert wrapped(text, width=0) == text


def test_what_is_said_on_a_terminal_is_broken_at_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    pty, fcntl, termios = map(pytest.importorskip, ("pty", "fcntl", "termios"))
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    with os.fdopen(there, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        monkeypatch.setattr("sys.stderr", terminal)
        lines = PlainLines()
        lines.tell("With a second slash, //modle is a message.")
        with lines.reply("Model:") as words:
            for piece in ["A", "reply", "that", "is", "longer", "than", "one", "line."]:
                words.feed(f"{piece} ")
    shown = b""
    while not shown.endswith(b"one line.\r\n"):
        shown += os.read(here, 1000)
    os.close(here)
    assert shown.decode().splitlines() == [
        "With a second slash, //modle",
        "is a message.",
        "Model: A reply that is longer",
        "than one line.",
    ]
