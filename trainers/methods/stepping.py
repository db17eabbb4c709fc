"""One optimizer step: its micro-batches, taken again smaller when memory runs out, and undone when it is not finite.

    rate = stepper.take(progress)       gradients of all micro-batches, then the optimizer; progress moves on
    bad = stepper.undo_bad(progress)    None, or what was wrong: progress and random numbers are back before that step

Asking whether a step was finite makes a GPU wait, so there it is asked now and then: steps after a bad one change
nothing, and all of them are undone together.
The one rule: a step that is taken again is taken from its beginning: gradients zero, random numbers as they were.
"""

from __future__ import annotations

import logging
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engine.errors import UserError
from trainers.corpora import IGNORED
from trainers.interventions import Intervention, Interventions
from trainers.methods.assembly import Assembly
from trainers.methods.method import Batch
from trainers.methods.optimizer import FlatAdamW
from trainers.methods.out_of_memory import asked_for, is_out_of_memory, nothing_smaller, release_memory
from trainers.methods.progress import Progress
from trainers.methods.schedules import learning_rate

logger = logging.getLogger(__name__)
_MOST_UNCHECKED = 64  # steps on a GPU before it is asked whether they were finite


class BadStep(NamedTuple):
    """A step that was not applied."""

    step: int  # as the curves count: the first step is 1
    loss: float
    gradient_norm: float

    @property
    def what(self) -> str:
        """What was wrong, with the number itself."""
        if math.isfinite(self.loss):
            return f"the gradient norm became {self.gradient_norm}"
        return f"the loss became {self.loss}"


class _Beginning(NamedTuple):
    """Where a step began."""

    step: int
    loss_count: int
    random: Tensor
    random_cuda: Tensor | None


