"""From a configuration to everything a run works with: tokenizer, token files, model, method, optimizer.

    base_model ""      tokenizer made from the data -> token files -> a model with random weights
    base_model "..."   its tokenizer -> token files -> its weights, grown by the special tokens it lacks

The tokenizer is kept beside the token files, so that a resumed run never makes another one.
The one rule: "auto" is decided here, before the first step, and told in the log.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from engine.models.loading import choose_device
from engine.tokenizers import Tokenizer
from engine.tokenizers.chat_format import ChatFormat
from engine.tokenizers.chat_formats import chat_format_of
from engine.tokenizers.loading import load_tokenizer
from trainers.config import TrainingConfig
from trainers.corpora import Corpus, TokenFiles, is_built
from trainers.corpus_building import build_corpus
from trainers.methods.fine_tuning import FineTuning
from trainers.methods.method import TrainingMethod
from trainers.methods.muon import FlatMuon
from trainers.methods.optimizer import FlatAdamW
from trainers.methods.pretraining import Pretraining
from trainers.methods.starting_models import ChosenBackend, TrainedModel, backend_of, starting_model
from trainers.tokenizer_choice import make_tokenizer

logger = logging.getLogger(__name__)
Progress = Callable[[str], None]

_WIDE_ENOUGH = 192  # below, casting weights to bfloat16 costs more than it saves (measured with 128 and 384)


@dataclass
class Assembly:
    """What the loop works with."""

    config: TrainingConfig
    device: torch.device
    precision: str  # "float32" or "bfloat16" (autocast; the weights stay float32)
    tokenizer: Tokenizer
    chat_format: ChatFormat
    corpus: Corpus
    model: TrainedModel
    method: TrainingMethod
    backend: ChosenBackend = "scratch"


def assemble(
    config: TrainingConfig, tokens_path: Path, checkpoint: Path | None, progress: Progress
) -> Assembly:
    """Everything for a run; `checkpoint` gives the weights of a run that goes on.

    Raises:
        UserError: when data, base model and settings do not fit together.
    """
    device = torch.device(choose_device(config.device))
    torch.set_num_threads(config.threads or usable_cores())
    torch.manual_seed(config.seed)
    _make_deterministic(device)
    corpus, tokenizer, chat_format = open_data(config, tokens_path, progress)
    config = with_steps_of_epochs(config, len(corpus.train))
    progress("making the model")
    backend = backend_of(config, checkpoint)
    model = starting_model(config, tokenizer, checkpoint, backend).to(device).train()
    precision = choose_training_precision(config.precision, device, model.config.embedding_size)
    method: TrainingMethod = (
        Pretraining(config, corpus, device)
        if config.method == "pretraining"
        else FineTuning(config, corpus, device)
    )
    threads = torch.get_num_threads()
    logger.info("backend %s, device %s, precision %s, threads: %d", backend, device, precision, threads)
    logger.info(
        "%d parameters, vocabulary %d (%s)", model.num_parameters, tokenizer.vocab_size, tokenizer.kind
    )
    return Assembly(config, device, precision, tokenizer, chat_format, corpus, model, method, backend)


def with_steps_of_epochs(config: TrainingConfig, windows: int) -> TrainingConfig:
    """The configuration with the steps that its epochs come to, as there are so many windows to learn from."""
    if not config.num_train_epochs:
        return config
    steps = max(1, math.ceil(config.num_train_epochs * windows / config.batch_size))
    logger.info(
        "%g epochs of %d windows, %d a step: %d steps",
        config.num_train_epochs,
        windows,
        config.batch_size,
        steps,
    )
    if config.warmup_steps >= steps:
        logger.warning("the warm-up of %d steps is not over when the run ends", config.warmup_steps)
    return config.with_changes("num_train_epochs", max_steps=steps)


def make_optimizer(parts: Assembly) -> FlatAdamW:
    """The optimizer a configuration asks for; from now on it owns the storage of the model's parameters."""
    return optimizer_of(parts.model, parts.config)


def optimizer_of(model: nn.Module, config: TrainingConfig) -> FlatAdamW:
    """The same for a model that is not (yet) part of a run."""
    kind = FlatMuon if config.optimizer == "muon" else FlatAdamW
    return kind(model, config)


def open_data(
    config: TrainingConfig, tokens_path: Path, progress: Progress
) -> tuple[Corpus, Tokenizer, ChatFormat]:
    """The run's token files with their tokenizer and chat format, made now when they are not there yet."""
    if not is_built(tokens_path):
        progress("making the tokenizer")
        tokenizer, chat_format = make_tokenizer(config, progress)
        build_corpus(config, tokenizer, chat_format, tokens_path, progress)
    tokenizer = load_tokenizer(tokens_path)
    corpus = Corpus(tokens_path, config.prompt_loss)
    files = corpus.files
    logger.info("%d training tokens, %d validation tokens", files.train_tokens, files.validation_tokens)
    for words in _what_is_lost(corpus.files):
        logger.warning("%s", words)
    return corpus, tokenizer, chat_format_of(tokens_path, tokenizer)


def _what_is_lost(files: TokenFiles) -> Iterator[str]:
    for count, one, several in (
        (files.rejected, "line could not be used", "lines could not be used"),
        (
            files.truncated,
            "conversation was cut to the context length",
            "conversations were cut to the context length",
        ),
        (
            files.unknown_characters,
            "character is not in the vocabulary",
            "characters are not in the vocabulary",
        ),
    ):
        if count:
            yield f"{count:,} {one if count == 1 else several}"


def choose_training_precision(asked: str, device: torch.device, embedding_size: int) -> str:
    """bfloat16 where it pays: on a GPU made for it, on a CPU with bfloat16 units for models that are not tiny."""
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    has_units = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if has_units and embedding_size >= _WIDE_ENOUGH else "float32"


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make_deterministic(device: torch.device) -> None:
    """On a GPU, choose kernels that add in a fixed order, so that a resumed run is the same to the last bit."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_float32_matmul_precision("high")
