"""What a companion knows by heart: by chance or by topic, and nothing twice before everything was told.

    repertoire.about("rain")        Choice(entry=..., fit="topic")
    repertoire.about("rain")        another one about rain, as long as there is one; then fit="again"

The one rule: what fits a topic only nearly, or was told before, is never passed off as anything else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from engine.records import Record
from tui_chat.companions.told import Told, key_of
from tui_chat.companions.topic_search import Hit, RelatedWords, TopicIndex, stems
from tui_chat.companions.wishes import Companion

Entry = TypeVar("Entry", bound=Record)
Fit = Literal["any", "topic", "again", "nearest", "none"]

_NEARLY_AS_GOOD = 0.6  # of the best score: such entries are chosen from by chance
_ENOUGH_OF_THE_TOPIC = 0.5  # of its words; an entry with fewer of them is not about it
_MORE_THAN_A_MENTION = 0.12  # a word in passing scores below 0.1, one in the title or the topics above 0.15

_SOMETHING_OF_IT = 0.05  # less is a word in passing that is only near what was asked


@dataclass(frozen=True)
class Choice(Generic[Entry]):
    """An entry, and how it fits what was asked.

    any       no topic was named
    topic     it is about the topic, and was not told before
    again     it is about the topic; everything about it was told before
    nearest   it has something of the topic
    none      nothing is known about the topic
    """

    entry: Entry
    fit: Fit


class Repertoire(Generic[Entry]):
    """All entries of one companion."""

    def __init__(
        self,
        companion: Companion,
        entries: Sequence[Entry],
        fields: Callable[[Entry], Sequence[tuple[str, float]]],
        told: Told | None = None,
        seed: int | None = None,
    ) -> None:
        """`fields` are the texts of an entry with their weights, for the search by topic."""
        if not entries:
            raise ValueError("a repertoire needs at least one entry")
        self.entries = tuple(entries)
        self._companion = companion
        self._fields = fields
        self._keys = [key_of(entry) for entry in entries]
        self._told = told or Told()
        self._chance = random.Random(seed)
        self._index: TopicIndex | None = None  # made when somebody first names a topic

    def about(self, topic: str = "", wanted: Callable[[Entry], bool] = lambda entry: True) -> Choice[Entry]:
        """An entry about the topic among the `wanted`; without a topic any of them, without a fit the nearest.

        When nothing is wanted that way, everything is.
        """
        places = [place for place, entry in enumerate(self.entries) if wanted(entry)]
        places = places or list(range(len(self.entries)))
        if not stems(topic):
            return self._choice(self._next_of(places), "any")
        hits = [hit for hit in self._search(topic) if hit.place in set(places)]
        fitting = [hit for hit in hits if _fits(hit)]
        if fitting:
            return self._fitting(fitting)
        if hits and hits[0].score >= _SOMETHING_OF_IT:
            return self._choice(hits[0].place, "nearest")
        return self._choice(self._next_of(places), "none")

    def more(self, topic: str, wanted: Callable[[Entry], bool] = lambda entry: True) -> Choice[Entry]:
        """One about the topic that was not told yet; when there is none, any of the `wanted`."""
        told = self._told.keys(self._companion)
        hits = [hit for hit in self._search(topic) if _fits(hit) and wanted(self.entries[hit.place])]
        is_more = any(self._keys[hit.place] not in told for hit in hits)
        return self._fitting(hits) if is_more else self.about("", wanted)

    def knows(self, topic: str, wanted: Callable[[Entry], bool] = lambda entry: True) -> bool:
        """Whether an entry is about the topic, told before or not."""
        return not stems(topic) or any(
            _fits(h) and wanted(self.entries[h.place]) for h in self._search(topic)
        )

    def _fitting(self, hits: list[Hit]) -> Choice[Entry]:
        told = self._told.keys(self._companion)
        fresh = [hit for hit in hits if self._keys[hit.place] not in told]
        if not fresh:
            oldest = min(hits, key=lambda hit: told.index(self._keys[hit.place]))
            return self._choice(oldest.place, "again")
        good = [hit.place for hit in fresh if hit.score >= _NEARLY_AS_GOOD * fresh[0].score]
        return self._choice(self._chance.choice(good), "topic")

    def _next_of(self, places: Sequence[int]) -> int:
        """One that was not told; when all were, the one that was told longest ago, or any but the last ones."""
        told = self._told.keys(self._companion)
        fresh = [place for place in places if self._keys[place] not in told]
        if fresh:
            return self._chance.choice(fresh)
        oldest_first = sorted(places, key=lambda place: told.index(self._keys[place]))
        return self._chance.choice(oldest_first[: (len(oldest_first) + 1) // 2])

    def _choice(self, place: int, fit: Fit) -> Choice[Entry]:
        key = self._keys[place]
        told = set(self._told.keys(self._companion))
        self._told.add(self._companion, key, begins_anew=told.issuperset(self._keys))
        return Choice(self.entries[place], fit)

    def _search(self, topic: str) -> list[Hit]:
        if self._index is None:
            self._index = TopicIndex([self._fields(entry) for entry in self.entries], RelatedWords.shipped())
        return self._index.search(topic)


def _fits(hit: Hit) -> bool:
    return hit.coverage >= _ENOUGH_OF_THE_TOPIC and hit.score >= _MORE_THAN_A_MENTION * hit.coverage
