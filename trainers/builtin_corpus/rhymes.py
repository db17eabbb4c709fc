"""Four-line rhymes about anything: an opening that names the topic, and a closing that rhymes.

The one rule: both couplets rhyme in themselves and hold for one thing and for many.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import capitalised, fill, load, pick
from trainers.builtin_corpus.words import invented_word


def some_topic(rng: Random) -> tuple[str, str]:
    """(kind, topic); now and then a name or a word that nobody knows."""
    chance = rng.random()
    if chance < 0.08:
        return "person", rng.choice(load("names")["first"])
    if chance < 0.12:
        return "other", "a " + invented_word(rng)
    if chance < 0.3:
        noun = rng.choice(list(load("things")))
        return "other", rng.choice(("my ", "the ")) + noun
    topics = load("rhymes")["topics"]
    kind = rng.choice(list(topics))
    return kind, rng.choice(topics[kind])


def rhyme(rng: Random, topic: str, kind: str) -> str:
    """Four lines."""
    book = load("rhymes")
    opening = rng.choice(book["openings"])
    middle = book["middle"].get(kind, [])
    closing = rng.choice(middle if middle and rng.random() < 0.5 else book["closings"])
    shown = "your " + topic[3:] if topic.startswith("my ") and rng.random() < 0.0 else topic
    return "\n".join(capitalised(fill(line, topic=shown)) for line in (*opening, *closing))


def rhymes(rng: Random, talk: Conversation, question: str | None = None) -> None:
    """A poem about something, about anything, or another one."""
    asking = load("rhymes")["asking"]
    kind, topic = some_topic(rng)
    if question is None and rng.random() < 0.72:
        question = pick(rng, asking["about"], topic=topic)
    talk.add(question or pick(rng, asking["any"]), rhyme(rng, topic, kind), "poem", "rhymes")
    if rng.random() < 0.12:
        kind, topic = some_topic(rng)
        talk.add(pick(rng, asking["another"]), rhyme(rng, topic, kind), "poem", "rhymes")
