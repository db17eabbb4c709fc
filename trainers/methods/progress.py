"""Where a run stands, and how fast it is.

The one rule: what is in `Progress` is in every checkpoint; what is in `Clock` is forgotten at the end of a sitting.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Where the run stands; a checkpoint keeps all of it."""

    step: int = 0
    measured_step: int = 0
    best_step: int | None = None
    best_val_loss: float | None = None
    validations_without_gain: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    gradient_norm: float = 0.0  # of the last step
    seconds_trained: float = 0.0


@dataclass
class Clock:
    """Speed of this sitting."""

    began: float = field(default_factory=time.perf_counter)
    first_step: int = 0
    row_began: float = 0.0  # when the steps since the last row began
    row_seconds: float = 0.0  # of those steps, measurements left out
    row_steps: int = 0
