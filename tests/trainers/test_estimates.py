"""How large a model is, and how fast it will learn, before it is there."""

import pytest

from trainers import estimates
from trainers.config import TrainingConfig
from trainers.estimates import Speed, guess_speed, likely_precision
from trainers.model_shape import ModelShape, num_parameters, vocabulary_size

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


def test_a_run_of_the_same_kind_tells_how_fast_the_next_one_is():
    found = guess_speed(config(), SMALL, 804_096, [Speed("first", "cpu", 804_096, 23_000.0)])
    assert found.run == "first"
    assert found.tokens_per_second == pytest.approx(23_000, rel=0.15)


def test_of_runs_of_one_size_the_fastest_tells_since_the_others_shared_the_machine():
    runs = [Speed("busy", "cpu", 804_096, 300.0), Speed("quiet", "cpu", 810_000, 23_000.0)]
    assert guess_speed(config(), SMALL, 804_096, runs).run == "quiet"


def test_without_a_comparable_run_the_speed_is_marked_as_rough():
    far = [Speed("huge", "cpu", 100_000_000, 200.0), Speed("elsewhere", "cuda", 804_096, 1e6)]
    assert guess_speed(config(), SMALL, 804_096, far).run == ""


def test_the_precision_that_is_asked_for_is_taken_and_a_narrow_model_stays_exact():
    assert likely_precision(config(precision="bfloat16"), "cpu", 128) == "bfloat16"
    assert likely_precision(config(), "cpu", 128) == "float32"
    assert likely_precision(config(), "cuda", 128) == "bfloat16"
