"""A step whose loss or gradient is not a number: what happens next.

    on_bad_step = "pause"   the run waits; a person leaves the step out, lowers the learning rate, or stops
                  "skip"    the step is left out, but not for ever
                  "stop"    the run fails

Leaving a step out goes on with the next batch. A lower learning rate goes back to the newest checkpoint: weights
that lead to a loss of NaN are lost already.
The one rule: the bad step is never applied, and what is decided is an `Intervention` before anything goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from engine.errors import UserError
from trainers.checkpoints import all_checkpoints
from trainers.config import TrainingConfig
from trainers.interventions import GoBackError, Intervention, Interventions
from trainers.methods.stepping import BadStep
from trainers.run_directory import MetricsRow, Wish
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes

logger = logging.getLogger(__name__)
MOST_SKIPPED_IN_A_ROW = 10
ANSWERS: frozenset[Wish] = frozenset({"resume", "skip_step", "learning_rate"})
Pause = Callable[[str], set[Wish]]  # waits with this sentence in the status; the answer


class BadSteps:
    """Decides about the bad steps of one run."""

    def __init__(
        self, config: TrainingConfig, interventions: Interventions, writer: RunWriter, wishes: Wishes
    ) -> None:
        self._config = config
        self._interventions = interventions
        self._writer = writer
        self._wishes = wishes

    def settle(self, bad: BadStep, model: torch.nn.Module, pause: Pause) -> bool:
        """Deal with a step that was not applied; False when the run is to stop.

        Raises:
            UserError: when the run fails over it.
            GoBackError: when it is to go on from its newest checkpoint.
        """
        logger.warning("step %d is not applied: %s", bad.step, bad.what)
        if not all(bool(parameter.isfinite().all()) for parameter in model.parameters()):
            raise self._failure(
                bad, "The weights themselves are damaged: resume goes on from the last checkpoint"
            )
        if "skip_step" in self._wishes.look():  # given with the resume already
            self._wishes.fulfilled("skip_step")
            self._leave_out(bad)
            return True
        if self._config.on_bad_step == "stop":
            raise self._failure(
                bad, "Resume goes back to the last checkpoint: with --learning-rate X, or with --skip-step"
            )
        if self._config.on_bad_step == "skip":
            self._skip(bad)
            return True
        return self._ask(bad, pause)

    def _ask(self, bad: BadStep, pause: Pause) -> bool:
        answer = pause(
            f"At step {bad.step} {bad.what}. That step was not applied. Leave it out, go back to the last "
            "checkpoint with a lower learning rate, or stop."
        )
        if "learning_rate" in answer:
            self._go_back(bad)
        if "skip_step" in answer:
            self._wishes.fulfilled("skip_step")
            self._leave_out(bad)
        return bool(answer)

    def _skip(self, bad: BadStep) -> None:
        before = range(bad.step - MOST_SKIPPED_IN_A_ROW, bad.step)
        if all(self._interventions.skips(step) for step in before):
            raise self._failure(
                bad,
                f"{MOST_SKIPPED_IN_A_ROW} steps before it were left out already, so leaving out does not help. Resume "
                "with --learning-rate X",
            )
        self._leave_out(bad)

    def _leave_out(self, bad: BadStep) -> None:
        logger.warning("step %d is left out", bad.step)
        self._interventions.add(
            Intervention(step=bad.step, kind="skip_step", reason=f"{bad.what}; the step is left out")
        )

    def _go_back(self, bad: BadStep) -> None:
        rate = self._wishes.learning_rate()
        if rate is None:
            return
        checkpoints = all_checkpoints(self._writer.run.checkpoints_path)
        step = int(checkpoints[-1].name.removeprefix("step_")) + 1 if checkpoints else 1
        reason = f"learning rate {rate:g} from here on, because at step {bad.step} {bad.what}"
        self._interventions.add(Intervention(step=step, kind="learning_rate", value=rate, reason=reason))
        self._wishes.fulfilled("learning_rate")
        logger.warning("goes back to the last checkpoint, with a learning rate of %g", rate)
        raise GoBackError

    def _failure(self, bad: BadStep, remedy: str) -> UserError:
        row = MetricsRow(step=bad.step, note=bad.what, seconds=self._writer.status.seconds_trained)
        self._writer.add_metrics(row)
        return UserError(
            f"Training stopped at step {bad.step}: {bad.what}. That step was not applied, and the last "
            f"checkpoint is kept. {remedy}."
        )
