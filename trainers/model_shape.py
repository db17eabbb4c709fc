"""The numbers that decide a GPT's size, and what follows from them. Torch-free.

    shape = ModelShape.of(config, vocab_size=65)
    num_parameters(shape)                        804,096: exact, the same as the built model has

The one rule: exact counts only; what is guessed from them lives in `memory` and `estimates`.
"""

from __future__ import annotations

from dataclasses import dataclass

from trainers.config import TrainingConfig

GPT2_VOCABULARY = 50_257


@dataclass(frozen=True)
class ModelShape:
    """The numbers that decide a GPT's size."""

    num_layers: int
    embedding_size: int
    context_length: int
    vocab_size: int
    bias: bool = True
    qkv_bias: bool = True
    tied_head: bool = True
    num_heads: int = 1  # decides no parameter, but how many attention matrices there are

    @classmethod
    def of(cls, config: TrainingConfig, vocab_size: int) -> ModelShape:
        """The shape of a model that starts from random weights."""
        return cls(
            config.num_layers,
            config.embedding_size,
            config.context_length,
            vocab_size,
            config.bias,
            config.qkv_bias,
            config.tied_head,
            config.num_heads,
        )


def vocabulary_size(config: TrainingConfig, characters: int) -> int:
    """How many tokens the vocabulary will have; `characters` is the number of different ones in the data."""
    if config.tokenizer == "char":
        return characters
    return config.vocab_size if config.tokenizer == "bpe" else GPT2_VOCABULARY


def num_parameters(shape: ModelShape) -> int:
    """All trainable numbers of a GPT-2 of this shape; exact."""
    C = shape.embedding_size
    norm = C * (2 if shape.bias else 1)
    attention = 3 * C * C + C * C + (3 * C if shape.bias and shape.qkv_bias else 0) + (C if shape.bias else 0)
    feed_forward = 8 * C * C + (5 * C if shape.bias else 0)
    embeddings = (shape.vocab_size + shape.context_length) * C
    head = 0 if shape.tied_head else shape.vocab_size * C
    return embeddings + shape.num_layers * (2 * norm + attention + feed_forward) + norm + head


def operations_per_token(shape: ModelShape, parameters: int) -> float:
    """Floating point operations of learning from one token: 6 per parameter, and attention over the context.

    Chowdhery et al. 2022 (PaLM), appendix B.
    """
    return 6.0 * parameters + 12.0 * shape.num_layers * shape.embedding_size * shape.context_length
