"""Plain lines in and out: what a screen reader, a dumb terminal or a pipe can follow.

    lines = PlainLines()
    lines.ask("You: ")                 a line from the keyboard, with history and editing; or from a pipe
    with lines.reply() as words: words.feed("Hel"); words.feed("lo there.")

The one rule: text only goes forward. Nothing is coloured, moved, drawn over or drawn twice, and foreign text is
shown through `visible`, broken between words where a terminal has an edge.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Literal, TextIO

from tui_chat.line_wrapping import WrappedLines
from tui_chat.text import visible

Pace = Literal["word", "line"]
_LONGEST_WAIT = 60  # characters that are kept back for a space to come: many scripts have none


class Words:
    """A reply on its way: whole words, or whole lines, as they are complete."""

    def __init__(self, out: TextIO, pace: Pace, begun: str = "") -> None:
        """`begun` is what stands on its first line already."""
        self._lines = WrappedLines(out)
        self._ends = " \n" if pace == "word" else "\n"
        self._longest = _LONGEST_WAIT if pace == "word" else sys.maxsize
        self._waiting = ""
        self._last = "\n"
        self._write(begun)

    def feed(self, text: str) -> None:
        """More of the reply."""
        self._waiting = (self._waiting + text).replace("\r\n", "\n")
        end = max(self._waiting.rfind(mark) for mark in self._ends) + 1
        if not end and len(self._waiting) > self._longest:
            end = len(self._waiting) - 1  # its last character may be the first half of a line end
        self._write(self._waiting[:end])
        self._waiting = self._waiting[end:]

    def end(self) -> None:
        """Nothing more comes: what was kept back, and the end of the line."""
        self._write(self._waiting)
        self._waiting = ""
        if self._last != "\n":
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            self._last = text[-1]
            self._lines.write(visible(text))


class PlainLines:
    """The two sides of the conversation, line by line."""

    def __init__(self, pace: Pace = "word") -> None:
        self._pace = pace
        self._reads_keyboard = sys.stdin.isatty()
        for stream in (sys.stdin, sys.stdout, sys.stderr):  # a letter that is none here is no reason to end
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")

    @property
    def reads_keyboard(self) -> bool:
        """Whether a person types; else the input is a pipe or a file."""
        return self._reads_keyboard

    def remember(self, said: Sequence[str]) -> None:
        """Earlier messages for the Up key, oldest first."""
        if readline := _readline() if self._reads_keyboard else None:
            for text in said:
                if "\n" not in text:
                    readline.add_history(visible(text))

    @property
    def shows_drafts(self) -> bool:
        """Whether what is to be changed can stand on the line already."""
        return self._reads_keyboard and _readline() is not None

    def ask(self, prompt: str, draft: str = "") -> str:
        """The next message. A line that ends with a backslash goes on in the next one.

        Typing begins from the `draft`, line by line, where that can be shown.

        Raises:
            EOFError: when there is none any more.
            KeyboardInterrupt: on Ctrl+C.
        """
        first, *more = draft.replace("\n", "\\\n").split("\n")
        text = self._line(prompt, first)
        while text.endswith("\\"):
            try:
                text = f"{text[:-1]}\n{self._line('', more.pop(0) if more else '')}"
            except EOFError:
                if self._reads_keyboard:
                    raise
                break  # the last line of a file, as it is
        if not self._reads_keyboard:
            self.say(f"{prompt}{text}")  # nobody saw it being typed
        return text

    def say(self, text: str) -> None:
        """Lines of the conversation."""
        WrappedLines(sys.stdout).write(f"{visible(text)}\n")

    def tell(self, text: str) -> None:
        """A sentence about what is going on."""
        sys.stdout.flush()
        WrappedLines(sys.stderr).write(f"{visible(text)}\n")

    @contextmanager
    def reply(self, speaker: str) -> Iterator[Words]:
        """The words of a reply, below or behind who says them; however it ends, its line ends too."""
        words = Words(sys.stdout, self._pace, f"{speaker} ")
        try:
            yield words
        finally:
            words.end()

    def _line(self, prompt: str, draft: str) -> str:
        if self._reads_keyboard:
            with _begun_with(draft):
                return input(prompt)
        line = sys.stdin.buffer.readline()
        if not line:
            raise EOFError
        return line.decode("utf-8", "replace").rstrip("\r\n")


@contextmanager
def _begun_with(draft: str) -> Iterator[None]:
    """Within, `input` has editing and history, and begins with this line."""
    readline = _readline()
    if readline is None or not draft:
        yield
        return
    readline.set_startup_hook(lambda: readline.insert_text(visible(draft)))
    try:
        yield
    finally:
        readline.set_startup_hook()


def _readline() -> ModuleType | None:
    """The module, where there is one (not on Windows)."""
    try:
        import readline
    except ImportError:
        return None
    return readline
