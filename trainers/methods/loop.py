"""The one training loop: steps, and between them what is measured, said, saved and wished.

    while step < max_steps:  obey wishes -> step -> measure (log, validate, sample) -> save

Stopping, pausing, a signal and the end all take the same path: a checkpoint, then the new state. A measurement that
a stop cuts short is made again on resume, so the rows of a resumed run are those of an uninterrupted one.
The one rule: what a step computes depends on configuration, data and step alone, never on when it runs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from torch import Tensor

from trainers.checkpoints import DiskFullError
from trainers.interventions import Intervention, Interventions
from trainers.methods.assembly import Assembly
from trainers.methods.bad_steps import ANSWERS, BadSteps
from trainers.methods.checkpointing import Checkpointer
from trainers.methods.measuring import Measuring
from trainers.methods.optimizer import FlatAdamW
from trainers.methods.progress import Clock, Progress
from trainers.methods.starting_models import recompute_activations
from trainers.methods.stepping import Stepper
from trainers.methods.training_state import TrainingState
from trainers.run_directory import PausedFor, Wish
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
        self.interventions = Interventions(writer.run)
        self.checkpointer = Checkpointer(parts, optimizer, writer, self.interventions)
        self.stepper = Stepper(parts, optimizer, self.interventions)
        self._bad_steps = BadSteps(self.config, self.interventions, writer, wishes)
        self.measuring = Measuring(parts, optimizer, self.stepper, self.interventions, writer, wishes)
        self._saved_step = -1
        self._saved_measured = True
        self._may_save = True  # not after a stop that says so, nor beyond a step that was not finite
        self._problem = ""  # why the last attempt to save failed
        if self.config.gradient_checkpointing:
            recompute_activations(parts.model)

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return self.measuring.progress

    def run(self) -> None:
        """Train to the end, or to a stop; the final state is in the status.

        Raises:
            UserError: when a step cannot be taken, or a checkpoint cannot be saved.
            GoBackError: when a person lets the run go on from its last checkpoint, with a lower learning rate.
        """
        self.begin()
        while self.goes_on():
            self._step()
        self.end()

    def begin(self) -> None:
        """What comes before the first step of a sitting."""
        self.stepper.loss_sum.fill_(self.progress.loss_sum)
        self.stepper.norm.fill_(self.progress.gradient_norm)
        self.measuring.clock = Clock(first_step=self.progress.step)
        self._saved_step = self.progress.step if self.progress.step else -1
        self._saved_measured = self.measuring.is_done()
        self.writer.report("running", stage="", step=self.progress.step)

    def goes_on(self) -> bool:
        """What comes between two steps: measure, save, obey; False when there is to be no further step."""
        if not self._settle_if_due():
            return False
        if not self.measuring.measure_if_due():
            return False
        if self._is_checkpoint_due() and not self._save():
            return False
        return not self._is_at_end() and self._obey_wishes()

    def end(self) -> None:
        """What comes after the last step of a sitting."""
        finished = self._is_at_end() and self.measuring.is_done()
        if self._may_save and "stop_now" not in self.wishes.look():
            finished = self._save() and finished
        if finished and self.progress.step < self.config.max_steps:
            logger.info(
                "no better validation loss for %d validations (patience)",
                self.progress.validations_without_gain,
            )
        self.writer.report(
            "finished" if finished else "stopped",
            stage="",
            paused_for="",
            seconds_left=0.0 if finished else None,
        )
        logger.info("%s at step %d", self.writer.status.state, self.progress.step)

    def continue_from(self, state: TrainingState) -> None:
        """Take up a run where a checkpoint left it."""
        self.measuring.progress = Progress(
            step=state.step,
            measured_step=state.measured_step,
            best_step=state.best_step,
            best_val_loss=state.best_val_loss,
            validations_without_gain=state.validations_without_gain,
            loss_sum=state.loss_sum,
            loss_count=state.loss_count,
            gradient_norm=state.gradient_norm,
            seconds_trained=state.seconds_trained,
        )
        logger.info("goes on from step %d", state.step)
        if self.interventions.take_over(state.interventions, state.step):
            logger.warning("interventions.json was not what the checkpoint knows; it is put right")
        for entry in self.interventions.entries:
            logger.info("known since step %d: %s", entry.step, entry.reason)

    @property
    def _is_saved(self) -> bool:
        """Whether this step has a checkpoint that knows what was measured.

        One that a stop kept from knowing is replaced when it can, while another stands in.
        """
        if self._saved_step != self.progress.step:
            return False
        lacks_it = self.measuring.is_done() and not self._saved_measured
        return not lacks_it or len(self.writer.run.checkpoints()) < 2

    def _is_at_end(self) -> bool:
        """Whether all steps are done, or nothing was gained for as many validations as patience allows."""
        gave_up = 0 < self.config.patience <= self.progress.validations_without_gain
        return gave_up or self.progress.step >= self.config.max_steps

    def _is_checkpoint_due(self) -> bool:
        step = self.progress.step
        due = step % self.config.checkpoint_interval == 0 or step == self.config.max_steps
        is_good = self.progress.best_step == step or self._is_among_best()
        return step > 0 and (due or is_good) and not self._is_saved

    def _is_among_best(self) -> bool:
        """Whether this step's weights are among the best that are to be kept."""
        if self.measuring.measured is None or self.config.keep_checkpoints < 2:
            return False
        return self.checkpointer.is_among_best(self.measuring.measured.loss)

    def _step(self) -> None:
        """One optimizer step."""
        started = time.perf_counter()
        self._after_step(self.stepper.take(self.progress), started)

    def rate(self, step: int) -> float:
        """The learning rate of the step after so many."""
        return self.stepper.rate(step)

    def count_step(self, loss: Tensor, norm: Tensor, rate: float, started: float) -> None:
        """Take note of a step that was made elsewhere; `started` is `time.perf_counter` before it."""
        self.stepper.count(self.progress, loss, norm)
        self._after_step(rate, started)

    def _after_step(self, rate: float, started: float) -> None:
        self.measuring.measured = None
        self.measuring.clock.row_seconds += time.perf_counter() - started
        self.measuring.clock.row_steps += 1
        if not self.stepper.is_due:  # else it is not certain yet that there was such a step
            self.writer.report(step=self.progress.step, learning_rate=rate)

    def _settle_if_due(self) -> bool:
        """Make sure that the steps so far were finite, before anything rests on them; False ends the sitting."""
        if self.stepper.is_due or self.measuring.is_due() or self._is_checkpoint_due() or self.wishes.look():
            return self._settle()
        return True

    def _settle(self) -> bool:
        while bad := self.stepper.undo_bad(self.progress):
            self.measuring.measured = None
            if not self._bad_steps.settle(bad, self.parts.model, self._ask_about_bad_step):
                self._may_save = False
                return False
            self._step()
        self.writer.report(step=self.progress.step)
        return True

    def _ask_about_bad_step(self, sentence: str) -> set[Wish]:
        """Wait for a person's answer; none when the run is to stop."""
        answer: set[Wish] = set()

        def is_answered() -> bool:
            answer.update(self.wishes.look() & ANSWERS)
            return bool(answer)

        self._pause("bad_step", sentence, is_answered)
        self.wishes.fulfilled("resume")
        return set() if self.wishes.stop_is_wished() else answer

    def _obey_wishes(self) -> bool:
        """Save, pause or go on, as wished; False when the run is to stop."""
        wishes = self.wishes.look()
        if wishes and not self._settle():
            return False
        if "save" in wishes:
            if not self._save():
                return False
            self.wishes.fulfilled("save")
        if "learning_rate" in wishes and (rate := self.wishes.learning_rate()) is not None:
            reason = f"learning rate {rate:g} from here on"
            self.interventions.add(
                Intervention(step=self.progress.step + 1, kind="learning_rate", value=rate, reason=reason)
            )
            self.wishes.fulfilled("learning_rate")
            logger.info("step %d: %s", self.progress.step + 1, reason)
        if "pause" in wishes and "stop" not in wishes and self._save():
            self._pause("", "", lambda: "pause" not in self.wishes.look())
        return not self.wishes.stop_is_wished()

    def _pause(self, paused_for: PausedFor, sentence: str, is_over: Callable[[], bool]) -> None:
        """Wait until `is_over`, or until the run is to stop."""
        self._bank_time()
        self.wishes.fulfilled("resume")
        self.writer.report(
            "paused",
            stage="",
            step=self.progress.step,
            seconds_left=None,
            error=sentence,
            paused_for=paused_for,
        )
        logger.info("paused at step %d%s", self.progress.step, f": {sentence}" if sentence else "")
        while not is_over() and not self.wishes.stop_is_wished():
            time.sleep(_SECONDS_BETWEEN_LOOKS_WHILE_PAUSED)
        self.measuring.clock = Clock(first_step=self.progress.step)
        if not self.wishes.stop_is_wished():
            self.writer.report("running", error="", paused_for="")
            logger.info("goes on at step %d", self.progress.step)

    def _save(self) -> bool:
        """A checkpoint of this step; False when the run is to end without it."""
        if self._is_saved:
            self.checkpointer.prune(self.progress)  # a kill may have come between that save and its pruning
            return True
        while not self._try_to_save():
            if self.config.on_full_disk == "continue" and not self._is_at_end():
                return True
            self._pause("full_disk", self._problem, lambda: "resume" in self.wishes.look())
            if self.wishes.stop_is_wished():
                self._may_save = False
                return False
        return True

    def _try_to_save(self) -> bool:
        self.writer.report(stage="saving")
        self.progress.loss_sum = float(self.stepper.loss_sum)
        self.progress.gradient_norm = float(self.stepper.norm)
        try:
            self.checkpointer.save(self.progress, self.measuring.seconds_trained(), self.measuring.measured)
        except DiskFullError as error:
            self._problem = str(error)
            logger.warning("%s", error)
        else:
            self._saved_step = self.progress.step
            self._saved_measured = self.measuring.is_done()
        self.writer.report(stage="")
        return self._saved_step == self.progress.step

    def _bank_time(self) -> None:
        self.progress.seconds_trained = self.measuring.seconds_trained()
        self.measuring.clock.began = time.perf_counter()
