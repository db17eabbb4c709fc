"""Our GPT as the text generator sees it.

The one rule: batch size one; whatever is said here about speed is about one reader waiting for one reply.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.models.gpt import GPT, KeyValueCache


class ScratchModel:
    """A `LanguageModel` around `GPT`."""

    architecture = "gpt2"
    end_of_text_ids: tuple[int, ...] = ()  # its tokenizer knows them

    def __init__(self, gpt: GPT) -> None:
        self.gpt = gpt.eval()

    @property
    def context_length(self) -> int:
        """The most tokens a cache may hold."""
        return self.gpt.config.context_length

    @property
    def vocab_size(self) -> int:
        """Ids are 0 .. vocab_size - 1."""
        return self.gpt.config.vocab_size

    @property
    def num_parameters(self) -> int:
        """Embeddings included, a tied head counted once."""
        return self.gpt.num_parameters

    @property
    def device(self) -> torch.device:
        """Where ids have to be."""
        return self.gpt.wte.weight.device

    @property
    def precision(self) -> str:
        """ "float32" or "bfloat16"."""
        return str(self.gpt.wte.weight.dtype).removeprefix("torch.")

    def new_cache(self, max_length: int) -> KeyValueCache:
        """An empty cache for one sequence."""
        return self.gpt.new_cache(1, max_length)

    @torch.inference_mode()
    def forward(self, ids: Tensor, cache: KeyValueCache) -> Tensor:
        """Read `ids` (T,); float32 logits (V,) for the token that follows."""
        hidden = self.gpt.hidden_states(ids.unsqueeze(0), cache)  # (1, T, C)
        return self.gpt.lm_head(hidden[0, -1]).float()  # only the last position needs the head

    @torch.inference_mode()
    def each_logits(self, ids: Tensor, cache: KeyValueCache) -> Tensor:
        """Read `ids` (T,); float32 logits (T, V) for the tokens that follow each of them."""
        hidden = self.gpt.hidden_states(ids.unsqueeze(0), cache)  # (1, T, C)
        logits: Tensor = self.gpt.lm_head(hidden[0]).float()
        return logits

    @torch.inference_mode()
    def all_logits(self, ids: Tensor) -> Tensor:
        """Read `ids` (B, T) at once, without a cache; logits (B, T, V) for what follows each."""
        logits: Tensor = self.gpt(ids)
        return logits
