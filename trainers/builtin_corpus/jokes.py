"""Jokes in every flow: setup and why, all at once, knock-knock, another one, laughing and groaning.

The one rule: a setup is followed by its own punchline, however the person asks for it.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import expand, load, pick, plural


def jokes(rng: Random, talk: Conversation) -> None:
    """One joke flow, with or without a second joke."""
    rng.choices((ask_for_joke, knock_knock, user_knocks, user_asks), (80, 9, 3, 8))[0](rng, talk)


def ask_for_joke(rng: Random, talk: Conversation, question: str | None = None) -> None:
    """Tell me a joke, and maybe another."""
    asking = load("jokes")["asking"]
    tell(rng, talk, question or _with_topic(rng, pick(rng, asking["user"])))
    while rng.random() < 0.25:
        tell(rng, talk, pick(rng, asking["another"]))


def _with_topic(rng: Random, question: str) -> str:
    if rng.random() < 0.12 and question.endswith("a joke"):
        return f"{question} about {plural(rng.choice(('cat', 'dog', 'computer', 'school', 'fish', 'ghost', 'bee')))}"
    return question


def tell(rng: Random, talk: Conversation, question: str) -> None:
    """One joke; mostly in two steps when it is a question."""
    book = load("jokes")
    if rng.random() < 0.12:
        talk.add(question, rng.choice(book["lines"]), "joke", "jokes")
    else:
        setup, punchline = rng.choice(book["why"])
        if rng.random() < 0.55:
            talk.add(question, setup, "setup", "jokes")
            reveal = book["asking"]["reveal"]
            first = setup.split()[0].lower()
            talk.add(rng.choice(reveal[first if first in reveal else "what"]), punchline, "joke", "jokes")
        else:
            talk.add(question, f"{setup} {punchline}", "joke", "jokes")
    _react(rng, talk)


def _react(rng: Random, talk: Conversation) -> None:
    asking = load("jokes")["asking"]
    chance = rng.random()
    if chance < 0.22:
        talk.add(pick(rng, asking["laugh"]), pick(rng, asking["laugh_answer"]), "joke", "jokes")
    elif chance < 0.32:
        talk.add(pick(rng, asking["groan"]), pick(rng, asking["groan_answer"]), "joke", "jokes")


def knock_knock(rng: Random, talk: Conversation) -> None:
    """Chip knocks."""
    book = load("jokes")
    name, last = rng.choice(book["knock"])
    talk.add(pick(rng, book["asking"]["knock_asking"]), "Knock, knock!", "setup", "jokes")
    talk.add(
        rng.choice(("who's there?", "Who's there?", "whos there", "who is there?")),
        f"{name}.",
        "setup",
        "jokes",
    )
    talk.add(f"{name} who?", last, "joke", "jokes")
    _react(rng, talk)


def user_knocks(rng: Random, talk: Conversation) -> None:
    """The person knocks."""
    book = load("jokes")
    name, last = rng.choice(book["knock"])
    talk.add(rng.choice(book["asking"]["user_knock"]), "Who's there?", "setup", "jokes")
    talk.add(name, f"{name} who?", "setup", "jokes")
    talk.add(
        last,
        expand(rng, "(Haha|Hehe|Ha ha), (that's a good one|very funny|I like that one)!"),
        "joke",
        "jokes",
    )


def user_asks(rng: Random, talk: Conversation) -> None:
    """The person asks one of the riddles; Chip knows the punchline."""
    setup, punchline = rng.choice(load("jokes")["why"])
    talk.add(setup[0].lower() + setup[1:], f"{punchline}", "joke", "jokes")
