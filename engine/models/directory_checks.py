"""What is wrong with a foreign model directory, found out before anything in it is opened or memory is taken.

    config.json           keys that make a library run code, load kernels or decode in a way of their own
    adapter_config.json   redirects loading to another place
    *.safetensors         how many numbers are stored, read from the headers alone

The one rule: these checks read JSON and headers only, and a directory that fails one is never opened.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import hub
from engine.errors import UserError
from engine.model_card import read_json

_SAFE_IMPLEMENTATIONS = (None, "eager", "sdpa")  # of attention: those that are part of torch
_HEADER_LIMIT = 100_000_000  # bytes, as in the safetensors format
_LAYER_COUNTS = ("n_layer", "n_layers", "num_layers", "num_hidden_layers", "num_experts", "num_local_experts")


@dataclass(frozen=True)
class StoredWeights:
    """What the headers of the weight files say."""

    num_tensors: int
    num_values: int  # over all tensors


def check_directory(directory: Path, trust_remote_code: bool = False) -> StoredWeights:
    """Everything that can be known without opening the model.

    Raises:
        UserError: naming the file and the key that is refused, and what to do instead.
    """
    config_path = directory / "config.json"
    config = read_json(config_path, "a model directory needs it")
    _refuse_adapter(directory)
    _refuse_keys(config, config_path, trust_remote_code)
    weights = read_headers(weight_files(directory))
    _refuse_more_layers_than_weights(config, config_path, weights)
    return weights


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files of a model directory.

    Raises:
        UserError: when there are none, or one is missing; says how other formats come in.
    """
    single, index = directory / hub.WEIGHTS_FILE, directory / hub.INDEX_FILE
    if single.is_file():
        return [single]
    if index.is_file():
        shards = [directory / name for name in hub.shard_names(index)]
        for shard in shards:
            if not shard.is_file():
                raise UserError(f"{shard}: this weight file is missing; get the model again.")
        return shards
    if any(path for ending in ("bin", "pt", "pth", "ckpt") for path in directory.glob(f"*.{ending}")):
        raise UserError(
            f"{directory}: the weights are pickle files, which can run code when they are opened. Get the "
            f"safetensors version, or convert them where you trust them: load with torch.load(..., "
            f"weights_only=True) and write {hub.WEIGHTS_FILE} with safetensors.torch.save_file."
        )
    raise UserError(f"{directory}: {hub.WEIGHTS_FILE} is missing; get the model again.")


def read_headers(files: list[Path]) -> StoredWeights:
    """Count what is stored, without reading any weight.

    Raises:
        UserError: when a file is not safetensors, is cut off, or claims more than it holds.
    """
    tensors = [tensor for file in files for tensor in _tensors_of(file)]
    return StoredWeights(len(tensors), sum(math.prod(tensor["shape"]) for tensor in tensors))


def _tensors_of(file: Path) -> list[dict[str, Any]]:
    """The header's entries: dtype, shape and place of each tensor (8 bytes of length, JSON, then the data)."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, _HEADER_LIMIT)))
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        ends = [8 + length + int(tensor["data_offsets"][1]) for tensor in tensors]
        shapes_are_good = all(isinstance(size, int) and size >= 0 for t in tensors for size in t["shape"])
    except (
        OSError,
        struct.error,
        ValueError,
        AttributeError,
        KeyError,
        TypeError,
        IndexError,
        RecursionError,
    ):
        raise UserError(f"{file}: this is not a readable safetensors file; get the model again.") from None
    if not shapes_are_good or max(ends, default=0) > file.stat().st_size:
        raise UserError(f"{file}: the file is cut off or damaged; get the model again.")
    return tensors


def _refuse_adapter(directory: Path) -> None:
    path = directory / "adapter_config.json"
    if path.exists():
        raise UserError(
            f"{path}: this directory holds an adapter (LoRA), which would send loading to another place. "
            "Merge it into its base model, or remove this file if the weights here are complete."
        )


def _refuse_keys(config: dict[str, Any], source: Path, trust_remote_code: bool) -> None:
    """Look at all keys, those of nested configurations too."""
    for key, value in _all_items(config):
        if key == "auto_map" and not trust_remote_code:
            raise UserError(
                f"{source}: 'auto_map' asks to run Python code that came with the model, which is refused. "
                "If you have read that code and trust it, start again with --trust-remote-code."
            )
        if "_implementation" in key and value not in _SAFE_IMPLEMENTATIONS:
            raise UserError(
                f"{source}: '{key}' may load compiled code from elsewhere, which is refused. "
                "Remove that line; the built-in implementation is used then."
            )
        if key == "quantization_config" and value is not None:
            raise UserError(
                f"{source}: 'quantization_config' says the weights are stored in a packed form that is not "
                "read here. Get the version of this model that is not quantized."
            )


def _all_items(data: object, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > 20:
        raise UserError("config.json: it is nested too deeply to be a model's configuration.")
    if isinstance(data, dict):
        for key, value in data.items():
            yield key, value
            yield from _all_items(value, depth + 1)
    elif isinstance(data, list):
        for value in data:
            yield from _all_items(value, depth + 1)


def _refuse_more_layers_than_weights(config: dict[str, Any], source: Path, weights: StoredWeights) -> None:
    """A layer without weights of its own does not exist, but making a billion of them would take all memory."""
    for key, value in _all_items(config):
        stored = weights.num_values if "experts" in key else weights.num_tensors
        if key in _LAYER_COUNTS and isinstance(value, int) and value > stored:
            raise UserError(
                f"{source}: '{key}' is {value}, but only {weights.num_tensors} weights are stored; "
                "the configuration does not belong to them."
            )
