"""Numbers that are known exactly: the parameter counts of published models."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from engine.models.gpt import GPT, GPTConfig, gpt2_config


def count(config: GPTConfig) -> int:
    with torch.device("meta"):  # takes no memory
        return GPT(config).num_parameters


@pytest.mark.parametrize(
    ("size", "parameters"),
    [("124M", 124_439_808), ("355M", 354_823_168), ("774M", 774_030_080), ("1.5B", 1_557_611_200)],
)
def test_gpt2_sizes_by_name_have_the_parameters_of_the_released_models(size: str, parameters: int) -> None:
    config = gpt2_config(size)
    assert count(config) == parameters
    with torch.device("meta"):
        theirs = GPT2LMHeadModel(
            GPT2Config(n_layer=config.num_layers, n_head=config.num_heads, n_embd=config.embedding_size)
        )
    assert sum(parameter.numel() for parameter in theirs.parameters()) == parameters


def test_a_size_that_gpt2_never_had_is_refused() -> None:
    with pytest.raises(KeyError):
        gpt2_config("175B")


def test_gpt2_without_query_key_and_value_biases_is_smaller_by_exactly_those() -> None:
    assert count(GPTConfig(qkv_bias=False)) == 124_412_160


def test_the_untied_head_counts_as_parameters_of_its_own() -> None:
    assert count(GPTConfig(tied_head=False)) == 124_439_808 + 50_257 * 768


def test_the_cpu_recipe_for_shakespeare_has_the_parameters_of_nanogpt() -> None:
    config = GPTConfig(
        vocab_size=65,
        context_length=64,
        embedding_size=128,
        num_layers=4,
        num_heads=4,
        bias=False,
        qkv_bias=False,
    )
    assert count(config) == 804_096
