"""What the model thought at each token: a text is read once more, and the logits of every place are looked at.

    prompt + reply -> windows as the generator read them -> logits (T, V) -> figures of the token that followed

The reading follows the generator: what it had dropped is not read here, and where its window slid, this one slides.
T tokens read at once, V vocabulary.
The one rule: figures are of the place before a token; what stands there was known to the model, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.inspection import Candidate, InspectedToken, InspectionDone
from engine.models.sampling import drawn_from
from engine.models.text_generator import Prompt, TextGenerator, never
from engine.tokenizers.spelling import Speller

NEXT = -1  # id of what was not said any more
IMPOSSIBLE = -1000.0  # logarithm of a probability of 0
_AT_ONCE = 2**24  # logits held at a time: 64 MiB
_MOST_ROWS = 256  # tokens told about at a time


def inspect(
    generator: TextGenerator,
    asked: Sequence[ChatMessage] | str,
    reply: Sequence[int] | str,
    settings: GenerationSettings,
    alternatives: int = 10,
    is_cancelled: Callable[[], bool] = never,
) -> Iterator[tuple[InspectedToken, ...] | InspectionDone]:
    """The tokens of the prompt and the reply, some at a time, then what is true of all; early when cancelled.

    `reply` is its tokens, or only its text.

    Raises:
        UserError: when the prompt cannot be read, or the tokens are not of this model.
    """
    prompt = generator.prompt_of(asked, settings)
    ids = _tokens_of(reply, prompt, generator) if isinstance(reply, str) else list(reply)
    if any(not 0 <= token_id < generator.tokenizer.vocab_size for token_id in ids):
        raise UserError(
            "The reply has tokens that this model does not know: another model must have said it."
        )
    for tokens in _Inspection(generator, prompt, ids, settings, alternatives).tokens():
        yield tokens
        if is_cancelled():
            break
    yield InspectionDone(
        vocab_size=generator.tokenizer.vocab_size,
        context_length=generator.model.context_length,
        prompt_tokens=len(prompt.ids),
        reply_tokens=len(ids),
        dropped_messages=prompt.dropped_messages,
        dropped_tokens=len(prompt.ids) - len(prompt.window),
        was_retokenized=isinstance(reply, str),
    )


def _tokens_of(reply: str, prompt: Prompt, generator: TextGenerator) -> list[int]:
    """A reply whose tokens nobody kept, cut into tokens anew."""
    lead = "" if prompt.slides or not reply else generator.chat_format.assistant.lead
    return generator.tokenizer.encode(lead + reply)


class _Reading(NamedTuple):
    """What is read into one cache, `begin` to `end` of the text; figures are wanted of places from `wanted` on."""

    begin: int
    end: int
    wanted: int


class _Figures(NamedTuple):
    """The model's own distributions at some places, one row each."""

    logits: Tensor  # (T, V)
    logprobs: Tensor  # (T, V)
    entropy: Tensor  # (T,) bits
    best: Tensor  # (T, A) ids, likeliest first

    @classmethod
    def of(cls, logits: Tensor, alternatives: int) -> _Figures:
        logprobs = logits.log_softmax(dim=-1)
        # A token that is impossible (-inf) adds nothing, and 0 x inf would be NaN.
        entropy = -(logprobs.exp() * logprobs.clamp(min=-1e30)).sum(dim=-1) / math.log(2)
        best = logits.topk(min(max(alternatives, 1), logits.size(-1)), dim=-1).indices
        return cls(logits, logprobs, entropy, best[:, :alternatives])


