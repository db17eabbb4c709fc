"""A run before its first step: what it needs, whether that is there, and what would fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from trainers import estimates, preflight
from trainers.config import TrainingConfig
from trainers.estimates import Speed
from trainers.memory import memory_parts
from trainers.model_shape import ModelShape, num_parameters
from trainers.preflight import DataSize, Machine, characters_per_token, data_size, free_memory, look_ahead

SMALL = ModelShape(4, 128, 64, 65, bias=False, qkv_bias=False, num_heads=4)
GPT2 = ModelShape(12, 768, 1024, 50_257, num_heads=12)
ROOMY = Machine(free_bytes=20_000_000_000)


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(estimates, "has_card", lambda: False)


def config(**changes: object) -> TrainingConfig:
    small = {"num_layers": 4, "num_heads": 4, "embedding_size": 128, "context_length": 64, "batch_size": 12}
    return TrainingConfig.from_dict({**small, **changes}, "test")


def gpt2(**changes: object) -> TrainingConfig:
    shape = {"num_layers": 12, "num_heads": 12, "embedding_size": 768, "context_length": 1024}
    return config(**shape, tokenizer="gpt2", **changes)


def total(settings: TrainingConfig, shape: ModelShape = SMALL) -> int:
    return memory_parts(settings, shape, num_parameters(shape), "cpu", "float32").total


def test_weights_gradients_and_adamw_are_sixteen_bytes_a_parameter():
    parts = memory_parts(gpt2(batch_size=1), GPT2, 124_439_808, "cpu", "float32")
    assert parts.weights + parts.gradients + parts.optimizer == 16 * 124_439_808


def test_muon_keeps_one_average_of_hidden_matrices_and_averaged_weights_cost_one_more():
    adamw = memory_parts(gpt2(), GPT2, 124_439_808, "cpu", "float32").optimizer
    muon = memory_parts(gpt2(optimizer="muon"), GPT2, 124_439_808, "cpu", "float32").optimizer
    averaged = memory_parts(gpt2(ema_decay=0.99), GPT2, 124_439_808, "cpu", "float32").optimizer
    assert adamw - muon == 4 * 12 * 12 * 768**2
    assert averaged - adamw == 4 * 124_439_808


def test_a_larger_batch_needs_more_memory_and_smaller_passes_or_recomputing_less():
    large = total(gpt2(batch_size=8), GPT2)
    assert total(gpt2(batch_size=4), GPT2) < large
    assert total(gpt2(batch_size=8, micro_batch_size=2), GPT2) < large
    assert total(gpt2(batch_size=8, gradient_checkpointing=True), GPT2) < large


def test_a_run_reads_the_data_as_often_as_its_steps_reach():
    look = look_ahead(config(max_steps=2000), SMALL, DataSize(1_000_000, 100_000), ROOMY)
    assert look.tokens == 2000 * 12 * 64
    assert look.epochs == pytest.approx(1.536)
    assert look.fits and look.suggestions == ()


def test_epochs_that_were_asked_for_decide_the_steps():
    look = look_ahead(config(num_train_epochs=3.0), SMALL, DataSize(64_000, 0), ROOMY)
    assert look.epochs == pytest.approx(3.0, rel=0.01)


def test_the_time_counts_validations_too():
    speeds = [Speed("first", "cpu", 804_096, 20_000.0)]
    alone = look_ahead(config(), SMALL, DataSize(1_000_000, 0), ROOMY, speeds)
    validated = look_ahead(config(), SMALL, DataSize(1_000_000, 300_000), ROOMY, speeds)
    assert alone.like_run == "first"
    assert validated.seconds > alone.seconds * 1.2


def test_a_vocabulary_that_is_not_known_yet_stops_nothing():
    assert total(config(), replace(SMALL, vocab_size=0)) > 0


def test_another_run_on_the_machine_takes_half_of_the_speed():
    alone = look_ahead(config(), SMALL, DataSize(), ROOMY)
    beside = look_ahead(config(), SMALL, DataSize(), ROOMY._replace(others=("other",)))
    assert beside.seconds == pytest.approx(2 * alone.seconds)


def test_what_was_measured_is_taken_as_it_is():
    look = look_ahead(config(), SMALL, DataSize(), ROOMY._replace(others=("other",)), measured=1000.0)
    assert (look.basis, look.tokens_per_second) == ("probe", 1000.0)
    assert look.seconds == pytest.approx(look.tokens / 1000)


def test_a_measurement_far_below_what_is_to_be_expected_is_said_to_be_so():
    speeds = [Speed("first", "cpu", 804_096, 20_000.0)]
    assert look_ahead(config(), SMALL, DataSize(), ROOMY, speeds, measured=300.0).is_slow
    assert not look_ahead(config(), SMALL, DataSize(), ROOMY, speeds, measured=9_000.0).is_slow
    assert not look_ahead(config(), SMALL, DataSize(), ROOMY, speeds).is_slow


def test_what_does_not_fit_comes_with_changes_that_do_each_with_its_number():
    settings, machine = gpt2(batch_size=16), Machine(free_bytes=8_000_000_000)
    look = look_ahead(settings, GPT2, DataSize(), machine)
    assert not look.fits and look.suggestions
    for suggestion in look.suggestions:
        changed = settings.with_changes("test", **suggestion.changes)
        shape = replace(ModelShape.of(changed, 50_257))
        again = look_ahead(changed, shape, DataSize(), machine)
        assert again.fits
        assert again.memory_bytes == suggestion.memory_bytes
    first = look.suggestions[0]
    assert set(first.changes) == {"micro_batch_size"} and "the same batch of 16" in first.words
    assert 16 % first.changes["micro_batch_size"] == 0


def test_where_neither_alone_is_enough_both_are_proposed_together():
    settings = config(num_layers=24, batch_size=4, context_length=4096)
    shape = ModelShape.of(settings, 65)
    need = total(settings.with_changes("t", micro_batch_size=1, gradient_checkpointing=True), shape)
    look = look_ahead(settings, shape, DataSize(), Machine(free_bytes=need + 1))
    assert look.suggestions[0].changes == {"gradient_checkpointing": True, "micro_batch_size": 1}


def test_where_the_same_run_cannot_fit_a_smaller_task_is_computed_as_sparingly_as_can_be():
    settings = gpt2(batch_size=8)
    same = total(settings.with_changes("t", micro_batch_size=1, gradient_checkpointing=True), GPT2)
    look = look_ahead(settings, GPT2, DataSize(), Machine(free_bytes=same - 1))
    shorter, smaller = look.suggestions
    assert {"context_length", "micro_batch_size", "gradient_checkpointing"} == set(shorter.changes)
    assert smaller.changes["num_layers"] == 6 and smaller.changes["micro_batch_size"] == 1


def test_nothing_is_proposed_where_nothing_fits_and_a_given_model_is_never_shrunk():
    assert look_ahead(gpt2(), GPT2, DataSize(), Machine(free_bytes=1)).suggestions == ()
    given = gpt2(batch_size=1, base_model="somewhere")
    need = total(gpt2(batch_size=1), GPT2)
    look = look_ahead(given, GPT2, DataSize(), Machine(free_bytes=need - 1))
    assert all("num_layers" not in one.changes for one in look.suggestions)


def test_unknown_memory_is_never_a_reason_to_refuse():
    assert look_ahead(gpt2(batch_size=512), GPT2, DataSize(), Machine(free_bytes=None)).fits


def test_characters_are_counted_exactly_and_word_pieces_guessed():
    assert data_size(config(), 1_000_000, 65) == DataSize(900_000, 100_000, is_exact=True)
    assert data_size(config(tokenizer="gpt2"), 1_000_000, 50_257).train_tokens == pytest.approx(
        205_000, rel=0.05
    )
    assert characters_per_token(2) == 1.0


def test_free_memory_ends_where_the_container_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(preflight, "_CGROUP", tmp_path)
    outside = free_memory("cpu")
    assert outside is not None and outside > 1_000_000
    (tmp_path / "memory.max").write_text("300000\n")
    (tmp_path / "memory.current").write_text("100000\n")
    assert free_memory("cpu") == 200_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory("cpu") not in (None, 200_000)
