"""Muon against the rule written out matrix by matrix."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from engine.models.gpt import GPT
from tests.trainers.test_training_loop import tiny_gpt
from trainers.config import TrainingConfig
from trainers.methods.method import Batch, next_token_loss
from trainers.methods.muon import FlatMuon, hidden_matrices, orthogonalised

CONFIG = TrainingConfig(
    optimizer="muon", learning_rate=1e-2, muon_learning_rate=0.03, weight_decay=0.3, gradient_clip=0.5
)


def batch(seed: int) -> Batch:
    ids = torch.randint(0, 300, (4, 17), generator=torch.Generator().manual_seed(seed))
    return Batch(ids[:, :-1], ids[:, 1:], None, 1.0)


def train(model: GPT, optimizer: FlatMuon, steps: range, rate: float = 5e-3) -> None:
    for step in steps:
        optimizer.zero_gradients()
        loss = next_token_loss(model, batch(step))
        loss.backward()
        optimizer.step(rate, loss.detach())


def newton_schulz(matrix: Tensor) -> Tensor:
    """The published routine, for one matrix."""
    x = matrix / (matrix.norm() + 1e-7)
    if matrix.shape[0] > matrix.shape[1]:
        x = x.T
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def step_of(matrix: Tensor, gradient: Tensor, momentum: Tensor, rate: float) -> None:
    """The published step, in place."""
    momentum.lerp_(gradient, 0.05)
    update = newton_schulz(gradient.lerp(momentum, 0.95))
    matrix.mul_(1 - rate * 0.3)
    matrix.add_(update, alpha=-rate * math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1])))


def test_it_computes_what_the_published_rule_computes() -> None:
    ours, theirs = tiny_gpt(), tiny_gpt()
    train(ours, FlatMuon(ours, CONFIG), range(3))
    hidden = hidden_matrices(theirs)
    others = [p for name, p in theirs.named_parameters() if name not in hidden]
    adamw = torch.optim.AdamW(
        [
            {"params": [p for p in others if p.dim() == 2], "weight_decay": 0.3},
            {"params": [p for p in others if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=5e-3,
        betas=(CONFIG.beta1, CONFIG.beta2),
    )
    momenta = {name: torch.zeros_like(parameter) for name, parameter in hidden.items()}
    for step in range(3):
        theirs.zero_grad()
        next_token_loss(theirs, batch(step)).backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        adamw.step()
        with torch.no_grad():
            for name, parameter in hidden.items():
                assert parameter.grad is not None
                parts = 3 if name.endswith("c_attn.weight") else 1
                for matrix, gradient, momentum in zip(
                    parameter.chunk(parts),
                    parameter.grad.chunk(parts),
                    momenta[name].chunk(parts),
                    strict=True,
                ):
                    step_of(
                        matrix, gradient, momentum, rate=0.015
                    )  # half the way down the schedule, as AdamW
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(
            mine, other, rtol=2e-3, atol=2e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 64, 16), (2, 16, 64)])
def test_an_orthogonalised_matrix_has_singular_values_near_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonalised(matrices))
    assert 0.3 < float(values.min()) and float(values.max()) < 1.3


def test_embeddings_the_head_and_vectors_stay_with_adamw() -> None:
    names = set(hidden_matrices(tiny_gpt(tied_head=False)))
    assert names == {
        f"h.{layer}.{name}.weight"
        for layer in (0, 1)
        for name in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    }


def test_a_step_that_is_not_finite_moves_nothing() -> None:
    model = tiny_gpt()
    optimizer = FlatMuon(model, CONFIG)
    train(model, optimizer, range(2))
    before, moments = {n: p.clone() for n, p in model.named_parameters()}, optimizer.state()
    optimizer.zero_gradients()
    (next_token_loss(model, batch(9)) * float("nan")).backward()
    optimizer.step(5e-3, torch.tensor(float("nan")))
    assert optimizer.is_broken
    assert all(torch.equal(before[name], parameter) for name, parameter in model.named_parameters())
    assert all(torch.equal(moments[name], tensor) for name, tensor in optimizer.state().items())


def test_its_state_goes_on_exactly_and_an_incomplete_one_is_refused() -> None:
    whole, first, second = tiny_gpt(), tiny_gpt(), tiny_gpt()
    train(whole, FlatMuon(whole, CONFIG), range(6))
    begun = FlatMuon(first, CONFIG)
    train(first, begun, range(3))
    state = begun.state()
    resumed = FlatMuon(second, CONFIG)
    second.load_state_dict(first.state_dict())
    resumed.load_state(state)
    train(second, resumed, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters(), strict=True))
    del state["optimizer.muon.0.momentum"]
    with pytest.raises(ValueError, match="optimizer.muon.0.momentum is missing"):
        resumed.load_state(state)
