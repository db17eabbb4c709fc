"""Exchanges that need no more than a question and an answer from a list: greetings, identity, feelings, small talk.

The one rule: a group's answers fit every one of its questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import capitalised, load, pick

FILES = ("greetings", "identity", "feelings", "smalltalk", "unknown")
COMMON_RATE = 0.35
PERSONA_ANSWERS = ("name", "who")  # groups that a persona answers in its own words


@dataclass(frozen=True)
class Group:
    """What people type and what Chip answers to any of it."""

    name: str
    file: str
    kind: str
    weight: float
    user: tuple[str, ...]
    answer: tuple[str, ...]
    common: tuple[str, ...]  # what most people type; asked for every third time


@cache
def groups() -> dict[str, Group]:
    """All groups of all files by name."""
    found = {}
    for file in FILES:
        for name, table in load(file).items():
            found[name] = Group(
                name,
                file,
                table["kind"],
                table["weight"],
                tuple(table["user"]),
                tuple(table["answer"]),
                tuple(table.get("common", ())),
            )
    return found


def exchange(rng: Random, talk: Conversation, name: str) -> None:
    """Add one exchange of the named group."""
    group = groups()[name]
    filling = slots(rng)
    asked = group.common if group.common and rng.random() < COMMON_RATE else group.user
    user, answer = pick(rng, asked, **filling), pick(rng, group.answer, **filling)
    if talk.persona and name in PERSONA_ANSWERS:
        answer = pick(rng, load("personas")[talk.persona]["who"])
    if talk.user_name and group.kind in ("bye", "thanks", "greeting") and rng.random() < 0.35:
        answer = answer.replace("!", f", {talk.user_name}!", 1)
    talk.add(user, answer, group.kind, group.file)


def some_exchange(rng: Random, talk: Conversation) -> None:
    """Add an exchange of any group, by weight; greetings open a dialogue, goodbyes are left to its end."""
    candidates = [group for group in groups().values() if group.kind != "bye" or not talk.exchanges]
    candidates = [group for group in candidates if group.kind != "greeting" or not talk.exchanges]
    exchange(rng, talk, rng.choices(candidates, [group.weight for group in candidates])[0].name)


def slots(rng: Random) -> dict[str, str]:
    """Fillings of opinions.toml; the favourite and its answer belong together."""
    opinions = load("opinions")
    favourite = rng.choice(sorted(opinions["favourite_answers"]))
    return {
        "favourite_answer": rng.choice(opinions["favourite_answers"][favourite]),
        "favourite": favourite,
        "liked": (liked := rng.choice(opinions["liked"])),
        "Liked": capitalised(liked),
        "riddle": rng.choice(opinions["riddles"]),
        "fun_fact": rng.choice(opinions["fun_facts"]),
    }
