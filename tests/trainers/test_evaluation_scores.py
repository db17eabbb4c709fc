"""The scores of a reply are those of the papers, worked out by hand."""

from __future__ import annotations

import pytest

from trainers.evaluation_scores import exact_match, normalised_words, rouge_l, token_f1


def test_words_are_compared_without_case_punctuation_and_articles() -> None:
    assert normalised_words("The Cat's  hat, an APPLE -- and a pear!") == [
        *("cats", "hat", "apple", "and", "pear"),
    ]
    assert normalised_words("„Über“ … 東京。") == ["über", "東京"]
    assert normalised_words("theatre another banana") == ["theatre", "another", "banana"]


@pytest.mark.parametrize(
    ("reply", "expected", "score"),
    [("The cat.", "cat", 1.0), ("cat", "dog", 0.0), ("a cat sat", "cat sat down", 0.0), ("", "", 1.0)],
)
def test_an_exact_match_is_one_of_the_normalised_words(reply: str, expected: str, score: float) -> None:
    assert exact_match(reply, expected) == score


@pytest.mark.parametrize(
    ("reply", "expected", "score"),
    [
        ("a black cat", "the cat sat", 1 / 2),  # 1 word in common, 2 and 2
        ("cat cat dog", "cat", 1 / 2),  # a word counts as often as it stands in both: 2 * 1 / (3 + 1)
        ("sat cat", "cat sat", 1.0),  # a bag has no order
        ("Paris, France", "It is Paris", 2 / 5),
        ("", "word", 0.0),
        ("", "", 1.0),
        ("the", "an", 1.0),  # nothing is left of either, as in SQuAD 2.0
    ],
)
def test_token_f1_counts_words_in_common(reply: str, expected: str, score: float) -> None:
    assert token_f1(reply, expected) == pytest.approx(score)


@pytest.mark.parametrize(
    ("reply", "expected", "score"),
    [
        # Lin (2004), section 3.1, without the article: police (kill|killed) gunman
        ("police kill the gunman", "police killed the gunman", 2 / 3),
        ("the gunman kill police", "police killed the gunman", 1 / 3),
        ("one two three four", "one three five four", 3 / 4),
        ("four three two one", "one two three four", 1 / 4),
        ("one two", "one two three four", 2 / 3),  # precision 1, recall 1/2
        ("x", "y", 0.0),
        ("", "", 1.0),
    ],
)
def test_rouge_l_follows_the_longest_common_subsequence(reply: str, expected: str, score: float) -> None:
    assert rouge_l(reply, expected) == pytest.approx(score)


def test_an_endless_reply_is_scored_in_time() -> None:
    assert rouge_l("word " * 100_000, "word other") == pytest.approx(2 / 4002)
