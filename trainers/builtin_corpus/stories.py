"""Slot stories of six short sentences about a hero, a thing and a friend.

The one rule: what the person asked for is the hero, and names stay the same to the end.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import capitalised, load, pick, with_article


def story(rng: Random, hero: str, thing: str) -> str:
    """A story about `hero` ("cat" or "little cat") and `thing` ("red ball")."""
    book = load("stories")
    name = rng.choice(book["names"])
    friend = f"{rng.choice(book['adjectives'])} {rng.choice([a for a in book['animals'] if a not in hero])}"
    slots = {
        "hero": with_article(hero),
        "hero_cap": capitalised(with_article(hero)),
        "the_hero": "the " + hero,
        "friend": with_article(friend),
        "the_friend": "the " + friend.split()[-1],
        "the_friend_cap": "The " + friend,
        "thing": with_article(thing),
        "the_thing": "the " + thing.split()[-1],
        "place": rng.choice(book["places"]),
        "name": name,
    }
    plot = rng.choice(book["plot"])
    return " ".join(pick(rng, sentence, **slots) for sentence in plot["sentences"])


def stories(rng: Random, talk: Conversation, question: str | None = None) -> None:
    """A story about something asked for, or about anything."""
    book = load("stories")
    asking = book["asking"]
    hero, thing = rng.choice(book["animals"]), rng.choice(book["things"])
    if rng.random() < 0.4:
        hero = f"{rng.choice(book['adjectives'])} {hero}"
    asked_hero = hero
    if question is None:
        kind = rng.choices(("about", "both", "any"), (45, 20, 35))[0]
        if kind == "about" and rng.random() < 0.2:
            asked_hero = hero.split()[-1] if hero.split()[-1] in ("dragon", "robot") else hero
        question = pick(rng, asking[kind], hero=with_article(asked_hero), thing=with_article(thing))
    if rng.random() < 0.5:
        thing = f"{rng.choice(book['thing_adjectives'])} {thing}"
    talk.add(question, story(rng, hero, thing), "story", "stories")
    if rng.random() < 0.08:
        another = rng.choice(book["animals"])
        talk.add(
            pick(rng, asking["another"]), story(rng, another, rng.choice(book["things"])), "story", "stories"
        )
