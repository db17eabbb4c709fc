"""A few steps of a throw-away model on random tokens: `python -m trainers.methods.probe`, as `trainers.probing` asks.

    probe = Probe(config, vocab_size)     # the model, optimizer, precision and passes of the run itself
    probe.warm_up(5.0); probe.step(); probe.result()

Arithmetic does not depend on what the tokens are, so no data is read.
The one rule: it leaves the process as it was; random numbers are its own, and nothing is written.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from engine.errors import UserError
from engine.model_library import resolve
from engine.models.checkpoints import read_gpt_config
from engine.models.gpt import GPT
from engine.models.loading import choose_device
from trainers.allocation import keep_freed_memory
from trainers.base_models import is_here
from trainers.config import TrainingConfig
from trainers.corpora import BEGINS, LEARNT, ConversationWindows, TextWindows, Windows
from trainers.methods.assembly import choose_training_precision, optimizer_of, usable_cores
from trainers.methods.method import Batch, micro_batches, next_token_loss
from trainers.methods.starting_models import (
    TrainedModel,
    backend_of,
    hugging_face_model,
    new_model_config,
    recompute_activations,
)
from trainers.probing import ProbeAnswer, ProbeOrder, ProbeRequest, ProbeResult

_NICENESS = 5  # as the training process
_CONVERSATIONS_IN_A_WINDOW = 4
_WARM_UP = 1  # passes whose time does not count
_PASSES_AT_LEAST = 3  # for which there is time


class Probe:
    """One run to try."""

    def __init__(self, config: TrainingConfig, vocab_size: int) -> None:
        self._config = config
        self.device = torch.device(choose_device(config.device))
        self.threads = config.threads or usable_cores()
        torch.set_num_threads(self.threads)
        with torch.random.fork_rng():
            self._model = throw_away_model(config, vocab_size).to(self.device).train()
        width = self._model.config.embedding_size
        self.precision = choose_training_precision(config.precision, self.device, width)
        if config.gradient_checkpointing:
            recompute_activations(self._model)
        self._optimizer = optimizer_of(self._model, config)
        self._length = min(config.context_length, self._model.config.context_length)
        self._windows = _windows(config, self._length, self._model.config.vocab_size)
        self._passes: list[float] = []
        self._updates: list[float] = []
        self._sequences = config.micro_batch_size or config.batch_size  # in a pass
        self.steps = 0

    def warm_up(self, seconds: float) -> None:
        """Two passes of one sequence; when whole passes would take longer than `seconds`, shorter ones are timed."""
        for _ in range(_WARM_UP + 1):
            self._train_on(1)
        per_sequence = self._passes[-1]
        self._passes, self._updates, self.steps = [], [], 0
        if per_sequence * self._sequences > seconds:
            self._sequences = max(1, min(self._sequences, int(seconds / per_sequence)))

    def step(self) -> None:
        """One step, or where that takes too long as much of one as tells how long it takes."""
        self._train_on(self._sequences)
        self.steps += 1

    def _train_on(self, sequences: int) -> None:
        torch.set_num_threads(self.threads)
        self._optimizer.zero_gradients()
        whole = self._config.micro_batch_size or self._config.batch_size
        config = self._config
        if sequences < whole:
            config = config.with_changes("probe", batch_size=sequences, micro_batch_size=0)
        loss = torch.zeros((), device=self.device)
        with torch.random.fork_rng():
            for batch in micro_batches(self._windows, config, self.steps, self.device):
                self._passes.append(self._timed(partial(self._pass, batch, loss)))
        self._updates.append(self._timed(partial(self._optimizer.step, self._config.learning_rate, loss)))

    def _pass(self, batch: Batch, loss: torch.Tensor) -> None:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            part = next_token_loss(self._model, batch, self._config.label_smoothing)
        part.backward()
        loss += part.detach()

    def _timed(self, work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - began

    def result(self) -> ProbeResult:
        """What the steps so far showed."""
        config = self._config
        passes = config.batch_size / self._sequences
        seconds = passes * statistics.median(self._passes) + statistics.median(self._updates)
        return ProbeResult(
            tokens_per_second=config.batch_size * self._length / seconds,
            seconds_per_step=seconds,
            steps=self.steps,
            num_parameters=self._model.num_parameters,
            slowest_over_fastest=max(self._passes) / min(self._passes),
            peak_bytes=peak_bytes(self.device),
            device=self.device.type,
            precision=self.precision,
            threads=self.threads,
        )


def throw_away_model(config: TrainingConfig, vocab_size: int) -> TrainedModel:
    """A model as the run will train; our GPT has weights of its own, for what they are costs no time.

    Raises:
        UserError: when it starts from a model that is not on this machine, or cannot be opened.
    """
    if not is_here(config.base_model):
        raise UserError("The model to start from is downloaded when the run starts; then it can be measured.")
    if backend_of(config, None) != "scratch":  # Trainer's steps are the same ones
        return hugging_face_model(config, vocab_size)
    if not config.base_model:
        return GPT(new_model_config(config, vocab_size))
    shape = read_gpt_config(resolve(config.base_model))
    return GPT(shape.with_changes("probe", dropout=config.dropout))


def _windows(config: TrainingConfig, length: int, vocab_size: int) -> Windows:
    """Random tokens in the form that the method reads."""
    numbers = np.random.default_rng(0)
    if config.method == "pretraining":
        return TextWindows(numbers.integers(0, vocab_size, 4 * (length + 1)), length)
    ids = numbers.integers(0, vocab_size, (config.batch_size, length + 1))
    marks = np.full(ids.shape, LEARNT, dtype=np.uint8)
    marks[:, :: max(2, length // _CONVERSATIONS_IN_A_WINDOW)] = BEGINS
    return ConversationWindows(ids, marks)


def run(
    requests: list[ProbeRequest],
    seconds: float,
    between: Callable[[], None] = lambda: None,
    is_whole: bool = False,
) -> tuple[ProbeResult, ...]:
    """Try runs in turns, so that what else the machine does falls on all of them alike.

    `between` is called before each step, and may raise to end it.
    """
    probes = [Probe(request.config, request.vocab_size) for request in requests]
    for probe in () if is_whole else probes:
        probe.warm_up(seconds / len(probes) / _PASSES_AT_LEAST)
    deadline = time.perf_counter() + seconds
    for turn in range(max(request.steps for request in requests)):
        for probe, request in zip(probes, requests, strict=True):
            if turn == 0 or (turn < request.steps and time.perf_counter() < deadline):
                between()
                probe.step()
    return tuple(probe.result() for probe in probes)


def try_in_this_process(
    config: TrainingConfig, vocab_size: int, seconds: float, between: Callable[[], None]
) -> ProbeResult:
    """Ten steps at most, within about so many seconds, of a model that is gone afterwards."""
    return run([ProbeRequest(config=config, vocab_size=vocab_size)], seconds, between)[0]


def peak_bytes(device: torch.device) -> int:
    """The most memory so far: of the process on a CPU, of the device on a GPU; 0 where it is not counted."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    import resource  # not on every system

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    """Read an order, answer it."""
    try:
        order = ProbeOrder.from_json(sys.stdin.buffer.read(), "probe")
        answer = ProbeAnswer(results=run(list(order.requests), order.seconds, is_whole=order.is_whole))
    except UserError as error:
        answer = ProbeAnswer(problem=str(error))
    except (MemoryError, RuntimeError) as error:  # torch says that memory is short in several ways
        short = isinstance(error, MemoryError) or "memory" in str(error)
        what = "there is not enough memory for this run" if short else type(error).__name__
        answer = ProbeAnswer(problem=f"The probe steps failed: {what}.")
    print(answer.to_json().decode(), flush=True)
    return 0


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    keep_freed_memory()
    sys.exit(main())
