"""Finding texts by topic: TF-IDF and cosine similarity over word stems (Salton & Buckley, 1988).

A text is a list of fields with weights, so that a word in a title counts for more than one in passing.
A word of the topic also finds the words that `related_words.toml` knows to be close to it ("downpour" finds rain,
"animals" a snail), and one that nobody knows the word that is spelt nearly like it ("autum"), at a lower weight.
The one rule: words of the topic that no text knows still count, so that a poor match is seen to be poor.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

# What another word counts, beside the word itself.
_THE_SAME, _OF_THAT_KIND, _OF_THE_SAME_KIND = 0.7, 0.6, 0.3
_LONG_ENOUGH_FOR_A_SLIP = 5  # letters of a stem; shorter ones are too like each other
_ALIKE = 0.8  # of two spellings of one word

_STOP_WORDS = """
a about all am an and another any anything are as at be been but by can could did do does doesn don else
every for from get give good had has have he her here him his how if in into is isn it its just like ll
joke jokes make may me mine more most my nice no not now of on one or other our out over own please poem poems
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
    """One text that has something of the topic."""

    place: int  # in the list that the index was built from
    score: float  # cosine similarity, more than 0, at most 1
    coverage: float  # share of the topic's words that the text has, 0 to 1; close ones count less


class TopicIndex:
    """Texts, ready to be searched by topic."""

    def __init__(
        self, texts: Sequence[Iterable[tuple[str, float]]], related: RelatedWords | None = None
    ) -> None:
        weighted = [_term_weights(fields) for fields in texts]
        spread = Counter(stem for terms in weighted for stem in terms)
        self._rarest = math.log(1 + len(texts))
        self._rarity = {stem: math.log((1 + len(texts)) / count) for stem, count in spread.items()}
        self._vectors = [self._unit_vector(terms) for terms in weighted]
        self._related = related or RelatedWords([], {})

    def search(self, topic: str) -> list[Hit]:
        """The texts that share a word with the topic, or have one that is close to it, best first."""
        query = self._unit_vector(dict.fromkeys(stems(topic), 1.0))
        meant = {stem: self._meant_by(stem) for stem in query}
        hits = []
        for place, vector in enumerate(self._vectors):
            score = coverage = 0.0
            for stem, variants in meant.items():
                closeness, found = max(
                    ((close * vector.get(word, 0.0), close) for word, close in variants), default=(0.0, 0.0)
                )
                score += query[stem] * closeness
                coverage += found if closeness else 0.0
            if score:
                hits.append(Hit(place, score, coverage / len(query)))
        return sorted(hits, key=lambda hit: (-hit.score, hit.place))

    def _meant_by(self, stem: str) -> list[tuple[str, float]]:
        """The words of the texts that a word of the topic may mean, each with how close it is, 0 to 1."""
        meant = self._variants(stem)
        if meant or len(stem) < _LONG_ENOUGH_FOR_A_SLIP:
            return meant
        known = difflib.get_close_matches(stem, {*self._rarity, *self._related.close_to}, n=1, cutoff=_ALIKE)
        return [(word, _ALIKE * close) for word, close in self._variants(known[0])] if known else []

    def _variants(self, stem: str) -> list[tuple[str, float]]:
        close = {**self._related.close_to.get(stem, {}), stem: 1.0}
        return [(word, close[word]) for word in sorted(close) if word in self._rarity]

    def _unit_vector(self, terms: dict[str, float]) -> dict[str, float]:
        vector = {stem: weight * self._rarity.get(stem, self._rarest) for stem, weight in terms.items()}
        length = math.hypot(*vector.values()) or 1.0
        return {stem: value / length for stem, value in vector.items()}


class RelatedWords:
    """Which words are close to which, by their stems."""

    def __init__(self, circles: Iterable[str], kinds: Mapping[str, str]) -> None:
        """`circles` are words for one thing; `kinds` are the things of a kind."""
        self.close_to: dict[str, dict[str, float]] = {}
        for kind, things in kinds.items():
            members = stems(things)
            for stem in members:
                self._note(stem, [*members, *stems(kind)], _OF_THE_SAME_KIND)
            for stem in stems(kind):
                self._note(stem, members, _OF_THAT_KIND)
        for circle in circles:
            for stem in stems(circle):
                self._note(stem, stems(circle), _THE_SAME)

    def _note(self, stem: str, others: Iterable[str], closeness: float) -> None:
        known = self.close_to.setdefault(stem, {})
        for other in others:
            known[other] = max(closeness, known.get(other, 0.0))

    @classmethod
    def shipped(cls) -> RelatedWords:
        """Those that come with the program."""
        import tomli  # here: read when somebody first names a topic

        text = files(__package__).joinpath("related_words.toml").read_text(encoding="utf-8")
        return cls(**tomli.loads(text))


def _term_weights(fields: Iterable[tuple[str, float]]) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for text, weight in fields:
        for stem, count in Counter(stems(text)).items():
            weights[stem] += weight * (1 + math.log(count))
    return dict(weights)
