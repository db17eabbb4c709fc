"""Fine-tuning: learn to answer. The loss is taken on what the assistant says and on the token that ends it.

    <|user|>Hello<|assistant|>Hi!<|endoftext|>      whole conversations packed into windows
    .       .....             ^^^^^^^^^^^^^^^^      ^ = a target

The one rule: questions and padding are never targets, and the end of a reply always is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainers.config import TrainingConfig
from trainers.corpora import Corpus
from trainers.methods.method import Batch, micro_batches, next_token_loss


class FineTuning:
    """Next-token prediction on the assistant's part of packed conversations."""

    def __init__(self, config: TrainingConfig, corpus: Corpus, device: torch.device) -> None:
        self._config = config
        self._windows = corpus.train
        self._device = device
        self.tokens_per_step = config.batch_size * config.context_length

    def batches(self, step: int) -> list[Batch]:
        """The next windows of the epoch; the order is drawn from (seed, epoch)."""
        return micro_batches(self._windows, self._config, step, self._device)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean cross-entropy over the assistant's tokens."""
        if batch.share == 0.0:  # a micro-batch of questions only: the mean over nothing would be NaN
            return next_token_loss(model, batch._replace(targets=batch.inputs)) * 0.0, {}
        return next_token_loss(model, batch, self._config.label_smoothing), {}
