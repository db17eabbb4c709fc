"""What a model is given of a conversation: the instructions, and every turn that has words.

The one rule: of jokes and poems, and what the user said to them, only the one told just before the model is spoken
to is given, so that it can be spoken of: all of them would fill a small context. Nor is what a persona says first:
many models were never shown a chat that begins with the other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from engine import chat
from engine.chat import ChatMessage
from tui_chat.conversation_records import StoredMessage

GREETING = "greeting"  # in place of the reason why a reply ended, on what a persona says first
APP_NAME = "tui-chat"  # who tells jokes and poems
_LONGEST_TELLING = 10  # messages of a joke: one at the door takes six, and may have hints
TOLD_BY = " · "  # between the app and a model that told them for it


def asked_messages(messages: Sequence[StoredMessage], system_prompt: str) -> list[ChatMessage]:
    """The prompt of a chat in which this was said."""
    turns = [chat.system(system_prompt)] if system_prompt.strip() else []
    for place, (message, answer) in enumerate(zip_longest(messages, messages[1:])):
        if is_told(message) or not message.content.strip():
            continue
        if message.role == "user":
            if answer is not None and is_told(answer):
                continue
            if place and _is_of_companion(messages[place - 1]):
                turns += _told_last(messages[:place])
        turns.append(ChatMessage(role=message.role, content=message.content))
    return turns


def _told_last(messages: Sequence[StoredMessage]) -> list[ChatMessage]:
    """The joke or poem at the end, from the wish for it; nothing of one that is still on its way."""
    from tui_chat.companions.poems import as_plain  # here: most conversations have neither
    from tui_chat.companions.wishes import wish_in

    turns: list[ChatMessage] = []  # the last one first
    for message in reversed(messages[-_LONGEST_TELLING:]):
        is_users = message.role == "user"
        if not (is_users or _is_of_companion(message)) or (turns and turns[-1].role == message.role):
            break
        turns.append(ChatMessage(role=message.role, content=as_plain(message.content)))
        if is_users and wish_in(message.content, after="joke"):
            break
    last, lines = messages[-1], [turn for turn in turns if turn.role == "assistant"]
    if len(lines) == 1 and "**" not in last.content and TOLD_BY not in last.model_name:
        return []  # a question whose answer nobody wanted: a small model would go on with it
    if turns[-1].role == "assistant":  # nobody asked in words: it came by key or command
        turns.append(chat.user("Tell me a poem." if "**" in last.content else "Tell me a joke."))
    return turns[::-1]


def _is_of_companion(message: StoredMessage) -> bool:
    return is_told(message) and message.finish_reason != GREETING


def is_told(message: StoredMessage) -> bool:
    """Whether a message is a companion's, or the hello of a persona: a chat with a model begins with the user."""
    if message.finish_reason == GREETING:
        return True
    said_by_app = message.model_name.partition(TOLD_BY)[0] == APP_NAME
    return message.role == "assistant" and said_by_app and not message.model
