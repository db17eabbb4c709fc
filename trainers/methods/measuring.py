"""What is measured between two steps: the row of metrics, the validation, the samples.

The one rule: measuring changes nothing of what is learnt; where memory does not allow it, it is left out and said.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Iterator

from trainers.interventions import Interventions
from trainers.methods.assembly import Assembly
from trainers.methods.evaluation import Measured, evaluate, token_sizes
from trainers.methods.optimizer import FlatAdamW
from trainers.methods.out_of_memory import is_out_of_memory, memory_in_use, release_memory
from trainers.methods.progress import Clock, Progress
from trainers.methods.samples import draw_samples
from trainers.methods.stepping import Stepper
from trainers.run_directory import MetricsRow
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes

logger = logging.getLogger(__name__)


class Measuring:
    """Measures one run along the way."""

    def __init__(
        self,
        parts: Assembly,
        optimizer: FlatAdamW,
        stepper: Stepper,
        interventions: Interventions,
        writer: RunWriter,
        wishes: Wishes,
    ) -> None:
        self._parts = parts
        self._config = parts.config
        self._optimizer = optimizer
        self._stepper = stepper
        self._interventions = interventions
        self._writer = writer
        self._wishes = wishes
        self._autocast = parts.precision == "bfloat16"
        self._sizes = token_sizes(parts.tokenizer)
        self._notes: list[str] = []  # for the row at hand
        self.measured: Measured | None = None  # the validation of the step at hand
        self.progress = Progress()
        self.clock = Clock()

    def is_due(self) -> bool:
        """Whether something is measured at this step."""
        return self._logs or self._samples

    def is_done(self) -> bool:
        """Whether everything of this step was."""
        return self.progress.measured_step == self.progress.step

    def measure_if_due(self) -> bool:
        """Log, validate and sample when this step asks for it; False when a stop cut it short."""
        if self.is_done():
            return True
        row = self._row() if self._logs else None
        if self._validates:
            with self._memory_permitting("validation"):
                self.measured = self.validate()
                if self.measured is None:
                    return False
        if self._samples:
            with self._memory_permitting("sampling"), self._optimizer.averaged():
                drawn = draw_samples(self._parts, self.progress.step, self._wishes.stop_is_wished)
                if drawn is None:
                    return False
                for sample in drawn:
                    self._writer.add_sample(sample)
        if self.measured is not None:
            self._compare_with_best(self.measured.loss)
        if row is not None:
            self._log(row, self.measured)
        self.progress.measured_step = self.progress.step
        return True

    def validate(self) -> Measured | None:
        """The validation of this step; None when a stop cut it short."""
        parts = self._parts
        assert parts.corpus.validation is not None
        with self._optimizer.averaged():
            return evaluate(
                parts.model,
                parts.corpus.validation,
                self._sizes,
                parts.device,
                self._config.eval_windows,
                self._wishes.stop_is_wished,
                self._autocast,
            )

    def seconds_trained(self) -> float:
        """Over all sittings."""
        return self.progress.seconds_trained + time.perf_counter() - self.clock.began

    @property
    def _is_last(self) -> bool:
        return self.progress.step == self._config.max_steps

    @property
    def _validates(self) -> bool:
        due = self.progress.step % self._config.eval_interval == 0 or self._is_last
        return due and self._parts.corpus.validation is not None

    @property
    def _samples(self) -> bool:
        interval = self._config.sample_interval
        return interval > 0 and (self.progress.step % interval == 0 or self._is_last)

    @property
    def _logs(self) -> bool:
        """Whether this step has a row; every one that something was done to has."""
        step = self.progress.step
        due = step % self._config.log_interval == 0 or self._validates or self._is_last
        return due or bool(self._interventions.note(step))

    @contextlib.contextmanager
    def _memory_permitting(self, what: str) -> Iterator[None]:
        """Leave out what there is no memory for: learning goes on."""
        try:
            yield
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        release_memory(self._parts.device)
        self._notes.append(f"not enough memory for the {what}, which was left out")
        logger.warning("step %d: %s", self.progress.step, self._notes[-1])

    def _compare_with_best(self, loss: float) -> None:
        progress = self.progress
        if math.isfinite(loss) and (progress.best_val_loss is None or loss < progress.best_val_loss):
            progress.best_step, progress.best_val_loss = progress.step, loss
            progress.validations_without_gain = 0
            return
        progress.validations_without_gain += 1

    def _row(self) -> MetricsRow:
        """What is known of the steps since the last row; a step that was left out has no loss."""
        clock, step = self.clock, self.progress.step
        tokens = clock.row_steps * self._parts.method.tokens_per_step
        counts = self.progress.loss_count if not self._interventions.skips(step) else 0
        return MetricsRow(
            step=step,
            loss=float(self._stepper.loss_sum) / counts if counts else None,
            learning_rate=self._stepper.rate(step - 1),
            gradient_norm=float(self._stepper.norm) if counts else None,
            tokens_per_second=tokens / clock.row_seconds if clock.row_seconds else None,
            memory_bytes=memory_in_use(self._parts.device),
            seconds=round(self.seconds_trained(), 3),
            note=self._interventions.note(step),
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
            loss = math.nan if row.loss is None else row.loss
            logger.info("step %d: loss %.4f, validation %.4f", row.step, loss, measured.loss)
        if self._notes:
            row = row.with_changes("row", note="; ".join(filter(None, [row.note, *self._notes])))
            self._notes.clear()
        self._writer.add_metrics(row)
        if row.loss is not None:  # the losses before a step that was left out wait for the next row
            self._stepper.loss_sum.zero_()
            self.progress.loss_count = 0
        self.clock.row_seconds, self.clock.row_steps = 0.0, 0
        if measured is not None:
            self._writer.report(val_loss=row.val_loss, val_bits_per_byte=row.val_bits_per_byte)
        self._writer.report(
            step=row.step,
            loss=row.loss if row.loss is not None else self._writer.status.loss,
            learning_rate=row.learning_rate,
            tokens_per_second=row.tokens_per_second,
            memory_bytes=row.memory_bytes,
            seconds_trained=row.seconds,
            seconds_left=self._seconds_left(),
            best_step=self.progress.best_step,
            best_val_loss=self.progress.best_val_loss,
        )

    def _seconds_left(self) -> float | None:
        done = self.progress.step - self.clock.first_step
        if done <= 0:
            return None
        per_step = (time.perf_counter() - self.clock.began) / done
        return per_step * (self._config.max_steps - self.progress.step)
