"""The conversation file itself: opening, tables, migrations, and what happens to a broken one.

Migrations only go forward, in one transaction, after a copy was made. A corrupt file is moved aside, never
deleted; a file of a newer tui-chat is left alone. The one rule: no data of the user is ever overwritten here.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from engine.errors import UserError
from engine.paths import private_directory

BUSY_SECONDS = 10.0
SAFE_WAL = (3, 51, 3)  # before it, two processes that checkpoint at once could corrupt a write-ahead log

_VERSION_1 = (
    """CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL, model TEXT NOT NULL, settings TEXT NOT NULL,
        created REAL NOT NULL, updated REAL NOT NULL, deleted REAL)""",
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
        role TEXT NOT NULL, content TEXT NOT NULL, model TEXT NOT NULL, model_name TEXT NOT NULL,
        settings TEXT NOT NULL, prompt_tokens INTEGER, completion_tokens INTEGER, tokens_per_second REAL,
        dropped_messages INTEGER NOT NULL, finish_reason TEXT NOT NULL, seed INTEGER, step INTEGER,
        error TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL)""",
    "CREATE INDEX messages_of_conversation ON messages (conversation, id)",
    "CREATE INDEX conversations_by_time ON conversations (updated)",
    """CREATE VIRTUAL TABLE messages_fts USING fts5(
        content, content='messages', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
    """CREATE TRIGGER words_added AFTER INSERT ON messages BEGIN
        INSERT INTO messages_fts (rowid, content) VALUES (new.id, new.content); END""",
    """CREATE TRIGGER words_removed AFTER DELETE ON messages BEGIN
        INSERT INTO messages_fts (messages_fts, rowid, content)
        VALUES ('delete', old.id, old.content); END""",
    """CREATE TRIGGER words_changed AFTER UPDATE OF content ON messages BEGIN
        INSERT INTO messages_fts (messages_fts, rowid, content) VALUES ('delete', old.id, old.content);
        INSERT INTO messages_fts (rowid, content) VALUES (new.id, new.content); END""",
)
_VERSION_2 = ("ALTER TABLE messages ADD COLUMN val_loss REAL",)
_VERSION_3 = ("ALTER TABLE messages ADD COLUMN dropped_tokens INTEGER NOT NULL DEFAULT 0",)
_VERSION_4 = (  # apart from the messages: read only when a reply is looked at token by token
    """CREATE TABLE reply_tokens (
        message INTEGER PRIMARY KEY REFERENCES messages(id) ON DELETE CASCADE,
        ids TEXT NOT NULL, seconds TEXT NOT NULL)""",
)
_VERSION_5 = (  # conversations are trees; before, each message followed the one saved before it
    "ALTER TABLE messages ADD COLUMN parent INTEGER",  # NULL = a first message
    """UPDATE messages SET parent = (SELECT max(before.id) FROM messages before
        WHERE before.conversation = messages.conversation AND before.id < messages.id)""",
    "CREATE INDEX messages_by_parent ON messages (parent)",
    "ALTER TABLE conversations ADD COLUMN leaf INTEGER",  # last message of the branch on show; NULL = newest
    "ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE tags (
        conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
        tag TEXT NOT NULL, PRIMARY KEY (conversation, tag))""",
)
# What was said of replies. It names messages and does not refer to them: rows to train on outlive conversations.
_VERSION_6 = (
    """CREATE TABLE reply_thumbs (
        message INTEGER PRIMARY KEY, thumb INTEGER NOT NULL,
        prompt TEXT NOT NULL, reply TEXT NOT NULL, model TEXT NOT NULL, created REAL NOT NULL)""",
    """CREATE TABLE reply_corrections (
        message INTEGER PRIMARY KEY, prompt TEXT NOT NULL, reply TEXT NOT NULL, corrected TEXT NOT NULL,
        model TEXT NOT NULL, created REAL NOT NULL, copy_of INTEGER)""",  # of a copied message, no row to train on
    """CREATE TABLE reply_preferences (
        chosen_message INTEGER NOT NULL, rejected_message INTEGER NOT NULL, is_tie INTEGER NOT NULL,
        prompt TEXT NOT NULL, chosen TEXT NOT NULL, rejected TEXT NOT NULL,
        chosen_model TEXT NOT NULL, rejected_model TEXT NOT NULL, created REAL NOT NULL,
        PRIMARY KEY (chosen_message, rejected_message))""",
    "CREATE INDEX preferences_by_rejected ON reply_preferences (rejected_message)",
)
_VERSION_7 = (  # 1 = voted before anyone could see who said what
    "ALTER TABLE reply_preferences ADD COLUMN is_blind INTEGER NOT NULL DEFAULT 0",
)
# MIGRATIONS[n] leads from version n to n + 1
MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6, _VERSION_7)


