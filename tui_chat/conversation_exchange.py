"""A conversation as it is handed on: what exports write and imports read, whatever the format.

    {"format": "tui-chat-conversations", "version": 1, "conversations": [
     {"title": "Tea", "model": "builtin", "settings": {...}, "pinned": true, "tags": ["work"], "leaf": 2, "messages": [
      {"id": 1, "parent": null, "role": "user", "content": "Hello", ...},
      {"id": 2, "parent": 1, "role": "assistant", "content": "Hi", "tokens_per_second": 42.0, ...}]}]}

A message that answers another names it as `parent`, so several may answer the same one; `leaf` is the last message
of the branch that was on show. The one rule: what comes in was checked whole before any of it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from msgspec.structs import replace

from engine.chat import Role
from engine.errors import UserError
from engine.records import Record, at_least, between

FORMAT = "tui-chat-conversations"
VERSION = 1
_LATEST = 253402300799  # the last second of the year 9999
Whole = Annotated[int, between(-(2**63), 2**63 - 1)]  # what the database takes
Moment = Annotated[float, between(0, _LATEST)]  # seconds since 1970


class TokensRecord(Record):
    """The tokens of a reply, and the seconds each took."""

    ids: tuple[Whole, ...]
    seconds: tuple[float, ...]


class MessageRecord(Record):
    """What was said, and how it came to be; the names are those of `StoredMessage`."""

    id: Annotated[int, at_least(1)]
    role: Role
    content: str
    parent: int | None = None
    model: str = ""
    model_name: str = ""
    settings: dict[str, Any] | None = None
    prompt_tokens: Whole | None = None
    completion_tokens: Whole | None = None
    tokens_per_second: float | None = None
    dropped_messages: Whole = 0
    dropped_tokens: Whole = 0
    finish_reason: str = ""
    seed: Whole | None = None
    step: Whole | None = None
    val_loss: float | None = None
    error: str = ""
    status: Literal["complete", "stopped", "error"] = "complete"
    created: Moment = 0.0
    tokens: TokensRecord | None = None
    thumb: Annotated[int, between(-1, 1)] = 0  # up or down
    correction: str | None = None  # how a person says that it should have been

    @property
    def text(self) -> str:
        """The words that count: the correction, or else what was said."""
        return self.content if self.correction is None else self.correction

    @property
    def is_judged(self) -> bool:
        """Whether a person said something of it."""
        return bool(self.thumb) or self.correction is not None


class ConversationRecord(Record):
    """A conversation with everything that was said in it, parents before what answers them."""

    title: str = ""
    model: str = ""
    settings: dict[str, Any] | None = None
    created: Moment = 0.0
    updated: Moment = 0.0
    pinned: bool = False
    tags: tuple[str, ...] = ()
    leaf: int | None = None
    messages: tuple[MessageRecord, ...] = ()

    @property
    def system_prompt(self) -> str:
        """What the model is told first; empty where the settings say nothing."""
        told = (self.settings or {}).get("system_prompt", "")
        return told if isinstance(told, str) else ""


def branch(conversation: ConversationRecord) -> list[MessageRecord]:
    """The messages from the first one to the leaf, which is the newest where none is named."""
    by_id = {message.id: message for message in conversation.messages}
    place = conversation.leaf or max(by_id, default=None)
    found: list[MessageRecord] = []
    while place is not None:
        found.append(by_id[place])
        place = by_id[place].parent
    return found[::-1]


def in_a_row(turns: Sequence[tuple[Role, str]], title: str = "", model: str = "") -> ConversationRecord:
    """A conversation without branches; what the system says first becomes its system prompt."""
    told = [content for role, content in turns[:1] if role == "system"]
    messages = tuple(
        MessageRecord(id=number, parent=number - 1 or None, role=role, content=content)
        for number, (role, content) in enumerate(turns[len(told) :], 1)
    )
    settings = {"system_prompt": told[0]} if told else None
    return ConversationRecord(title=title, model=model, settings=settings, messages=messages)


def fingerprint(conversation: ConversationRecord) -> bytes:
    """Equal for conversations in which the same was said in the same order, whatever their titles and statistics."""
    return fingerprint_of((one.id, one.parent, one.role, one.content) for one in conversation.messages)


def fingerprint_of(messages: Iterable[tuple[int, int | None, str, str]]) -> bytes:
    """The same, from (id, id of the parent, role, content); an unknown parent is none."""
    digest = hashlib.blake2b(digest_size=16)
    numbers: dict[int | None, int] = {}
    for id, parent, role, content in messages:
        said = content.encode("utf-8", "replace")
        digest.update(f"{numbers.get(parent, 0)} {role} {len(said)} ".encode() + said)
        numbers[id] = len(numbers) + 1
    return digest.digest()


def from_exported(data: dict[str, Any], source: str) -> list[ConversationRecord]:
    """What an export of ours holds.

    Raises:
        UserError: with the first thing that is wrong, and where it stands.
    """
    version, conversations = data.get("version"), data.get("conversations")
    if not isinstance(version, int) or not isinstance(conversations, list):
        raise UserError(f"{source}: 'version' or 'conversations' is missing; the file may be cut off.")
    if version > VERSION:
        raise UserError(
            f"{source}: it was written by a newer tui-chat (version {version}). Update tui-chat first."
        )
    return [
        _conversation(value, f"{source}, conversation {number}")
        for number, value in enumerate(conversations, 1)
    ]


def _conversation(value: object, source: str) -> ConversationRecord:
    said = value.get("messages", []) if isinstance(value, dict) else []
    if not isinstance(said, list):
        raise UserError(f"{source}: messages must be a list.")
    head = {**value, "messages": []} if isinstance(value, dict) else value
    conversation = ConversationRecord.from_dict(head, source)
    messages = tuple(
        MessageRecord.from_dict(one, f"{source}, message {number}") for number, one in enumerate(said, 1)
    )
    _check_tree(messages, conversation.leaf, source)
    return replace(conversation, messages=messages)


def _check_tree(messages: Sequence[MessageRecord], leaf: int | None, source: str) -> None:
    seen: set[int] = set()
    for number, message in enumerate(messages, 1):
        if message.id in seen:
            raise UserError(f"{source}, message {number}: there is another message with the id {message.id}.")
        if message.parent is not None and message.parent not in seen:
            raise UserError(
                f"{source}, message {number}: its parent {message.parent} does not stand before it."
            )
        seen.add(message.id)
    if leaf is not None and leaf not in seen:
        raise UserError(f"{source}: leaf {leaf} is the id of no message.")
