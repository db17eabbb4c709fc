"""Muon: hidden matrices move by an orthogonal matrix, everything else by AdamW (Jordan et al. 2024).

    momentum <- momentum + (1 - mu) (gradient - momentum)
    update   <- orthogonalise(gradient + mu (momentum - gradient))       every singular value near 1
    weights  <- (1 - rate decay) weights - rate sqrt(max(1, rows / columns)) update

Embeddings, head, biases and layer norms stay with AdamW. Matrices of one shape are computed together; query, key
and value are three matrices that lie in one. Legend: N matrices of R rows and C columns.
The one rule: as for AdamW, a step that is not finite changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from trainers.config import TrainingConfig
from trainers.methods.optimizer import FlatAdamW, FlatGroup

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that drives singular values into 0.7 ... 1.2
_STEPS = 5
_TOGETHER = 3  # query, key and value
_TOGETHER_NAME = "c_attn.weight"


class FlatMuon(FlatAdamW):
    """Muon for the hidden matrices, AdamW for the rest."""

    def __init__(self, model: nn.Module, config: TrainingConfig) -> None:
        hidden = hidden_matrices(model)
        self._stacks = [_Stack(shape, parameters, config) for shape, parameters in _by_shape(hidden)]
        chosen = {id(parameter) for parameter in hidden.values()}
        super().__init__(model, config, [p for p in model.parameters() if id(p) not in chosen])

    def groups(self) -> list[FlatGroup]:
        """AdamW's, then Muon's."""
        return [*super().groups(), *(stack.group for stack in self._stacks)]

    def apply(self, rate: float) -> None:
        """Move the weights; Muon's rate follows the schedule as AdamW's does."""
        super().apply(rate)
        for stack in self._stacks:
            stack.apply(rate, self.broken)

    def moments(self) -> dict[str, Tensor]:
        """AdamW's averages and Muon's momentum."""
        momenta = {
            f"optimizer.muon.{number}.momentum": stack.momentum for number, stack in enumerate(self._stacks)
        }
        return {**super().moments(), **momenta}


class _Stack:
    """Hidden matrices of one shape."""

    def __init__(
        self, shape: tuple[int, int], parameters: list[nn.Parameter], config: TrainingConfig
    ) -> None:
        self.group = FlatGroup(parameters, alignment=1)
        self._shape = (-1, *shape)
        self.momentum = torch.zeros_like(self.group.values.data)
        self._mu = config.muon_momentum
        self._decay = config.weight_decay
        self._factor = config.muon_learning_rate / config.learning_rate
        self._scale = math.sqrt(max(1.0, shape[0] / shape[1]))

    def apply(self, rate: float, broken: Tensor) -> None:
        """One step; none when `broken` is 1."""
        rate *= self._factor
        gradient, is_whole = self.group.gradient, broken == 0
        momentum = self.momentum.lerp(gradient, 1.0 - self._mu)
        update = orthogonalised(gradient.lerp(momentum, self._mu).view(self._shape)).flatten()
        weights = self.group.values.data
        moved = weights * (1.0 - rate * self._decay) - rate * self._scale * update
        weights.copy_(torch.where(is_whole, moved, weights))
        self.momentum.copy_(torch.where(is_whole, momentum, self.momentum))


def orthogonalised(matrices: Tensor) -> Tensor:
    """(N, R, C) -> (N, R, C): U S V' -> about U V', by five Newton-Schulz steps, without the decomposition."""
    a, b, c = _COEFFICIENTS
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    is_tall = x.size(-2) > x.size(-1)
    if is_tall:
        x = x.mT  # the smaller product
    x = x / (torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_STEPS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if is_tall else x).to(matrices.dtype).contiguous()


def hidden_matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """Matrices that are neither embedding nor head, by name."""
    ends = {
        id(module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) or name.rpartition(".")[2] in ("lm_head", "head")
    }
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.dim() == 2 and id(parameter) not in ends
    }


def _by_shape(
    matrices: dict[str, nn.Parameter],
) -> Iterator[tuple[tuple[int, int], list[nn.Parameter]]]:
    """(shape, matrices of that shape), in the order of the model."""
    found: dict[tuple[int, int], list[nn.Parameter]] = {}
    for name, parameter in matrices.items():
        rows, columns = parameter.shape
        if name.endswith(_TOGETHER_NAME) and rows == _TOGETHER * columns:
            rows = columns
        found.setdefault((rows, columns), []).append(parameter)
    yield from found.items()
