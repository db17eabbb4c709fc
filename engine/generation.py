"""What is asked of a model and what it gives back, whoever runs it.

    async for event in engine.stream(messages, settings):
        match event:
            case TextChunk(text=text): ...
            case GenerationDone(finish_reason=reason): ...

The one rule: a stream ends with exactly one `GenerationDone`, or raises; closing it early cancels the reply.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal, Protocol

from engine.chat import ChatMessage
from engine.records import Record, at_least, between

FinishReason = Literal["end_of_text", "stop_string", "max_new_tokens", "context_full", "cancelled"]


class GenerationSettings(Record):
    """How the next token is chosen, and when to stop. Build checked ones with `from_dict`."""

    max_new_tokens: Annotated[int, between(1, 65536, "The longest reply, in tokens.")] = 256
    temperature: Annotated[
        float, between(0, 5, "0 always takes the likeliest token; 1 follows the model; higher is wilder.")
    ] = 0.8
    top_k: Annotated[int, between(0, 1_000_000, "Choose among the k likeliest tokens; 0 = among all.")] = 50
    top_p: Annotated[
        float, between(0.001, 1, "Choose among the likeliest tokens that together reach this probability.")
    ] = 0.95
    repetition_penalty: Annotated[
        float, between(0.1, 10, "Above 1 makes tokens that already stand in the text less likely.")
    ] = 1.0
    stop: tuple[str, ...] = ()  # texts that end the reply; not part of it
    seed: Annotated[int, between(0, 2**62, "The same seed gives the same reply; none = random.")] | None = (
        None
    )
    alternatives: Annotated[int, between(0, 20, "How many likeliest tokens to report with each token.")] = 0


class Alternative(Record):
    """A token the model might have said instead."""

    token_id: int
    text: str
    logprob: float  # natural logarithm of the model's own probability, before temperature and cuts


class Token(Record):
    """A token that was said."""

    token_id: int
    logprob: float
    alternatives: tuple[Alternative, ...] = ()


class TextChunk(Record, tag="text"):
    """A piece of the reply. `text` may be empty while bytes of one character are still incomplete."""

    text: str
    tokens: tuple[Token, ...] = ()
    seconds: float = 0.0  # since the piece before it; of the first one, since the prompt was given


class GenerationDone(Record, tag="done"):
    """The end of a reply, with what it took."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    seed: int  # the seed that was used, so that the reply can be made again
    dropped_messages: Annotated[int, at_least(0)] = 0  # oldest turns that did not fit into the context
    dropped_tokens: Annotated[int, at_least(0)] = 0  # the beginning of a continued text, which was not read
    seconds_to_first_token: float = 0.0
    tokens_per_second: float = 0.0  # of the reply, after its first token
    prompt_token_ids: tuple[int, ...] = ()
    end_token_id: int | None = None  # the token that ended the reply, which is not part of it
    step: int | None = None  # training step of the weights that answered, for a model that is still learning


GenerationEvent = TextChunk | GenerationDone


class Engine(Protocol):
    """Something that answers: a model in its own process, a server, or a fake in a test."""

    def stream(
        self, messages: Sequence[ChatMessage], settings: GenerationSettings
    ) -> AsyncIterator[GenerationEvent]:
        """The reply to `messages`, piece by piece.

        Raises:
            UserError: when the model cannot be loaded or cannot answer; the sentence says why.
        """
        ...

    async def close(self) -> None:
        """Free the model. A closed engine may be used again and then loads anew."""
        ...
