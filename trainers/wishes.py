"""What is wished of a run while it trains: control files in its directory, and signals to its process.

    SIGTERM, SIGINT, SIGHUP, control/stop -> save and end       control/stop_now -> end without saving
    control/pause, control/save
    control/resume, control/skip_step, control/learning_rate    answers to a run that paused by itself

The one rule: looking is cheap enough to do after every step, and nothing is ever forgotten between two looks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from types import FrameType

from trainers.run_directory import RunDirectory, Wish

HIGHEST_RATE = 10.0
_SECONDS_BETWEEN_LOOKS = 0.2  # at the control files
WISHES: tuple[Wish, ...] = ("stop", "stop_now", "pause", "resume", "save", "skip_step", "learning_rate")


class Wishes:
    """The wishes to one run."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._looked = 0.0
        self._found: set[Wish] = set()
        self._stopped_by_signal = False

    def listen_to_signals(self) -> None:
        """Take signals that end a process as a wish to stop."""
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def look(self) -> set[Wish]:
        """The wishes in force; the file system is asked a few times a second at most."""
        now = time.monotonic()
        if now - self._looked >= _SECONDS_BETWEEN_LOOKS:
            self._looked = now
            self._found = self._waiting()
        is_over = self._stopped_by_signal or "stop_now" in self._found
        return self._found | {"stop"} if is_over else self._found

    def stop_is_wished(self) -> bool:
        """Whether the run is to save and end."""
        return "stop" in self.look()

    def fulfilled(self, wish: Wish) -> None:
        """Take a wish away because it was done."""
        self._run.withdraw(wish)
        self._found = self._found - {wish}

    def learning_rate(self) -> float | None:
        """The learning rate that is wished; a file without a sensible one is taken away."""
        path = self._run.path / "control" / "learning_rate"
        with contextlib.suppress(OSError, ValueError):
            rate = float(path.read_text(encoding="utf-8"))
            if 0.0 < rate <= HIGHEST_RATE:
                return rate
        self.fulfilled("learning_rate")
        return None

    def _waiting(self) -> set[Wish]:
        try:
            with os.scandir(self._run.path / "control") as entries:
                names = {entry.name for entry in entries}
        except OSError:
            return set()
        return {wish for wish in WISHES if wish in names}

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopped_by_signal = True
