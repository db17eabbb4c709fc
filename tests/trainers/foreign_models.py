"""Small directories as others make them: random weights of an architecture, and a tokenizer of their kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, BloomConfig, GPT2Config, LlamaConfig, Qwen2Config

CONTEXT_LENGTH = 64


def byte_tokenizer() -> Tokenizer:
    """A byte a token, and one that ends a text; not in GPT-2's layout, so it is read as a foreign one."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: number for number, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["</s>"])
    return tokenizer


def foreign_model(directory: Path, architecture: str, **changes: Any) -> Path:
    """A directory that `from_pretrained` opens."""
    shapes: dict[str, Any] = {
        "gpt2": GPT2Config(n_positions=CONTEXT_LENGTH, n_embd=32, n_layer=2, n_head=2),
        "llama": LlamaConfig(
            max_position_embeddings=CONTEXT_LENGTH,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
        ),
        "qwen2": Qwen2Config(
            max_position_embeddings=CONTEXT_LENGTH,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            use_sliding_window=True,
            sliding_window=8,
            layer_types=["full_attention", "sliding_attention"],
            tie_word_embeddings=True,
        ),
        "bloom": BloomConfig(hidden_size=32, n_layer=2, n_head=2),  # knows places only by their distance
    }
    config = shapes[architecture]
    for name, value in {"vocab_size": 257, "bos_token_id": 256, "eos_token_id": 256, **changes}.items():
        setattr(config, name, value)
    torch.manual_seed(1)
    model: Any = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(directory)
    byte_tokenizer().save(str(directory / "tokenizer.json"))
    return directory
