"""Finding texts by topic: TF-IDF and cosine similarity over word stems (Salton & Buckley, 1988).

A text is a list of fields with weights, so that a word in a title counts for more than one in passing.
The one rule: words of the topic that no text knows still count, so that a poor match is seen to be poor.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_STOP_WORDS = """
a about all am an and another any anything are as at be been but by can could did do does doesn don else
every for from get give good had has have he her here him his how if in into is isn it its just like ll
make may me mine more most my nice no not now of on one or other our out over own please poem poems
poetry re recite say she short so some something tell than that the their them then there these they this
those to too topic up us ve verse verses very want was we were what whatever when where which who why
will with would write you your
"""


def stems(text: str) -> list[str]:
    """The words that carry meaning, without their endings: `The cats are sleeping` as cat, sleep."""
    stop_words = set(_STOP_WORDS.split())
    words = re.findall(r"[^\W_]+", text.lower())
    strays = set("abcdefghijklmnopqrstuvwxyz")  # what an apostrophe leaves: dog's, don't
    return [_stem(word) for word in words if word not in stop_words | strays]


def _stem(word: str) -> str:
    """A light stemmer in the manner of Porter's: plurals, -ing, -ed, -ly, -ness, final e and y."""
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ness", "ing", "ed", "ly"):
        root = word.removesuffix(ending)
        if root != word and len(root) > 2 and re.search("[aeiouy]", root):
            word = _single_last_letter(root)
            break
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 4 and word.endswith("y") and word[-2] not in "aeiou":
        word = _single_last_letter(word[:-1])
    return word


def _single_last_letter(root: str) -> str:
    """`runn` (from running) as `run`; `fall`, `miss` and `buzz` stay."""
    doubled = len(root) > 3 and root[-1] == root[-2] and root[-1] not in "aeioulsz"
    return root[:-1] if doubled else root


@dataclass(frozen=True)
class Hit:
    """One text that shares a word with the topic."""

    place: int  # in the list that the index was built from
    score: float  # cosine similarity, more than 0, at most 1
    coverage: float  # share of the topic's words that the text has, 0 to 1


class TopicIndex:
    """Texts, ready to be searched by topic."""

    def __init__(self, texts: Sequence[Iterable[tuple[str, float]]]) -> None:
        weighted = [_term_weights(fields) for fields in texts]
        spread = Counter(stem for terms in weighted for stem in terms)
        self._rarest = math.log(1 + len(texts))
        self._rarity = {stem: math.log((1 + len(texts)) / count) for stem, count in spread.items()}
        self._vectors = [self._unit_vector(terms) for terms in weighted]

    def search(self, topic: str) -> list[Hit]:
        """The texts that share a word with the topic, best first."""
        asked = Counter(stems(topic))
        query = self._unit_vector(dict.fromkeys(asked, 1.0))
        hits = []
        for place, vector in enumerate(self._vectors):
            shared = query.keys() & vector.keys()
            if shared:
                score = sum(query[stem] * vector[stem] for stem in sorted(shared))
                hits.append(Hit(place, score, len(shared) / len(query)))
        return sorted(hits, key=lambda hit: (-hit.score, hit.place))

    def _unit_vector(self, terms: dict[str, float]) -> dict[str, float]:
        vector = {stem: weight * self._rarity.get(stem, self._rarest) for stem, weight in terms.items()}
        length = math.hypot(*vector.values())
        return {stem: value / length for stem, value in vector.items()}


def _term_weights(fields: Iterable[tuple[str, float]]) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for text, weight in fields:
        for stem, count in Counter(stems(text)).items():
            weights[stem] += weight * (1 + math.log(count))
    return dict(weights)
