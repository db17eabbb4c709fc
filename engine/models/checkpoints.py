"""GPT weights to and from Hugging Face GPT-2 directories.

    scratch GPT                      config.json + model.safetensors
    h.0.attn.c_attn.weight (3C, C)   transformer.h.0.attn.c_attn.weight (C, 3C)   four matrices per block, transposed
    no q/k/v bias                    transformer.h.0.attn.c_attn.bias = zeros   and a note in config.json

What is written here opens with `AutoModelForCausalLM.from_pretrained`, and GPT-2 directories of others open here.
The one rule: every weight must be there, with the right shape and finite; nothing is ever filled in at random.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import UserError, said_with
from engine.model_card import read_json
from engine.models.directory_checks import check_directory, weight_files
from engine.models.gpt import GPT, GPTConfig

WEIGHTS_FILE = "model.safetensors"
_TRANSPOSED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
_NOT_WEIGHTS = (
    ".attn.bias",
    ".attn.masked_bias",
)  # causal masks that old GPT-2 files carry as if they were weights
_SAME_IN_ALL = {  # keys that change the computation, with the only value this GPT computes
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
    "add_cross_attention": False,
}

Progress = Callable[[float], None]  # share of the weights read, 0-1


def save_gpt(
    model: GPT, directory: Path, end_of_text: int | None = None, dtype: torch.dtype = torch.float32
) -> None:
    """Write `config.json`, `generation_config.json` and `model.safetensors` into an existing directory."""
    config = _to_hugging_face(model.config, end_of_text, dtype)
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    generation = {"eos_token_id": end_of_text, "bos_token_id": end_of_text, "do_sample": True}
    (directory / "generation_config.json").write_text(
        json.dumps(generation, indent=2) + "\n", encoding="utf-8"
    )
    write_tensors(_named_weights(model, dtype), directory / WEIGHTS_FILE)


def write_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write a safetensors file.

    Raises:
        OSError: when it cannot be written; the library itself hides the system's number in a text, and then
            nobody would see that it was the disk that is full.
    """
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise system_error(error, path) from None


def system_error(error: SafetensorError, path: Path) -> Exception:
    """The error of the system behind one of the library; that one itself when there is none."""
    found = re.search(r"os error (\d+)", str(error))
    if found is None:
        return error
    number = int(found[1])
    return OSError(number, os.strerror(number), str(path))


def load_gpt(
    directory: Path,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    on_progress: Progress | None = None,
) -> GPT:
    """The GPT in a Hugging Face GPT-2 directory.

    Raises:
        UserError: when it is no GPT-2, or a weight is missing, unknown, of the wrong shape or not finite.
    """
    check_directory(directory)
    config = read_gpt_config(directory)
    files = weight_files(directory)
    with torch.device("meta"):
        model = GPT(config)
    expected = dict(model.named_parameters())
    state: dict[str, Tensor] = {}
    zero_biases: set[str] = set()
    for file in files:
        for name, tensor in _read_tensors(file):
            if name.endswith(_NOT_WEIGHTS):
                continue
            if name not in expected and _may_be_left_out(name, tensor, config):
                zero_biases.add(name)
                continue
            state[name] = _checked(name, tensor, expected, file).to(dtype=dtype)
            if on_progress is not None:
                on_progress(len(state) / len(expected))
    _refuse_missing(expected, state, directory)
    model.load_state_dict(state, strict=False, assign=True)
    if config.tied_head:
        model.lm_head.weight = model.wte.weight
    ones = torch.ones(config.context_length, config.context_length, dtype=torch.bool)
    model.register_buffer("future", ones.triu(1), persistent=False)  # was made on the meta device
    return model.to(device).eval()


_NAMES_IN_FILE: dict[
    str, tuple[str, Any]
] = {  # of a GPT-2's config.json, and what holds where one is left out
    "vocab_size": ("vocab_size", 50257),
    "context_length": ("n_positions", 1024),
    "embedding_size": ("n_embd", 768),
    "num_layers": ("n_layer", 12),
    "num_heads": ("n_head", 12),
    "tied_head": ("tie_word_embeddings", True),
    "activation": ("activation_function", "gelu_new"),
    "layer_norm_epsilon": ("layer_norm_epsilon", 1e-5),
}


