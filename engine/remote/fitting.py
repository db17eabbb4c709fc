"""Which turns of a conversation are sent, when a server says that all of them are too many.

Only the server counts its tokens, so turns are dropped until it stops complaining: the oldest first, whole, never
the instructions before the conversation and never the last question.
The one rule: what a server found too long once is not sent to it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.chat import ChatMessage

_SHARE_DROPPED = 4  # a quarter of the turns at a time: few requests, and little that need not have gone


class Fitting:
    """A conversation, and how much of it is sent."""

    def __init__(self, messages: Sequence[ChatMessage] | str, too_long: int | None = None) -> None:
        """`too_long` is a number of characters that the server refused before."""
        self.sent = messages
        self._all = len(messages)
        while too_long is not None and self.characters >= too_long and self.shorten():
            pass

    @property
    def characters(self) -> int:
        """How much is sent."""
        return sum(len(part) if isinstance(part, str) else len(part.content) for part in self.sent)

    @property
    def dropped(self) -> int:
        """How many of the oldest messages are not sent."""
        return self._all - len(self.sent)

    def shorten(self) -> bool:
        """Drop more of the oldest turns; False when only the instructions and the last question are left."""
        if isinstance(self.sent, str):
            return False
        begin = sum(message.role == "system" for message in self.sent[:1])
        turns = list(self.sent[begin:])
        if len(turns) < 2:
            return False
        dropped = max(1, len(turns) // _SHARE_DROPPED)
        while dropped < len(turns) - 1 and turns[dropped].role != "user":
            dropped += 1  # a conversation begins with a question
        self.sent = (*self.sent[:begin], *turns[dropped:])
        return True
