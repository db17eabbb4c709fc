"""A terminal that closes while the app is in it, as when a window or an SSH session ends.

    if terminal_is_gone(): write_nowhere()      what is still written goes nowhere, and does not fail
    end_at_the_latest(15.0, 129)                whatever hangs, the process is gone by then

Textual's thread that writes ends at the first write that fails; then the app waits for it for ever.
The one rule: nothing here saves anything: that is done by whoever ends in time.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time


def terminal_is_gone() -> bool:
    """Whether nobody can be written to any more."""
    if not hasattr(select, "poll"):  # Windows
        return False
    terminal = select.poll()
    terminal.register(_terminal(), 0)  # that it hung up is told without being asked for
    return bool(terminal.poll(0))


def write_nowhere() -> None:
    """Let the standard streams lead to nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in {0, 1, 2, _terminal()}:
        os.dup2(nothing, stream)
    os.close(nothing)


def _terminal() -> int:
    """What the app is drawn on: not always 1, see `own_terminal`."""
    return sys.__stdout__.fileno() if sys.__stdout__ else 1


def end_at_the_latest(seconds: float, code: int) -> None:
    """End the process after so long, unless it has ended by itself."""

    def end() -> None:
        time.sleep(seconds)
        os._exit(code)

    threading.Thread(target=end, name="end", daemon=True).start()
