"""Which replies are being written now, by whichever app: a locked file for each, beside the conversation file.

    under_way.begin(12)         before others can see message 12
    under_way.is_written(12)    asked by anyone; False once its app has ended, however it did
    under_way.end(12)           after its end was saved

The one rule: a reply is served whether or not this can be kept; at worst, others take it for one that was cut off.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

from engine.file_locks import take_lock
from engine.paths import private_directory


class RepliesUnderWay:
    """The folder; without one (conversations in memory) only this app can ask."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held: dict[int, IO[bytes] | None] = {}

    def begin(self, id: int) -> None:
        """This app writes it."""
        self._held[id] = None
        with contextlib.suppress(OSError):
            if file := self._file(id):
                private_directory(file.parent)
                self._held[id] = self._locked(file)

    def end(self, id: int) -> None:
        """It is not written any more."""
        if held := self._held.pop(id, None):
            held.close()
            self._remove(id)

    def end_all(self) -> None:
        """This app writes nothing any more."""
        for id in list(self._held):
            self.end(id)

    def is_written(self, id: int) -> bool:
        """Whether an app that lives writes it."""
        file = self._file(id)
        if id in self._held or file is None:
            return id in self._held
        try:
            with file.open("r+b") as opened:
                if not take_lock(opened):
                    return True
        except OSError:  # it has ended, and its file is gone
            return False
        self._remove(id)  # left by an app that was killed; nobody begins the same reply again
        return False

    def _locked(self, file: Path) -> IO[bytes] | None:
        opened = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        if take_lock(opened):
            return opened
        opened.close()  # a file system without locks: its file would never be known as left behind
        file.unlink()
        return None

    def _remove(self, id: int) -> None:
        with contextlib.suppress(OSError):
            if file := self._file(id):
                file.unlink()

    def _file(self, id: int) -> Path | None:
        return self._folder / f"{id}.lock" if self._folder else None
