"""The open conversation file: one connection that several stores read and write through, from any thread.

    file = ConversationFile.at(path)
    file.read("SELECT tag FROM tags WHERE conversation = :id", {"id": 7})
    file.change("DELETE FROM tags WHERE conversation = ?", 7)
    with file.writing() as execute: execute(...); execute(...)      # all of it, or nothing

Each table belongs to one store: `conversations` has the messages; another one is a class of its own that takes
this file, as in `Shelf(conversations.file)`, and its tables are made in `conversation_schema`.
The one rule: every write is one short `BEGIN IMMEDIATE` transaction, so that two apps never wait for long.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import UserError
from tui_chat import conversation_schema

ENDING_SECONDS = 2.0  # that the end of a reply, or of the app, waits for a file in use


class ConversationFile:
    """The connection. Calls may wait for a slow disk, so the app makes them through `asyncio.to_thread`."""

    def __init__(
        self, open_database: Callable[[], tuple[sqlite3.Connection, str]], path: Path | None = None
    ) -> None:
        """`path` is that of the file, where there is one."""
        self._open_database = open_database
        self._opened: sqlite3.Connection | None = None
        self._turn = threading.Lock()
        self.path = path
        self.notice = ""  # what the user should be told about opening, if anything

    @classmethod
    def strictly_at(cls, path: Path) -> ConversationFile:
        """A file that is refused with a `UserError` at its first use when it cannot be opened."""
        return cls(lambda: conversation_schema.open_database(path), path)

    @classmethod
    def at(cls, path: Path) -> ConversationFile:
        """A file, opened at its first use; what cannot be opened is in memory, and the `notice` says so."""
        return cls(lambda: conversation_schema.opened_or_in_memory(path), path)

    @classmethod
    def in_memory(cls) -> ConversationFile:
        """The same tables, for as long as the app runs."""
        return cls(lambda: (conversation_schema.memory_database(), ""))

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, opened now if it was not."""
        if self._opened is None:
            self._opened, self.notice = self._open_database()
        return self._opened

    def close(self) -> None:
        """Close the file, once what is being saved is saved, or has waited long enough."""
        if self._turn.acquire(timeout=ENDING_SECONDS):
            if self._opened is not None:
                self._opened.close()
            self._turn.release()

    def read(self, query: str, values: Mapping[str, Any] | None = None) -> Sequence[tuple[Any, ...]]:
        """All rows that a query gives.

        Raises:
            UserError: when they cannot be read.
        """
        with self._turn, _told_to_a_person():
            return self.connection.execute(query, values or {}).fetchall()

    def change(self, statement: str, *values: object) -> None:
        """One statement that writes, in a transaction of its own.

        Raises:
            UserError: when it cannot be saved; nothing has changed then.
        """
        with self.writing() as execute:
            execute(statement, values)

    @contextmanager
    def writing(self, seconds: float = conversation_schema.BUSY_SECONDS) -> Iterator[Any]:
        """One transaction; it is refused when another app or thread does not let go for so long.

        Raises:
            UserError: when it cannot be saved; nothing has changed then.
        """
        if not self._turn.acquire(timeout=seconds):
            raise UserError("The conversations are busy: another call has not ended.")
        try:
            with _told_to_a_person():
                conversation_schema.wait_at_most(self.connection, seconds)
                with conversation_schema.transaction(self.connection):
                    yield self.connection.execute
        finally:
            self._turn.release()


@contextmanager
def _told_to_a_person() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UserError(f"The conversations could not be read or saved: {error}.") from error