def read_gpt_config(directory: Path) -> GPTConfig:
    """The shape of the GPT-2 in a directory.

    Raises:
        UserError: when config.json is missing, is not a GPT-2, or asks for a variant this GPT does not compute.
    """
    data = read_json(directory / "config.json", "a model directory needs it")
    source = f"{directory / 'config.json'}"
    if data.get("model_type") != "gpt2":
        raise UserError(
            f"{source}: this is a '{data.get('model_type')}' model; the scratch GPT reads gpt2 only. Use --backend hf."
        )
    for key, value in _SAME_IN_ALL.items():
        if data.get(key, value) != value:
            raise UserError(f"{source}: the scratch GPT does not compute '{key}'. Use --backend hf.")
    width = data.get("n_embd", 768)
    if data.get("n_inner") not in (None, 4 * width):
        raise UserError(f"{source}: the scratch GPT's feed-forward is 4 x n_embd wide. Use --backend hf.")
    ours = data.get("scratch_gpt")
    ours = ours if isinstance(ours, dict) else {}
    settings = {name: data.get(theirs, default) for name, (theirs, default) in _NAMES_IN_FILE.items()}
    with said_with({name: theirs for name, (theirs, _) in _NAMES_IN_FILE.items()}, source):
        return GPTConfig.from_dict(
            {**settings, "bias": ours.get("bias", True), "qkv_bias": ours.get("qkv_bias", True)}, source
        )


def _to_hugging_face(config: GPTConfig, end_of_text: int | None, dtype: torch.dtype) -> dict[str, Any]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.embedding_size,
        "n_layer": config.num_layers,
        "n_head": config.num_heads,
        "activation_function": config.activation,
        "layer_norm_epsilon": config.layer_norm_epsilon,
        "resid_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.dropout,
        "tie_word_embeddings": config.tied_head,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "dtype": str(dtype).removeprefix("torch."),
        "scratch_gpt": {"bias": config.bias, "qkv_bias": config.qkv_bias},
    }


def _named_weights(model: GPT, dtype: torch.dtype) -> dict[str, Tensor]:
    """Weights under their Hugging Face names; safetensors wants each contiguous and unshared."""
    weights: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        tensor = parameter.detach().to("cpu", dtype)
        tensor = tensor.T if name.endswith(_TRANSPOSED) else tensor
        prefix = "" if name.startswith("lm_head") else "transformer."
        weights[prefix + name] = tensor.contiguous().clone()
    for name in _biases_left_out(model):
        weight = weights[f"transformer.{name.removesuffix('bias')}weight"]
        weights[f"transformer.{name}"] = torch.zeros(weight.shape[-1], dtype=dtype)
    return weights


def _biases_left_out(model: GPT) -> list[str]:
    """Names of the biases that GPT-2 has and this model was made without."""
    layers = [
        f"{name}."
        for name, module in model.named_modules()
        if hasattr(module, "bias") and module.bias is None
    ]
    return [f"{layer}bias" for layer in layers if layer != "lm_head."]


def _may_be_left_out(name: str, tensor: Tensor, config: GPTConfig) -> bool:
    """A bias this model was trained without: zeros in the file."""
    is_left_out = not config.bias or (not config.qkv_bias and name.endswith("attn.c_attn.bias"))
    if is_left_out and name.endswith(".bias"):
        return not bool(tensor.any())
    return config.tied_head and name == "lm_head.weight"


def _read_tensors(file: Path) -> list[tuple[str, Tensor]]:
    try:
        with safe_open(file, framework="pt") as tensors:
            return [(name.removeprefix("transformer."), tensors.get_tensor(name)) for name in tensors.keys()]  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise UserError(f"{file}: this weight file is missing.") from None
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{file}: the weights cannot be read ({error}); the file may be damaged or half copied."
        ) from None


def _checked(name: str, tensor: Tensor, expected: dict[str, torch.nn.Parameter], file: Path) -> Tensor:
    if name not in expected:
        raise UserError(f"{file}: there is a weight '{name[:80]}' that a GPT-2 of this shape does not have.")
    if not tensor.is_floating_point():
        raise UserError(f"{file}: the weight '{name}' does not hold floating-point numbers.")
    tensor = tensor.T.contiguous() if name.endswith(_TRANSPOSED) and tensor.dim() == 2 else tensor
    if tensor.shape != expected[name].shape:
        wanted, found = tuple(expected[name].shape), tuple(tensor.shape)
        raise UserError(f"{file}: the weight '{name}' has shape {found}, config.json says {wanted}.")
    if not bool(torch.isfinite(tensor).all()):
        raise UserError(f"{file}: the weight '{name}' holds NaN or infinity; this checkpoint is broken.")
    return tensor


def _refuse_missing(
    expected: dict[str, torch.nn.Parameter], state: dict[str, Tensor], directory: Path
) -> None:
    missing = [name for name in expected if name not in state]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UserError(f"{directory}: the weight '{missing[0]}'{more} is missing; the model is incomplete.")
