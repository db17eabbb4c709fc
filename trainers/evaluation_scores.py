"""How near a reply comes to the expected one: exact match, token F1, ROUGE-L. Each from 0 to 1.

    exact_match("The cat.", "cat")              1.0
    token_f1("a black cat", "the cat sat")      0.5      words in common, as a bag
    rouge_l("police kill the gunman", "police killed the gunman")   0.6667   longest common subsequence of words

Exact match and F1 are those of SQuAD (Rajpurkar et al. 2016, evaluate-v1.1.py; two empty texts agree, as in 2.0);
ROUGE-L is the F-measure with equal weights of Lin (2004, "ROUGE", section 3), on the same normalised words.
The one rule: all three see the same words: small letters, no punctuation, no English articles.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_LONGEST = 4000  # words compared; the longest common subsequence takes the product of both lengths


def normalised_words(text: str) -> list[str]:
    """The words that are compared."""
    letters = "".join(letter for letter in text.lower() if not _is_punctuation(letter))
    return _ARTICLES.sub(" ", letters).split()


def exact_match(reply: str, expected: str) -> float:
    """1 when the normalised texts are the same."""
    return float(normalised_words(reply) == normalised_words(expected))


def token_f1(reply: str, expected: str) -> float:
    """Harmonic mean of precision and recall over words, whatever their order."""
    said, wanted = normalised_words(reply), normalised_words(expected)
    return _f_measure((Counter(said) & Counter(wanted)).total(), len(said), len(wanted))


def rouge_l(reply: str, expected: str) -> float:
    """Harmonic mean of precision and recall of the longest common subsequence of words."""
    said, wanted = normalised_words(reply)[:_LONGEST], normalised_words(expected)[:_LONGEST]
    return _f_measure(_longest_common_subsequence(said, wanted), len(said), len(wanted))


def _f_measure(common: int, said: int, wanted: int) -> float:
    if said == 0 or wanted == 0:
        return float(said == wanted)
    return 2 * common / (said + wanted)


def _longest_common_subsequence(one: list[str], other: list[str]) -> int:
    """Its length, row by row of the usual table."""
    before = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for place, candidate in enumerate(other):
            row.append(before[place] + 1 if word == candidate else max(before[place + 1], row[-1]))
        before = row
    return before[-1]


def _is_punctuation(letter: str) -> bool:
    """SQuAD takes ASCII punctuation out; the marks of other scripts are no more part of a word."""
    return letter in string.punctuation or unicodedata.category(letter).startswith("P")
