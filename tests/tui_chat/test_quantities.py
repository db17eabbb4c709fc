"""Figures as people read them."""

import pytest

from tui_chat import quantities


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (1.9, "6.69"),
        (9.0, "8,103.1"),
        (77.7439, "5.8e+33"),
        (10_000.0, "–"),
    ],
)
def test_a_perplexity_is_the_true_one_however_large(loss: float | None, words: str):
    assert quantities.perplexity(loss) == words
