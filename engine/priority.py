"""How much of the processor a process of ours claims when others want it too.

    step_aside(5)                        before computing anything
    pace = Pace(0.2); pace.rest(...)     after each piece of work that must not slow others down

Niceness alone does not protect a run: its threads wait for each other after every matrix product, so a core that is
taken for a millisecond delays all of them. Working a share of the time does.
The one rule: a process only ever lowers its own claim, and none but its own.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

_LONGEST_REST = 1.0  # seconds; after it, somebody who waits for a reply should see something
_LOOK_SECONDS = 0.02  # between two looks whether anybody still waits


def step_aside(niceness: int) -> None:
    """Let others go first: 0 claims a full share, 19 next to nothing; idle time is used all the same.

    Linux on a desktop shares time among sessions first (autogroups), and niceness counts within a session only.
    A process that leads a session of its own, as engines do, therefore lowers the claim of the session too.
    """
    if not hasattr(os, "nice"):  # Windows
        return
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # no Linux, no autogroups, or not allowed
            Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


class Pace:
    """Computes during a share of the time, and rests during the rest of it."""

    def __init__(self, share: float) -> None:
        """`share` of one processor core, 0-1."""
        self._share = share
        self._counted = time.process_time()

    def rest(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Rest for the work since the last rest, unless it `is_over` before."""
        until = time.monotonic() + rest_after(time.process_time() - self._counted, self._share)
        while (left := until - time.monotonic()) > 0 and not is_over():
            time.sleep(min(left, _LOOK_SECONDS))
        self._counted = time.process_time()


def rest_after(busy_seconds: float, share: float) -> float:
    """How long to rest so that `busy_seconds` are `share` of the whole."""
    return min(busy_seconds * (1 / share - 1), _LONGEST_REST)
