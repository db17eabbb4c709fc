"""Ten steps of a throw-away model: they tell a speed, and leave everything else alone."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from engine.errors import UserError
from tests.trainers.foreign_models import foreign_model
from trainers import probing
from trainers.base_models import look_at_base_model
from trainers.config import TrainingConfig
from trainers.methods.probe import Probe, run
from trainers.model_shape import ModelShape, num_parameters
from trainers.outlook import outlook
from trainers.probing import ProbeRequest, measure


def tiny(**changes: object) -> TrainingConfig:
    shape = {"num_layers": 2, "num_heads": 2, "embedding_size": 32, "context_length": 16, "batch_size": 4}
    return TrainingConfig.from_dict({**shape, "threads": 1, "device": "cpu", **changes}, "test")


def test_a_process_of_its_own_tells_the_speed_of_the_run_that_was_asked_for():
    large = tiny(embedding_size=64, micro_batch_size=2)
    small, other = measure(
        [ProbeRequest(config=tiny(), vocab_size=65), ProbeRequest(config=large, vocab_size=65)]
    )
    assert small.tokens_per_second == pytest.approx(4 * 16 / small.seconds_per_step)
    assert small.num_parameters == num_parameters(ModelShape.of(tiny(), 65))
    assert other.num_parameters == num_parameters(ModelShape.of(large, 65))
    assert small.steps == other.steps == 10
    assert (small.device, small.precision, small.threads) == ("cpu", "float32", 1)
    assert small.peak_bytes > 100_000_000


@pytest.mark.parametrize(
    "changes",
    [{"dropout": 0.1}, {"method": "fine_tuning"}, {"optimizer": "muon"}, {"gradient_checkpointing": True}],
)
def test_the_probe_leaves_every_random_number_where_it_was(changes: dict[str, object]):
    before = torch.get_rng_state(), np.random.get_state(legacy=False), random.getstate()
    (result,) = run([ProbeRequest(config=tiny(**changes), vocab_size=65, steps=2)], 5.0)
    assert result.tokens_per_second > 0
    assert torch.equal(torch.get_rng_state(), before[0])
    assert str(np.random.get_state(legacy=False)) == str(before[1])
    assert random.getstate() == before[2]


def test_where_a_pass_takes_too_long_a_shorter_one_tells_about_the_whole(monkeypatch: pytest.MonkeyPatch):
    probe = Probe(tiny(), 65)
    sizes: list[int] = []

    def slow(batch, loss):
        sizes.append(len(batch.inputs))
        return

    monkeypatch.setattr(probe, "_pass", slow)
    monkeypatch.setattr(probe, "_timed", lambda work: work() or 1.0)
    probe.warm_up(2.0)
    probe.step()
    assert sizes == [1, 1, 2]
    assert probe.result().seconds_per_step == pytest.approx(2 * 1.0 + 1.0)


@pytest.mark.parametrize("changes", [{}, {"method": "fine_tuning"}, {"backend": "trainer"}])
def test_a_model_of_another_architecture_is_measured_as_it_will_learn(
    tmp_path: Path, changes: dict[str, object]
):
    llama = foreign_model(tmp_path / "llama", "llama")
    base = look_at_base_model(str(llama))
    before = torch.get_rng_state()
    probe = Probe(tiny(base_model=str(llama), micro_batch_size=2, **changes), 300)
    probe.step()
    found = probe.result()
    assert probe._model.architecture == "llama"
    assert found.tokens_per_second > 0
    assert base.num_parameters == sum(
        tensor.numel() for tensor in load_file(llama / "model.safetensors").values()
    )
    assert found.num_parameters == base.num_parameters + 2 * (300 - 257) * 32  # rows for more tokens
    assert torch.equal(torch.get_rng_state(), before)


def test_random_weights_in_a_model_of_transformers_are_measured_too():
    (found,) = run([ProbeRequest(config=tiny(backend="hf"), vocab_size=65, steps=2)], 5.0)
    assert found.steps == 2 and found.num_parameters == num_parameters(ModelShape.of(tiny(), 65))


def test_the_preflight_of_another_architecture_tells_the_speed_of_its_steps(tmp_path: Path):
    (tmp_path / "text.txt").write_text("All work and no play makes Jack a dull boy.\n" * 50)
    llama, data = foreign_model(tmp_path / "llama", "llama"), str(tmp_path / "text.txt")
    look = outlook(tiny(base_model=str(llama), dataset=data, tokenizer="gpt2"), tmp_path, is_measured=True)
    assert look is not None
    assert (look.basis, look.num_parameters) == ("probe", look_at_base_model(str(llama)).num_parameters)


def test_a_model_that_is_not_here_yet_is_said_to_be_unmeasured():
    with pytest.raises(UserError, match="downloaded when the run starts"):
        measure([ProbeRequest(config=tiny(base_model="hf:someone/something"), vocab_size=65)])


def test_whoever_stops_waiting_stops_the_probe():
    with pytest.raises(UserError, match="not waited for"):
        measure([ProbeRequest(config=tiny(), vocab_size=65)], is_cancelled=lambda: True)


def test_a_probe_that_was_killed_most_likely_had_no_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probing.sys, "executable", "/bin/true")
    with pytest.raises(UserError, match="not enough memory"):
        measure([ProbeRequest(config=tiny(), vocab_size=65)])
