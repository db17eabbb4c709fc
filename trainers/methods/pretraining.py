"""Pretraining: learn to continue text. Every token of random windows is a target.

The one rule: a window is any stretch of the stream, as in nanoGPT; documents are parted by the end-of-text token.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainers.config import TrainingConfig
from trainers.corpora import Corpus
from trainers.methods.method import Batch, micro_batches, next_token_loss


class Pretraining:
    """Next-token prediction on random windows of a text."""

    def __init__(self, config: TrainingConfig, corpus: Corpus, device: torch.device) -> None:
        self._config = config
        self._windows = corpus.train
        self._device = device
        self.tokens_per_step = config.batch_size * config.context_length

    def batches(self, step: int) -> list[Batch]:
        """Random windows, drawn from (seed, step)."""
        return micro_batches(self._windows, self._config, step, self._device)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean cross-entropy over all tokens."""
        return next_token_loss(model, batch, self._config.label_smoothing), {}
