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
from trainers.corpora import IGNORED, Ids, Sequences, Windows


class Batch(NamedTuple):
    """What one forward and backward pass sees."""

    inputs: Tensor  # (B, T)
    targets: Tensor  # (B, T), IGNORED where no loss is taken
    segments: Tensor | None  # (B, T), texts that share a row
    share: float  # of the step's targets that stand in this batch, so that uneven batches weigh right


class TrainingMethod(Protocol):
    """A way to learn."""

    tokens_per_step: int

    def batches(self, step: int) -> list[Batch]:
        """The micro-batches of a step: a function of (seed, step) alone."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The batch's part of the step's loss, and figures worth logging."""
        ...


def micro_batches(windows: Windows, config: TrainingConfig, step: int, device: torch.device) -> list[Batch]:
    """The step's batch, cut into pieces that fit into memory."""
    whole = windows.batch(config.batch_size, config.seed, step)
    size = config.micro_batch_size or config.batch_size
    total = max(1, int((whole.targets != IGNORED).sum()))
    batches = []
    for start in range(0, config.batch_size, size):
        some = slice(start, start + size)
        segments = None if whole.segments is None else whole.segments[some]
        part = Sequences(whole.inputs[some], whole.targets[some], segments)
        share = int((part.targets != IGNORED).sum()) / total
        batches.append(Batch(*tensors(part, device), share))
    return batches


def tensors(sequences: Sequences, device: torch.device) -> tuple[Tensor, Tensor, Tensor | None]:
    """Inputs, targets and segments where the model is."""
    segments = None if sequences.segments is None else to_device(sequences.segments, device)
    return to_device(sequences.inputs, device), to_device(sequences.targets, device), segments


def to_device(ids: Ids, device: torch.device) -> Tensor:
    """A numpy array as a tensor where the model is."""
    tensor = torch.from_numpy(ids)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.contiguous()


def next_token_loss(model: nn.Module, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy over the batch's targets in nats, times the batch's share of the step.

    With smoothing a target is a little of every token (Szegedy et al. 2016), so the loss cannot come near zero.
    """
    logits = model(batch.inputs, segments=batch.segments)  # (B, T, V)
    mean = F.cross_entropy(
        logits.flatten(0, 1),
        batch.targets.flatten(),
        ignore_index=IGNORED,
        label_smoothing=label_smoothing,
    )
    return mean * batch.share
