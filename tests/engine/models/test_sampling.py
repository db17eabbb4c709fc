"""How the next token is chosen."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.generation import GenerationSettings
from engine.models.sampling import Sampler, keep_likeliest, penalise_repetition
from engine.tokenizers.char import CharTokenizer

LETTERS = CharTokenizer.from_text("abcdefgh")


def sampler(prompt: str = "a", **settings: object) -> Sampler:
    return Sampler(GenerationSettings.from_dict(settings, "test"), LETTERS, LETTERS.encode(prompt))


def draw(logits: list[float], count: int = 2000, **settings: object) -> list[int]:
    chooser = sampler(**{"temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 0, **settings})
    return [chooser.next_token(torch.tensor(logits)).token_id for _ in range(count)]


def test_temperature_zero_always_takes_the_likeliest() -> None:
    assert set(draw([0.0, 2.0, 1.0], temperature=0.0)) == {1}


def test_draws_follow_the_probabilities() -> None:
    drawn = draw([math.log(0.7), math.log(0.2), math.log(0.1)], count=4000)
    shares = [drawn.count(token) / len(drawn) for token in range(3)]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


def test_a_higher_temperature_flattens_and_a_tiny_one_does_not_overflow() -> None:
    logits = [10.0, 0.0, -10.0]
    assert draw(logits, temperature=5.0).count(0) < draw(logits, temperature=1.0).count(0)
    assert set(draw([1e4, 0.0, -1e4], temperature=1e-6)) == {0}


def test_top_k_leaves_k_tokens() -> None:
    assert set(draw([3.0, 2.9, 2.8, 2.7], top_k=2)) == {0, 1}
    assert set(draw([3.0, 2.9, 2.8, 2.7], top_k=100)) == {0, 1, 2, 3}


def test_top_p_leaves_the_token_that_crosses_the_bound() -> None:
    logits = [math.log(0.5), math.log(0.3), math.log(0.15), math.log(0.05)]
    assert set(draw(logits, top_p=0.5)) == {0}
    assert set(draw(logits, top_p=0.6)) == {0, 1}
    assert set(draw(logits, top_p=0.001)) == {0}


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20), st.integers(0, 25), st.floats(0.001, 1))
def test_cuts_keep_the_likeliest_and_at_least_one(logits: list[float], top_k: int, top_p: float) -> None:
    values, ids = keep_likeliest(torch.tensor(logits), top_k, top_p)
    assert 1 <= len(ids) <= (min(top_k, len(logits)) or len(logits))
    assert values[0] == max(torch.tensor(logits))
    assert len(set(ids.tolist())) == len(ids)


def test_the_repetition_penalty_follows_its_formula() -> None:
    penalised = penalise_repetition(torch.tensor([2.0, -2.0, 1.0]), torch.tensor([0, 1]), 2.0)
    assert penalised.tolist() == [1.0, -4.0, 1.0]


def test_the_penalty_counts_prompt_and_reply() -> None:
    chooser = sampler("a", temperature=0.0, repetition_penalty=10.0)
    logits = torch.tensor([3.0, 2.0, 1.0])
    assert [chooser.next_token(logits).token_id for _ in range(2)] == [1, 2]


def test_reported_probabilities_are_the_models_own() -> None:
    chooser = sampler(temperature=0.0, repetition_penalty=3.0, alternatives=2)
    token = chooser.next_token(torch.tensor([math.log(0.6), math.log(0.4)]))
    assert token.alternatives[0].text == "a"
    assert math.exp(token.alternatives[0].logprob) == pytest.approx(0.6, abs=1e-6)
    assert math.exp(token.logprob) == pytest.approx([0.6, 0.4][token.token_id], abs=1e-6)


def test_a_seed_is_drawn_and_reported_when_none_is_given() -> None:
    seeds = {sampler().seed for _ in range(20)}
    assert len(seeds) > 1
    chosen = sampler(seed=7)
    assert chosen.seed == 7