def open_database(path: Path) -> tuple[sqlite3.Connection, str]:
    """The ready database, and what the user should be told about opening it ('' = nothing).

    Raises:
        UserError: when the file cannot be opened, or was written by a newer tui-chat.
    """
    try:
        return _open(path), ""
    except (sqlite3.OperationalError, OSError) as error:
        raise UserError(f"{path}: the conversations cannot be opened ({error}).") from error
    except sqlite3.DatabaseError:
        try:
            aside = _move_aside(path)
        except OSError as error:
            raise UserError(f"{path}: it is damaged, and cannot be set aside ({error.strerror}).") from error
    notice = f"The conversation file was damaged. It was kept as {aside.name}, and a new one was begun."
    return _open(path), notice


def memory_database() -> sqlite3.Connection:
    """The same tables, in memory."""
    connection = _connect(":memory:")
    _migrate(connection, None)
    return connection


def opened_or_in_memory(path: Path) -> tuple[sqlite3.Connection, str]:
    """Like `open_database`; a file that cannot be opened is replaced by the memory, with word of it."""
    try:
        return open_database(path)
    except UserError as error:
        return memory_database(), f"{error} What you say now will not be kept."


def wait_at_most(connection: sqlite3.Connection, seconds: float) -> None:
    """How long the next statements wait for another app that holds the file."""
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements inside are written, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.commit()  # refused while another app reads on and on: then too, nothing may stay begun
    except BaseException:
        connection.rollback()
        raise


def _open(path: Path) -> sqlite3.Connection:
    _make_private_file(path)
    connection = _connect(str(path))
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        _choose_journal(connection)
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(place: str) -> sqlite3.Connection:
    # `isolation_level=None`: transactions are begun by us, never by the driver.
    connection = sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _make_private_file(path: Path) -> None:
    """The file and its directory, for the user's eyes only."""
    try:
        private_directory(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise UserError(f"{path}: the conversations cannot be saved there ({error.strerror}).") from error


def _choose_journal(connection: sqlite3.Connection) -> None:
    """A write-ahead log where it is safe; the first switch can meet the lock of another app."""
    mode = "WAL" if sqlite3.sqlite_version_info >= SAFE_WAL else "DELETE"
    for _ in range(20):
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()
            return
        except sqlite3.OperationalError:
            time.sleep(0.05)  # another app holds the lock; any mode it leaves behind works


def _migrate(connection: sqlite3.Connection, path: Path | None) -> None:
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise UserError(
            f"{path}: these conversations were written by a newer tui-chat (version {version} of the file). "
            "Update tui-chat to open them."
        )
    if version == len(MIGRATIONS):
        return
    with transaction(connection):
        version = _version(connection)  # asked again: another app may have been quicker
        if path and 0 < version < len(MIGRATIONS):
            _copy(path, path.with_name(f"{path.name}.version-{version}"))
        for steps in MIGRATIONS[version:]:
            for statement in steps:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _copy(path: Path, target: Path) -> None:
    """For the user's eyes only, and whole: what was left of a copy that was broken off is not in the way."""
    partial = target.with_name(f"{target.name}.partial")
    for ending in ("", "-journal"):
        partial.with_name(partial.name + ending).unlink(missing_ok=True)
    os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    # Read through a connection of its own: one that has begun to write can never be copied from.
    with closing(_connect(str(path))) as source, closing(sqlite3.connect(partial)) as copy:
        source.backup(copy)
    partial.replace(target)


def _move_aside(path: Path) -> Path:
    """Rename the file, and what belongs to it, to a name with the time that nothing has yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    names = [
        path.with_name(f"{path.name}.bad-{stamp}{more}") for more in ("", *(f"-{n}" for n in range(2, 100)))
    ]
    aside = next((name for name in names if not name.exists()), names[-1])
    path.rename(aside)
    for ending in (
        "-wal",
        "-shm",
        "-journal",
        ".unsaved",
    ):  # the last: ends of replies, by the ids of this file
        companion = path.with_name(path.name + ending)
        if companion.exists():
            companion.rename(aside.with_name(aside.name + ending))
    return aside
