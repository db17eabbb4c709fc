"""Learning a byte-level BPE."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.tokenizers import END_OF_TEXT
from engine.tokenizers.bpe import LETTERS
from engine.tokenizers.bpe_training import train_bpe
from engine.tokenizers.loading import load_tokenizer

TEXTS = ["low lower lowest newer newest wide wider widest "] * 5


def test_the_vocabulary_has_the_size_that_was_asked_for(tmp_path: Path):
    tokenizer = train_bpe(TEXTS, 270)
    assert (tokenizer.vocab_size, tokenizer.end_of_text) == (270, 269)
    assert len(tokenizer.encode("lower lowest")) < len("lower lowest")
    tokenizer.save(tmp_path)
    assert load_tokenizer(tmp_path).encode("newer") == tokenizer.encode("newer")


def test_the_layout_is_that_of_gpt2():
    tokenizer = train_bpe(TEXTS, 265)
    first_bytes = [token[0] for token in list(tokenizer.ranks)[:256]]
    assert first_bytes == list(LETTERS)
    assert tokenizer.special_tokens == {END_OF_TEXT: 264}


def test_the_smallest_vocabulary_is_the_bytes_and_the_special_tokens():
    assert train_bpe([], 257).encode("a") == [64]


def test_a_size_below_the_bytes_is_refused_with_the_range():
    with pytest.raises(UserError, match="vocab_size is 100, but must be from 257"):
        train_bpe(TEXTS, 100)


def test_a_text_that_runs_out_of_pairs_says_what_size_is_possible():
    with pytest.raises(
        UserError, match=r"too small for a vocabulary of 5000 tokens: it gives (\d+)"
    ) as refusal:
        train_bpe(TEXTS, 5000)
    possible = int(str(refusal.value).split("it gives ")[1].split(".")[0])
    assert train_bpe(TEXTS, possible).vocab_size == possible


def test_progress_is_told_in_characters_read():
    seen: list[int] = []
    train_bpe(["lower ", "\ud800 lowest"], 257, on_progress=seen.append)
    assert seen == [6, 14]


@pytest.mark.parametrize("repeated", [" ", "a", "=", "ab", "🙂", "\n"])
def test_a_line_without_an_end_costs_no_more_than_any_text(repeated: str):
    started = time.monotonic()
    train_bpe([f"{repeated * 100_000} the cat the cat", "the cat sat on the mat"], 260)
    assert time.monotonic() - started < 30  # a square would take hours
