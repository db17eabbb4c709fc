"""The second backend: `transformers.Trainer` makes the steps, the run directory is the same.

    rows of the token files -> Trainer: batches, forward, backward, optimizer, schedule
                                  | a callback at the end of each step
                                  v
    our loop: rows of metrics, validation, samples, checkpoints, control files

Data, their order, the targets, the learning rates and AdamW's numbers are those of our own loop, so both give the
same losses. Trainer's own checkpoints are pickle files without an order of writing: they are never made. A resumed run
begins a Trainer of its own at the next step, with weights, optimizer and random numbers of the checkpoint; so does one
in which a step was not finite, for Trainer has read on by then.
Legend: B sequences, T tokens.
The one rule: what a step computes is Trainer's business; everything between two steps is the loop's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import IterableDataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from trainers.backends import check_backend
from trainers.methods.assembly import Assembly
from trainers.methods.loop import TrainingLoop
from trainers.methods.method import Batch
from trainers.methods.optimizer import FlatAdamW
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes


class TrainerLoop(TrainingLoop):
    """Trains one run with `transformers.Trainer` until it is finished or told to stop."""

    def __init__(self, parts: Assembly, optimizer: FlatAdamW, writer: RunWriter, wishes: Wishes) -> None:
        check_backend(parts.config)
        super().__init__(parts, optimizer, writer, wishes)

    def run(self) -> None:
        """Train to the end, or to a stop; the final state is in the status.

        Raises:
            UserError: when a step cannot be taken, or a checkpoint cannot be saved.
            GoBackError: when a person lets the run go on from its last checkpoint, with a lower learning rate.
        """
        self.begin()
        goes_on = self.goes_on()
        while goes_on:
            if self.interventions.skips(self.progress.step + 1):
                self._step()
                goes_on = self.goes_on()
            else:
                goes_on = _StepMaker(self).go()
        self.end()


class _StepMaker(Trainer):
    """Trainer with our data and our loss."""

    loss_is_scaled_for_ga = True  # losses of micro-batches already add up to the mean over the step's targets

    def __init__(self, loop: TrainingLoop) -> None:
        parts = loop.parts
        self._method = parts.method
        optimizer = loop.optimizer.as_torch_optimizer()
        self._steps = _Steps(loop, optimizer)
        super().__init__(
            model=parts.model,
            args=_arguments(loop),
            train_dataset=_Rows(parts, loop.progress.step),
            data_collator=_together,
            optimizers=(optimizer, LambdaLR(optimizer, lambda step: 1.0)),  # the callback knows the rates
            callbacks=[self._steps],
            compute_loss_func=self._refuse,  # given so that older versions do not divide the loss either
        )
        self.remove_callback(PrinterCallback)

    def go(self) -> bool:
        """Make steps until it is another's turn: at the end, or where the course of the run has changed.

        Whether the run goes on then.
        """
        self.train()
        return self._steps.goes_on

    def compute_loss(self, model: Any, inputs: dict[str, Any], *_: object, **__: object) -> Tensor:
        """The micro-batch's part of the step's loss, as in our loop."""
        loss, _metrics = self._method.loss(model, Batch(**inputs))
        self._steps.add(loss.detach())
        return loss

    @staticmethod
    def _refuse(*_: object, **__: object) -> Tensor:
        raise NotImplementedError("compute_loss is overridden")


class _Steps(TrainerCallback):
    """Tells the loop of each step, and Trainer of the loop's wish to stop."""

    def __init__(self, loop: TrainingLoop, optimizer: AdamW) -> None:
        self.goes_on = True
        self._loop = loop
        self._optimizer = optimizer
        self._next_step = loop.progress.step  # whose rows Trainer reads next
        self._random = _random_states()  # before Trainer seeds anew, draws and shuffles
        self._is_first = True
        self._loss = torch.zeros((), device=loop.parts.device)
        self._norm = self._loss
        self._started = 0.0

    def add(self, loss: Tensor) -> None:
        """A micro-batch has this part of the step's loss."""
        self._loss = self._loss + loss

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:
        """Before the first forward pass of a step."""
        if self._is_first:
            _restore(self._random)
            self._is_first = False
        self._started = time.perf_counter()
        self._loss = torch.zeros_like(self._loss)
        loop = self._loop
        # Only now: between two steps a person may have asked for another rate.
        for parameters in self._optimizer.param_groups:
            parameters["lr"] = loop.rate(loop.progress.step)
        for group in loop.optimizer.groups():
            group.collect_gradients()
        loop.optimizer.zero_gradients()
        loop.stepper.begin(loop.progress)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: object) -> None:
        """Gradients are there: clip them, and let none be applied that is not finite."""
        self._norm = self._loop.optimizer.clip(self._loss)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> Any:
        """All that the loop does between two steps."""
        loop = self._loop
        rate = loop.rate(loop.progress.step)
        loop.count_step(self._loss, self._norm, rate, self._started)
        self._next_step += 1
        self.goes_on = loop.goes_on()
        step = loop.progress.step
        if not self.goes_on or step != self._next_step or loop.interventions.skips(step + 1):
            control.should_training_stop = True
        return control


class _Rows(IterableDataset[dict[str, Any]]):
    """The rows of the run's batches, in their order, from a step on."""

    def __init__(self, parts: Assembly, first_step: int) -> None:
        self._parts = parts
        self._first_step = first_step

    def __iter__(self) -> Iterator[dict[str, Any]]:
        config, step = self._parts.config, self._first_step
        while step < config.max_steps:
            for batch in self._parts.method.batches(step):
                for number in range(len(batch.inputs)):
                    yield {
                        name: field[number] if isinstance(field, Tensor) else field
                        for name, field in batch._asdict().items()
                    }
            step += 1


def _together(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The rows of a micro-batch, as Trainer gives them to `compute_loss`; they have its share in common."""
    return {
        name: torch.stack([row[name] for row in rows]) if isinstance(value, Tensor) else value
        for name, value in rows[0].items()
    }


def _arguments(loop: TrainingLoop) -> TrainingArguments:
    """Trainer's settings: all it writes, logs and measures itself is off."""
    config, parts = loop.config, loop.parts
    micro_batch_size = config.micro_batch_size or config.batch_size
    arguments = TrainingArguments(
        output_dir=str(loop.writer.run.path),
        max_steps=config.max_steps - loop.progress.step,
        per_device_train_batch_size=micro_batch_size,
        gradient_accumulation_steps=config.batch_size // micro_batch_size,
        max_grad_norm=0.0,  # the callback clips, and sees the norm before
        learning_rate=config.learning_rate,
        bf16=parts.precision == "bfloat16",
        use_cpu=parts.device.type == "cpu",
        seed=config.seed,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        accelerator_config={"dispatch_batches": False},
    )
    assert arguments.device.type == parts.device.type  # asking chooses the devices
    arguments._n_gpu = min(1, arguments.n_gpu)  # several would each get a part of a micro-batch
    return arguments


def _random_states() -> tuple[Any, Any, Tensor, Tensor | None]:
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda


def _restore(states: tuple[Any, Any, Tensor, Tensor | None]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    if states[3] is not None:
        torch.cuda.set_rng_state(states[3])
