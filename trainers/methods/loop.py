"""The one training loop: steps, and between them what is measured, said, saved and wished.

    while step < max_steps:  obey wishes -> step -> measure (log, validate, sample) -> save

Stopping, pausing, a signal and the end all take the same path: a checkpoint, then the new state. A measurement that
a stop cuts short is made again on resume, so the rows of a resumed run are those of an uninterrupted one.
The one rule: what a step computes depends on configuration, data and step alone, never on when it runs.
"""

from __future__ import annotations

import logging
import math
import time

import psutil
import torch
from torch import Tensor

from engine.errors import UserError
from trainers.methods.assembly import Assembly
from trainers.methods.checkpointing import Checkpointer
from trainers.methods.evaluation import Measured, evaluate, token_sizes
from trainers.methods.optimizer import FlatAdamW
from trainers.methods.progress import Clock, Progress
from trainers.methods.samples import draw_samples
from trainers.methods.schedules import learning_rate
from trainers.methods.starting_models import recompute_activations
from trainers.methods.training_state import TrainingState
from trainers.run_directory import MetricsRow
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes

logger = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS_WHILE_PAUSED = 0.1


class TrainingLoop:
    """Trains one run until it is finished or told to stop."""

    def __init__(self, parts: Assembly, optimizer: FlatAdamW, writer: RunWriter, wishes: Wishes) -> None:
        self.parts = parts
        self.config = parts.config
        self.optimizer = optimizer
        self.writer = writer
        self.wishes = wishes
        self.progress = Progress()
        self.checkpointer = Checkpointer(parts, optimizer, writer)
        self._autocast = parts.precision == "bfloat16"
        self._sizes = token_sizes(parts.tokenizer)
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=parts.device)
        self._norm = torch.zeros((), device=parts.device)
        self._clock = Clock()
        self._saved_step = -1
        self._measured: Measured | None = None  # the validation of the step at hand
        if self.config.gradient_checkpointing:
            recompute_activations(parts.model)

    def run(self) -> None:
        """Train to the end, or to a stop; the final state is in the status.

        Raises:
            UserError: when a loss is not finite, or a checkpoint cannot be saved.
        """
        self.begin()
        while self.goes_on():
            self._step()
        self.end()

    def begin(self) -> None:
        """What comes before the first step of a sitting."""
        self._loss_sum.fill_(self.progress.loss_sum)
        self._clock = Clock(first_step=self.progress.step)
        self._saved_step = self.progress.step if self.progress.step else -1
        self.writer.report("running", stage="", step=self.progress.step)

    def goes_on(self) -> bool:
        """What comes between two steps: measure, save, obey; False when there is to be no further step."""
        if not self._measure_if_due():
            return False
        if self._is_checkpoint_due():
            self._save()
        return not self._is_at_end() and self._obey_wishes()

    def end(self) -> None:
        """What comes after the last step of a sitting."""
        finished = self._is_at_end() and self._is_measured()
        self._save()
        if finished and self.progress.step < self.config.max_steps:
            logger.info(
                "no better validation loss for %d validations (patience)",
                self.progress.validations_without_gain,
            )
        self.writer.report(
            "finished" if finished else "stopped", stage="", seconds_left=0.0 if finished else None
        )
        logger.info("%s at step %d", self.writer.status.state, self.progress.step)

    def continue_from(self, state: TrainingState) -> None:
        """Take up a run where a checkpoint left it."""
        self.progress = Progress(
            step=state.step,
            measured_step=state.measured_step,
            best_step=state.best_step,
            best_val_loss=state.best_val_loss,
            validations_without_gain=state.validations_without_gain,
            loss_sum=state.loss_sum,
            loss_count=state.loss_count,
            seconds_trained=state.seconds_trained,
        )
        logger.info("goes on from step %d", state.step)

    def _is_at_end(self) -> bool:
        """Whether all steps are done, or nothing was gained for as many validations as patience allows."""
        gave_up = 0 < self.config.patience <= self.progress.validations_without_gain
        return gave_up or self.progress.step >= self.config.max_steps

    def _is_measured(self) -> bool:
        return self.progress.measured_step == self.progress.step

    def _is_checkpoint_due(self) -> bool:
        step = self.progress.step
        due = step % self.config.checkpoint_interval == 0 or step == self.config.max_steps
        is_good = self.progress.best_step == step or self._is_among_best()
        return step > 0 and step != self._saved_step and (due or is_good)

    def _is_among_best(self) -> bool:
        """Whether this step's weights are among the best that are to be kept."""
        if self._measured is None or self.config.keep_checkpoints < 2:
            return False
        return self.checkpointer.is_among_best(self._measured.loss)

    def _step(self) -> None:
        """One optimizer step."""
        started = time.perf_counter()
        step, parts = self.progress.step, self.parts
        self.optimizer.zero_gradients()
        step_loss = torch.zeros((), device=parts.device)
        for batch in parts.method.batches(step):
            with torch.autocast(parts.device.type, torch.bfloat16, enabled=self._autocast):
                loss, _ = parts.method.loss(parts.model, batch)
            loss.backward()
            step_loss += loss.detach()
        rate = learning_rate(self.config, step)
        self.count_step(step_loss, self.optimizer.step(rate, step_loss), rate, started)

    def rate(self, step: int) -> float:
        """The learning rate of the step after so many."""
        return learning_rate(self.config, step)

    def count_step(self, loss: Tensor, norm: Tensor, rate: float, started: float) -> None:
        """Take note of a step that was made; `started` is `time.perf_counter` before it."""
        self._norm = norm
        self._loss_sum += loss
        self.progress.loss_count += 1
        self.progress.step += 1
        self._measured = None
        # On a CPU the answer is there already; on a GPU asking would make it wait, so only rows ask.
        if self.parts.device.type == "cpu" and self.optimizer.is_broken:
            self._refuse_broken_step(float(loss))
        self._clock.row_seconds += time.perf_counter() - started
        self._clock.row_steps += 1
        self.writer.report(step=self.progress.step, learning_rate=rate)

    def _measure_if_due(self) -> bool:
        """Log, validate and sample when this step asks for it; False when a stop cut it short."""
        if self._is_measured():
            return True
        step, config = self.progress.step, self.config
        is_last = step == config.max_steps
        validates = (step % config.eval_interval == 0 or is_last) and self.parts.corpus.validation is not None
        samples = config.sample_interval > 0 and (step % config.sample_interval == 0 or is_last)
        logs = step % config.log_interval == 0 or validates or is_last
        row = self._row() if logs else None
        measured = None
        if validates:
            with self.optimizer.averaged():
                measured = self._measured = self._validate()
            if measured is None:
                return False
        if samples:
            with self.optimizer.averaged():
                drawn = draw_samples(self.parts, step, self.wishes.stop_is_wished)
            if drawn is None:
                return False
            for sample in drawn:
                self.writer.add_sample(sample)
        if measured is not None:
            self._compare_with_best(measured.loss)
        if row is not None:
            self._log(row, measured)
        self.progress.measured_step = step
        return True

    def _validate(self) -> Measured | None:
        parts = self.parts
        assert parts.corpus.validation is not None
        return evaluate(
            parts.model,
            parts.corpus.validation,
            self._sizes,
            parts.device,
            self.config.eval_windows,
            self.wishes.stop_is_wished,
            self._autocast,
        )

    def _compare_with_best(self, loss: float) -> None:
        progress = self.progress
        if math.isfinite(loss) and (progress.best_val_loss is None or loss < progress.best_val_loss):
            progress.best_step, progress.best_val_loss = progress.step, loss
            progress.validations_without_gain = 0
            return
        progress.validations_without_gain += 1

    def _row(self) -> MetricsRow:
        """What is known of the steps since the last row."""
        if self.optimizer.is_broken:
            self._refuse_broken_step(float(self._loss_sum) / max(1, self.progress.loss_count))
        clock = self._clock
        speed = (
            clock.row_steps * self.parts.method.tokens_per_step / clock.row_seconds
            if clock.row_seconds
            else None
        )
        return MetricsRow(
            step=self.progress.step,
            loss=float(self._loss_sum) / max(1, self.progress.loss_count),
            learning_rate=learning_rate(self.config, self.progress.step - 1),
            gradient_norm=float(self._norm),
            tokens_per_second=speed,
            memory_bytes=memory_in_use(self.parts.device),
            seconds=round(self.seconds_trained(), 3),
        )

    def _log(self, row: MetricsRow, measured: Measured | None) -> None:
        """Write the row and begin the next."""
        if measured is not None:
            row = row.with_changes(
                "row",
                val_loss=measured.loss if math.isfinite(measured.loss) else None,
                val_bits_per_byte=measured.bits_per_byte if math.isfinite(measured.loss) else None,
                val_accuracy=measured.accuracy,
            )
            logger.info("step %d: loss %.4f, validation %.4f", row.step, row.loss, measured.loss)
        self.writer.add_metrics(row)
        self._loss_sum.zero_()
        self.progress.loss_count = 0
        self._clock.row_seconds, self._clock.row_steps = 0.0, 0
        if measured is not None:
            self.writer.report(val_loss=row.val_loss, val_bits_per_byte=row.val_bits_per_byte)
        self.writer.report(
            step=row.step,
            loss=row.loss,
            learning_rate=row.learning_rate,
            tokens_per_second=row.tokens_per_second,
            memory_bytes=row.memory_bytes,
            seconds_trained=row.seconds,
            seconds_left=self._seconds_left(),
            best_step=self.progress.best_step,
            best_val_loss=self.progress.best_val_loss,
        )

    def _obey_wishes(self) -> bool:
        """Save, pause or go on, as wished; False when the run is to stop."""
        wishes = self.wishes.look()
        if "save" in wishes:
            self._save()
            self.wishes.fulfilled("save")
        if "pause" in wishes and "stop" not in wishes:
            self._wait_while_paused()
        return not self.wishes.stop_is_wished()

    def _wait_while_paused(self) -> None:
        self._save()
        self._bank_time()
        self.writer.report("paused", seconds_left=None)
        logger.info("paused at step %d", self.progress.step)
        while "pause" in self.wishes.look() and not self.wishes.stop_is_wished():
            time.sleep(_SECONDS_BETWEEN_LOOKS_WHILE_PAUSED)
        self._clock = Clock(first_step=self.progress.step)
        if not self.wishes.stop_is_wished():
            self.writer.report("running")
            logger.info("goes on at step %d", self.progress.step)

    def _save(self) -> None:
        if self._saved_step == self.progress.step:  # replacing it would leave none for a moment
            return
        self.writer.report(stage="saving")
        self.progress.loss_sum = float(self._loss_sum)
        if self.optimizer.is_broken:
            self._refuse_broken_step(self.progress.loss_sum / max(1, self.progress.loss_count))
        self.checkpointer.save(self.progress, self.seconds_trained(), self._measured)
        self._saved_step = self.progress.step
        self.writer.report(stage="")

    def _refuse_broken_step(self, loss: float) -> None:
        what = f"the loss became {loss}" if not math.isfinite(loss) else "the gradient is not finite"
        self.writer.add_metrics(
            MetricsRow(step=self.progress.step, note=what, seconds=round(self.seconds_trained(), 3))
        )
        raise UserError(
            f"Training stopped at step {self.progress.step}: {what}. That step was not applied, and the last "
            "checkpoint is kept. Try a lower learning_rate, more warmup_steps or precision float32."
        )

    def seconds_trained(self) -> float:
        """Over all sittings."""
        return self.progress.seconds_trained + time.perf_counter() - self._clock.began

    def _bank_time(self) -> None:
        self.progress.seconds_trained = self.seconds_trained()
        self._clock.began = time.perf_counter()

    def _seconds_left(self) -> float | None:
        done = self.progress.step - self._clock.first_step
        if done <= 0:
            return None
        per_step = (time.perf_counter() - self._clock.began) / done
        return per_step * (self.config.max_steps - self.progress.step)


def memory_in_use(device: torch.device) -> int:
    """Bytes: of the process on a CPU, the highest so far on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)
