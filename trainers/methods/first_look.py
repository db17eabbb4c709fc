"""What the training process says before its first step: memory by parts, epochs, and ten steps of a throw-away model.

    look_before_first_step(parts, writer, progress)     # into log.txt and status.json

The one rule: the run is the same to the last bit with and without it; random numbers are put back, and nothing is
kept but words.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from engine.models.gpt import GPT, GPTConfig
from trainers.estimates import guess_speed
from trainers.memory import MemoryParts
from trainers.methods.assembly import Assembly
from trainers.methods.probe import try_in_this_process
from trainers.model_shape import ModelShape
from trainers.preflight import DataSize, Machine, Preflight, free_memory, look_ahead
from trainers.run_writer import RunWriter

logger = logging.getLogger(__name__)
_SECONDS = 3.0  # of steps that are tried; fewer than ten, or shorter ones, where ten take longer
_LONGEST_SEQUENCE = 2.0  # seconds, by a guess: beyond, not even one sequence is worth its time


def look_before_first_step(
    parts: Assembly, writer: RunWriter, progress: Callable[[str], None]
) -> Preflight | None:
    """Write the preflight of a new run; None for models that are not our GPT."""
    if parts.backend != "scratch" or not isinstance(parts.model, GPT):
        return None
    progress("preflight")
    config, shape = parts.config, _shape_of(parts.model.config, parts.config.context_length)
    machine = Machine(parts.device.type, parts.precision, free_memory(parts.device.type))
    speed = 0.0
    guess = guess_speed(config, shape, parts.model.num_parameters, ())
    if shape.context_length / guess.tokens_per_second <= _LONGEST_SEQUENCE:
        between = partial(progress, "preflight")
        speed = try_in_this_process(config, shape.vocab_size, _SECONDS, between).tokens_per_second
    look = look_ahead(
        config, shape, _size_of(parts), machine, parameters=parts.model.num_parameters, measured=speed
    )
    _log(look)
    writer.report(
        memory_parts=look.memory,
        tokens_per_second=speed or None,
        seconds_left=look.seconds if speed else None,
    )
    return look


def _shape_of(config: GPTConfig, context_length: int) -> ModelShape:
    # A run may read less at once than its model could.
    return ModelShape(
        config.num_layers,
        config.embedding_size,
        context_length,
        config.vocab_size,
        config.bias,
        config.qkv_bias,
        config.tied_head,
        config.num_heads,
    )


def _size_of(parts: Assembly) -> DataSize:
    corpus, length = parts.corpus, parts.config.context_length
    if parts.config.method == "pretraining":
        return DataSize(corpus.files.train_tokens, corpus.files.validation_tokens, is_exact=True)
    validated = len(corpus.validation) if corpus.validation is not None else 0
    return DataSize(len(corpus.train) * length, validated * length, is_exact=True)


def _log(look: Preflight) -> None:
    free = f" of {_megabytes(look.free_bytes)} free" if look.free_bytes is not None else ""
    logger.info("memory: about %s%s (%s)", _megabytes(look.memory_bytes), free, in_words(look.memory))
    if look.epochs is not None:
        logger.info(
            "an epoch is %d tokens; the run reads %d, %.2f epochs",
            look.tokens_per_epoch,
            look.tokens,
            look.epochs,
        )
    if look.basis == "probe":
        logger.info("steps tried: %.0f tokens/s, so about %.0f s", look.tokens_per_second, look.seconds)
    if not look.fits:
        best = f"; it would fit with {look.suggestions[0].words}" if look.suggestions else ""
        logger.warning("this may not fit into memory%s", best)


def in_words(memory: MemoryParts) -> str:
    """The parts, for a log."""
    return ", ".join(f"{name} {_megabytes(size)}" for name, size in memory.to_dict().items() if size)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
