"""How a process that computes steps keeps its memory.

The one rule: called first thing in a process, before torch takes any memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # from glibc's malloc.h


def keep_freed_memory() -> None:
    """Let glibc keep large blocks for the next step instead of giving each back to the system.

    A step frees and asks again for hundreds of megabytes; with the defaults every one of their pages is unmapped,
    mapped and zeroed each time, which took 15-20 % of a step (6 layers x 256, context 512).
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library: it does as it does
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for option, value in (
            (_M_MMAP_THRESHOLD, 1 << 30),
            (_M_TRIM_THRESHOLD, (1 << 31) - 1),
            (_M_ARENA_MAX, 1),
        ):
            mallopt(option, value)
