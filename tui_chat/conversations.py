"""All conversations on disk: one SQLite file, whose methods are called from threads.

    conversations   id title model settings created updated deleted leaf (pinned: of the shelf)
    messages        id conversation parent role content model ... status created
    messages_fts    the words of all messages, kept by triggers
    reply_tokens    message ids seconds: of replies whose engine told of tokens

The messages of a conversation are a tree (`conversation_tree`): each has a parent, and `leaf` is the last one of
the branch on show. Nothing that was said is overwritten or taken out; another try is a sibling.
A user's turn is saved at once; a reply is saved while it grows and once more when it ends, however it ends.
Calls may wait for a slow disk or for another tui-chat, so the app makes them through `asyncio.to_thread`.
The one rule: the tables of this store are written here only. What others keep of conversations, such as tags, is in
stores of their own on the same connection (`conversation_file`).
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.errors import UserError
from tui_chat.conversation_file import ENDING_SECONDS, ConversationFile
from tui_chat.conversation_records import (
    AT_THE_END,
    CHANGING_FIELDS,
    MESSAGE_FIELDS,
    Conversation,
    StoredMessage,
    storable,
    values_of,
)
from tui_chat.conversation_shelf import Shelf
from tui_chat.conversation_tree import ConversationTree
from tui_chat.replies_under_way import RepliesUnderWay
from tui_chat.reply_tokens import ReplyTokens
from tui_chat.unsaved_replies import UnsavedReplies

__all__ = ["Conversation", "Conversations", "StoredMessage", "storable"]

KEEP_DELETED_SECONDS = 7 * 24 * 3600

_SAVED_FIELDS = MESSAGE_FIELDS[1:]  # without the id
_BEGIN = "INSERT INTO conversations (title, model, settings, created, updated) VALUES (?, ?, ?, ?, ?)"
_ADD = f"INSERT INTO messages ({', '.join(_SAVED_FIELDS)}) VALUES ({', '.join('?' * len(_SAVED_FIELDS))})"
_LIST = """
    SELECT c.id, c.title, c.model, c.settings, c.created, c.updated,
           coalesce((SELECT substr(content, 1, 300) FROM messages m WHERE m.id = coalesce(
               c.leaf, (SELECT max(id) FROM messages n WHERE n.conversation = c.id))), '')
    FROM conversations c WHERE c.deleted IS NULL
"""
_LAST_MESSAGE = """
    SELECT coalesce((SELECT id FROM messages WHERE id = c.leaf),
                    (SELECT max(id) FROM messages m WHERE m.conversation = c.id))
    FROM conversations c WHERE c.id = ?
"""
_PATH_TO = """
    WITH RECURSIVE path (id, parent) AS (
        SELECT id, parent FROM messages WHERE id = ?
        UNION SELECT m.id, m.parent FROM messages m JOIN path ON m.id = path.parent)
    SELECT id, parent FROM path ORDER BY id
"""
_COPIED_FIELDS = ", ".join(CHANGING_FIELDS)
_COPY_MESSAGE = f"""
    INSERT INTO messages (conversation, parent, {_COPIED_FIELDS})
    SELECT ?, ?, {_COPIED_FIELDS} FROM messages WHERE id = ?
"""
_COPY_TOKENS = "INSERT INTO reply_tokens SELECT ?, ids, seconds FROM reply_tokens WHERE message = ?"
_COPY_CORRECTION = """
    INSERT INTO reply_corrections (message, prompt, reply, corrected, model, created, copy_of)
    SELECT ?, prompt, reply, corrected, model, created, message FROM reply_corrections WHERE message = ?
