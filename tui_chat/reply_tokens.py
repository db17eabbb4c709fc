"""The tokens of a reply, kept beside its text, and a reply that goes on from another token.

    log = TokenLog(); log.take(event) ...; conversations.keep_tokens(message.id, log.tokens)

Text cannot give them back: the same words can be cut into tokens in several ways.
The one rule: what is kept here is what was drawn, in order; the token that ended the reply is its last.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from engine.generation import GenerationDone, GenerationEvent, GenerationSettings


@dataclass(frozen=True)
class ReplyTokens:
    """Ids, and the seconds each took; an end token took none that anybody noted."""

    ids: tuple[int, ...]
    seconds: tuple[float, ...]

    def as_texts(self) -> tuple[str, str]:
        """Two JSON arrays."""
        return msgspec.json.encode(self.ids).decode(), msgspec.json.encode(self.seconds).decode()

    @classmethod
    def from_texts(cls, ids: str, seconds: str) -> ReplyTokens | None:
        """What `as_texts` gave; None for what it did not."""
        try:
            return cls(
                msgspec.json.decode(ids, type=tuple[int, ...]),
                msgspec.json.decode(seconds, type=tuple[float, ...]),
            )
        except msgspec.DecodeError:
            return None


class TokenLog:
    """Notes the tokens of a reply while it is given."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._seconds: list[float] = []

    def take(self, event: GenerationEvent) -> None:
        """Note what a piece of the reply, or its end, says of tokens."""
        if isinstance(event, GenerationDone):
            self._ids += [] if event.end_token_id is None else [event.end_token_id]
            return
        self._ids += [token.token_id for token in event.tokens]
        self._seconds += [event.seconds / len(event.tokens)] * len(event.tokens) if event.tokens else []

    @property
    def tokens(self) -> ReplyTokens | None:
        """All of them; None when the engine told of none."""
        return ReplyTokens(tuple(self._ids), tuple(self._seconds)) if self._ids else None


@dataclass(frozen=True)
class Fork:
    """A reply that begins with the tokens of another one, up to a place, and goes on with a token of choice."""

    message: int  # id of the reply that is forked; the fork is its sibling
    prefix: tuple[int, ...]  # tokens before the place, and the chosen one
    word: str  # the chosen token, for a person
    generation: GenerationSettings  # with the seed of the reply
    reference: str = ""  # other weights than those of the pane's model
    model: str = ""  # reference of the model that said the reply
    step: int | None = None
    val_loss: float | None = None
