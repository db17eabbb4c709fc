"""Conversations as files for people and for other programs.

    markdown    the branch on show, to read                       json      everything: branches, settings, statistics
    openai      a row {"messages": [...]} for each, to train on   sharegpt  a row {"conversations": [...]} for each

A reply that was corrected reads as corrected, but in JSON, which has both. What is to train on holds turns with words
only, and no conversation without a reply: `left_out` counts those.
The one rule: a file that is there is replaced only when that was asked for, and then whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import UserError
from tui_chat.conversation_exchange import FORMAT, VERSION, ConversationRecord, MessageRecord, branch
from tui_chat.conversation_markdown import to_markdown
from tui_chat.text import one_line

_LONGEST_NAME = 60  # of a file, in characters
_UNKNOWN = MessageRecord(id=1, role="user", content="").to_dict()
_SHAREGPT_NAMES = {"system": "system", "user": "human", "assistant": "gpt"}


@dataclass(frozen=True)
class Exported:
    """What is to be written."""

    text: str
    count: int  # of conversations in it
    left_out: int = 0  # of conversations that this format cannot hold


@dataclass(frozen=True)
class ExportFormat:
    """A format one can choose."""

    name: str
    suffix: str
    explanation: str
    write: Callable[[Sequence[ConversationRecord]], Exported]


def _as_markdown(conversations: Sequence[ConversationRecord]) -> Exported:
    return Exported(to_markdown(conversations), len(conversations))


def _as_json(conversations: Sequence[ConversationRecord]) -> Exported:
    """A line for each conversation's facts and for each message, so that versions of a file can be compared."""
    head = f'{{"format": "{FORMAT}", "version": {VERSION}, "conversations": [\n'
    return Exported(
        head + ",\n".join(_json_lines(one) for one in conversations) + "\n]}\n", len(conversations)
    )


def _json_lines(conversation: ConversationRecord) -> str:
    facts = conversation.to_dict()
    said = ",\n".join(_json(_told_only(message)) for message in facts.pop("messages"))
    return f'{_json(facts)[:-1]},"messages":[\n{said}\n]}}'


def _told_only(message: dict[str, Any]) -> dict[str, Any]:
    """A message without what nobody knows of it."""
    wanted = ("id", "parent", "role", "content")
    return {key: value for key, value in message.items() if key in wanted or value != _UNKNOWN[key]}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _as_openai(conversations: Sequence[ConversationRecord]) -> Exported:
    return _rows(
        conversations, lambda turns: {"messages": [{"role": role, "content": text} for role, text in turns]}
    )


def _as_sharegpt(conversations: Sequence[ConversationRecord]) -> Exported:
    def row(turns: Sequence[tuple[str, str]]) -> dict[str, Any]:
        return {"conversations": [{"from": _SHAREGPT_NAMES[role], "value": text} for role, text in turns]}

    return _rows(conversations, row)


def _rows(
    conversations: Sequence[ConversationRecord], row: Callable[[Sequence[tuple[str, str]]], dict[str, Any]]
) -> Exported:
    """A row of JSON for each conversation in which a model said something."""
    spoken = [turns for one in conversations if (turns := _turns(one))[-1:] and _has_reply(turns)]
    lines = [json.dumps(row(turns), ensure_ascii=False) + "\n" for turns in spoken]
    return Exported("".join(lines), len(lines), len(conversations) - len(lines))


def _turns(conversation: ConversationRecord) -> list[tuple[str, str]]:
    told = [("system", conversation.system_prompt)]
    said = [(message.role, message.text) for message in branch(conversation)]
    return [(role, text) for role, text in [*told, *said] if text.strip()]


def _has_reply(turns: Sequence[tuple[str, str]]) -> bool:
    return any(role == "assistant" for role, _ in turns)


FORMATS = {
    known.name: known
    for known in (
        ExportFormat("markdown", ".md", "Markdown: to read", _as_markdown),
        ExportFormat("json", ".json", "JSON: everything, with branches and statistics", _as_json),
        ExportFormat("openai", ".jsonl", "OpenAI messages: rows to train on", _as_openai),
        ExportFormat("sharegpt", ".sharegpt.jsonl", "ShareGPT: rows to train on", _as_sharegpt),
    )
}


def format_of(path: Path) -> str:
    """The format that the name of a file asks for; Markdown where it asks for none."""
    by_length = sorted(FORMATS.values(), key=lambda known: -len(known.suffix))
    name = path.name.lower()
    return next((known.name for known in by_length if name.endswith(known.suffix)), "markdown")


def default_name(title: str, format: str, folder: Path) -> Path:
    """A name made of a title that no file in `folder` has yet."""
    words = re.sub(r"[^\w]+", "-", title, flags=re.UNICODE).strip("-_").lower()[:_LONGEST_NAME].rstrip("-_")
    return next(
        path for path in _names(words or "conversation", FORMATS[format].suffix, folder) if not taken(path)
    )


def _names(stem: str, suffix: str, folder: Path) -> Iterator[Path]:
    yield folder / f"{stem}{suffix}"
    for number in range(2, 10_000):
        yield folder / f"{stem}-{number}{suffix}"


def taken(path: Path) -> bool:
    """Whether something is there already; a name that no file can have is free until it is used."""
    try:
        return path.exists()
    except OSError:
        return False


def save(exported: Exported, path: Path, replace: bool = False, how: str = "let it be replaced.") -> Path:
    """Write a file, readable by the user only; `how` one that is there is replaced.

    Raises:
        UserError: when there is nothing to write, the file is there already, or it cannot be written.
    """
    from trainers.durable_files import PRIVATE, replace_file  # here: not needed for the first paint

    if not exported.count:
        raise UserError("There is nothing to export: no conversation with a reply.")
    path = path.absolute()
    if taken(path) and not replace:
        raise UserError(f"{path}: this file is there already. Choose another name, or {how}")
    try:
        if path.is_dir():
            raise UserError(f"{path}: this is a folder. Name a file in it.")
        replace_file(path, exported.text.encode("utf-8", "replace"), PRIVATE)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", error)
        raise UserError(f"{one_line(str(path), 200)}: it cannot be written ({why}).") from error
    return path


def in_words(exported: Exported, path: Path) -> str:
    """What was done, in a sentence or two."""
    what = f"{exported.count:,} conversation{'s' if exported.count != 1 else ''}"
    left = exported.left_out
    without = f" {left:,} without a reply {'was' if left == 1 else 'were'} left out." if left else ""
    return f"Exported {what} to {path}.{without}"
