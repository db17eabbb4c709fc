"""Poems, by chance or about a topic.

The one rule: when no poem fits a topic, the answer says so; a poem is never passed off as another.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from engine.records import Record
from tui_chat.companions.collection import ShuffledBag, read_collection, shipped
from tui_chat.companions.topic_search import Hit, TopicIndex, stems

Text = Annotated[str, Meta(min_length=1)]

_TITLE_WEIGHT, _TOPIC_WEIGHT, _TEXT_WEIGHT = 3.0, 4.0, 1.0
_NEARLY_AS_GOOD = 0.6  # of the best score: such poems take turns, so that a topic asked twice gives two poems
_ENOUGH_OF_THE_TOPIC = 0.5  # of its words; a poem with fewer of them is not about it
_MORE_THAN_A_MENTION = 0.12  # a word in passing scores below 0.1, one in the title or the topics above 0.15


class Poem(Record, frozen=True):
    """One poem; an empty line in the text parts two stanzas."""

    title: Text
    text: Text
    topics: tuple[str, ...] = ()


class PoemMatch(Record, frozen=True):
    """A poem, and whether it is about what was asked."""

    poem: Poem
    matched: bool


def read_poems(file: Path | Traversable) -> tuple[Poem, ...]:
    """The poems of a TOML file.

    Raises:
        UserError: names the file and the entry that is wrong.
    """
    return read_collection(file, "poem", Poem)


@cache
def shipped_poems() -> tuple[Poem, ...]:
    return read_poems(shipped("poems.toml"))


@cache
def _index_of(poems: tuple[Poem, ...]) -> TopicIndex:
    return TopicIndex(
        [
            ((poem.title, _TITLE_WEIGHT), (" ".join(poem.topics), _TOPIC_WEIGHT), (poem.text, _TEXT_WEIGHT))
            for poem in poems
        ]
    )


class PoemTeller:
    """Recites every poem once before it repeats one, and finds poems about a topic."""

    def __init__(self, poems: Sequence[Poem] | None = None, seed: int | None = None) -> None:
        self._poems = shipped_poems() if poems is None else tuple(poems)
        self._chance = random.Random(seed)
        self._bag = ShuffledBag(self._poems, self._chance)
        self._times_recited: Counter[int] = Counter()  # by place in _poems; only poems asked for by topic

    def next(self) -> Poem:
        return self._bag.next()

    def about(self, topic: str | None) -> PoemMatch:
        """A poem about the topic; without a topic, any poem; without a fitting one, the best there is."""
        if not stems(topic or ""):
            return PoemMatch(poem=self.next(), matched=True)
        hits = _index_of(self._poems).search(topic or "")
        fitting = [hit for hit in hits if _fits(hit)]
        if not hits:
            return PoemMatch(poem=self.next(), matched=False)
        if not fitting:
            return PoemMatch(poem=self._poems[hits[0].place], matched=False)
        good = [hit.place for hit in fitting if hit.score >= _NEARLY_AS_GOOD * fitting[0].score]
        fewest = min(self._times_recited[place] for place in good)
        chosen = self._chance.choice([place for place in good if self._times_recited[place] == fewest])
        self._times_recited[chosen] += 1
        return PoemMatch(poem=self._poems[chosen], matched=True)


def _fits(hit: Hit) -> bool:
    return hit.coverage >= _ENOUGH_OF_THE_TOPIC and hit.score >= _MORE_THAN_A_MENTION * hit.coverage


def poem_about(topic: str | None, seed: int | None = None) -> PoemMatch:
    """One poem of the collection that ships with the program; the same seed gives the same poem."""
    return PoemTeller(seed=seed).about(topic)


def as_markdown(poem: Poem) -> str:
    """The title in bold, then the poem line by line; two spaces at a line's end keep the break."""
    stanzas = re.split(r"\n\s*\n", poem.text.strip())
    return "\n\n".join([f"**{_escaped(poem.title.strip())}**", *map(_stanza, stanzas)]) + "\n"


def _stanza(text: str) -> str:
    return "  \n".join(_escaped(line.strip()) for line in text.splitlines())


def _escaped(line: str) -> str:
    """Poems are plain text: what Markdown would read as a sign of its own is escaped."""
    line = re.sub(r"([\\`*_\[\]<>&~|#])", r"\\\1", line)
    line = re.sub(r"^([-+=])", r"\\\1", line)
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", line)
