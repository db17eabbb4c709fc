"""Two or more runs beside each other: which settings differ, and what came of it.

    comparison = compare([first, second])
    comparison.settings      (("learning_rate", ("0.001", "0.0003")), ...)     only what differs
    comparison.statuses      the results, in the order of the runs

The one rule: a setting that is the same for all is left out; what is shown is the whole difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trainers.config import TrainingConfig
from trainers.run_directory import RunDirectory, RunStatus

_SAME_UNIT = 0.02  # how far bits per nat may lie apart for losses per token to mean the same


class Comparison(NamedTuple):
    """Runs beside each other."""

    names: tuple[str, ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]  # (name, its value in each run)
    statuses: tuple[RunStatus, ...]

    @property
    def has_one_unit(self) -> bool:
        """Whether losses per token may be compared; else only bits per byte."""
        return have_one_unit([bits_per_nat(status) for status in self.statuses])

    @property
    def best(self) -> int | None:
        """The place of the run that predicts best; None when that cannot be said."""
        if self.has_one_unit:
            measured = [status.best_val_loss or status.val_loss for status in self.statuses]
        else:
            measured = [status.val_bits_per_byte for status in self.statuses]
        known = [(value, place) for place, value in enumerate(measured) if value is not None]
        if len(known) < 2 or min(known)[0] == max(known)[0]:
            return None
        return min(known)[1]


def compare(runs: Sequence[RunDirectory]) -> Comparison:
    """Runs beside each other, in the order given.

    Raises:
        UserError: when a configuration cannot be read.
    """
    configs = [run.config() for run in runs]
    return Comparison(
        tuple(run.name for run in runs),
        tuple(differing_settings(configs)),
        tuple(run.status() for run in runs),
    )


def differing_settings(configs: Sequence[TrainingConfig]) -> list[tuple[str, tuple[str, ...]]]:
    """(setting, its value in each) of all settings that are not the same in all."""
    values = [config.to_dict() for config in configs]
    names = values[0] if values else {}
    return [
        (name, tuple(_shown(one[name]) for one in values))
        for name in names
        if any(one[name] != values[0][name] for one in values)
    ]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def bits_per_nat(status: RunStatus) -> float | None:
    """Bits per byte that one nat per token is: the unit of a run's losses."""
    if not status.val_loss or not status.val_bits_per_byte:
        return None
    return status.val_bits_per_byte / status.val_loss


def have_one_unit(units: Sequence[float | None]) -> bool:
    """Whether losses per token mean the same for all; those not known yet are taken to."""
    known = [unit for unit in units if unit]
    return not known or max(known) <= min(known) * (1 + _SAME_UNIT)
