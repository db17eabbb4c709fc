"""Conversations leaving the conversation file, and entering it.

    transfer = Transfer(conversations.file)
    transfer.records([7, 8])         everything about two of them, to be exported
    transfer.take_in(records)        new conversations, all of them or none

The one rule: nothing is doubled unseen. Where the same was said in the same order, a conversation is here already.
"""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.chat import ChatMessage, Role
from tui_chat.conversation_exchange import (
    ConversationRecord,
    MessageRecord,
    TokensRecord,
    branch,
    fingerprint,
    fingerprint_of,
)
from tui_chat.conversation_file import ConversationFile
from tui_chat.conversation_records import MESSAGE_FIELDS, StoredMessage, storable, values_of
from tui_chat.conversation_shelf import clean_tags
from tui_chat.feedback import Feedback, Judgement, Reply
from tui_chat.quantities import counted
from tui_chat.reply_tokens import ReplyTokens

_CONVERSATIONS = """
    SELECT id, title, model, settings, created, updated, pinned, leaf FROM conversations
    WHERE id IN (SELECT value FROM json_each(:ids)) AND deleted IS NULL
"""
_MESSAGES = f"""
    SELECT {", ".join(f"m.{name}" for name in MESSAGE_FIELDS)}, t.ids, t.seconds, coalesce(thumbs.thumb, 0), corrected
    FROM messages m LEFT JOIN reply_tokens t ON t.message = m.id
    LEFT JOIN reply_thumbs thumbs ON thumbs.message = m.id LEFT JOIN reply_corrections c ON c.message = m.id
    WHERE m.conversation IN (SELECT value FROM json_each(:ids)) ORDER BY m.conversation, m.id
"""
_TAGS = "SELECT conversation, tag FROM tags WHERE conversation IN (SELECT value FROM json_each(:ids)) ORDER BY tag"
_SAID_HERE = """
    SELECT m.conversation, m.id, m.parent, m.role, m.content
    FROM messages m JOIN conversations c ON c.id = m.conversation
    WHERE c.deleted IS NULL ORDER BY m.conversation, m.id
"""
_SAVED_FIELDS = MESSAGE_FIELDS[1:]  # without the id
_TOLD_FIELDS = tuple(
    name for name in _SAVED_FIELDS if name in MessageRecord.__struct_fields__ and name != "parent"
)
_ADD_MESSAGE = (
    f"INSERT INTO messages ({', '.join(_SAVED_FIELDS)}) VALUES ({', '.join('?' * len(_SAVED_FIELDS))})"
)
_ADD_CONVERSATION = """
    INSERT INTO conversations (title, model, settings, created, updated, pinned) VALUES (?, ?, ?, ?, ?, ?)
"""
_LONGEST_TITLE = 120


@dataclass
class TakenIn:
    """What an import did."""

    new: list[int] = field(default_factory=list)  # ids
    known: int = 0  # were here already
    empty: int = 0  # nothing was said in them

    def in_words(self) -> str:
        """A sentence for each thing that happened."""
        said = [f"Imported {counted(len(self.new), 'conversation')}."]
        said += (
            [f"{self.known:,} {_was(self.known)} here already, and not imported again."] if self.known else []
        )
        said += [f"{self.empty:,} {_was(self.empty)} empty, and left out."] if self.empty else []
        return " ".join(said)


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


class Transfer:
    """Between the conversation file and what other files hold. Methods may be called from any thread."""

    def __init__(self, file: ConversationFile) -> None:
        self._file = file
        self._feedback = Feedback(file)

    # ---- out

    def records(self, ids: Sequence[int]) -> list[ConversationRecord]:
        """These conversations in this order, whole; without those that are gone."""
        values = {"ids": json.dumps(ids)}
        rows = itertools.groupby(self._file.read(_MESSAGES, values), key=lambda row: row[1])
        said = {talk: list(messages) for talk, messages in rows}
        tags: dict[int, list[str]] = {}
        for talk, tag in self._file.read(_TAGS, values):
            tags.setdefault(talk, []).append(tag)
        found = {
            row[0]: _as_record(row, said.get(row[0], []), tags.get(row[0], []))
            for row in self._file.read(_CONVERSATIONS, values)
        }
        return [found[id] for id in ids if id in found]

    # ---- in

    def take_in(self, records: Iterable[ConversationRecord], tags: Iterable[str] = ()) -> TakenIn:
        """Save conversations with these tags beside their own.

        Raises:
            UserError: when that cannot be saved; none of them is there then.
        """
        taken, more, judged = TakenIn(), list(tags), False
        with self._file.writing() as execute:
            here = _said_here(execute)
            for record in records:
                mark = fingerprint(record)
                if not record.messages:
                    taken.empty += 1
                elif here[mark]:
                    here[mark] -= 1
                    taken.known += 1
                else:
                    taken.new.append(_add(execute, record, more))
                    judged |= any(message.is_judged for message in record.messages)
        if judged:
            self._feedback.renew()
        return taken


