"""What the loop asks of a training method, and the loss that most of them take.

    batches = method.batches(step)             # the micro-batches of one optimizer step
    loss, metrics = method.loss(model, batch)  # summed over the batches of a step: the mean over its targets

Legend: B sequences, T tokens, V vocabulary.
The one rule: a method knows data and loss; optimizer, evaluation, checkpoints and logs belong to the loop.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.config import TrainingConfig
from trainers.corpora import IGNORED, Corpus, Floats, Ids, Sequences, Windows


class Batch(NamedTuple):
    """What one forward and backward pass sees."""

    inputs: Tensor  # (B, T)
    targets: Tensor  # (B, T), IGNORED where no loss is taken
    segments: Tensor | None  # (B, T), texts that share a row
    share: float  # of the step's targets that stand in this batch, so that uneven batches weigh right
    weights: Tensor | None = None  # (B, T), what each target counts; None = all the same


class TrainingMethod(Protocol):
    """A way to learn."""

    tokens_per_step: int

    def batches(self, step: int) -> list[Batch]:
        """The micro-batches of a step: a function of (seed, step) alone."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The batch's part of the step's loss, and figures worth logging."""
        ...


class NextTokenPrediction:
    """What pretraining and fine-tuning share: their corpora say which tokens are targets."""

    def __init__(self, config: TrainingConfig, corpus: Corpus, device: torch.device) -> None:
        self._config = config
        self._windows = corpus.train
        self._device = device
        self.tokens_per_step = config.batch_size * config.context_length

    def batches(self, step: int) -> list[Batch]:
        """The step's windows: a function of (seed, step) alone."""
        return micro_batches(self._windows, self._config, step, self._device)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean cross-entropy over the targets."""
        return next_token_loss(model, batch, self._config.label_smoothing), {}


def micro_batches(windows: Windows, config: TrainingConfig, step: int, device: torch.device) -> list[Batch]:
    """The step's batch, cut into pieces that fit into memory."""
    whole = windows.batch(config.batch_size, config.seed, step)
    size = config.micro_batch_size or config.batch_size
    total = _count(whole) or 1
    batches = []
    for start in range(0, config.batch_size, size):
        part = _some_of(whole, slice(start, start + size))
        weights = None if part.weights is None else to_device(part.weights, device)
        batches.append(Batch(*tensors(part, device), _count(part) / total, weights))
    return batches


def _some_of(whole: Sequences, some: slice) -> Sequences:
    segments = None if whole.segments is None else whole.segments[some]
    weights = None if whole.weights is None else whole.weights[some]
    return Sequences(whole.inputs[some], whole.targets[some], segments, weights)


def _count(sequences: Sequences) -> float:
    """Targets, each as much as it counts."""
    if sequences.weights is not None:
        return float(sequences.weights.sum())
    return int((sequences.targets != IGNORED).sum())


def tensors(sequences: Sequences, device: torch.device) -> tuple[Tensor, Tensor, Tensor | None]:
    """Inputs, targets and segments where the model is."""
    segments = None if sequences.segments is None else to_device(sequences.segments, device)
    return to_device(sequences.inputs, device), to_device(sequences.targets, device), segments


def to_device(ids: Ids | Floats, device: torch.device) -> Tensor:
    """A numpy array as a tensor where the model is."""
    tensor = torch.from_numpy(ids)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.contiguous()


def next_token_loss(model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy over the batch's targets in nats, times the batch's share of the step.

    With smoothing a target is a little of every token (Szegedy et al. 2016), so the loss cannot come near zero.
    """
    logits = model(batch.inputs, segments=batch.segments)  # (B, T, V)
    if batch.share == 0.0:  # a micro-batch of questions only: the mean over nothing would be NaN
        return logits.sum() * 0.0
    logits, targets = logits.flatten(0, 1), batch.targets.flatten()
    reduction = "mean" if batch.weights is None else "none"
    loss = F.cross_entropy(
        logits, targets, ignore_index=IGNORED, label_smoothing=label_smoothing, reduction=reduction
    )
    if batch.weights is not None:
        loss = (loss * batch.weights.flatten()).sum() / batch.weights.sum()
    return loss * batch.share
