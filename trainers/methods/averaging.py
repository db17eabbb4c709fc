"""The average of the weights along the way: often better than the weights themselves, and never used to learn from.

    average.update(broken)            after each step: average += (1 - decay) * (weights - average)
    with average.in_place(): ...      the model computes with the average; then the weights are back

When on, the average is what is validated, sampled and saved as the model; the weights go into the training state.
The one rule: swapping copies bits, so going on after a look, or after a resume, is exact.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

_COUNT = "average.count"


class WeightAverage:
    """An exponential moving average of flat tensors."""

    def __init__(self, values: Sequence[Tensor], decay: float) -> None:
        self._values = values
        self._averages = [value.clone() for value in values]
        self._decay = decay
        self._count = 0

    def update(self, broken: Tensor) -> None:
        """Take in the weights of a step. The first ones count for more, or random weights would linger.

        When `broken` is 1 there was no step, and the average stays as it is.
        """
        self._count += 1
        decay = min(self._decay, (1 + self._count) / (10 + self._count))
        for average, value in zip(self._averages, self._values, strict=True):
            average.copy_(torch.where(broken == 0, average.lerp(value, 1.0 - decay), average))

    def forget(self, steps: int) -> None:
        """Count so many steps less: they were none."""
        self._count -= steps

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Lend the model the average."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for average, value in zip(self._averages, self._values, strict=True):
            kept = value.clone()
            value.copy_(average)
            average.copy_(kept)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint needs whose model is the average."""
        weights = {f"average.weights.{n}": value.cpu().clone() for n, value in enumerate(self._values)}
        return {**weights, _COUNT: torch.tensor(self._count)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a checkpoint whose model, the average, is in the weights now.

        Raises:
            ValueError: when a tensor is missing or of another size.
        """
        if _COUNT not in tensors:
            raise ValueError(f"{_COUNT} is missing")
        self._count = int(tensors[_COUNT])
        for number, (average, value) in enumerate(zip(self._averages, self._values, strict=True)):
            weights = tensors.get(f"average.weights.{number}")
            if weights is None or weights.shape != value.shape:
                raise ValueError(f"average.weights.{number} is missing or of another size")
            average.copy_(value)
            value.copy_(weights)