class _Inspection:
    """One text under the microscope."""

    def __init__(
        self,
        generator: TextGenerator,
        prompt: Prompt,
        reply: list[int],
        settings: GenerationSettings,
        alternatives: int,
    ) -> None:
        self._model, self._tokenizer = generator.model, generator.tokenizer
        self._prompt, self._settings, self._alternatives = prompt, settings, alternatives
        self._text = [*prompt.ids, *reply]
        self._has_ended = bool(reply) and reply[-1] in generator.ends
        self._unread = len(prompt.ids) - len(prompt.window)
        self._seen = sorted(set(prompt.ids))  # what a repetition penalty knows
        self._speller = Speller(generator.tokenizer)
        self._decoder = generator.tokenizer.stream_decoder()

    def tokens(self) -> Iterator[tuple[InspectedToken, ...]]:
        """Every token of the text, and what the model would have gone on with."""
        place = self._unread + 1
        yield tuple(
            self._token(known) for known in range(place)
        )  # before the first nothing stands: no figures
        for reading in self._readings():
            for place, logits in self._read(reading):
                figures = _Figures.of(logits, self._alternatives)
                yield tuple(self._token(place + row, figures, row) for row in self._rows(place, len(logits)))
                place += len(logits)
        yield tuple(self._token(rest) for rest in range(place, len(self._text)))

    def _rows(self, place: int, count: int) -> range:
        """All rows, but for the one after a reply that has ended: nothing comes there."""
        ends_here = self._has_ended and place + count > len(self._text)
        return range(count - 1 if ends_here else count)

    def _readings(self) -> Iterator[_Reading]:
        """The windows of the generator: where one is full the next begins with its last half."""
        context, length = self._model.context_length, len(self._text)
        begin, wanted = self._unread, self._unread + 1
        while True:
            end = min(begin + context, length)
            yield _Reading(begin, end, wanted)
            if end == length or not self._prompt.slides:
                return
            begin, wanted = end + 1 - context // 2, end + 1

    def _read(self, reading: _Reading) -> Iterator[tuple[int, Tensor]]:
        """(place, logits (T, V) of the tokens from that place on), float32 on the CPU."""
        cache = self._model.new_cache(reading.end - reading.begin)
        size = max(1, min(_MOST_ROWS, _AT_ONCE // self._model.vocab_size))
        for start in range(reading.begin, reading.end, size):
            piece = self._text[start : min(start + size, reading.end)]
            ids = torch.tensor(piece, dtype=torch.long, device=self._model.device)
            logits = self._model.each_logits(ids, cache)  # (T, V)
            told = max(0, reading.wanted - (start + 1))  # rows that the window before has told about
            if told < len(piece):
                # Some models pad their vocabulary; those columns mean nothing.
                yield start + 1 + told, logits[told:, : self._tokenizer.vocab_size].to("cpu", torch.float32)

    # ---- one token

    def _token(self, place: int, figures: _Figures | None = None, row: int = 0) -> InspectedToken:
        if place == len(self._text):
            token = InspectedToken(part="next", token_id=NEXT, text="", spelling="")
        else:
            token = self._named(place)
        if figures is not None:
            token = self._with_figures(token, place, figures, row)
        if token.part == "reply" and self._settings.repetition_penalty != 1.0:
            self._seen = sorted({*self._seen, token.token_id})
        return token

    def _named(self, place: int) -> InspectedToken:
        token_id, begins = self._text[place], len(self._prompt.ids)
        if place == begins:  # so that the texts of a reply's tokens together are the reply
            self._decoder = self._tokenizer.stream_decoder()
        return InspectedToken(
            part="prompt" if place < begins else "reply",
            token_id=token_id,
            text=self._decoder.feed(token_id),
            spelling=self._spell(token_id, place),
            is_special=self._speller.is_special(token_id),
        )

    def _spell(self, token_id: int, place: int) -> str:
        return self._speller.spell(token_id, self._text[max(0, place - 4) : place])

    def _with_figures(self, token: InspectedToken, place: int, figures: _Figures, row: int) -> InspectedToken:
        logits, logprobs = figures.logits[row], figures.logprobs[row]
        drawn = None if token.part == "prompt" else self._drawn(logits)
        candidates = tuple(
            Candidate(
                token_id=candidate,
                text=self._spell(candidate, place),
                logprob=_finite(logprobs[candidate]),
                drawn=None if drawn is None else drawn.get(candidate, 0.0),
            )
            for candidate in figures.best[row].tolist()
        )
        token = msgspec.structs.replace(
            token,
            entropy=_finite(figures.entropy[row]),
            choices=None if drawn is None else len(drawn),
            candidates=candidates,
        )
        if token.part == "next":
            return token
        return msgspec.structs.replace(
            token,
            logprob=_finite(logprobs[token.token_id]),
            rank=1 + int((logits > logits[token.token_id]).sum()),
            drawn=None if drawn is None else drawn.get(token.token_id, 0.0),
        )

    def _drawn(self, logits: Tensor) -> dict[int, float]:
        """Probability of each token that could be drawn here."""
        probabilities, ids = drawn_from(logits, torch.tensor(self._seen, dtype=torch.long), self._settings)
        return dict(zip(ids.tolist(), probabilities.tolist(), strict=True))


def _finite(value: Tensor) -> float:
    """JSON knows no infinity; what is impossible gets a logarithm that no float32 probability has."""
    return max(float(value), IMPOSSIBLE)
