"""What a model is given of a conversation: the instructions, and every turn that has words.

The one rule: jokes and poems, and what the user said to them, are not given: they would fill a small context.
Nor is what a persona says first: many models were never shown a chat that begins with the other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from engine import chat
from engine.chat import ChatMessage
from tui_chat.conversation_records import StoredMessage

GREETING = "greeting"  # in place of the reason why a reply ended, on what a persona says first
APP_NAME = "tui-chat"  # who tells jokes and poems
TOLD_BY = " · "  # between the app and a model that told them for it


def asked_messages(messages: Sequence[StoredMessage], system_prompt: str) -> list[ChatMessage]:
    """The prompt of a chat in which this was said."""
    instructions = [chat.system(system_prompt)] if system_prompt.strip() else []
    turns = [ChatMessage(role=m.role, content=m.content) for m in _without_companions(messages)]
    return [*instructions, *turns]


def _without_companions(messages: Sequence[StoredMessage]) -> list[StoredMessage]:
    return [
        message
        for message, answer in zip_longest(messages, messages[1:])
        if message.content.strip()
        and not is_told(message)
        and not (message.role == "user" and answer is not None and is_told(answer))
    ]


def is_told(message: StoredMessage) -> bool:
    """Whether a message is a companion's, or the hello of a persona: a chat with a model begins with the user."""
    if message.finish_reason == GREETING:
        return True
    said_by_app = message.model_name.partition(TOLD_BY)[0] == APP_NAME
    return message.role == "assistant" and said_by_app and not message.model
