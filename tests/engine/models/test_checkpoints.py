"""GPT directories: whole, or refused with the name of what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import UserError
from engine.models.checkpoints import load_gpt, read_gpt_config, save_gpt
from engine.models.gpt import GPT, GPTConfig

TINY = GPTConfig(vocab_size=40, context_length=16, embedding_size=16, num_layers=2, num_heads=2)
WEIGHT = "transformer.h.1.mlp.c_fc.weight"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_gpt(GPT(TINY), tmp_path, end_of_text=39)
    return tmp_path


def change_config(directory: Path, **changes: Any) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(directory: Path, changes: dict[str, torch.Tensor | None]) -> None:
    path = directory / "model.safetensors"
    weights: dict[str, torch.Tensor | None] = {**load_file(path), **changes}
    save_file({name: tensor for name, tensor in weights.items() if tensor is not None}, path)


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        TINY.with_changes("test", qkv_bias=False),
        TINY.with_changes("test", bias=False),
        TINY.with_changes("test", tied_head=False, activation="gelu", dropout=0.1),
    ],
)
def test_what_is_saved_comes_back_bit_for_bit(tmp_path: Path, config: GPTConfig) -> None:
    torch.manual_seed(1)
    gpt = GPT(config)
    save_gpt(gpt, tmp_path)
    again = load_gpt(tmp_path)
    assert again.num_parameters == gpt.num_parameters
    for (name, one), (other_name, other) in zip(
        gpt.named_parameters(), again.named_parameters(), strict=True
    ):
        assert name == other_name and torch.equal(one, other)
    ids = torch.randint(0, 40, (1, 16))
    assert torch.equal(gpt.eval()(ids), again(ids))


def test_bfloat16_weights_load_into_float32(directory: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    save_gpt(load_gpt(directory), half, dtype=torch.bfloat16)
    assert (half / "model.safetensors").stat().st_size < 0.7 * (
        directory / "model.safetensors"
    ).stat().st_size
    assert load_gpt(half).wte.weight.dtype == torch.float32
    assert load_gpt(half, dtype=torch.bfloat16).wte.weight.dtype == torch.bfloat16


def test_old_files_without_prefix_and_with_masks_are_read(directory: Path) -> None:
    expected = load_gpt(directory)
    weights = load_file(directory / "model.safetensors")
    old = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
    old |= {f"h.{layer}.attn.bias": torch.ones(1, 1, 16, 16).tril() for layer in range(2)}
    save_file(old, directory / "model.safetensors")
    ids = torch.randint(0, 40, (1, 16))
    assert torch.equal(load_gpt(directory)(ids), expected(ids))


def test_weights_in_several_files_are_read(directory: Path) -> None:
    expected = load_gpt(directory)
    weights = load_file(directory / "model.safetensors")
    names = sorted(weights)
    shards = {"model-1.safetensors": names[:10], "model-2.safetensors": names[10:]}
    for file, part in shards.items():
        save_file({name: weights[name] for name in part}, directory / file)
    index = {"weight_map": {name: file for file, part in shards.items() for name in part}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    (directory / "model.safetensors").unlink()
    ids = torch.randint(0, 40, (1, 16))
    assert torch.equal(load_gpt(directory)(ids), expected(ids))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({WEIGHT: None}, "the weight 'h.1.mlp.c_fc.weight' is missing"),
        (
            {"transformer.h.9.ln_1.bias": torch.ones(16)},
            "'h.9.ln_1.bias' that a GPT-2 of this shape does not have",
        ),
        ({WEIGHT: torch.ones(64, 16)}, "has shape (16, 64), config.json says (64, 16)"),
        ({WEIGHT: torch.full((16, 64), float("nan"))}, "holds NaN or infinity"),
        ({WEIGHT: torch.ones(16, 64, dtype=torch.int32)}, "does not hold floating-point numbers"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    directory: Path, changes: dict[str, torch.Tensor | None], message: str
) -> None:
    change_weights(directory, changes)
    with pytest.raises(UserError) as refused:
        load_gpt(directory)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "llama"}, "this is a 'llama' model"),
        ({"n_inner": 17}, "4 x n_embd wide"),
        ({"scale_attn_by_inverse_layer_idx": True}, "does not compute 'scale_attn_by_inverse_layer_idx'"),
        ({"activation_function": "relu"}, "activation_function must be one of: gelu, gelu_new"),
        ({"n_layer": "two"}, "n_layer must be a whole number"),
        ({"n_head": 5}, "n_embd 16 must be a multiple of n_head 5"),
        ({"n_head": 0}, "every size of a model must be at least 1"),
    ],
)
def test_variants_this_gpt_does_not_compute_are_refused(
    directory: Path, changes: dict[str, Any], message: str
) -> None:
    change_config(directory, **changes)
    with pytest.raises(UserError) as refused:
        read_gpt_config(directory)
    assert message in str(refused.value)


def test_damaged_missing_and_pickled_weights_are_refused(directory: Path, tmp_path: Path) -> None:
    weights = directory / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cut off or damaged"):
        load_gpt(directory)
    weights.rename(directory / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickle"):
        load_gpt(directory)
    (directory / "pytorch_model.bin").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors is missing"):
        load_gpt(directory)


def test_a_folder_without_config_is_no_model(directory: Path) -> None:
    shutil.move(directory / "config.json", directory / "other.json")
    with pytest.raises(UserError, match=r"config\.json is missing"):
        load_gpt(directory)
    (directory / "config.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        load_gpt(directory)
    (directory / "config.json").write_text("[]")
    with pytest.raises(UserError, match="expected a JSON object"):
        load_gpt(directory)


def test_a_config_that_claims_a_million_layers_is_refused_before_memory_is_taken(directory: Path) -> None:
    change_config(directory, n_layer=1_000_000)
    with pytest.raises(UserError, match="n_layer"):
        load_gpt(directory)


def test_a_note_of_another_program_under_our_key_is_not_taken_for_ours(directory: Path) -> None:
    change_config(directory, scratch_gpt=None)
    assert load_gpt(directory).config.bias
