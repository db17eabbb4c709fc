"""Gradient checkpointing (Chen et al. 2016): the backward pass computes a block's activations a second time.

What is kept of a pass shrinks from all activations to one vector per token and block.
The one rule: the second time is the first again, random numbers included, so results do not change by a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute_blocks(blocks: nn.ModuleList) -> None:
    """Let these blocks forget their activations while training."""
    for block in blocks:
        block.forward = _recomputed(block, block.forward)


def _recomputed(block: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        if not block.training:
            return forward(*arguments)
        return checkpoint(forward, *arguments, use_reentrant=False)

    return run
