"""The terminal is Textual's alone while the app is drawn; whatever else is written goes into a log.

    with own_terminal(logs_path() / "app.log"): app.run()

Textual, and a program that is lent the terminal, write to `sys.__stdout__` and `sys.__stderr__`, which lead there all
along. The file descriptors 1 and 2, to which libraries in C and child processes write, lead into the log.
The one rule: however the app ends, they lead to the terminal again.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from engine.paths import private_directory

_LONGEST = 1_000_000  # bytes; a longer log begins anew


@contextlib.contextmanager
def own_terminal(log: Path) -> Iterator[None]:
    """Keep everything but Textual from the terminal."""
    if sys.platform == "win32":  # the console is written to by other means
        yield
        return
    streams = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    assert sys.__stderr__ is not None
    shown = sys.__stderr__
    terminal = os.fdopen(os.dup(2), "w", encoding=shown.encoding, errors=shown.errors)
    opened = _opened(log)
    _lead_to(opened)
    os.close(opened)
    sys.stdout = sys.stderr = terminal  # a traceback at the end is printed there
    sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
    try:
        yield
    finally:
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]
        _lead_to(terminal.fileno())
        with contextlib.suppress(OSError):  # it is gone
            terminal.close()


def _lead_to(file: int) -> None:
    for descriptor in (1, 2):
        os.dup2(file, descriptor)


def _opened(log: Path) -> int:
    """The log, or nowhere when it cannot be written."""
    try:
        private_directory(log.parent)
        is_long = log.exists() and log.stat().st_size > _LONGEST
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if is_long else 0)
        return os.open(log, how, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)
