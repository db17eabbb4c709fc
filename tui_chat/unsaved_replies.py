"""Ends of replies that the conversation file did not take in time, kept beside it until it does.

    unsaved.keep(12, {"id": 12, "content": "Once upon"})
    for id, fields in unsaved.kept(): ...; unsaved.forget(id)

A file for each, so that two apps never write the same one. The one rule: a reply is forgotten here only after it
was saved there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.paths import private_directory


class UnsavedReplies:
    """The folder; without one (conversations in memory) nothing can be kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def keep(self, id: int, fields: dict[str, Any]) -> None:
        """Keep the fields of a message.

        Raises:
            UserError: when they cannot be written.
        """
        if self._folder is None:
            raise UserError("The end of this reply could not be saved.")
        from trainers.durable_files import PRIVATE, replace_file  # here: nearly never needed

        try:
            private_directory(self._folder)
            replace_file(self._folder / f"{id}.json", json.dumps(fields).encode(), PRIVATE)
        except OSError as error:
            raise UserError(
                f"The end of this reply could not be saved, neither with the conversations nor in {self._folder} "
                f"({error.strerror}). Copy it before you leave."
            ) from error

    def kept(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """What waits to be saved; a file that cannot be read is left alone."""
        if self._folder is None or not self._folder.is_dir():
            return
        for file in sorted(self._folder.glob("*.json")):
            try:
                fields = json.loads(file.read_bytes())
                id = int(file.stem)
            except (OSError, ValueError):
                continue
            yield id, fields

    def forget(self, id: int) -> None:
        """It is saved now."""
        if self._folder is not None:
            (self._folder / f"{id}.json").unlink(missing_ok=True)