"""


class Conversations:
    """The store of conversations and messages. Methods may be called from any thread, one at a time."""

    def __init__(self, file: ConversationFile) -> None:
        """What the file does not take in time is kept beside it, and so is which replies are being written."""
        self.file = file  # also of the sister stores
        self._unsaved = UnsavedReplies(_beside(file, "unsaved"))
        self._under_way = RepliesUnderWay(_beside(file, "writing"))

    @classmethod
    def open(cls, path: Path) -> Conversations:
        """Open or make the file; a corrupt one is moved aside, with a `notice` that says where to.

        Raises:
            UserError: when it cannot be opened, or was written by a newer tui-chat.
        """
        conversations = cls(ConversationFile.strictly_at(path))
        conversations.tidy()
        return conversations

    @classmethod
    def at(cls, path: Path) -> Conversations:
        """Like `open`, but at the first use, so that no start waits for a disk.

        When the file cannot be opened, conversations are kept in memory, and the `notice` says so.
        """
        return cls(ConversationFile.at(path))

    @classmethod
    def in_memory(cls) -> Conversations:
        """Conversations that end with the app."""
        return cls(ConversationFile.in_memory())

    @property
    def notice(self) -> str:
        """What the user should be told about opening, if anything."""
        return self.file.notice

    def close(self) -> None:
        """Close the file, once what is being saved is saved, or has waited long enough."""
        self.file.close()
        self._under_way.end_all()

    # ---- conversations

    def create(self, title: str, model: str, settings: str = "") -> Conversation:
        """An empty conversation."""
        return self.begin(title, model, settings, ())[0]

    def begin(
        self, title: str, model: str, settings: str, said: Sequence[StoredMessage]
    ) -> tuple[Conversation, list[StoredMessage]]:
        """A conversation that begins with these messages, one after the other: all of it is saved, or nothing."""
        now = time.time()
        saved: list[StoredMessage] = []
        with self.file.writing() as execute:
            id = execute(_BEGIN, (storable(title), storable(model), settings, now, now)).lastrowid
            for message in said:
                parent = saved[-1].id if saved else None
                saved.append(self._insert(execute, replace(message, conversation=id, parent=parent)))
        return Conversation(id, title, model, settings, now, now), saved

    def newest(self, limit: int = 500) -> list[Conversation]:
        """The conversations, newest first."""
        return self._conversations(_LIST + " ORDER BY c.updated DESC LIMIT :limit", {"limit": limit})

    def search(self, query: str, limit: int = 200) -> list[Conversation]:
        """What `Shelf.page` finds, with what it takes to open it; pinned ones first. Never refuses a query."""
        found = {talk.id: talk for talk in Shelf(self.file).page(query, limit)}
        rows = self._conversations(
            _LIST + " AND c.id IN (SELECT value FROM json_each(:ids))", {"ids": json.dumps(list(found))}
        )
        talks = {row.id: row for row in rows}
        return [
            replace(talks[id], preview=talk.preview, found_in=talk.found_in)
            for id, talk in found.items()
            if id in talks
        ]

    def get(self, conversation: int) -> Conversation | None:
        """One conversation, or None when it is gone."""
        found = self._conversations(_LIST + " AND c.id = :id", {"id": conversation})
        return found[0] if found else None

    def rename(self, conversation: int, title: str) -> None:
        """Give a conversation another title."""
        self.file.change("UPDATE conversations SET title = ? WHERE id = ?", storable(title), conversation)

    def choose(self, conversation: int, model: str, settings: str) -> None:
        """Remember with which model and settings a conversation goes on."""
        statement = "UPDATE conversations SET model = ?, settings = ? WHERE id = ?"
        self.file.change(statement, storable(model), settings, conversation)

    def delete(self, conversation: int) -> None:
        """Hide a conversation; `restore` brings it back for a week."""
        self.file.change("UPDATE conversations SET deleted = ? WHERE id = ?", time.time(), conversation)

    def restore(self, conversation: int) -> None:
        """Undo `delete`."""
        self.file.change("UPDATE conversations SET deleted = NULL WHERE id = ?", conversation)

    def tidy(self) -> None:
        """Forget what was deleted long ago, and take in what could not be saved."""
        self._take_in_unsaved()
        too_old = time.time() - KEEP_DELETED_SECONDS
        self.file.change("DELETE FROM conversations WHERE deleted < ?", too_old)

    # ---- messages

    def messages(self, conversation: int) -> list[StoredMessage]:
        """All messages of a conversation, of every branch, oldest first.

        A reply with the status "streaming" was cut off: nobody writes it any more.
        """
        waiting = self._take_in_unsaved()
        rows = self._messages_where("conversation = :id ORDER BY id", conversation)
        return [waiting.get(row.id) or self._as_it_is_now(row) for row in rows]

    def _as_it_is_now(self, message: StoredMessage) -> StoredMessage:
        if message.status != "streaming":
            return message
        if self._under_way.is_written(message.id):
            return replace(message, status="elsewhere")
        return next(iter(self._messages_where("id = :id", message.id)), message)  # it may have ended just now

    def _messages_where(self, condition: str, id: int) -> list[StoredMessage]:
        query = f"SELECT {', '.join(MESSAGE_FIELDS)} FROM messages WHERE {condition}"
        return [StoredMessage(*row) for row in self.file.read(query, {"id": id})]

    def tree(self, conversation: int) -> ConversationTree:
        """All messages of a conversation, with the branch that was on show last."""
        rows = self.file.read("SELECT leaf FROM conversations WHERE id = :id", {"id": conversation})
        return ConversationTree(self.messages(conversation), rows[0][0] if rows else None)

    def show_branch(self, conversation: int, message: int) -> None:
        """Let a conversation open with the branch of this message, such as one that a search found."""
        tree = self.tree(conversation)
        if message in tree:
            tree.show(message)
            self.keep_leaf(conversation, tree.leaf)

    def keep_leaf(self, conversation: int, leaf: int | None) -> None:
        """Remember the last message of the branch on show."""
        self.file.change("UPDATE conversations SET leaf = ? WHERE id = ?", leaf, conversation)

    def add(self, message: StoredMessage) -> StoredMessage:
        """Save a new message (its `id` is ignored) after its parent, and return it with its id.

        Its branch is the one on show from now on. A conversation that another app deleted is back with it.
        Of one that is "streaming", other apps see that it is being written until `save_ending`.
        """
        saved: list[StoredMessage] = []
        try:
            with self.file.writing() as execute:
                saved.append(self._insert(execute, message))
                if message.status == "streaming":  # before others can see it
                    self._under_way.begin(saved[0].id)
        except UserError:
            for each in saved:  # nobody writes it, and the id will be another's
                self._under_way.end(each.id)
            raise
        return saved[0]

    def _insert(self, execute: Any, message: StoredMessage) -> StoredMessage:
        parent = message.parent
        if parent == AT_THE_END:
            parent = execute(_LAST_MESSAGE, (message.conversation,)).fetchone()[0]
        message = replace(message, created=message.created or time.time(), parent=parent)
        id = execute(_ADD, values_of(message, _SAVED_FIELDS)).lastrowid
        execute(
            "UPDATE conversations SET updated = ?, leaf = ?, deleted = NULL WHERE id = ?",
            (message.created, id, message.conversation),
        )
        return replace(message, id=id)

    def save_ending(self, message: StoredMessage) -> None:
        """Save a message that was added before, as it is now, in bounded time: beside the file when need be.

        Raises:
            UserError: when neither can be written.
        """
        try:
            with self.file.writing(ENDING_SECONDS) as execute:
                _update(execute, message)
        except UserError:
            self._unsaved.keep(message.id, asdict(message))
        finally:
            self._under_way.end(message.id)

    def _take_in_unsaved(self) -> dict[int, StoredMessage]:
        """Save what was kept beside the file; what still cannot be saved stays there, and is given by its id."""
        waiting = {id: StoredMessage(**fields) for id, fields in self._unsaved.kept()}
        with contextlib.suppress(UserError):  # a full disk, or a file in use: reading goes on all the same
            for id in list(waiting):
                with self.file.writing(ENDING_SECONDS) as execute:
                    _update(execute, waiting[id])
                self._unsaved.forget(id)
                del waiting[id]
        return waiting

    def save_growing(self, message: int, content: str) -> None:
        """Save what has been said of a reply so far; does nothing once the reply has ended."""
        statement = "UPDATE messages SET content = ? WHERE id = ? AND status = 'streaming'"
        with self.file.writing(ENDING_SECONDS) as execute:
            execute(statement, (storable(content), message))

    def keep_tokens(self, message: int, tokens: ReplyTokens) -> None:
        """Save the tokens of a reply."""
        self.file.change("INSERT OR REPLACE INTO reply_tokens VALUES (?, ?, ?)", message, *tokens.as_texts())

    def tokens_of(self, message: int) -> ReplyTokens | None:
        """The tokens of a reply; None when nobody kept them."""
        rows = self.file.read("SELECT ids, seconds FROM reply_tokens WHERE message = :id", {"id": message})
        return ReplyTokens.from_texts(*rows[0]) if rows else None

    def copy_branch(self, message: int, title: str, model: str, settings: str) -> Conversation:
        """A new conversation with what was said up to a message, and with it; the old one stays as it is."""
        now = time.time()
        copied: dict[int | None, int | None] = {None: None}  # old id -> new id
        with self.file.writing() as execute:
            new = execute(_BEGIN, (storable(title), storable(model), settings, now, now)).lastrowid
            for old, parent in execute(_PATH_TO, (message,)).fetchall():
                copied[old] = execute(_COPY_MESSAGE, (new, copied.get(parent), old)).lastrowid
                execute(_COPY_TOKENS, (copied[old], old))
                execute(_COPY_CORRECTION, (copied[old], old))
        return Conversation(new, title, model, settings, now, now)

    def prompts(self, limit: int = 200) -> list[str]:
        """What the user sent last, oldest first, each text once: the history of the prompt."""
        query = """
            SELECT content FROM messages m JOIN conversations c ON c.id = m.conversation
            WHERE role = 'user' AND deleted IS NULL GROUP BY content ORDER BY max(m.id) DESC LIMIT :limit
        """
        return [row[0] for row in self.file.read(query, {"limit": limit})][::-1]

    def _conversations(self, query: str, values: dict[str, Any]) -> list[Conversation]:
        return [Conversation(*row) for row in self.file.read(query, values)]


def _beside(file: ConversationFile, ending: str) -> Path | None:
    return file.path.with_name(f"{file.path.name}.{ending}") if file.path else None


def _update(execute: Any, message: StoredMessage) -> None:
    columns = ", ".join(f"{name} = ?" for name in CHANGING_FIELDS)
    execute(f"UPDATE messages SET {columns} WHERE id = ?", (*values_of(message, CHANGING_FIELDS), message.id))
