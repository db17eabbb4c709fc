"""Reading conversations from files; what kind of file it is, is told by what stands in it.

    ours        {"format": "tui-chat-conversations", ...}
    rows        OpenAI messages, ShareGPT, Alpaca and others, as JSON or JSON lines
    markdown    with '## User' and '## Assistant' headings

The one rule: a file is read whole or not at all; the first thing that is wrong is told with its line and the reason.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import UserError
from tui_chat.conversation_exchange import FORMAT, ConversationRecord, from_exported, in_a_row
from tui_chat.conversation_markdown import from_markdown

_LARGEST = 1 << 30  # bytes
_BEGINNING = 200  # characters in which an export says what it is
_LONGEST_TITLE = 60


def read_file(path: Path) -> list[ConversationRecord]:
    """The conversations of a file.

    Raises:
        UserError: when it cannot be read, or something in it cannot; nothing is given then.
    """
    text = _text_of(path)
    if not text.strip():
        raise UserError(f"{path}: the file is empty.")
    if not text.lstrip().startswith(("{", "[")):
        return from_markdown(text, str(path))
    document = _exported(text, path)
    return _rows(path) if document is None else from_exported(document, str(path))


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: it cannot be read ({error.strerror}).") from None
    if len(data) > _LARGEST:
        raise UserError(f"{path}: a file of more than {_LARGEST >> 30} GB is too large to be conversations.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: this is not UTF-8 text. Save the file as UTF-8.") from None


def _exported(text: str, path: Path) -> dict[str, Any] | None:
    """The document, if it is an export of ours; other programs may have put its keys into another order."""
    if f'"{FORMAT}"' not in text:
        return None
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (RecursionError, ValueError) as error:
        if FORMAT not in text[:_BEGINNING]:  # rows in which somebody speaks of our format
            return None
        if isinstance(error, json.JSONDecodeError):
            raise UserError(f"{path}, line {error.lineno}: this is not valid JSON ({error.msg}).") from None
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UserError(f"{path}: this is not valid JSON ({why}).") from None
    return document if isinstance(document, dict) and document.get("format") == FORMAT else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _rows(path: Path) -> list[ConversationRecord]:
    """Rows as training reads them."""
    # Here: what reads data sets is not needed for the first paint.
    from trainers.data_files import json_values
    from trainers.row_formats import RowRefusedError, understand

    def refuse(line: int, reason: str) -> None:
        raise UserError(f"{path}, line {line}: {reason}.")

    found = []
    for line, value in json_values(path, refuse):
        try:
            row = understand(value, line)
        except RowRefusedError as reason:
            refuse(line, str(reason))
        else:
            if not row.messages:
                refuse(line, "this is a text without speakers, not a conversation")
            found.append(_titled([(message.role, message.content) for message in row.messages]))
    return found


def _titled(turns: list[Any]) -> ConversationRecord:
    """A conversation named by what the user said first."""
    first = next((content for role, content in turns if role == "user"), "")
    return in_a_row(turns, title=" ".join(first[: 4 * _LONGEST_TITLE].split())[:_LONGEST_TITLE])
