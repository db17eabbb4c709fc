"""AdamW over two flat tensors.

All parameters are made views into one tensor of matrices (decayed) and one of vectors (not decayed), gradients
likewise. One update, one norm and one zeroing then touch the whole model: for small models the many little
kernels of an ordinary optimizer cost more than the arithmetic.
The one rule: a step whose loss or gradient is not finite is not applied, nor is any step after it until `mend`.
"""

from __future__ import annotations

import contextlib
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from trainers.config import TrainingConfig
from trainers.methods.averaging import WeightAverage

_EPSILON = 1e-8
_ALIGNMENT = 16  # floats; every parameter begins at a multiple of 64 bytes


def is_decayed(parameter: Tensor) -> bool:
    """Matrices and embeddings decay; biases and layer norms do not."""
    return parameter.dim() >= 2


class FlatGroup:
    """Parameters laid end to end in one tensor, with one gradient."""

    def __init__(self, parameters: list[nn.Parameter], alignment: int = _ALIGNMENT) -> None:
        sizes = [-(-parameter.numel() // alignment) * alignment for parameter in parameters]
        starts = [0, *accumulate(sizes)]
        like = parameters[0]
        self.values = nn.Parameter(torch.zeros(starts[-1], device=like.device, dtype=torch.float32))
        self.gradient = torch.zeros_like(self.values)
        self.values.grad = self.gradient
        self._parts: list[tuple[nn.Parameter, Tensor]] = []  # each parameter with its part of the gradient
        for parameter, start in zip(parameters, starts, strict=False):
            part = slice(start, start + parameter.numel())
            self.values.data[part] = parameter.detach().flatten()
            parameter.data = self.values.data[part].view_as(parameter)
            self._parts.append((parameter, self.gradient[part].view_as(parameter)))
        self.collect_gradients()

    def collect_gradients(self) -> None:
        """Let gradients be computed into the one tensor, also after somebody set them aside."""
        for parameter, gradient in self._parts:
            parameter.grad = gradient


class AdamWGroup(FlatGroup):
    """Parameters that AdamW moves, with what it remembers of their gradients.

    PyTorch's update is called as a function: the first use of an optimizer *object* imports its compiler, most of
    a second at the start of every run.
    """

    def __init__(self, parameters: list[nn.Parameter], config: TrainingConfig, decay: float) -> None:
        super().__init__(parameters)
        zeros = torch.zeros_like(self.values.data)  # at once: a checkpoint before the first step has them
        self.moments = {
            "step": torch.zeros((), device=zeros.device),
            "exp_avg": zeros,
            "exp_avg_sq": zeros.clone(),
        }
        self.decay = decay
        self._betas = (config.beta1, config.beta2)

    @torch.no_grad()
    def apply(self, rate: float, broken: Tensor) -> None:
        """One step; none when `broken` is 1."""
        adamw(
            [self.values],
            [self.gradient],
            [self.moments["exp_avg"]],
            [self.moments["exp_avg_sq"]],
            [],
            [self.moments["step"]],
            fused=True,
            found_inf=broken,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=rate,
            weight_decay=self.decay,
            eps=_EPSILON,
            maximize=False,
        )


class FlatAdamW:
    """AdamW (Loshchilov & Hutter 2019) over a whole model; owns the storage of its parameters.

    `parameters`: those that AdamW moves, when a subclass moves others.
    """

    def __init__(
        self, model: nn.Module, config: TrainingConfig, parameters: list[nn.Parameter] | None = None
    ) -> None:
        trainable = [p for p in parameters or model.parameters() if p.requires_grad]
        split = ([p for p in trainable if is_decayed(p)], [p for p in trainable if not is_decayed(p)])
        self._groups = [
            AdamWGroup(parameters, config, decay)
            for parameters, decay in zip(split, (config.weight_decay, 0.0), strict=True)
            if parameters
        ]
        self._betas = (config.beta1, config.beta2)
        self.average = (
            WeightAverage([group.values.data for group in self.groups()], config.ema_decay)
            if config.ema_decay
            else None
        )
        self._clip = config.gradient_clip
        # 1.0 from the first step on that was not finite; the fused kernel then leaves everything as it is.
        self.broken = torch.zeros((), device=trainable[0].device)

    def as_torch_optimizer(self) -> torch.optim.AdamW:
        """The same update over the same tensors, for a loop that is not ours; no clipping and no averages."""
        optimizer = torch.optim.AdamW(
            [{"params": [group.values], "weight_decay": group.decay} for group in self._groups],
            betas=self._betas,
            eps=_EPSILON,
            fused=True,
        )
        for group in self._groups:
            optimizer.state[group.values] = group.moments
        optimizer.found_inf = self.broken  # type: ignore[attr-defined]
        return optimizer

    def groups(self) -> list[FlatGroup]:
        """All parameters."""
        return list(self._groups)

    def zero_gradients(self) -> None:
        """Forget the gradients of the last step."""
        for group in self.groups():
            group.gradient.zero_()

    def step(self, rate: float, loss: Tensor) -> Tensor:
        """Clip and apply the gradients; returns their norm before clipping, without waiting for the device."""
        norm = self.clip(loss)
        self.apply(rate)
        if self.average is not None:
            self.average.update(self.broken)
        return norm

    def clip(self, loss: Tensor) -> Tensor:
        """Clip the gradients, and see whether they and the loss are finite; returns the norm before."""
        norms = [torch.linalg.vector_norm(group.gradient) for group in self.groups()]
        norm = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
        self.broken.copy_(torch.maximum(self.broken, 1.0 - torch.isfinite(norm + loss).float()))
        if self._clip:
            factor = (self._clip / (norm + 1e-6)).clamp(max=1.0)
            for group in self.groups():
                group.gradient.mul_(factor)
        return norm

    def mend(self, steps: int) -> None:
        """Let steps be applied again after so many that were not."""
        self.broken.zero_()
        if self.average is not None:
            self.average.forget(steps)

    def apply(self, rate: float) -> None:
        """Move the weights, unless a step was not finite."""
        for group in self._groups:
            group.apply(rate, self.broken)

    def averaged(self) -> contextlib.AbstractContextManager[None]:
        """Within it the model is what the run would give away: its average when it keeps one."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place()

    @property
    def is_broken(self) -> bool:
        """Whether a step was not finite (waits for the device)."""
        return bool(self.broken.item())

    def moments(self) -> dict[str, Tensor]:
        """What the rule remembers of earlier gradients, by name; the tensors themselves."""
        return {
            f"optimizer.{number}.{name}": moment
            for number, group in enumerate(self._groups)
            for name, moment in group.moments.items()
        }

    def state(self) -> dict[str, Tensor]:
        """Everything that has to be kept to go on exactly."""
        tensors = {name: tensor.detach().cpu().clone() for name, tensor in self.moments().items()}
        return {**tensors, **self.average.state()} if self.average is not None else tensors

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            ValueError: when a tensor is missing or of another size.
        """
        for name, moment in self.moments().items():
            tensor = tensors.get(name)
            if tensor is None or tensor.shape != moment.shape:
                raise ValueError(f"{name} is missing or of another size")
            moment.copy_(tensor)
        if self.average is not None:
            self.average.load_state(tensors)
