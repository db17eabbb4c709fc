"""Loss and accuracy of a model on sequences, kept apart by the group each token belongs to.

    totals = measure(model, sequences, sizes)
    totals[ANSWER].loss, totals[ANSWER].bits_per_byte

Sequences of like length go through the model together, padded at the end: no token ever looks at the padding after
it, and padding is no target, so a batch gives what each sequence would give alone.
Legend: B sequences, T tokens, V vocabulary.
The one rule: the whole window is read at once, in float32, and nothing is random.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from trainers.evaluation_data import NOT_A_TARGET, Sequence

_TOKENS_AT_ONCE = {"cpu": 2048, "cuda": 32768}
_LOGITS_AT_ONCE = 1 << 27  # numbers in one pass, 512 MB, as far as one sequence alone does not take more
_SORTED_AT_ONCE = 256  # sequences among which those of like length are found
_POSITIONS_AT_ONCE = 256  # whose probabilities are computed at once


class WindowReader(Protocol):
    """What is asked of a model here; `ScratchModel` and `HuggingFaceModel` are such."""

    @property
    def vocab_size(self) -> int:
        """Ids are 0 .. vocab_size - 1."""
        ...

    @property
    def device(self) -> torch.device:
        """Where ids have to be."""
        ...

    def all_logits(self, ids: Tensor) -> Tensor:
        """Read `ids` (B, T) at once; logits (B, T, V) for what follows each."""
        ...


@dataclass
class Totals:
    """Sums over the targets of a group."""

    nats: float = 0.0
    right: int = 0  # targets that were the likeliest guess
    tokens: int = 0
    size: int = 0  # bytes that the targets stand for

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.nats + other.nats,
            self.right + other.right,
            self.tokens + other.tokens,
            self.size + other.size,
        )

    @property
    def loss(self) -> float | None:
        """Nats per target."""
        return self.nats / self.tokens if self.tokens else None

    @property
    def perplexity(self) -> float | None:
        """None also where it is beyond what a float holds."""
        return math.exp(self.loss) if self.loss is not None and self.loss < 700 else None

    @property
    def bits_per_byte(self) -> float | None:
        """Bits per UTF-8 byte of the targets' text; tokens without text (end of text) cost bits as well."""
        return self.nats / math.log(2) / self.size if self.size else None

    @property
    def accuracy(self) -> float | None:
        """Share of the targets that were the likeliest guess."""
        return self.right / self.tokens if self.tokens else None


@dataclass
class Measurement:
    """What `measure` found."""

    groups: dict[int, Totals]
    padding: int = 0  # places filled up, never part of a loss

    def of(self, *groups: int) -> Totals:
        """The sum of some groups."""
        return sum((self.groups.get(group, Totals()) for group in groups), Totals())


def measure(model: WindowReader, sequences: Iterable[Sequence], sizes: Tensor) -> Measurement:
    """Measure on every target of all sequences; `sizes` (V,) are the bytes that each id stands for."""
    found = Measurement({})
    for batch in _batches(sequences, model):
        ids, groups = _padded(batch)
        nats, right = _forward(model, ids)
        bytes_of = sizes[ids[:, 1:]]
        for group in np.unique(groups):
            chosen = torch.from_numpy(groups == group)  # (B, T)
            if group == NOT_A_TARGET:
                continue
            totals = Totals(
                nats=float(nats[chosen].sum()),
                right=int(right[chosen].sum()),
                tokens=int(chosen.sum()),
                size=int(bytes_of[chosen].sum()),
            )
            found.groups[int(group)] = found.of(int(group)) + totals
        found.padding += ids.numel() - sum(len(sequence.ids) for sequence in batch)
    return found


def _batches(sequences: Iterable[Sequence], model: WindowReader) -> Iterator[list[Sequence]]:
    """Sequences of like length, as many as fit into one pass."""
    device = model.device.type
    at_once = min(_TOKENS_AT_ONCE[device], _LOGITS_AT_ONCE // model.vocab_size)
    remaining = iter(sequences)
    while some := sorted(islice(remaining, _SORTED_AT_ONCE), key=lambda sequence: -len(sequence.ids)):
        while some:
            count = max(1, at_once // max(1, len(some[0].ids)))
            batch, some = some[:count], some[count:]
            if len(batch[0].ids) > 1:
                yield batch


def _padded(batch: list[Sequence]) -> tuple[Tensor, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    """Ids (B, T + 1) and the groups of the targets (B, T), filled up at the end."""
    width = max(len(sequence.ids) for sequence in batch)
    ids = np.zeros((len(batch), width), dtype=np.int64)
    groups = np.full((len(batch), width), NOT_A_TARGET, dtype=np.int64)
    for row, sequence in enumerate(batch):
        ids[row, : len(sequence.ids)] = sequence.ids
        groups[row, : len(sequence.groups)] = sequence.groups
    return torch.from_numpy(ids), groups[:, 1:]


@torch.inference_mode()
def _forward(model: WindowReader, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Nats of each next token, float64, and whether it was the likeliest guess: (B, T) each, on the CPU."""
    ids = ids.to(model.device)
    logits = model.all_logits(ids[:, :-1])  # (B, T, V)
    targets = ids[:, 1:]
    nats, right = [], []
    for start in range(0, targets.size(1), _POSITIONS_AT_ONCE):
        some = slice(start, start + _POSITIONS_AT_ONCE)
        part = logits[:, some].float()
        target = targets[:, some].unsqueeze(-1)  # (B, t, 1)
        nats.append((part.logsumexp(-1) - part.gather(-1, target).squeeze(-1)).double())
        right.append(part.argmax(-1) == target.squeeze(-1))
    return torch.cat(nats, 1).cpu(), torch.cat(right, 1).cpu()