class Stepper:
    """Takes the steps of one run."""

    def __init__(self, parts: Assembly, optimizer: FlatAdamW, interventions: Interventions) -> None:
        self._parts = parts
        self._optimizer = optimizer
        self._interventions = interventions
        self._autocast = parts.precision == "bfloat16"
        self._unchecked: list[_Beginning] = []
        zero = torch.zeros((), device=parts.device)
        self.loss_sum = zero.double()  # of the steps since the last logged row
        self.norm = zero.clone()
        self._bad = torch.zeros(3, device=parts.device)  # loss and norm of the bad step, steps since then

    def rate(self, step: int) -> float:
        """The learning rate of the step after so many."""
        config = self._parts.config
        highest = self._interventions.learning_rate(step + 1, config.learning_rate)
        return learning_rate(config, step) * (highest / config.learning_rate)

    def take(self, progress: Progress) -> float:
        """Take the next step, or leave it out where an intervention says so; returns its learning rate.

        Raises:
            UserError: when there is not enough memory for one sequence at a time.
        """
        step = progress.step
        rate = self.rate(step)
        beginning = self.begin(progress)
        if self._interventions.skips(step + 1):
            progress.step += 1
            self._bad[2] += self._optimizer.broken
            return rate
        loss = self._gradients(beginning)
        self.count(progress, loss, self._optimizer.step(rate, loss))
        return rate

    def begin(self, progress: Progress) -> _Beginning:
        """Take note of where the next step begins, to go back there should it not be finite."""
        beginning = _Beginning(progress.step, progress.loss_count, *self._random())
        self._unchecked.append(beginning)
        return beginning

    def count(self, progress: Progress, loss: Tensor, norm: Tensor) -> None:
        """Take note of a step that was begun and made, here or elsewhere."""
        progress.step += 1
        progress.loss_count += 1
        broken = self._optimizer.broken
        is_first = (broken > 0) & (self._bad[2] == 0)
        self._bad[:2] = torch.where(is_first, torch.stack([loss, norm]), self._bad[:2])
        self._bad[2] += broken
        self.loss_sum += torch.where(broken > 0, 0.0, loss)
        self.norm = torch.where(broken > 0, self.norm, norm)

    @property
    def is_due(self) -> bool:
        """Whether to ask about bad steps now: always on a CPU, where the answer is there already."""
        return self._parts.device.type == "cpu" or len(self._unchecked) >= _MOST_UNCHECKED

    def undo_bad(self, progress: Progress) -> BadStep | None:
        """Go back to before the first step that was not finite, if there was one (waits for the device)."""
        if not self._optimizer.is_broken:
            self._unchecked.clear()
            return None
        loss, norm, count = self._bad.tolist()
        self._bad.zero_()
        beginning = self._unchecked[-int(count)]
        self._unchecked.clear()
        self._optimizer.mend(int(count))
        self._restore(beginning)
        progress.step, progress.loss_count = beginning.step, beginning.loss_count
        progress.measured_step = min(progress.measured_step, beginning.step)
        return BadStep(beginning.step + 1, loss, norm)

    def _gradients(self, beginning: _Beginning) -> Tensor:
        """The step's loss; its gradients are in the parameters. Smaller micro-batches are tried until they fit."""
        while True:
            size = self._interventions.micro_batch_size(beginning.step + 1)
            try:
                return self._accumulated(beginning.step, size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                asked = asked_for(error)
            # Outside of the handler: the error holds every tensor of the attempt.
            self._restore(beginning)
            self._halve(beginning.step, asked)

    def _accumulated(self, step: int, size: int) -> Tensor:
        self._optimizer.zero_gradients()
        parts = self._parts
        total = torch.zeros((), device=parts.device)
        share = 0.0
        for whole in parts.method.batches(step):
            for batch in pieces(whole, size):
                with torch.autocast(parts.device.type, torch.bfloat16, enabled=self._autocast):
                    loss, _ = parts.method.loss(parts.model, batch)
                loss.backward()
                total += loss.detach()
            share += whole.share
        # The mean over no targets is not a number, and no step must be made of it.
        return total if share else torch.full_like(total, math.nan)

    def _halve(self, step: int, asked: str) -> None:
        """Write down that half as many sequences go through the model at once from this step on."""
        parts = self._parts
        release_memory(parts.device)
        config = parts.config
        now = self._interventions.micro_batch_size(step + 1) or config.micro_batch_size or config.batch_size
        if now == 1:
            tokens, parameters = config.context_length, parts.model.num_parameters
            raise UserError(nothing_smaller(parts.device, tokens, parameters, asked))
        smaller = (now + 1) // 2
        reason = (
            f"not enough memory for {now} sequences at once: {smaller} at once from here on, "
            f"still {config.batch_size} per step"
        )
        logger.warning("step %d: %s", step + 1, reason)
        self._interventions.add(
            Intervention(step=step + 1, kind="micro_batch_size", value=smaller, reason=reason)
        )

    def _random(self) -> tuple[Tensor, Tensor | None]:
        cuda = torch.cuda.get_rng_state() if self._parts.device.type == "cuda" else None
        return torch.get_rng_state(), cuda

    def _restore(self, beginning: _Beginning) -> None:
        torch.set_rng_state(beginning.random)
        if beginning.random_cuda is not None:
            torch.cuda.set_rng_state(beginning.random_cuda)


def pieces(batch: Batch, size: int) -> list[Batch]:
    """The batch in pieces of at most `size` sequences, each with its share of the targets; 0 leaves it whole."""
    count = len(batch.inputs)
    if not size or count <= size:
        return [batch]
    whole = _weight(batch) or 1.0
    found = []
    for start in range(0, count, size):
        some = slice(start, start + size)
        fields = batch._asdict().items()
        cut: dict[str, Any] = {name: field[some] for name, field in fields if isinstance(field, Tensor)}
        part = batch._replace(**cut)
        found.append(part._replace(share=batch.share * _weight(part) / whole))
    return found


def _weight(batch: Batch) -> float:
    """How much the targets of a batch count."""
    weights = getattr(batch, "weights", None)
    return float((batch.targets != IGNORED).sum() if weights is None else weights.sum())