def _as_record(row: Sequence[Any], said: Sequence[Sequence[Any]], tags: list[str]) -> ConversationRecord:
    """A conversation whose messages are numbered from 1."""
    _, title, model, settings, created, updated, pinned, leaf = row
    numbers = {id: number for number, (id, *_) in enumerate(said, 1)}
    return ConversationRecord(
        title=title,
        model=model,
        settings=_decoded(settings),
        created=created,
        updated=updated,
        pinned=bool(pinned),
        tags=tuple(tags),
        leaf=numbers.get(leaf),
        messages=tuple(_as_message(message, numbers) for message in said),
    )


def _as_message(row: Sequence[Any], numbers: dict[int, int]) -> MessageRecord:
    *fields, ids, seconds, thumb, correction = row
    message = StoredMessage(*fields)
    number, parent = numbers[message.id], numbers.get(message.parent or 0)
    tokens = ReplyTokens.from_texts(ids, seconds) if ids else None
    told = {name: getattr(message, name) for name in _TOLD_FIELDS} | {
        "settings": _decoded(message.settings),
        "tokens": TokensRecord(ids=tokens.ids, seconds=tokens.seconds) if tokens else None,
        "status": "stopped" if message.status == "streaming" else message.status,
        # A parent that does not stand before its child is damage, and none.
        "parent": parent if parent is not None and parent < number else None,
    }
    return MessageRecord(id=number, thumb=thumb, correction=correction, **told)


def _decoded(settings: str) -> dict[str, Any] | None:
    try:
        decoded = msgspec.json.decode(settings)
    except msgspec.DecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None


def _encoded(settings: dict[str, Any] | None) -> str:
    return "" if settings is None else storable(json.dumps(settings, ensure_ascii=False))


def _said_here(execute: Any) -> Counter[bytes]:
    """The fingerprints of all conversations, and how often each is there."""
    rows: Iterator[Sequence[Any]] = execute(_SAID_HERE)
    return Counter(
        fingerprint_of((id, parent, role, content) for _, id, parent, role, content in said)
        for _, said in itertools.groupby(rows, key=lambda row: row[0])
    )


def _add(execute: Any, record: ConversationRecord, tags: Iterable[str]) -> int:
    now = time.time()
    title = " ".join((storable(record.title) or storable(record.messages[0].content)[:1000]).split())
    created = record.created or now
    values = (title[:_LONGEST_TITLE] or "Conversation", storable(record.model), _encoded(record.settings))
    updated = record.updated or now
    talk = int(execute(_ADD_CONVERSATION, (*values, created, updated, int(record.pinned))).lastrowid)
    ids: dict[int | None, int] = {}
    for message in record.messages:
        ids[message.id] = new = _add_message(execute, talk, message, ids.get(message.parent), created)
        if message.is_judged:
            reply = Reply(new, _asked_before(record, message), message.content, message.model)
            Feedback.take_in(execute, reply, Judgement(message.thumb, correction=message.correction))
    execute("UPDATE conversations SET leaf = ? WHERE id = ?", (ids.get(record.leaf), talk))
    for tag in clean_tags([*record.tags, *tags]):
        execute("INSERT INTO tags (conversation, tag) VALUES (?, ?)", (talk, tag))
    return talk


def _asked_before(record: ConversationRecord, message: MessageRecord) -> list[ChatMessage]:
    """What the model was told and asked before a reply."""
    before = branch(replace(record, leaf=message.parent)) if message.parent else []
    turns: list[tuple[Role, str]] = [
        ("system", record.system_prompt),
        *((one.role, one.text) for one in before),
    ]
    return [ChatMessage(role=role, content=text) for role, text in turns if text.strip()]


def _add_message(execute: Any, talk: int, message: MessageRecord, parent: int | None, created: float) -> int:
    fields = {name: getattr(message, name) for name in _TOLD_FIELDS}
    fields |= {
        "settings": _encoded(message.settings),
        "created": message.created or created,
        "parent": parent,
    }
    stored = StoredMessage(id=0, conversation=talk, **fields)
    new = int(execute(_ADD_MESSAGE, values_of(stored, _SAVED_FIELDS)).lastrowid)
    if message.tokens is not None:
        tokens = ReplyTokens(message.tokens.ids, message.tokens.seconds)
        execute("INSERT INTO reply_tokens VALUES (?, ?, ?)", (new, *tokens.as_texts()))
    return new
