"""Locks on open files, which tell other processes that this one lives.

    if take_lock(file): ...     held until the file is closed

The one rule: the system gives a lock back when a process ends, however it ends; no clock and no pid can lie.
"""

from __future__ import annotations

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def take_lock(file: IO[bytes]) -> bool:
        """Whether the lock was free and is ours now. Never waits."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def take_lock(file: IO[bytes]) -> bool:
        """Whether the lock was free and is ours now. Never waits."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
