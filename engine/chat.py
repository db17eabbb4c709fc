"""A message of a conversation: what a person, a model or the system said."""

from __future__ import annotations

from typing import Literal

from engine.records import Record

Role = Literal["system", "user", "assistant"]


class ChatMessage(Record):
    """One turn of a conversation."""

    role: Role
    content: str


def system(content: str) -> ChatMessage:
    """Instructions that stand before a conversation."""
    return ChatMessage(role="system", content=content)


def user(content: str) -> ChatMessage:
    """What the person said."""
    return ChatMessage(role="user", content=content)


def assistant(content: str) -> ChatMessage:
    """What the model said."""
    return ChatMessage(role="assistant", content=content)
