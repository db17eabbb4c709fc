"""All conversations on disk: one SQLite file, whose methods are called from threads.

    conversations   id title model settings created updated deleted
    messages        id conversation role content model ... status created
    messages_fts    the words of all messages, kept by triggers
    reply_tokens    message ids seconds: of replies whose engine told of tokens

A user's turn is saved at once; a reply is saved while it grows and once more when it ends, however it ends.
Calls may wait for a slow disk or for another tui-chat, so the app makes them through `asyncio.to_thread`.
The one rule: every write is one short `BEGIN IMMEDIATE` transaction, so that two apps never wait for long.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from engine.chat import Role
from engine.errors import UserError
from tui_chat import conversation_schema
from tui_chat.reply_tokens import ReplyTokens
from tui_chat.unsaved_replies import UnsavedReplies

Status = Literal["complete", "streaming", "stopped", "error"]
ENDING_SECONDS = 2.0  # that the end of a reply waits for a file in use
KEEP_DELETED_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Conversation:
    """What the list shows of a conversation."""

    id: int
    title: str
    model: str  # reference
    settings: str  # JSON of the pane's settings
    created: float
    updated: float
    preview: str = ""  # its last words, or what a search found in it


@dataclass(frozen=True)
class StoredMessage:
    """A message with what is known about how it came to be."""

    id: int
    conversation: int
    role: Role
    content: str
    model: str = ""  # reference of the model that said it
    model_name: str = ""
    settings: str = ""  # JSON of the generation settings
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_per_second: float | None = None
    dropped_messages: int = 0
    dropped_tokens: int = 0  # of a text that was continued, its beginning
    finish_reason: str = ""
    seed: int | None = None
    step: int | None = None  # training step of the weights that said it
    val_loss: float | None = None  # and their validation loss
    error: str = ""
    status: Status = "complete"
    created: float = 0.0


_MESSAGE_FIELDS = tuple(StoredMessage.__dataclass_fields__)
_SAVED_FIELDS = _MESSAGE_FIELDS[2:]  # without the ids
_LIST = """
    SELECT c.id, c.title, c.model, c.settings, c.created, c.updated,
           coalesce((SELECT substr(content, 1, 300) FROM messages m
                     WHERE m.conversation = c.id ORDER BY id DESC LIMIT 1), '')
    FROM conversations c WHERE c.deleted IS NULL
"""
_FOUND_WORDS = """
    SELECT m.conversation, snippet(messages_fts, 0, '', '', '…', 16)
    FROM messages_fts JOIN messages m ON m.id = messages_fts.rowid
    WHERE messages_fts MATCH :terms ORDER BY m.id DESC LIMIT 2000
