"""What the form promises about a run before it starts."""

import pytest

from trainers import estimates
from trainers.config import TrainingConfig
from trainers.estimates import ModelShape, Speed, estimate, num_parameters, vocabulary_size

GPT2 = ModelShape(num_layers=12, embedding_size=768, context_length=1024, vocab_size=50_257)
SMALL = ModelShape(4, 128, 64, 65, bias=False, qkv_bias=False)


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(estimates, "has_card", lambda: False)


def config(**changes: object) -> TrainingConfig:
    small = {"num_layers": 4, "num_heads": 4, "embedding_size": 128, "context_length": 64, "batch_size": 12}
    return TrainingConfig.from_dict({**small, **changes}, "test")


def test_the_parameters_of_gpt2_are_counted_exactly():
    assert num_parameters(GPT2) == 124_439_808
    without_qkv_biases = ModelShape(12, 768, 1024, 50_257, qkv_bias=False)
    assert num_parameters(without_qkv_biases) == 124_412_160


def test_the_parameters_of_the_small_character_model_are_counted_exactly():
    assert num_parameters(SMALL) == 804_096


def test_a_head_of_its_own_costs_a_second_vocabulary():
    untied = ModelShape(4, 128, 64, 65, bias=False, qkv_bias=False, tied_head=False)
    assert num_parameters(untied) - num_parameters(SMALL) == 65 * 128


def test_the_vocabulary_is_what_the_tokenizer_makes_of_the_data():
    assert vocabulary_size(config(tokenizer="char"), characters=65) == 65
    assert vocabulary_size(config(tokenizer="bpe", vocab_size=4096), characters=65) == 4096
    assert vocabulary_size(config(tokenizer="gpt2"), characters=65) == 50_257


def test_a_run_of_the_same_kind_tells_how_long_the_next_one_takes():
    speed = Speed("first", "cpu", 804_096, 23_000.0)
    found = estimate(config(max_steps=2000), SMALL, [speed])
    assert found.measured_by == "first"
    assert found.tokens == 2000 * 12 * 64
    assert found.seconds == pytest.approx(found.tokens / 23_000, rel=0.15)


def test_of_runs_of_one_size_the_fastest_tells_since_the_others_shared_the_machine():
    runs = [Speed("busy", "cpu", 804_096, 300.0), Speed("quiet", "cpu", 810_000, 23_000.0)]
    assert estimate(config(), SMALL, runs).measured_by == "quiet"


def test_without_a_comparable_run_the_time_is_marked_as_rough():
    far = [Speed("huge", "cpu", 100_000_000, 200.0), Speed("elsewhere", "cuda", 804_096, 1e6)]
    assert estimate(config(), SMALL, far).measured_by == ""


def test_a_larger_batch_needs_more_memory_and_smaller_passes_less():
    whole = estimate(config(batch_size=96), SMALL, []).memory_bytes
    assert estimate(config(batch_size=12), SMALL, []).memory_bytes < whole
    assert estimate(config(batch_size=96, micro_batch_size=12), SMALL, []).memory_bytes < whole


def test_gpt2_with_adamw_needs_at_least_sixteen_bytes_a_parameter():
    shape_of = {
        "num_layers": 12,
        "num_heads": 12,
        "embedding_size": 768,
        "context_length": 1024,
        "batch_size": 1,
    }
    assert estimate(config(**shape_of), GPT2, []).memory_bytes > 16 * 124_439_808
