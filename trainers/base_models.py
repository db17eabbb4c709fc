"""What is known of a model to start from without loading it. Torch-free.

    base = look_at_base_model("builtin")     # BaseModel("tui-chat built-in", ModelShape(...), 8_000_000)

The one rule: nothing is downloaded for a look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from engine import hub, model_library
from engine.model_card import read_json, read_model_card
from trainers.config import TrainingConfig
from trainers.model_shape import ModelShape, num_parameters, vocabulary_size

# Layers, width, context, vocabulary and heads in a config.json, as GPT-2 and as others call them.
_NAMES = (
    ("n_layer", "num_hidden_layers"),
    ("n_embd", "hidden_size"),
    ("n_positions", "max_position_embeddings"),
    ("vocab_size",),
    ("n_head", "num_attention_heads"),
)


class BaseModel(NamedTuple):
    """A model to start from; without a shape where it is not on this machine yet."""

    name: str = ""
    shape: ModelShape | None = None
    num_parameters: int = 0


def look_at_base_model(reference: str) -> BaseModel:
    """A model's name and shape.

    Raises:
        UserError: when there is no such model, or its files are damaged.
    """
    if not is_here(reference):
        hub.refuse_offline(hub.parse_reference(reference))
        return BaseModel()
    directory = model_library.resolve(reference)
    card = read_model_card(directory)
    config = read_json(directory / "config.json", "a model directory needs it")
    layers, width, context, vocabulary, heads = (_first_number(config, *names) for names in _NAMES)
    shape = ModelShape(
        layers, width, card.context_length or context, card.vocab_size or vocabulary, num_heads=heads
    )
    # A folder of the Hub's cache is called after its commit.
    name = reference.removeprefix(hub.PREFIX) if reference.startswith(hub.PREFIX) else card.name
    return BaseModel(name, shape, card.num_parameters or _count_parameters(directory, config, shape))


def is_here(reference: str) -> bool:
    """Whether a model to start from can be looked at without the network; also for none."""
    if not reference.startswith(hub.PREFIX):
        return True
    return hub.find_in_cache(hub.parse_reference(reference)) is not None


def check_reachable(config: TrainingConfig) -> None:
    """Refuse a model of the Hub that a run would wait for in vain; asks the Hub about those that are not here.

    Raises:
        UserError: when there is no such model, it may not be read, or the Hub cannot be reached.
    """
    for reference in {config.base_model, config.tokenizer}:
        if reference.startswith(hub.PREFIX):
            hub.check_reachable(hub.parse_reference(reference))


def _count_parameters(directory: Path, config: Mapping[str, object], shape: ModelShape) -> int:
    """Of a GPT-2 by its shape, which its files hold more than; of others the numbers that are stored."""
    if config.get("model_type") == "gpt2":
        return num_parameters(shape)
    from engine.models.directory_checks import read_headers, weight_files  # here: hardly ever needed

    return read_headers(weight_files(directory)).num_values


def shape_of_run(
    config: TrainingConfig, base: BaseModel | None, characters: int
) -> tuple[ModelShape, int] | None:
    """The shape and the parameters of a run's model; `characters`: different ones in the data. None: not known."""
    if not config.base_model:
        shape = ModelShape.of(config, vocabulary_size(config, characters))
        return shape, num_parameters(shape)
    if base is None or base.shape is None:
        return None
    shape = replace(base.shape, context_length=min(base.shape.context_length, config.context_length))
    return shape, base.num_parameters


def _first_number(config: Mapping[str, object], *names: str) -> int:
    return next((value for name in names if isinstance(value := config.get(name), int)), 1)
