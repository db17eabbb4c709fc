"""A reply, token by token: the loop that drives a model, whichever it is.

    messages -> chat format -> prompt ids -> prefill -> (logits -> sampler -> token -> text)* -> done

When the context is full, a chat ends (its system message must not slide out of sight) and a text that is merely
continued goes on: the model reads the last half again and continues from there, as nanoGPT crops its window.
The one rule: what leaves here is complete characters only, and the stop string never does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import (
    FinishReason,
    GenerationDone,
    GenerationEvent,
    GenerationSettings,
    TextChunk,
    Token,
)
from engine.models.language_model import LanguageModel
from engine.models.sampling import Sampler
from engine.tokenizers import Tokenizer
from engine.tokenizers.chat_format import ChatFormat, end_ids, fit_to_context, render


def never() -> bool:
    """Nobody cancels."""
    return False


class Prompt(NamedTuple):
    """What is given to a model to go on from."""

    ids: list[int]
    window: list[int]  # what of them is read
    slides: bool  # when the context is full, go on with its last half
    dropped_messages: int


class TextGenerator:
    """Answers with one model; keeps nothing between replies, so the same seed gives the same reply."""

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, chat_format: ChatFormat) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.chat_format = chat_format

    def reply(
        self,
        messages: Sequence[ChatMessage],
        settings: GenerationSettings,
        is_cancelled: Callable[[], bool] = never,
        prefix: Sequence[int] = (),
    ) -> Iterator[GenerationEvent]:
        """Answer a conversation; oldest turns are dropped whole when it is longer than the context.

        With `prefix` the reply begins with these tokens. They count like any others, and the dice fall for them as
        for any others: with the seed of a reply and its own first tokens that reply comes out again.

        Raises:
            UserError: when the system message and the last question alone do not fit.
        """
        yield from self._generate(self.prompt_of(messages, settings), settings, is_cancelled, prefix)

    def complete(
        self,
        prompt: str,
        settings: GenerationSettings,
        is_cancelled: Callable[[], bool] = never,
        prefix: Sequence[int] = (),
    ) -> Iterator[GenerationEvent]:
        """Continue a text as it is, without any chat format; only its end is read when it is too long."""
        yield from self._generate(self.prompt_of(prompt, settings), settings, is_cancelled, prefix)

    def prompt_of(self, asked: Sequence[ChatMessage] | str, settings: GenerationSettings) -> Prompt:
        """A conversation, or a text to continue, as the model reads it.

        Raises:
            UserError: when the system message and the last question alone do not fit.
        """
        slides, dropped, context = True, 0, self.model.context_length
        if isinstance(asked, str):
            ids = self.tokenizer.encode(asked)
        elif self.chat_format.learns_everything:
            ids = render(asked, self.tokenizer, self.chat_format, True).ids
        else:
            slides, reserve = False, min(settings.max_new_tokens, context // 4)
            kept, dropped = fit_to_context(asked, self.tokenizer, self.chat_format, context, reserve)
            ids = render(kept, self.tokenizer, self.chat_format, True).ids
        if not ids:
            ids = [self.tokenizer.end_of_text if self.tokenizer.end_of_text is not None else 0]
        # Of a text that is merely continued, and longer than the context, its end is read.
        window = ids[-(context // 2) :] if slides and len(ids) >= context else ids
        return Prompt(ids, window, slides, dropped)

    def _generate(
        self,
        prompt: Prompt,
        settings: GenerationSettings,
        is_cancelled: Callable[[], bool],
        prefix: Sequence[int],
    ) -> Iterator[GenerationEvent]:
        if any(not 0 <= token_id < self.tokenizer.vocab_size for token_id in prefix):
            raise UserError(
                "The reply is to begin with a token that this model does not have. Choose another."
            )
        stops = settings.stop if prompt.slides else (*settings.stop, *self.chat_format.stop)
        sampler = Sampler(settings, self.tokenizer, prompt.ids)
        text = StopFilter(self.tokenizer, stops, "" if prompt.slides else self.chat_format.assistant.lead)
        clock = _Clock()
        count = 0
        reason: FinishReason = "cancelled"
        end: Token | None = None
        for token, finish in self._tokens(prompt, prefix, sampler, is_cancelled):
            if finish is not None:
                reason, end = finish, token
                break
            assert token is not None
            seconds = clock.tick()
            count += 1
            piece = text.feed(token.token_id)
            yield TextChunk(text=piece, tokens=(token,), seconds=seconds)
            if text.stopped:
                reason = "stop_string"
                break
        if rest := text.finish():
            yield TextChunk(text=rest)
        yield GenerationDone(
            finish_reason=reason,
            prompt_tokens=len(prompt.ids),
            completion_tokens=count,
            seed=sampler.seed,
            dropped_messages=prompt.dropped_messages,
            dropped_tokens=len(prompt.ids) - len(prompt.window),
            seconds_to_first_token=clock.seconds_to_first,
            tokens_per_second=clock.rate,
            prompt_token_ids=tuple(prompt.ids),
            end_token_id=end.token_id if end is not None else None,
        )

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end a reply."""
        return end_ids(self.tokenizer, self.chat_format) | set(self.model.end_of_text_ids)

    def _tokens(
        self, prompt: Prompt, prefix: Sequence[int], sampler: Sampler, is_cancelled: Callable[[], bool]
    ) -> Iterator[tuple[Token | None, FinishReason | None]]:
        """Tokens one by one with None, then (the token that ended it, or None; why it ended)."""
        context, ends = self.model.context_length, self.ends
        history = list(prompt.ids)
        most = sampler.settings.max_new_tokens
        cache = self.model.new_cache(context if prompt.slides else min(context, len(history) + most))
        logits = self._read(prompt.window, cache, is_cancelled)
        for made in range(1, most + 1):
            if logits is None or is_cancelled():
                yield None, "cancelled"
                return
            token = sampler.next_token(logits, prefix[made - 1] if made <= len(prefix) else None)
            if token.token_id in ends:
                yield token, "end_of_text"
                return
            yield token, None
            history.append(token.token_id)
            if made == most:
                break
            if cache.length < context:
                logits = self._read([token.token_id], cache, is_cancelled)
            elif prompt.slides:
                cache = self.model.new_cache(context)
                logits = self._read(history[-(context // 2) :], cache, is_cancelled)
            else:
                yield None, "context_full"
                return
        yield None, "max_new_tokens"

    def _read(self, ids: list[int], cache: Any, is_cancelled: Callable[[], bool]) -> torch.Tensor | None:
        """Logits after reading `ids`, float32 on the CPU; None when cancelled on the way.

        A long prompt is read in pieces so that a reply can be cancelled within 100 ms; their size depends on the
        model alone, never on the clock, so that the same prompt is always computed the same way.
        """
        size = max(16, min(512, int(4e9 / max(1, self.model.num_parameters))))
        logits = None
        for start in range(0, len(ids), size):
            if start and is_cancelled():
                return None
            piece = torch.tensor(ids[start : start + size], dtype=torch.long, device=self.model.device)
            logits = self.model.forward(piece, cache)
        # Some models pad their vocabulary; those rows mean nothing.
        return None if logits is None else logits[: self.tokenizer.vocab_size].to("cpu", torch.float32)


class StopFilter:
    """Decodes a reply and holds back what may turn out to be the beginning of a stop string."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str], lead: str = "") -> None:
        self._decoder = tokenizer.stream_decoder()
        self._lead = lead  # what the format writes before a reply; said by the model, not shown
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False

    def feed(self, token_id: int) -> str:
        """The text that may be shown after this token."""
        text = self._decoder.feed(token_id)
        if self._lead and text:
            text, self._lead = text.removeprefix(self._lead), ""
        return self._release(text)

    def finish(self) -> str:
        """What was held back and turned out harmless."""
        if self.stopped:
            return ""
        text = self._release(self._decoder.finish()) + ("" if self.stopped else self._held)
        self._held = ""
        return text

    def _release(self, text: str) -> str:
        text = self._held + text
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)


class _Clock:
    """Times a reply: until the first token, and the rate after it."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._first = self._last = 0.0
        self._count = 0

    def tick(self) -> float:
        """A token is there; seconds since the one before."""
        before, self._last = self._last or self._start, time.perf_counter()
        self._count += 1
        if self._count == 1:
            self._first = self._last
        return round(self._last - before, 6)

    @property
    def seconds_to_first(self) -> float:
        return max(0.0, self._first - self._start)

    @property
    def rate(self) -> float:
        return (self._count - 1) / (self._last - self._first) if self._last > self._first else 0.0


def check_vocabulary(model: LanguageModel, tokenizer: Tokenizer) -> None:
    """Refuse a tokenizer that names tokens the model does not have.

    Raises:
        UserError: the two do not belong together.
    """
    if tokenizer.vocab_size > model.vocab_size:
        raise UserError(
            f"The tokenizer has {tokenizer.vocab_size} tokens and the model {model.vocab_size}: "
            "they do not belong together. Restore the directory's own tokenizer.json."
        )