"""


class Conversations:
    """The conversation file. Methods may be called from any thread, one at a time."""

    def __init__(
        self, open_database: Callable[[], tuple[sqlite3.Connection, str]], path: Path | None = None
    ) -> None:
        """`path` is that of the file, where there is one: what it does not take is kept beside it."""
        self._open_database = open_database
        self._unsaved = UnsavedReplies(path.with_name(f"{path.name}.unsaved") if path else None)
        self._opened: sqlite3.Connection | None = None
        self._turn = threading.Lock()
        self.notice = ""  # what the user should be told about opening, if anything

    @classmethod
    def open(cls, path: Path) -> Conversations:
        """Open or make the file; a corrupt one is moved aside, with a `notice` that says where to.

        Raises:
            UserError: when it cannot be opened, or was written by a newer tui-chat.
        """
        conversations = cls(lambda: conversation_schema.open_database(path), path)
        conversations.tidy()
        return conversations

    @classmethod
    def at(cls, path: Path) -> Conversations:
        """Like `open`, but at the first use, so that no start waits for a disk.

        When the file cannot be opened, conversations are kept in memory, and the `notice` says so.
        """
        return cls(lambda: conversation_schema.opened_or_in_memory(path), path)

    @classmethod
    def in_memory(cls) -> Conversations:
        """Conversations that end with the app."""
        return cls(lambda: (conversation_schema.memory_database(), ""))

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened, self.notice = self._open_database()
        return self._opened

    def close(self) -> None:
        """Close the file, once what is being saved is saved, or has waited long enough."""
        if self._turn.acquire(timeout=ENDING_SECONDS):
            if self._opened is not None:
                self._opened.close()
            self._turn.release()

    # ---- conversations

    def create(self, title: str, model: str, settings: str = "") -> Conversation:
        """Begin a conversation."""
        now = time.time()
        with self._writing() as execute:
            cursor = execute(
                "INSERT INTO conversations (title, model, settings, created, updated) VALUES (?, ?, ?, ?, ?)",
                (storable(title), storable(model), settings, now, now),
            )
        return Conversation(cursor.lastrowid or 0, title, model, settings, now, now)

    def newest(self, limit: int = 500) -> list[Conversation]:
        """The conversations, newest first."""
        return self._conversations(_LIST + " ORDER BY c.updated DESC LIMIT :limit", {"limit": limit})

    def search(self, query: str, limit: int = 200) -> list[Conversation]:
        """Conversations with a message that holds all words of `query`, or with it in their title.

        The words may be unfinished; `preview` shows where they were found. Never refuses a query.
        """
        terms = fts_terms(query)
        if not terms:
            return self.newest(limit)
        found: dict[int, str] = {}
        for conversation, words in self._read(_FOUND_WORDS, {"terms": terms}):
            found.setdefault(conversation, words)
        in_title = query.strip().lower()
        return [
            replace(talk, preview=found.get(talk.id, talk.preview))
            for talk in self.newest(limit=-1)
            if talk.id in found or in_title in talk.title.lower()
        ][:limit]

    def get(self, conversation: int) -> Conversation | None:
        """One conversation, or None when it is gone."""
        found = self._conversations(_LIST + " AND c.id = :id", {"id": conversation})
        return found[0] if found else None

    def rename(self, conversation: int, title: str) -> None:
        """Give a conversation another title."""
        self._change("UPDATE conversations SET title = ? WHERE id = ?", storable(title), conversation)

    def choose(self, conversation: int, model: str, settings: str) -> None:
        """Remember with which model and settings a conversation goes on."""
        statement = "UPDATE conversations SET model = ?, settings = ? WHERE id = ?"
        self._change(statement, storable(model), settings, conversation)

    def delete(self, conversation: int) -> None:
        """Hide a conversation; `restore` brings it back for a week."""
        self._change("UPDATE conversations SET deleted = ? WHERE id = ?", time.time(), conversation)

    def restore(self, conversation: int) -> None:
        """Undo `delete`."""
        self._change("UPDATE conversations SET deleted = NULL WHERE id = ?", conversation)

    def tidy(self) -> None:
        """Forget what was deleted long ago, and take in what could not be saved."""
        self._take_in_unsaved()
        too_old = time.time() - KEEP_DELETED_SECONDS
        self._change("DELETE FROM conversations WHERE deleted < ?", too_old)

    # ---- messages

    def messages(self, conversation: int) -> list[StoredMessage]:
        """The messages of a conversation, oldest first."""
        self._take_in_unsaved()
        columns = ", ".join(_MESSAGE_FIELDS)
        query = f"SELECT {columns} FROM messages WHERE conversation = :id ORDER BY id"
        return [StoredMessage(*row) for row in self._read(query, {"id": conversation})]

    def add(self, message: StoredMessage) -> StoredMessage:
        """Save a new message (its `id` is ignored) and return it with its id."""
        message = replace(message, created=message.created or time.time())
        columns = ", ".join(_SAVED_FIELDS)
        marks = ", ".join("?" * (len(_SAVED_FIELDS) + 1))
        with self._writing() as execute:
            cursor = execute(
                f"INSERT INTO messages (conversation, {columns}) VALUES ({marks})",
                (message.conversation, *_values(message)),
            )
            execute(
                "UPDATE conversations SET updated = ? WHERE id = ?", (message.created, message.conversation)
            )
        return replace(message, id=cursor.lastrowid or 0)

    def update(self, message: StoredMessage) -> None:
        """Save a message that was added before, as it is now."""
        with self._writing() as execute:
            _update(execute, message)

    def save_ending(self, message: StoredMessage) -> None:
        """Like `update`, but in bounded time: what the file does not take by then is kept beside it.

        Raises:
            UserError: when neither can be written.
        """
        try:
            with self._writing(ENDING_SECONDS) as execute:
                _update(execute, message)
        except UserError:
            self._unsaved.keep(message.id, asdict(message))

    def _take_in_unsaved(self) -> None:
        """Save what was kept beside the file; what still cannot be saved stays there."""
        for id, fields in self._unsaved.kept():
            with self._writing() as execute:
                _update(execute, StoredMessage(**fields))
            self._unsaved.forget(id)

    def save_growing(self, message: int, content: str) -> None:
        """Save what has been said of a reply so far; does nothing once the reply has ended."""
        statement = "UPDATE messages SET content = ? WHERE id = ? AND status = 'streaming'"
        with self._writing(ENDING_SECONDS) as execute:
            execute(statement, (storable(content), message))

    def remove_message(self, message: int) -> None:
        """Take a message out of its conversation, for good."""
        self._change("DELETE FROM messages WHERE id = ?", message)

    def keep_tokens(self, message: int, tokens: ReplyTokens) -> None:
        """Save the tokens of a reply."""
        self._change("INSERT OR REPLACE INTO reply_tokens VALUES (?, ?, ?)", message, *tokens.as_texts())

    def tokens_of(self, message: int) -> ReplyTokens | None:
        """The tokens of a reply; None when nobody kept them."""
        rows = self._read("SELECT ids, seconds FROM reply_tokens WHERE message = :id", {"id": message})
        return ReplyTokens.from_texts(*rows[0]) if rows else None

    def copy_before(self, message: int, title: str, model: str, settings: str) -> Conversation:
        """A new conversation with all that was said before a message; the old one stays as it is."""
        columns, now = ", ".join(_SAVED_FIELDS), time.time()
        old = "SELECT id FROM messages WHERE id < ? AND conversation = (SELECT conversation FROM messages WHERE id = ?)"
        with self._writing() as execute:
            new = execute(
                "INSERT INTO conversations (title, model, settings, created, updated) VALUES (?, ?, ?, ?, ?)",
                (storable(title), storable(model), settings, now, now),
            ).lastrowid
            for (said,) in execute(f"{old} ORDER BY id", (message, message)).fetchall():
                copied = execute(
                    f"INSERT INTO messages (conversation, {columns}) SELECT ?, {columns} FROM messages WHERE id = ?",
                    (new, said),
                ).lastrowid
                execute(
                    "INSERT INTO reply_tokens SELECT ?, ids, seconds FROM reply_tokens WHERE message = ?",
                    (copied, said),
                )
        return Conversation(new or 0, title, model, settings, now, now)

    def prompts(self, limit: int = 200) -> list[str]:
        """What the user sent last, oldest first, each text once: the history of the prompt."""
        query = """
            SELECT content FROM messages m JOIN conversations c ON c.id = m.conversation
            WHERE role = 'user' AND deleted IS NULL GROUP BY content ORDER BY max(m.id) DESC LIMIT :limit
        """
        return [row[0] for row in self._read(query, {"limit": limit})][::-1]

    # ---- reading and writing

    def _conversations(self, query: str, values: dict[str, Any]) -> list[Conversation]:
        return [Conversation(*row) for row in self._read(query, values)]

    def _read(self, query: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
        with self._turn, _told_to_a_person():
            return self._connection.execute(query, values).fetchall()

    def _change(self, statement: str, *values: object) -> None:
        with self._writing() as execute:
            execute(statement, values)

    @contextmanager
    def _writing(self, seconds: float = conversation_schema.BUSY_SECONDS) -> Iterator[Any]:
        """One transaction; it is refused when another app or thread does not let go for so long."""
        if not self._turn.acquire(timeout=seconds):
            raise UserError("The conversations are busy: another call has not ended.")
        try:
            with _told_to_a_person():
                conversation_schema.wait_at_most(self._connection, seconds)
                with conversation_schema.transaction(self._connection):
                    yield self._connection.execute
        finally:
            self._turn.release()


@contextmanager
def _told_to_a_person() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UserError(f"The conversations could not be read or saved: {error}.") from error


def fts_terms(query: str) -> str:
    """An FTS5 query that means all words of `query`; every character is searched for, none is syntax."""
    words = storable(query).replace("\0", " ").replace('"', " ").split()
    return " ".join(f'"{word}"*' for word in words if any(character.isalnum() for character in word))


def _update(execute: Any, message: StoredMessage) -> None:
    columns = ", ".join(f"{name} = ?" for name in _SAVED_FIELDS)
    execute(f"UPDATE messages SET {columns} WHERE id = ?", (*_values(message), message.id))


def _values(message: StoredMessage) -> tuple[Any, ...]:
    values = (getattr(message, name) for name in _SAVED_FIELDS)
    return tuple(storable(value) if isinstance(value, str) else value for value in values)


def storable(text: str) -> str:
    """`text` without lone surrogates, which SQLite and JSON refuse."""
    return text.encode("utf-8", "replace").decode()
