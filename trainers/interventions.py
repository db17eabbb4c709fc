"""What was done to a run beside its configuration: steps left out, another learning rate, smaller micro-batches.

    interventions = Interventions(run)            # interventions.json of the run directory
    interventions.add(Intervention(step=8, kind="skip_step", reason="the loss became nan"))
    interventions.skips(8), interventions.rate_factor(9), interventions.micro_batch_size(9)

Steps are counted as the curves count them: step 8 is the one that makes the 8th set of weights.
The one rule: an intervention is on the disk before the step it changes is taken, so a run that is killed and resumed
does what the uninterrupted run did.
"""

from __future__ import annotations

import contextlib
from typing import Annotated, Literal

from engine.records import Record, at_least
from trainers.durable_files import replace_file
from trainers.run_directory import RunDirectory

INTERVENTIONS_FILE = "interventions.json"
Kind = Literal["skip_step", "learning_rate", "micro_batch_size", "data"]


class GoBackError(Exception):
    """The run is to go on from its newest checkpoint, with an intervention that was written down."""


class Intervention(Record):
    """One change of a run's course."""

    step: Annotated[int, at_least(1)]  # the step that is left out, or the first one that it concerns
    kind: Kind
    value: float = 0.0  # the new highest learning rate, or sequences in memory at once
    reason: str = ""  # in words for a person


class _File(Record):
    interventions: tuple[Intervention, ...] = ()


class Interventions:
    """The interventions of one run, in the order of their steps."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self.entries = read_interventions(run)

    def add(self, new: Intervention) -> None:
        """Take in and write down.

        What a person changes makes another course: later steps that were left out on the old one are no longer.
        """
        kept = [
            entry
            for entry in self.entries
            if (entry.step, entry.kind) != (new.step, new.kind)
            and (new.kind == "micro_batch_size" or entry.step <= new.step or entry.kind == "micro_batch_size")
        ]
        self._replace((*kept, new))

    def take_over(self, kept: tuple[Intervention, ...], step: int) -> bool:
        """Believe a checkpoint about the steps up to its own; whether the file said something else."""
        later = tuple(entry for entry in self.entries if entry.step > step)
        if (*kept, *later) == self.entries:
            return False
        self._replace((*kept, *later))
        return True

    def up_to(self, step: int) -> tuple[Intervention, ...]:
        """Those that concern steps up to this one."""
        return tuple(entry for entry in self.entries if entry.step <= step)

    def skips(self, step: int) -> bool:
        """Whether this step is left out."""
        return any(entry.step == step and entry.kind == "skip_step" for entry in self.entries)

    def learning_rate(self, step: int, configured: float) -> float:
        """The highest learning rate of the schedule at this step."""
        return self._latest("learning_rate", step) or configured

    def micro_batch_size(self, step: int) -> int:
        """Most sequences in memory at once; 0 when there is no such limit."""
        return int(self._latest("micro_batch_size", step))

    def note(self, step: int) -> str:
        """What was done at this step, in words."""
        return "; ".join(entry.reason for entry in self.entries if entry.step == step)

    def _latest(self, kind: Kind, step: int) -> float:
        values = [entry.value for entry in self.entries if entry.kind == kind and entry.step <= step]
        return values[-1] if values else 0.0

    def _replace(self, entries: tuple[Intervention, ...]) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: entry.step))
        # On a full disk the next checkpoint keeps them, or no checkpoint knows of their steps.
        with contextlib.suppress(OSError):
            replace_file(self._run.path / INTERVENTIONS_FILE, _File(interventions=self.entries).to_json())


def learning_rate_now(run: RunDirectory) -> float:
    """The highest learning rate of a run's schedule, as it was set last.

    Raises:
        UserError: when the run's files are damaged.
    """
    rates = [entry.value for entry in read_interventions(run) if entry.kind == "learning_rate"]
    return rates[-1] if rates else run.config().learning_rate


def read_interventions(run: RunDirectory) -> tuple[Intervention, ...]:
    """What was done to a run so far.

    Raises:
        UserError: when the file is damaged; it is only ever replaced as a whole.
    """
    path = run.path / INTERVENTIONS_FILE
    try:
        return _File.from_json(path.read_bytes(), str(path)).interventions
    except FileNotFoundError:
        return ()
