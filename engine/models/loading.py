"""From a reference to a model that answers: choose backend, device and precision, load, and keep it fresh.

    Load(reference, backend, device, ...) -> ModelOnDuty -> events of replies

A reference to a run that still learns may mean newer weights before each reply; they are taken then, never during.
The one rule: "auto" is decided here and nowhere else, and what was decided is told in `LoadedModel`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import torch

from engine import wire
from engine.errors import UserError
from engine.generation import GenerationEvent
from engine.inspection import InspectedToken, InspectionDone
from engine.manifest import MANIFEST, problem_of
from engine.model_card import ModelCard, read_json, read_model_card
from engine.model_library import Progress, is_learning, moves_on, resolve
from engine.models.checkpoints import load_gpt, read_gpt_config
from engine.models.language_model import LanguageModel
from engine.models.scratch import ScratchModel
from engine.models.text_generator import TextGenerator, check_vocabulary
from engine.models.token_inspector import inspect
from engine.tokenizers.chat_formats import chat_format_of
from engine.tokenizers.loading import load_tokenizer

logger = logging.getLogger(__name__)

TRIES = 5  # a run that saves every second can prune a checkpoint while it is being read, more than once


class ModelOnDuty:
    """The one model of an engine process."""

    def __init__(self, load: wire.Load, on_progress: Progress) -> None:
        self._load = load
        self._on_progress = on_progress
        self._loaded: wire.LoadedModel | None = None
        self._generator: TextGenerator | None = None

    @property
    def step(self) -> int | None:
        """The training step of the weights that answer."""
        return self._loaded.step if self._loaded else None

    @property
    def competes_with_run(self) -> bool:
        """Whether what is computed here is taken from a run that learns on the same processor."""
        return self._loaded is not None and self._loaded.device == "cpu" and is_learning(self._load.reference)

    def take_newest(self) -> wire.LoadedModel:
        """Load what the reference means now.

        Raises:
            UserError: when there is no such model, or it cannot be loaded as asked.
        """
        return self._take(self._load)

    def _take(self, load: wire.Load) -> wire.LoadedModel:
        for _ in range(TRIES - 1):
            directory = resolve(load.reference, self._on_progress, load.trust_remote_code)
            try:
                return self._take_from(directory, load)
            except (UserError, OSError) as error:
                if not moves_on(load.reference) or resolve(load.reference) == directory:
                    raise
                logger.info("%s was pruned while it was read: %s", directory.name, error)
        return self._take_from(resolve(load.reference, self._on_progress, load.trust_remote_code), load)

    def _take_from(self, directory: Path, load: wire.Load) -> wire.LoadedModel:
        started = time.perf_counter()
        _refuse_damaged(load.reference, directory)
        card = read_model_card(directory)
        threads = choose_threads(load.threads)
        torch.set_num_threads(threads)
        device = choose_device(load.device)
        backend = choose_backend(load.backend, directory)
        self._on_progress("reading weights", None)
        model = self._read_model(directory, backend, device)
        tokenizer = load_tokenizer(directory)
        check_vocabulary(model, tokenizer)
        chat_format = chat_format_of(directory, tokenizer)
        self._generator = TextGenerator(model, tokenizer, chat_format)
        self._loaded = _describe(load, directory, card, model, backend, chat_format.name, threads, started)
        return self._loaded

    def turn_to(self, reference: str = "") -> wire.LoadedModel | None:
        """Take the weights that `reference` means now, by default what was loaded; None when they are at hand.

        A run prunes its checkpoints while we read: then the weights at hand answer, and the next reply tries again.

        Raises:
            UserError: when another reference than before means no model.
        """
        assert self._loaded is not None, "take_newest comes first"
        load = msgspec.structs.replace(self._load, reference=reference or self._load.reference)
        is_other = load.reference != self._loaded.reference
        if not is_other and not moves_on(load.reference):
            return None
        try:
            if str(resolve(load.reference)) != self._loaded.directory:
                return self._take(load)
        except UserError as error:
            if is_other:
                raise
            logger.warning("kept step %s: %s", self.step, error)
            return None
        if not is_other:
            return None
        self._loaded = msgspec.structs.replace(self._loaded, reference=load.reference)
        return self._loaded

    def events(self, request: wire.Generate, is_cancelled: Callable[[], bool]) -> Iterator[GenerationEvent]:
        """The reply to a request, piece by piece."""
        assert self._generator is not None, "take_newest comes first"
        answer = self._generator
        if request.prompt is not None:
            return answer.complete(request.prompt, request.settings, is_cancelled, request.prefix)
        return answer.reply(request.messages, request.settings, is_cancelled, request.prefix)

    def inspected(
        self, request: wire.Inspect, is_cancelled: Callable[[], bool]
    ) -> Iterator[tuple[InspectedToken, ...] | InspectionDone]:
        """The tokens of a request, some at a time, then what is true of all."""
        assert self._generator is not None, "take_newest comes first"
        asked = request.messages if request.prompt is None else request.prompt
        reply = request.reply if request.reply_ids is None else request.reply_ids
        return inspect(self._generator, asked, reply, request.settings, request.alternatives, is_cancelled)

    def _read_model(self, directory: Path, backend: str, device: str) -> LanguageModel:
        dtype = getattr(torch, choose_precision(self._load.precision, device))
        if backend == "scratch":
            gpt = load_gpt(
                directory, device, dtype, lambda share: self._on_progress("reading weights", share)
            )
            return ScratchModel(gpt)
        from engine.models.hugging_face import load_hugging_face  # here: transformers is 2 s that GPT-2 saves

        return load_hugging_face(directory, device, dtype, self._load.trust_remote_code)


def _refuse_damaged(reference: str, directory: Path) -> None:
    """A checkpoint whose bytes are not those that were written never answers."""
    if (directory / MANIFEST).is_file() and (problem := problem_of(directory)):
        raise UserError(
            f"{reference}: {problem} in {directory.name}. Choose another checkpoint of the run in the model picker."
        )


def choose_threads(asked: int) -> int:
    """CPU threads: as asked, else one less than there are cores (a busy second process makes more a loss)."""
    return asked or max(1, (psutil.cpu_count(logical=False) or os.cpu_count() or 2) - 1)


def choose_device(asked: str) -> str:
    """ "cuda" when it is there, else "cpu"; or as asked.

    Raises:
        UserError: when CUDA is asked for and not there.
    """
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "There is no CUDA device here (or torch came without CUDA). Use --device cpu or auto."
        )
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return asked


def choose_precision(asked: str, device: str) -> str:
    """bfloat16 where the device is made for it; float32 on a CPU, where it is exact and as fast."""
    if asked != "auto":
        return asked
    return "bfloat16" if device == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def choose_backend(asked: str, directory: Path) -> str:
    """The scratch GPT for every GPT-2 directory it can compute, Hugging Face for the rest; or as asked."""
    if asked != "auto":
        return asked
    if read_json(directory / "config.json", "a model directory needs it").get("model_type") != "gpt2":
        return "hf"
    try:
        read_gpt_config(directory)
    except UserError:
        return "hf"
    return "scratch"


def _describe(
    load: wire.Load,
    directory: Path,
    card: ModelCard,
    model: LanguageModel,
    backend: str,
    chat_format: str,
    threads: int,
    started: float,
) -> wire.LoadedModel:
    warnings = []
    if chat_format == "completion":
        warnings.append("This model was not trained to chat: it continues your text.")
    return wire.LoadedModel(
        reference=load.reference,
        name=card.name,
        directory=str(directory),
        backend=backend,
        device=str(model.device),
        precision=model.precision,
        chat_format=chat_format,
        context_length=model.context_length,
        vocab_size=model.vocab_size,
        num_parameters=model.num_parameters,
        seconds_to_load=time.perf_counter() - started,
        threads=threads,
        step=card.step,
        val_loss=card.val_loss,
        warnings=tuple(warnings),
    )
