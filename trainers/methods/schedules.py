"""The learning rate of a step.

    cosine, linear   warm-up, then down to the minimum over all remaining steps
    constant         warm-up, then level
    wsd              warm-up, level, and down in a line over the last `decay_share` of the steps (Hu et al. 2024):
                     any checkpoint of the level part can go on with other max_steps

The one rule: a function of configuration and step alone.
"""

from __future__ import annotations

import math

from trainers.config import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The rate of optimizer step `step` (from 0)."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / (config.warmup_steps + 1)
    if config.schedule == "constant":
        return config.learning_rate
    first = decay_begin(config)
    progress = min(1.0, max(0, step - first) / max(1, config.max_steps - first))
    factor = 0.5 * (1.0 + math.cos(math.pi * progress)) if config.schedule == "cosine" else 1.0 - progress
    return config.min_learning_rate + factor * (config.learning_rate - config.min_learning_rate)


def decay_begin(config: TrainingConfig) -> int:
    """The step from which on the rate falls."""
    if config.schedule != "wsd":
        return config.warmup_steps
    return max(config.warmup_steps, config.max_steps - round(config.decay_share * config.max_steps))
