"""What a model thought at each token of a text: the words of the token microscope.

    own      the model's own probabilities, softmax of its logits and nothing else
    drawn    what the token was drawn from: after repetition penalty, temperature, top-k and top-p

Figures are computed afterwards, by reading the text once more; a reply is never slowed down for them.
The one rule: a figure that nobody can know (of the first token, or beyond the context) is None, never made up.
"""

from __future__ import annotations

import math
from typing import Literal

from engine.records import Record

# prompt: read, not said. reply: said. next: not said; what the model would have gone on with.
Part = Literal["prompt", "reply", "next"]
MOST_ALTERNATIVES = 20


class Candidate(Record):
    """A token that could stand in a place."""

    token_id: int
    text: str
    logprob: float  # of the model's own probability, natural logarithm
    drawn: float | None = None  # probability with which it would have been drawn; None in a prompt


class InspectedToken(Record):
    """A token, and what the model thought before it came."""

    part: Part
    token_id: int  # -1 for "next"
    text: str  # what it adds to the text; empty while bytes of one character are incomplete
    spelling: str  # what it is by itself: the same, or its bytes as in ‹F0 9F›, or a special token's name
    is_special: bool = False
    logprob: float | None = None  # of the model's own probability, natural logarithm
    rank: int | None = None  # 1 = the model's likeliest
    entropy: float | None = None  # bits, of the model's own distribution
    drawn: float | None = (
        None  # probability with which it was drawn; 0 when another token was likelier at T 0
    )
    choices: int | None = None  # how many tokens penalty, temperature and cuts left to draw from
    candidates: tuple[Candidate, ...] = ()  # likeliest first, by the model's own probability

    @property
    def probability(self) -> float | None:
        """The model's own."""
        return None if self.logprob is None else math.exp(self.logprob)

    @property
    def surprise(self) -> float | None:
        """Bits: how unexpected the token was to the model itself."""
        return None if self.logprob is None else max(0.0, -self.logprob / math.log(2))


class InspectionDone(Record):
    """The end of an inspection, with what is true of all of it."""

    vocab_size: int
    context_length: int
    prompt_tokens: int
    reply_tokens: int
    dropped_messages: int = 0  # oldest turns that did not fit into the context
    dropped_tokens: int = 0  # the beginning of a continued text, which was not read
    was_retokenized: bool = False  # the ids of the reply were not kept: its text was cut into tokens anew
    step: int | None = None  # training step of the weights that were asked


class Inspection(Record):
    """All of it: what the app shows."""

    tokens: tuple[InspectedToken, ...]
    done: InspectionDone

    def of(self, part: Part) -> tuple[InspectedToken, ...]:
        """The tokens of a part."""
        return tuple(token for token in self.tokens if token.part == part)


def mean_surprise(tokens: tuple[InspectedToken, ...]) -> float | None:
    """Bits a token, over those with figures; its power of 2 is the perplexity."""
    known = [token.surprise for token in tokens if token.surprise is not None]
    return sum(known) / len(known) if known else None
