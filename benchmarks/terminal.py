"""A program in a real pseudo-terminal of 120 x 40, whose every byte is stamped with the time it came.

    with Terminal(["tui-chat"], environment) as terminal:
        terminal.wait_for("Message")          # seconds since the program was started
        terminal.type("Ж"); terminal.wait_for("Ж")

The one rule: the terminal answers what a modern terminal answers, so that no program waits for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from types import TracebackType
from typing import Self

from benchmarks.first_paint import COLUMNS, ESCAPES, ROWS, answer


class Terminal:
    """One program, from its start to its end."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.started = time.perf_counter()
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execvpe(command[0], command, environment)
        self._written = b""  # by the program, since it was last waited for
        self._answered = 0
        self._watched = b""
        self._seen: float | None = None  # when that was written

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        deadline = time.perf_counter() + 5
        while not os.waitpid(self._pid, os.WNOHANG)[0]:
            if time.perf_counter() > deadline:
                os.kill(self._pid, signal.SIGKILL)
            self._read(0.05)
        os.close(self._file)

    def type(self, keys: str) -> float:
        """Press keys; returns when."""
        now = time.perf_counter()
        os.write(self._file, keys.encode())
        return now

    def wait_for(self, marker: str, seconds: float = 60.0) -> float:
        """When `marker` was written, of what is written from now on or was not asked for yet.

        Raises:
            SystemExit: when it was not written in time; with what was.
        """
        deadline = time.perf_counter() + seconds
        wanted = marker.encode()
        while wanted not in ESCAPES.sub(b"", self._written):
            if time.perf_counter() > deadline:
                shown = ESCAPES.sub(b"", self._written)[-1500:].decode(errors="replace")
                raise SystemExit(f"'{marker}' was never painted. The program wrote:\n{shown}")
            self._read(0.5)
        now = time.perf_counter()
        self.forget()
        return now

    def watch(self, marker: str) -> None:
        """Note when `marker`, a single letter, is written, whatever else is waited for meanwhile."""
        self._watched, self._seen = marker.encode(), None

    def wait_for_watched(self, seconds: float = 60.0) -> float | None:
        """When what is watched was written; None when it is not in time."""
        deadline = time.perf_counter() + seconds
        while self._seen is None and time.perf_counter() < deadline:
            self._read(0.5)
        return self._seen

    def forget(self) -> None:
        """What was written so far counts no more."""
        self._written, self._answered = b"", 0

    def rest(self, seconds: float) -> None:
        """Let the program go on for a while, as a person who reads."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self._read(left)
        self.forget()

    def _read(self, seconds: float) -> None:
        if not select.select([self._file], [], [], seconds)[0]:
            return
        with contextlib.suppress(OSError):  # the program has ended
            came = os.read(self._file, 65536)
            if self._watched and self._watched in came and self._seen is None:
                self._seen = time.perf_counter()
            self._written += came
            self._answered = answer(self._file, self._written, self._answered)
