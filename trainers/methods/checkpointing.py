"""Saving a run and finding it again.

    checkpointer.save(progress, seconds)      a complete checkpoint, then the old ones go
    restore(checkpoint, parts, optimizer)     puts back optimizer, random numbers and place; the weights are there

The one rule: rows of metrics reach the disk before the checkpoint that counts on them.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from engine.errors import UserError
from engine.model_card import ModelCard
from engine.tokenizers.chat_formats import save_chat_format
from engine.tokenizers.tokenizer_files import TOKENIZER_FILE
from trainers.checkpoints import (
    DISK_FULL,
    DiskFullError,
    checkpoint_path,
    newest_valid,
    prune,
    write_checkpoint,
)
from trainers.interventions import Interventions
from trainers.methods.assembly import Assembly
from trainers.methods.optimizer import FlatAdamW
from trainers.methods.starting_models import architecture_of, save_model
from trainers.methods.training_state import (
    TrainingState,
    config_hash,
    data_hash,
    differences,
    file_hash,
    load_state,
    machine,
    random_states,
    restore_random_states,
    save_state,
)
from trainers.run_directory import RunDirectory
from trainers.run_writer import RunWriter

if TYPE_CHECKING:
    from trainers.methods.evaluation import Measured
    from trainers.methods.progress import Progress

logger = logging.getLogger(__name__)


class Checkpointer:
    """Writes the checkpoints of one run."""

    def __init__(
        self, parts: Assembly, optimizer: FlatAdamW, writer: RunWriter, interventions: Interventions
    ) -> None:
        self._parts = parts
        self._interventions = interventions
        self._optimizer = optimizer
        self._writer = writer
        self._config_hash = config_hash(parts.config)
        self._tokenizer_hash = file_hash(parts.corpus.folder / TOKENIZER_FILE)
        self._data_hash = data_hash(parts.corpus.folder)

    def save(self, progress: Progress, seconds_trained: float, measured: Measured | None) -> Path:
        """Write the checkpoint of the current step; `measured` is what its validation gave, if it had one.

        Raises:
            DiskFullError: when there is no room; older ones are untouched.
            UserError: when it cannot be written for another reason.
        """
        self._sync_rows()
        folder = self._writer.run.checkpoints_path
        target = checkpoint_path(folder, progress.step)
        state = self._state(progress, seconds_trained)
        # float32 weights and two moments of each; beside an average of the weights, the weights themselves
        expected_size = (16 if self._optimizer.average else 12) * self._parts.model.num_parameters
        write_checkpoint(target, lambda partial: self._write_files(partial, state, measured), expected_size)
        self.prune(progress)
        logger.info("saved step %d", progress.step)
        return target

    def prune(self, progress: Progress) -> None:
        """Delete the checkpoints that are not to be kept beside that of the current step."""
        folder = self._writer.run.checkpoints_path
        prune(folder, progress.step, progress.best_step, also=self._worth_keeping())

    def _sync_rows(self) -> None:
        try:
            self._writer.sync()
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise DiskFullError(
                f"{self._writer.run.path}: the disk is full, so nothing could be saved. Older checkpoints are kept; "
                "make room and resume the run."
            ) from None

    def is_among_best(self, loss: float) -> bool:
        """Whether weights with this validation loss belong to the best that are kept."""
        better = [other for other, _ in self._by_loss() if other <= loss]
        return math.isfinite(loss) and len(better) < self._parts.config.keep_checkpoints

    def _worth_keeping(self) -> set[int]:
        """Steps that stay beside the newest and the best of all."""
        config = self._parts.config
        best = {step for _, step in self._by_loss()[: config.keep_checkpoints]}
        steps = (step for _, step in self._losses())
        every = config.keep_every
        return best | {step for step in steps if every and step and step % every == 0}

    def _by_loss(self) -> list[tuple[float, int]]:
        return sorted((loss, step) for loss, step in self._losses() if loss is not None)

    def _losses(self) -> list[tuple[float | None, int]]:
        """Validation loss, where it was measured, and step of every checkpoint."""
        return [(info.val_loss, info.step) for info in self._writer.run.checkpoints()]

    def _write_files(self, folder: Path, state: TrainingState, measured: Measured | None) -> None:
        parts = self._parts
        with self._optimizer.averaged():
            save_model(parts.model, folder, parts.tokenizer.end_of_text)
        parts.tokenizer.save(folder)
        save_chat_format(folder, parts.chat_format)
        self._card(state.step, measured).save(folder)
        save_state(folder, state, self._optimizer.state())

    def _state(self, progress: Progress, seconds_trained: float) -> TrainingState:
        python_random, numpy_random = random_states()
        return TrainingState(
            step=progress.step,
            measured_step=progress.measured_step,
            best_step=progress.best_step,
            best_val_loss=progress.best_val_loss,
            validations_without_gain=progress.validations_without_gain,
            loss_sum=progress.loss_sum,
            loss_count=progress.loss_count,
            gradient_norm=progress.gradient_norm,
            seconds_trained=seconds_trained,
            config_hash=self._config_hash,
            tokenizer_hash=self._tokenizer_hash,
            python_random=python_random,
            numpy_random=numpy_random,
            precision=self._parts.precision,
            device=str(self._parts.device),
            threads=torch.get_num_threads(),
            torch_version=str(torch.__version__),
            machine=machine(),
            data_hash=self._data_hash,
            interventions=self._interventions.up_to(progress.step),
        )

    def _card(self, step: int, measured: Measured | None) -> ModelCard:
        parts = self._parts
        is_finite = measured is not None and math.isfinite(measured.loss)
        return ModelCard(
            name=self._writer.run.name,
            architecture=architecture_of(parts.model),
            tokenizer=parts.tokenizer.kind,
            chat_format=parts.chat_format.name,
            context_length=parts.model.config.context_length,
            num_parameters=parts.model.num_parameters,
            vocab_size=parts.model.config.vocab_size,
            trained_from=parts.config.base_model,
            trained_on=Path(parts.config.dataset).name,
            run=self._writer.run.name,
            step=step,
            val_loss=measured.loss if measured and is_finite else None,
            val_bits_per_byte=measured.bits_per_byte if measured and is_finite else None,
        )


def find_checkpoint(run: RunDirectory) -> Path | None:
    """The newest checkpoint that is whole, None when nothing was saved yet; the log names those passed over.

    Raises:
        UserError: when there are checkpoints and none is whole; beginning anew would delete what was measured.
    """
    problems: list[str] = []

    def passed_over(checkpoint: Path, problem: str) -> None:
        logger.warning("%s is passed over: %s", checkpoint.name, problem)
        problems.append(f"{checkpoint.name}: {problem}")

    found = newest_valid(run.checkpoints_path, passed_over)
    if found is None and problems:
        raise UserError(
            f"{run.checkpoints_path}: no checkpoint is whole ({'; '.join(problems[:3])}), so there is nothing to "
            "go on from. Put one back, or start a new run."
        )
    return found


def restore(checkpoint: Path, parts: Assembly, optimizer: FlatAdamW) -> TrainingState:
    """Put optimizer and random numbers back; the weights are in the model already.

    Raises:
        UserError: when the checkpoint belongs to another configuration or tokenizer, or is incomplete.
    """
    state, tensors = load_state(checkpoint)
    if state.config_hash != config_hash(parts.config):
        raise UserError(
            f"{checkpoint}: this checkpoint was made with other settings than config.json has now. Put the settings "
            "back, or start a new run."
        )
    if state.tokenizer_hash != file_hash(parts.corpus.folder / TOKENIZER_FILE):
        raise UserError(
            f"{checkpoint}: this checkpoint was made with another tokenizer than the token files."
        )
    if state.data_hash and state.data_hash != data_hash(parts.corpus.folder):
        raise UserError(
            f"{checkpoint}: this checkpoint learnt from other data than the token files hold now; the data set has "
            "changed. Put the data back and delete the folder tokens, or start a new run (base_model can be this run)."
        )
    for difference in differences(state, parts.precision, str(parts.device), torch.get_num_threads()):
        logger.warning("%s; the run goes on, but perhaps not exact to the last bit", difference)
    try:
        optimizer.load_state(tensors)
    except ValueError as error:
        raise UserError(f"{checkpoint}: the optimizer's state does not fit the model ({error}).") from None
    restore_random_states(state, tensors, parts.device)
    return state
