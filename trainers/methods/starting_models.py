"""The model a run begins or goes on with, whichever of the two ways it is computed.

    backend = backend_of(config, checkpoint)            "scratch": our GPT     "hf", "trainer": transformers
    model = starting_model(config, tokenizer, checkpoint, backend)
    save_model(model, folder, end_of_text); reader_of(model); recompute_activations(model)

The one rule: transformers is imported only when a model needs it; it takes two seconds and much memory.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import nn

from engine.errors import UserError
from engine.model_library import resolve
from engine.models.checkpoints import load_gpt, save_gpt
from engine.models.gpt import GPT, GPTConfig
from engine.models.language_model import LanguageModel
from engine.models.loading import choose_backend
from engine.models.scratch import ScratchModel
from engine.tokenizers import Tokenizer
from trainers.config import TrainingConfig
from trainers.methods.recomputation import recompute_blocks

if TYPE_CHECKING:
    from trainers.methods.hugging_face_models import HuggingFaceLM

TrainedModel: TypeAlias = "GPT | HuggingFaceLM"
ChosenBackend = Literal["scratch", "hf", "trainer"]


def backend_of(config: TrainingConfig, checkpoint: Path | None) -> ChosenBackend:
    """As asked; "auto" is our GPT for random weights and all directories it can compute, else transformers.

    Raises:
        UserError: when there is no such base model.
    """
    if config.backend != "auto":
        return config.backend
    if checkpoint is None and not config.base_model:
        return "scratch"
    return "hf" if choose_backend("auto", checkpoint or resolve(config.base_model)) == "hf" else "scratch"


def starting_model(
    config: TrainingConfig, tokenizer: Tokenizer, checkpoint: Path | None, backend: ChosenBackend
) -> TrainedModel:
    """The weights of the checkpoint, of the base model, or random ones.

    Raises:
        UserError: when the base model is not one that the backend computes, or its context is shorter than asked for.
    """
    model: TrainedModel
    if backend == "scratch":
        model = (
            _with_dropout(load_gpt(checkpoint), config)
            if checkpoint
            else first_model(config, tokenizer.vocab_size)
        )
    else:
        model = hugging_face_model(config, tokenizer.vocab_size, checkpoint, tokenizer.end_of_text)
    _refuse_short_context(config, model.config.context_length)
    return model


def first_model(config: TrainingConfig, vocab_size: int) -> GPT:
    """Our GPT before the first step.

    Raises:
        UserError: when the base model is not a GPT-2.
    """
    if not config.base_model:
        return _initialised(GPT(new_model_config(config, vocab_size)), config)
    model = load_gpt(resolve(config.base_model))
    if vocab_size > model.config.vocab_size:
        model = with_larger_vocabulary(model, vocab_size)
    return _with_dropout(model, config)


def _initialised(model: GPT, config: TrainingConfig) -> GPT:
    """With the random weights that are asked for.

    torch's embeddings are fifty times as large as GPT-2's, so that tokens are told apart from the first step on: a
    story is learnt by heart in a hundred steps, which with GPT-2's are spent on how frequent each word is.
    """
    if config.initialization == "torch":
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                module.reset_parameters()
    return model


def new_model_config(config: TrainingConfig, vocab_size: int) -> GPTConfig:
    """The GPT of a run that starts from random weights."""
    return GPTConfig(
        vocab_size=vocab_size,
        context_length=config.context_length,
        embedding_size=config.embedding_size,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        dropout=config.dropout,
        bias=config.bias,
        qkv_bias=config.qkv_bias,
        tied_head=config.tied_head,
        activation="gelu",  # nanoGPT's own, and 3.5 times as fast on a CPU as the tanh form
    )


def with_larger_vocabulary(model: GPT, vocab_size: int) -> GPT:
    """A copy whose embedding (and head) has rows for more tokens; new rows begin as the mean of the old ones."""
    config = model.config.with_changes("model", vocab_size=vocab_size)
    grown = GPT(config)
    state = model.state_dict()
    for name in ("wte.weight", "lm_head.weight"):
        old = state[name]  # (V, C)
        more = old.mean(dim=0, keepdim=True).expand(vocab_size - old.size(0), -1)
        state[name] = torch.cat([old, more + 0.01 * torch.randn(more.shape)])
    if config.tied_head:
        state["lm_head.weight"] = state["wte.weight"]
    grown.load_state_dict(state)
    return grown


def save_model(model: TrainedModel, directory: Path, end_of_text: int | None) -> None:
    """Write configuration and weights into a model directory that is being made.

    Raises:
        OSError: when the disk is full or cannot be written.
    """
    if isinstance(model, GPT):
        save_gpt(model, directory, end_of_text)
    else:
        model.save(directory, end_of_text)


def architecture_of(model: TrainedModel) -> str:
    """`model_type` of config.json."""
    return ScratchModel.architecture if isinstance(model, GPT) else model.architecture


def reader_of(model: TrainedModel) -> LanguageModel:
    """The same weights as a model that generates; who uses it puts the mode back."""
    return ScratchModel(model) if isinstance(model, GPT) else model.eval().reader()


def recompute_activations(model: TrainedModel) -> None:
    """Gradient checkpointing, from now on.

    Raises:
        UserError: when the architecture cannot.
    """
    if isinstance(model, GPT):
        recompute_blocks(model.h)
    else:
        model.recompute_activations()


def hugging_face_model(
    config: TrainingConfig, vocab_size: int, checkpoint: Path | None = None, end_of_text: int | None = None
) -> HuggingFaceLM:
    """The same as a model of transformers, with rows for at least `vocab_size` tokens.

    Raises:
        UserError: when the base model is dangerous, incomplete or damaged, or does not fit into memory.
    """
    from trainers.methods.hugging_face_models import open_for_training  # here: it imports transformers

    if checkpoint or config.base_model:
        directory = checkpoint or resolve(config.base_model)
        return open_for_training(directory, vocab_size, config.dropout)
    with tempfile.TemporaryDirectory() as folder:  # the random weights our GPT begins with
        save_gpt(first_model(config, vocab_size), Path(folder), end_of_text)
        return open_for_training(Path(folder), vocab_size, config.dropout)


def _refuse_short_context(config: TrainingConfig, context_length: int) -> None:
    if config.context_length > context_length:
        raise UserError(
            f"context_length {config.context_length} is more than the {context_length} tokens that "
            f"{config.base_model} can see. Set context_length to {context_length} or less."
        )


def _with_dropout(model: GPT, config: TrainingConfig) -> GPT:
    """The same weights in a model that drops as the configuration says; files do not keep that."""
    if model.config.dropout == config.dropout:
        return model
    copy = GPT(model.config.with_changes("model", dropout=config.dropout))
    copy.load_state_dict(model.state_dict())
    return copy
