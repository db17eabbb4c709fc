"""AdamW over two flat tensors.

All parameters are made views into one tensor of matrices (decayed) and one of vectors (not decayed), gradients
likewise. One update, one norm and one zeroing then touch the whole model: for small models the many little
kernels of an ordinary optimizer cost more than the arithmetic.
The one rule: a step whose loss or gradient is not finite is not applied, nor is any step after it.
"""

from __future__ import annotations

import contextlib
from itertools import accumulate

import torch
from torch import Tensor, nn

from trainers.config import TrainingConfig
from trainers.methods.averaging import WeightAverage

_ALIGNMENT = 16  # floats; every parameter begins at a multiple of 64 bytes


def is_decayed(parameter: Tensor) -> bool:
    """Matrices and embeddings decay; biases and layer norms do not."""
    return parameter.dim() >= 2


class _FlatGroup:
    """Parameters laid end to end in one tensor, with one gradient."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        sizes = [-(-parameter.numel() // _ALIGNMENT) * _ALIGNMENT for parameter in parameters]
        starts = [0, *accumulate(sizes)]
        like = parameters[0]
        self.values = nn.Parameter(torch.zeros(starts[-1], device=like.device, dtype=torch.float32))
        self.gradient = torch.zeros_like(self.values)
        self.values.grad = self.gradient
        for parameter, start in zip(parameters, starts, strict=False):
            part = slice(start, start + parameter.numel())
            self.values.data[part] = parameter.detach().flatten()
            parameter.data = self.values.data[part].view_as(parameter)
            parameter.grad = self.gradient[part].view_as(parameter)


class FlatAdamW:
    """AdamW (Loshchilov & Hutter 2019) over a whole model; owns the storage of its parameters."""

    def __init__(self, model: nn.Module, config: TrainingConfig) -> None:
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        split = ([p for p in trainable if is_decayed(p)], [p for p in trainable if not is_decayed(p)])
        self._groups = [_FlatGroup(parameters) for parameters in split if parameters]
        decays = [
            decay for parameters, decay in zip(split, (config.weight_decay, 0.0), strict=True) if parameters
        ]
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [group.values], "weight_decay": decay}
                for group, decay in zip(self._groups, decays, strict=True)
            ],
            lr=config.learning_rate,
            betas=(config.beta1, config.beta2),
            fused=True,
        )
        for group in self._groups:  # from the start, so that a checkpoint before the first step has them too
            zeros = torch.zeros_like(group.values.data)
            step = torch.zeros((), device=zeros.device)
            self._optimizer.state[group.values] = {
                "step": step,
                "exp_avg": zeros,
                "exp_avg_sq": zeros.clone(),
            }
        self.average = (
            WeightAverage([group.values.data for group in self._groups], config.ema_decay)
            if config.ema_decay
            else None
        )
        self._clip = config.gradient_clip
        # 1.0 from the first step on that was not finite; the fused kernel then leaves everything as it is.
        self._broken = torch.zeros((), device=trainable[0].device)
        self._optimizer.found_inf = self._broken  # type: ignore[attr-defined]

    def zero_gradients(self) -> None:
        """Forget the gradients of the last step."""
        for group in self._groups:
            group.gradient.zero_()

    def step(self, rate: float, loss: Tensor) -> Tensor:
        """Clip and apply the gradients; returns their norm before clipping, without waiting for the device."""
        norms = [torch.linalg.vector_norm(group.gradient) for group in self._groups]
        norm = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
        self._broken.copy_(torch.maximum(self._broken, 1.0 - torch.isfinite(norm + loss).float()))
        if self._clip:
            factor = (self._clip / (norm + 1e-6)).clamp(max=1.0)
            for group in self._groups:
                group.gradient.mul_(factor)
        for parameters in self._optimizer.param_groups:
            parameters["lr"] = rate
        self._optimizer.step()
        if self.average is not None:
            self.average.update()
        return norm

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """Within it the model is what the run would give away: its average when it keeps one."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place()

    @property
    def is_broken(self) -> bool:
        """Whether a step was not finite (waits for the device)."""
        return bool(self._broken.item())

    def state(self) -> dict[str, Tensor]:
        """Everything that has to be kept to go on exactly."""
        tensors = {}
        for number, group in enumerate(self._groups):
            for name, value in self._optimizer.state[group.values].items():
                tensors[f"optimizer.{number}.{name}"] = value.detach().cpu().clone()
        return {**tensors, **self.average.state()} if self.average is not None else tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            ValueError: when a tensor is missing or of another size.
        """
        for number, group in enumerate(self._groups):
            state = {}
            for name in ("step", "exp_avg", "exp_avg_sq"):
                tensor = tensors.get(f"optimizer.{number}.{name}")
                if tensor is None or (name != "step" and tensor.shape != group.values.shape):
                    raise ValueError(f"optimizer.{number}.{name} is missing or of another size")
                # The fused kernel wants all three where the parameters are.
                state[name] = tensor.to(group.values.device).clone()
            self._optimizer.state[group.values] = state
        if self.average is not None:
            self.average.load_state(tensors)
