"""From logits to the next token: penalty, temperature, top-k, top-p, and a seeded draw.

    raw logits -> repetition penalty -> / temperature -> keep top_k -> keep top_p -> softmax -> draw

Everything happens in float32 on the CPU, so a seed gives the same reply whatever device computed the logits.
The one rule: reported log-probabilities are the model's own, taken before any of these steps.
"""

from __future__ import annotations

import math
import random

import torch
from torch import Tensor

from engine.generation import Alternative, GenerationSettings, Token
from engine.tokenizers import Tokenizer


class Sampler:
    """Draws the tokens of one reply."""

    def __init__(self, settings: GenerationSettings, tokenizer: Tokenizer, prompt_ids: list[int]) -> None:
        self.settings = settings
        self.seed = settings.seed if settings.seed is not None else random.SystemRandom().randrange(2**31)
        self._tokenizer = tokenizer
        self._generator = torch.Generator().manual_seed(self.seed)
        self._seen = torch.tensor(sorted(set(prompt_ids)), dtype=torch.long)

    def next_token(self, logits: Tensor, given: int | None = None) -> Token:
        """Choose from `logits` (V,), float32 on the CPU; or take `given`, and let the dice fall all the same."""
        logprobs = logits.log_softmax(dim=-1)
        token_id = self._choose(logits)
        if given is not None:
            token_id = given
        if self.settings.repetition_penalty != 1.0:
            self._seen = torch.unique(torch.cat([self._seen, torch.tensor([token_id])]))
        return Token(
            token_id=token_id, logprob=float(logprobs[token_id]), alternatives=self._alternatives(logprobs)
        )

    def _choose(self, logits: Tensor) -> int:
        probabilities, ids = drawn_from(logits, self._seen, self.settings)
        if self.settings.temperature == 0:
            return int(ids[0])
        return int(ids[torch.multinomial(probabilities, 1, generator=self._generator)])

    def _alternatives(self, logprobs: Tensor) -> tuple[Alternative, ...]:
        if self.settings.alternatives == 0:
            return ()
        values, ids = logprobs.topk(min(self.settings.alternatives, logprobs.numel()))
        return tuple(
            Alternative(token_id=token_id, text=self._tokenizer.decode([token_id]), logprob=value)
            for token_id, value in zip(ids.tolist(), values.tolist(), strict=True)
            if math.isfinite(value)
        )


def drawn_from(logits: Tensor, seen: Tensor, settings: GenerationSettings) -> tuple[Tensor, Tensor]:
    """What the next token is drawn from: probabilities and ids, likeliest first, of those that `settings` leave.

    `seen` are the ids that stand in the text already.
    """
    if settings.repetition_penalty != 1.0:
        logits = penalise_repetition(logits, seen, settings.repetition_penalty)
    if settings.temperature == 0:
        return torch.ones(1), logits.argmax().view(1)
    # Subtracting the maximum first keeps a tiny temperature from overflowing to infinity.
    scaled = (logits - logits.max()) / settings.temperature
    values, ids = keep_likeliest(scaled, settings.top_k, settings.top_p)
    return values.softmax(dim=-1), ids


def penalise_repetition(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Divide positive and multiply negative logits of `seen` ids (Keskar et al. 2019, CTRL, section 4.1)."""
    chosen = logits[seen]
    penalised = torch.where(chosen > 0, chosen / penalty, chosen * penalty)
    return logits.index_copy(0, seen, penalised)


def keep_likeliest(logits: Tensor, top_k: int, top_p: float) -> tuple[Tensor, Tensor]:
    """The logits and ids that survive both cuts, likeliest first; always at least one.

    top-k: Fan et al. 2018. top-p (nucleus): Holtzman et al. 2020; the token that crosses `top_p` is kept.
    """
    count = min(top_k, logits.numel()) if top_k else logits.numel()
    values, ids = logits.topk(count)  # sorted
    if top_p < 1:
        probabilities = values.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities  # mass of everything likelier
        kept = int((before < top_p).sum().clamp(min=1))
        values, ids = values[:kept], ids[:kept]
    return values, ids
