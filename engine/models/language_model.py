"""What the text generator asks of a model, whoever implements it: our GPT or any Hugging Face model.

    cache = model.new_cache(max_length=len(prompt) + max_new_tokens)
    logits = model.forward(prompt, cache)            # the whole prompt in one call
    logits = model.forward(next_token, cache)        # then one token per call
    logits = model.each_logits(text, cache)          # (T, V): what it thought at each token of a text

T tokens given now, V vocabulary.
The one rule: a cache belongs to one sequence of one model; reading only ever appends to it.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch


class Cache(Protocol):
    """Keys and values of the tokens a model has already read; opaque but for its length."""

    @property
    def length(self) -> int:
        """How many tokens are in."""
        ...


class LanguageModel(Protocol):
    """A causal language model that reads ids and says how likely each next token is."""

    @property
    def context_length(self) -> int:
        """The most tokens a cache may hold."""
        ...

    @property
    def vocab_size(self) -> int:
        """Ids are 0 .. vocab_size - 1; `forward` gives one logit for each."""
        ...

    @property
    def num_parameters(self) -> int:
        """Trainable numbers in the model, tied ones counted once."""
        ...

    @property
    def device(self) -> torch.device:
        """Where ids have to be."""
        ...

    @property
    def precision(self) -> str:
        """Name of the type the weights are computed in: "float32", "bfloat16", "int8"."""
        ...

    @property
    def architecture(self) -> str:
        """`model_type` of config.json."""
        ...

    @property
    def end_of_text_ids(self) -> tuple[int, ...]:
        """Ids that end a reply by the model's own configuration, beside those of its tokenizer."""
        ...

    def new_cache(self, max_length: int) -> Any:
        """An empty `Cache` of the model's own kind, with room for `max_length` <= `context_length` tokens."""
        ...

    # The cache is Any here because each model takes only the kind that its own `new_cache` makes.
    def forward(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Read `ids` (T,) after what is in the cache; float32 logits (V,) for the token that follows."""
        ...

    def each_logits(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Read `ids` (T,) like `forward`; float32 logits (T, V) for the tokens that follow each of them."""
        ...
