"""What a run may do differently: schedules, averaging, patience, what is kept, recomputing."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch

from engine.models.checkpoints import load_gpt
from tests.trainers.test_training_loop import new_loop, tiny_gpt
from trainers.checkpoints import all_checkpoints, checkpoint_path, prune, write_checkpoint
from trainers.config import TrainingConfig
from trainers.methods.averaging import WeightAverage
from trainers.methods.evaluation import Measured
from trainers.methods.loop import TrainingLoop
from trainers.methods.method import Batch, next_token_loss
from trainers.methods.schedules import learning_rate
from trainers.methods.training_state import config_hash

BASE = TrainingConfig(max_steps=100, warmup_steps=10, learning_rate=1.0, min_learning_rate=0.1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schedule": "cosine"}, {0: 1 / 11, 9: 10 / 11, 10: 1.0, 55: 0.55, 100: 0.1}),
        ({"schedule": "linear"}, {10: 1.0, 55: 0.55, 82: 0.28, 100: 0.1, 120: 0.1}),
        ({"schedule": "constant"}, {9: 10 / 11, 10: 1.0, 100: 1.0}),
        ({"schedule": "wsd"}, {9: 10 / 11, 10: 1.0, 80: 1.0, 90: 0.55, 100: 0.1}),
        ({"schedule": "wsd", "decay_share": 1.0}, {10: 1.0, 55: 0.55, 100: 0.1}),
        ({"schedule": "wsd", "decay_share": 0.0}, {99: 1.0, 100: 1.0}),
        ({"schedule": "cosine", "warmup_steps": 0}, {0: 1.0, 25: 0.1 + 0.9 * (0.5 + math.sqrt(0.125))}),
    ],
)
def test_every_schedule_gives_exactly_these_rates(
    changes: dict[str, object], expected: dict[int, float]
) -> None:
    config = BASE.with_changes("test", **changes)
    assert {step: learning_rate(config, step) for step in expected} == pytest.approx(expected, rel=1e-12)


def test_label_smoothing_mixes_the_target_with_all_tokens() -> None:
    model = tiny_gpt()
    ids = torch.arange(17)[None]
    batch = Batch(ids[:, :-1], ids[:, 1:], None, 1.0)
    log_probabilities = model(batch.inputs)[0].log_softmax(dim=-1)
    targets = torch.full_like(log_probabilities, 0.3 / 300)
    targets[torch.arange(16), batch.targets[0]] += 0.7
    expected = -(targets * log_probabilities).sum(dim=-1).mean()
    torch.testing.assert_close(next_token_loss(model, batch, 0.3), expected)


def test_the_average_of_the_weights_is_the_one_written_down() -> None:
    value = torch.zeros(2)
    average = WeightAverage([value], decay=0.5)
    expected = 0.0
    for step, number in enumerate((1.0, 3.0, -2.0), start=1):
        value.fill_(number)
        average.update(torch.tensor(0.0))
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * number
    with average.in_place():
        torch.testing.assert_close(value, torch.full((2,), expected))
    assert value.tolist() == [-2.0, -2.0]


def test_with_averaging_the_average_is_saved_as_the_model_and_the_weights_go_on(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", max_steps=6, ema_decay=0.9))
    loop.run()
    saved = load_gpt(Path(loop.writer.run.checkpoints()[-1].directory)).wte.weight
    assert not torch.equal(saved, loop.parts.model.wte.weight)
    with loop.optimizer.averaged():
        assert torch.equal(saved, loop.parts.model.wte.weight)
    plain = new_loop(tmp_path / "plain", tiny.with_changes("test", max_steps=6))
    plain.run()
    assert torch.equal(plain.parts.model.wte.weight, loop.parts.model.wte.weight)


def test_recomputing_activations_changes_no_bit_with_dropout(tmp_path: Path, tiny: TrainingConfig) -> None:
    weights = []
    for number, recomputes in enumerate((False, True)):
        config = tiny.with_changes("test", max_steps=5, gradient_checkpointing=recomputes)
        loop = new_loop(tmp_path / str(number), config)
        loop.run()
        weights.append(loop.parts.model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(weights[0].values(), weights[1].values(), strict=True))


def with_losses(loop: TrainingLoop, losses: list[float]) -> TrainingLoop:
    """The same loop, whose validations give these losses in turn, the last one again and again."""
    given = itertools.chain(losses, itertools.repeat(losses[-1]))
    loop.measuring.validate = lambda: Measured(next(given), 0.5, 1.0, 10, 1)  # type: ignore[method-assign]
    return loop


def test_training_ends_when_patience_is_used_up(tmp_path: Path, tiny: TrainingConfig) -> None:
    config = tiny.with_changes("test", eval_interval=2, patience=3)
    loop = with_losses(new_loop(tmp_path / "run", config), [3.0, 2.0, 2.1, 1.9, 2.0, 1.95, 1.9, 1.0])
    loop.run()
    assert (loop.progress.step, loop.progress.best_step) == (14, 8)
    assert loop.writer.status.state == "finished"
    assert loop.writer.run.checkpoints()[-1].step == 14


def test_the_best_and_every_nth_checkpoint_are_kept(tmp_path: Path, tiny: TrainingConfig) -> None:
    changes = {"eval_interval": 2, "checkpoint_interval": 100, "keep_checkpoints": 3, "keep_every": 10}
    losses = [3.0, 2.5, 2.0, 1.0, 1.5, 1.4, 1.3, 9.0, 9.0, 9.0, 9.0, 9.0]
    loop = with_losses(new_loop(tmp_path / "run", tiny.with_changes("test", **changes)), losses)
    loop.run()
    assert [info.step for info in loop.writer.run.checkpoints()] == [8, 10, 12, 14, 24]
    assert [info.step for info in loop.writer.run.checkpoints() if info.is_best] == [8]


def test_what_is_to_be_kept_is_not_kept_when_it_is_of_a_later_step(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4, 5, 9):
        write_checkpoint(checkpoint_path(tmp_path, step), lambda folder: (folder / "a").touch())
    prune(tmp_path, 5, best_step=2, also={1, 9})
    assert [int(path.name[5:]) for path in all_checkpoints(tmp_path)] == [1, 2, 4, 5]


def test_a_setting_that_came_later_does_not_shut_out_earlier_runs() -> None:
    assert config_hash(BASE) == config_hash(BASE.with_changes("test", patience=3, keep_every=5))
    assert config_hash(BASE) != config_hash(BASE.with_changes("test", ema_decay=0.9))
    # made from the settings of the first version; if this number changes, its runs cannot be resumed
    assert config_hash(TrainingConfig())[:16] == "d338e71c661240e5"


def test_random_weights_are_gpt_2_s_or_torch_s(tmp_path: Path, tiny: TrainingConfig) -> None:
    spreads = {}
    for kind in ("gpt2", "torch"):
        model = new_loop(
            tmp_path / kind, tiny.with_changes("test", initialization=kind, tied_head=False)
        ).parts.model
        spreads[kind] = [float(w.detach().std()) for w in (model.wte.weight, model.h[0].attn.c_attn.weight)]
    assert spreads["gpt2"] == pytest.approx([0.02, 0.02], rel=0.1)
    # nn.Embedding draws from a standard normal, nn.Linear uniformly within 1 / sqrt(inputs).
    assert spreads["torch"] == pytest.approx([1.0, (3 * tiny.embedding_size) ** -0.5], rel=0.1)
