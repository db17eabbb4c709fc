"""How good a model is on held-out data: every window once, none overlapping another.

    measured = evaluate(model, corpus.validation, token_bytes, device)
    measured.loss, measured.accuracy, measured.bits_per_byte        # nats per token, 0-1, bits

Bits per byte compare models with different tokenizers: the same text has the same bytes whatever the tokens.
The one rule: evaluation draws no random numbers and leaves the model as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.tokenizers import Tokenizer
from trainers.corpora import IGNORED, Windows
from trainers.methods.method import Batch, tensors

# Tokens in one forward pass. On a CPU more is slower, since the activations no longer fit into its caches.
_TOKENS_AT_ONCE = {"cpu": 2048, "cuda": 65536}
_LOGITS_AT_ONCE = 1 << 27  # numbers; 512 MB in float32


@dataclass(frozen=True)
class Measured:
    """Figures over all targets of an evaluation."""

    loss: float  # nats per target
    accuracy: float  # share of targets that were the likeliest guess
    bits_per_byte: float | None  # None when the targets stand for no bytes
    tokens: int  # targets
    windows: int


def token_sizes(tokenizer: Tokenizer) -> Tensor:
    """UTF-8 bytes that each id stands for, (V,)."""
    return torch.tensor(
        [tokenizer.bytes_per_token([i]) for i in range(tokenizer.vocab_size)], dtype=torch.int64
    )


def evaluate(
    model: nn.Module,
    windows: Windows,
    sizes: Tensor,
    device: torch.device,
    max_windows: int = 0,
    is_cancelled: Callable[[], bool] = lambda: False,
    autocast: bool = False,
) -> Measured | None:
    """Measure on all windows, or on `max_windows` spread evenly over them; None when cancelled."""
    count = len(windows)
    chosen = np.arange(count)
    if 0 < max_windows < count:
        chosen = np.linspace(0, count - 1, max_windows).astype(np.int64)
    batch_size = _batch_size(windows, len(sizes), device)
    sizes = sizes.to(device)
    totals = torch.zeros(4, dtype=torch.float64, device=device)  # nats, right guesses, targets, bytes
    was_training = model.training
    model.eval()
    try:
        for start in range(0, len(chosen), batch_size):
            if is_cancelled():
                return None
            batch = Batch(*tensors(windows.at(chosen[start : start + batch_size]), device), 1.0)
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=autocast):
                totals += _totals(model, batch, sizes)
    finally:
        model.train(was_training)
    nats, right, tokens, size = totals.tolist()
    return Measured(
        loss=nats / max(tokens, 1),
        accuracy=right / max(tokens, 1),
        bits_per_byte=nats / math.log(2) / size if size else None,
        tokens=int(tokens),
        windows=len(chosen),
    )


def _totals(model: nn.Module, batch: Batch, sizes: Tensor) -> Tensor:
    logits = model(batch.inputs, segments=batch.segments).flatten(0, 1)  # (B T, V)
    targets = batch.targets.flatten()  # (B T)
    nats = F.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none").double().sum()
    counts = targets != IGNORED
    right = (logits.argmax(dim=-1) == targets).sum()  # IGNORED is never a guess
    size = (sizes[targets.clamp(min=0)] * counts).sum()
    return torch.stack([nats, right.double(), counts.sum().double(), size.double()])


def _batch_size(windows: Windows, vocab_size: int, device: torch.device) -> int:
    length = windows.at(np.array([0])).inputs.shape[1]
    return max(1, min(_TOKENS_AT_ONCE[device.type], _LOGITS_AT_ONCE // vocab_size) // length)
