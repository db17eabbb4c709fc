"""Bytes of a streamed answer -> pieces of a reply.

    data: {"choices":[{"delta":{"content":"Hel"}}]}     Piece(text="Hel")
    : still here                                        nothing: a comment
    data: [DONE]                                        Piece(is_end=True)

Lenient where servers differ (a payload per `data:` line, blank lines or none, bare JSON lines), strict in size.
The one rule: nothing is kept but the line under way, and that only up to a limit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

LINE_LIMIT = 512 * 1024  # bytes; an event holds a token or a paragraph, not a book
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)


class GarbledError(Exception):
    """What a server sent is not what the protocol has; `str(error)` says what, without quoting it."""


class SaidError(Exception):
    """A server told of a failure amid its answer; `payload` is what it sent."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__("the server told of a failure")
        self.payload = payload


@dataclass(frozen=True)
class Piece:
    """What one event adds."""

    text: str = ""
    is_thinking: bool = False  # the model reasons, which is no part of the reply
    finish: str = ""  # the server's word for why the reply ended
    stopped_at: bool = False  # one of the stop texts ended it
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    is_end: bool = False


class EventLines:
    """Cuts bytes into payloads."""

    def __init__(self) -> None:
        self._line = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """The payloads that are complete with `data`.

        Raises:
            GarbledError: when a line is longer than any event.
        """
        payloads = []
        *lines, rest = data.replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._grow(line)
            payloads += self._take()
        self._grow(rest)
        return payloads

    def end(self) -> list[str]:
        """The payload of a last line without its newline."""
        return self._take()

    def _grow(self, part: bytes) -> None:
        if len(self._line) + len(part) > LINE_LIMIT:
            self._line.clear()
            raise GarbledError(f"a line of more than {LINE_LIMIT // 1024} kB")
        self._line += part

    def _take(self) -> list[str]:
        line = self._line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
        self._line.clear()
        for field in ("data:", "error:"):
            if line.startswith(field):
                return [line.removeprefix(field).strip()]
        return [line] if line.startswith("{") else []


class TextJoiner:
    """Makes well-formed text of pieces that may end amid a character written as two halves (\\ud83d, \\ude00)."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """The characters that are complete with `text`; a half that stays alone becomes a replacement."""
        text, self._half = self._half + text, ""
        if text and ord(text[-1]) in _HIGH:
            text, self._half = text[:-1], text[-1]
        if not any("\ud800" <= character <= "\udfff" for character in text):
            return text
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def end(self) -> str:
        """What a half at the very end becomes."""
        return "\ufffd" if self._half else ""


def read_payload(payload: str) -> Piece:
    """A payload as a piece.

    Raises:
        GarbledError: when it is not JSON of the protocol.
        SaidError: when it tells of a failure.
    """
    if payload == "[DONE]":
        return Piece(is_end=True)
    event = read_json(payload)
    if event.get("error"):
        raise SaidError(event)
    usage = event.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    choice = _first_choice(event)
    text, is_thinking = _text_of(choice)
    finish = choice.get("finish_reason")
    return Piece(
        text=text,
        is_thinking=is_thinking,
        finish=finish if isinstance(finish, str) else "",
        stopped_at=isinstance(choice.get("stop_reason"), str),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def read_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        GarbledError: when it is none.
    """
    try:
        data = json.loads(text)
    except (
        ValueError,
        RecursionError,
    ):  # ValueError: also of bytes that are no UTF-8, and of endless numbers
        raise GarbledError("something that is not JSON") from None
    if not isinstance(data, dict):
        raise GarbledError("JSON that is no object")
    return data


def _first_choice(event: dict[str, Any]) -> dict[str, Any]:
    choices = event.get("choices")
    if choices is None:
        return {}
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise GarbledError("JSON that is no reply: 'choices' is no list of objects")
    return next((choice for choice in choices if choice.get("index") in (0, None)), {})


def _text_of(choice: dict[str, Any]) -> tuple[str, bool]:
    """The text a choice adds, and whether the model is thinking; whole replies and completions are read too."""
    message = choice.get("delta") or choice.get("message") or {}
    if not isinstance(message, dict):
        raise GarbledError("JSON that is no reply: 'delta' is no object")
    content = message.get("content")
    if isinstance(content, list):  # parts, as some servers have them
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    found = (content, message.get("refusal"), choice.get("text"))
    text = next((text for text in found if isinstance(text, str) and text), "")
    thought = message.get("reasoning_content") or message.get("reasoning")
    return text, bool(thought) and not text


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_count and isinstance(value, int) else None
