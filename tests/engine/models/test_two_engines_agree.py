"""The scratch GPT and transformers are each other's oracle: one directory, the same logits, the same tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from engine.models.checkpoints import load_gpt, save_gpt
from engine.models.gpt import GPT, GPTConfig
from engine.models.hugging_face import load_hugging_face
from engine.models.language_model import LanguageModel
from engine.models.scratch import ScratchModel

VOCAB_SIZE, CONTEXT_LENGTH, END_OF_TEXT = 97, 80, 96
PROMPT = torch.randint(VOCAB_SIZE, (16,), generator=torch.Generator().manual_seed(5))
SHAPE = GPTConfig(
    vocab_size=VOCAB_SIZE, context_length=CONTEXT_LENGTH, embedding_size=32, num_layers=2, num_heads=4
)
VARIANTS = {
    "as GPT-2": SHAPE,
    "no q/k/v bias": SHAPE.with_changes("test", qkv_bias=False),
    "no bias": SHAPE.with_changes("test", bias=False, qkv_bias=False),
    "untied": SHAPE.with_changes("test", tied_head=False),
    "untied, no bias": SHAPE.with_changes("test", tied_head=False, bias=False, qkv_bias=False),
    "erf GELU": SHAPE.with_changes("test", activation="gelu"),
}


@torch.no_grad()
def give_every_parameter_weight(model: torch.nn.Module) -> None:
    """Fresh models have biases of zero and norms of one, which would hide that they are read wrongly."""
    torch.manual_seed(3)
    for parameter in model.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))


@pytest.fixture
def foreign_directory(tmp_path: Path) -> Path:
    """A GPT-2 directory as transformers writes it."""
    config = GPT2Config(
        vocab_size=VOCAB_SIZE,
        n_positions=CONTEXT_LENGTH,
        n_embd=32,
        n_layer=2,
        n_head=4,
        bos_token_id=END_OF_TEXT,
        eos_token_id=END_OF_TEXT,
    )
    model = GPT2LMHeadModel(config)
    give_every_parameter_weight(model)
    model.save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture(params=VARIANTS)
def our_directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory as the scratch GPT writes it."""
    model = GPT(VARIANTS[request.param])
    give_every_parameter_weight(model)
    save_gpt(model, tmp_path, END_OF_TEXT)
    return tmp_path


def both_engines(directory: Path) -> tuple[LanguageModel, LanguageModel]:
    return ScratchModel(load_gpt(directory)), load_hugging_face(directory)


def greedy_tokens(model: LanguageModel, count: int) -> list[int]:
    cache = model.new_cache(len(PROMPT) + count)
    tokens = [int(model.forward(PROMPT, cache).argmax())]
    while len(tokens) < count:
        tokens.append(int(model.forward(torch.tensor(tokens[-1:]), cache).argmax()))
    return tokens


@torch.inference_mode()
def assert_the_engines_agree(directory: Path) -> None:
    scratch, hugging_face = both_engines(directory)
    full: Any = AutoModelForCausalLM.from_pretrained(directory, local_files_only=True).eval()
    ids = torch.randint(VOCAB_SIZE, (3, CONTEXT_LENGTH), generator=torch.Generator().manual_seed(4))
    expected = full(input_ids=ids).logits
    assert expected.std() > 1  # logits that are all alike would agree however they were made
    torch.testing.assert_close(load_gpt(directory)(ids), expected, atol=1e-4, rtol=0)
    theirs = full.generate(PROMPT[None], max_new_tokens=64, do_sample=False, eos_token_id=None)
    assert greedy_tokens(scratch, 64) == greedy_tokens(hugging_face, 64) == theirs[0, len(PROMPT) :].tolist()


def test_a_directory_of_transformers_answers_the_same_in_both_engines(foreign_directory: Path) -> None:
    assert_the_engines_agree(foreign_directory)


def test_a_directory_of_ours_answers_the_same_in_both_engines(our_directory: Path) -> None:
    assert_the_engines_agree(our_directory)


def test_transformers_finds_every_weight_we_write_and_no_other(our_directory: Path) -> None:
    opened: Any = AutoModelForCausalLM.from_pretrained(
        our_directory, local_files_only=True, output_loading_info=True
    )
    model, report = opened
    assert isinstance(model, GPT2LMHeadModel)
    assert not any(
        report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")
    )


def test_our_weights_come_back_bit_for_bit(our_directory: Path, tmp_path: Path) -> None:
    model = load_gpt(our_directory)
    (tmp_path / "again").mkdir()
    save_gpt(model, tmp_path / "again", END_OF_TEXT)
    again = load_gpt(tmp_path / "again")
    assert again.config == model.config
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name)), name
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        our_directory / "model.safetensors"
    ).read_bytes()


def test_weights_of_transformers_pass_through_us_unchanged(foreign_directory: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    save_gpt(load_gpt(foreign_directory), ours, END_OF_TEXT)
    before = GPT2LMHeadModel.from_pretrained(foreign_directory, local_files_only=True).state_dict()
    after = GPT2LMHeadModel.from_pretrained(ours, local_files_only=True).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
