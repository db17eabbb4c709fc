"""The GPT itself; its equality with transformers is tested in test_hugging_face.py."""

from __future__ import annotations

import pytest
import torch

from engine.models.gpt import GPT, GPTConfig

TINY = GPTConfig(vocab_size=50, context_length=32, embedding_size=32, num_layers=2, num_heads=4)


@pytest.fixture
def gpt() -> GPT:
    torch.manual_seed(0)
    return GPT(TINY).eval()


def test_reading_in_pieces_gives_the_logits_of_reading_at_once(gpt: GPT) -> None:
    ids = torch.randint(0, 50, (2, 20))
    cache = gpt.new_cache(2, 32)
    pieces = [gpt(piece, cache) for piece in (ids[:, :7], ids[:, 7:12], ids[:, 12:13], ids[:, 13:])]
    torch.testing.assert_close(torch.cat(pieces, dim=1), gpt(ids), atol=1e-5, rtol=0)
    assert cache.length == 20


def test_no_token_sees_what_comes_after_it(gpt: GPT) -> None:
    ids = torch.randint(0, 50, (1, 16))
    changed = ids.clone()
    changed[0, 10:] = (changed[0, 10:] + 1) % 50
    before, after = gpt(ids), gpt(changed)
    assert torch.equal(before[:, :10], after[:, :10])
    assert not torch.allclose(before[:, 10:], after[:, 10:])


def test_more_tokens_than_the_context_are_refused(gpt: GPT) -> None:
    gpt(torch.zeros(1, 32, dtype=torch.long))
    with pytest.raises(ValueError, match="do not fit"):
        gpt(torch.zeros(1, 33, dtype=torch.long))
    cache = gpt.new_cache(1, 32)
    gpt(torch.zeros(1, 30, dtype=torch.long), cache)
    with pytest.raises(ValueError, match="30 . 3 tokens"):
        gpt(torch.zeros(1, 3, dtype=torch.long), cache)


def test_a_new_model_guesses_evenly(gpt: GPT) -> None:
    logits = gpt(torch.randint(0, 50, (4, 32)))
    loss = torch.nn.functional.cross_entropy(logits.view(-1, 50), torch.randint(0, 50, (128,)))
    assert loss.item() == pytest.approx(torch.log(torch.tensor(50.0)).item(), abs=0.1)


def test_dropout_acts_while_training_only() -> None:
    torch.manual_seed(0)
    gpt = GPT(TINY.with_changes("test", dropout=0.5))
    ids = torch.randint(0, 50, (1, 8))
    gpt.train()
    assert not torch.equal(gpt(ids), gpt(ids))
    gpt.eval()
    assert torch.equal(gpt(ids), gpt(ids))


def test_gradients_reach_every_parameter() -> None:
    gpt = GPT(TINY.with_changes("test", tied_head=False))
    gpt(torch.randint(0, 50, (2, 32))).logsumexp(-1).sum().backward()
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in gpt.parameters())


def test_packed_texts_are_computed_as_if_each_stood_alone(gpt: GPT) -> None:
    one, two = torch.randint(0, 50, (1, 7)), torch.randint(0, 50, (1, 11))
    packed = torch.cat([one, two], dim=1)
    segments = torch.tensor([[1] * 7 + [2] * 11])
    alone = torch.cat([gpt(one), gpt(two)], dim=1)
    torch.testing.assert_close(gpt(packed, segments=segments), alone, atol=1e-5, rtol=0)
    assert not torch.allclose(gpt(packed), alone, atol=1e-3)
