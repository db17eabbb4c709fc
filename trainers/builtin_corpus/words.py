"""Simple instructions about words: list three, repeat, spell, count, first letters.

The one rule: what the answer must repeat is marked verbatim in the question.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus.arithmetic import WORDS
from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import (
    capitalised,
    expand,
    joined,
    load,
    pick,
    plural,
    singular,
    verbatim,
    with_article,
)


def listing(rng: Random, talk: Conversation) -> None:
    """Name three fruits."""
    kind, items = rng.choice(list(load("knowledge")["lists"].items()))
    if rng.random() < 0.2 and kind not in ("continents", "oceans", "seasons") and kind.count(" ") == 0:
        question = pick(rng, load("questions")["words"]["one"], ax=with_article(singular(kind)), xs=kind)
        talk.add(question, f"{capitalised(_shown(rng.choice(items), True))}.", "list", "lists")
        return
    count = min(rng.choice((2, 3, 3, 3, 3, 4, 5, 5)), len(items))
    number = rng.choice((str(count), WORDS[count], WORDS[count]))
    chosen = rng.sample(items, count)
    question = pick(rng, load("questions")["words"]["list"], n=number, xs=kind)
    talk.add(question, capitalised(joined([_shown(item, False) for item in chosen])) + ".", "list", "lists")


def _shown(item: str, one: bool) -> str:
    """'an apple' alone, 'apple' in a list."""
    plain = (
        item in load("questions")["words"]["mass"]
        or item[0].isupper()
        or item.startswith("the ")
        or not one
        or item in ("red", "clothes")
    )
    adjective = item in load("knowledge")["lists"]["colours"] and item != "orange"
    return item if plain or adjective else with_article(item)


def repeat(rng: Random, talk: Conversation) -> None:
    """Say what I say."""
    words = load("knowledge")["spell_words"]
    nouns = list(load("things"))
    text = rng.choice(
        (
            rng.choice(words),
            rng.choice(nouns),
            f"{rng.choice(words)} {rng.choice(nouns)}",
            " ".join(rng.sample(words, 3)),
            f"the {rng.choice(nouns)} is {rng.choice(('red', 'big', 'old', 'happy', 'green', 'small', 'cold'))}",
            f"i like {plural(rng.choice(nouns))}",
            f"{rng.choice(words)}, {rng.choice(words)}, {rng.choice(words)}",
            f"{with_article(rng.choice(nouns))} and {with_article(rng.choice(nouns))}",
            "hello world",
            "hello",
            str(rng.randint(1, 99)),
            rng.choice(load("names")["first"]),
            invented_word(rng),
        )
    )
    text = capitalised(text) if rng.random() < 0.3 else text
    talk.add(
        pick(rng, load("questions")["words"]["repeat"], x=verbatim(text)),
        capitalised(text) + ".",
        "echo",
        "words",
    )


def invented_word(rng: Random) -> str:
    """A word that no list holds, so that copying has to be learnt."""
    syllables = (
        "ba",
        "lo",
        "mi",
        "tru",
        "ka",
        "zel",
        "pon",
        "fi",
        "gra",
        "du",
        "ve",
        "sni",
        "mop",
        "tik",
        "ru",
        "lam",
    )
    return "".join(rng.choice(syllables) for _ in range(rng.randint(2, 3)))


def spelling(rng: Random, talk: Conversation) -> None:
    """c-a-t."""
    word = rng.choice(load("knowledge")["spell_words"])
    answer = f"{capitalised(word)}: {'-'.join(word)}."
    talk.add(pick(rng, load("questions")["words"]["spell"], x=verbatim(word)), answer, "echo", "words")


def letters(rng: Random, talk: Conversation) -> None:
    """First and last letters, number of letters, next letter."""
    word = rng.choice(load("knowledge")["spell_words"])
    i = rng.randrange(1, 25)
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    question, answer = rng.choice(
        [
            (
                f"what is the first letter (of|in) {verbatim(word)}?",
                f"The first letter of {word} is {word[0]}.",
            ),
            (
                f"(what|which) letter does {verbatim(word)} (start|begin) with?",
                f"The first letter of {word} is {word[0]}.",
            ),
            (
                f"what is the last letter (of|in) {verbatim(word)}?",
                f"The last letter of {word} is {word[-1]}.",
            ),
            (
                f"how many letters (are in|are there in|has) {verbatim(word)}?",
                f"{capitalised(word)} has {len(word)} letters: {'-'.join(word)}.",
            ),
            (
                f"(what|which letter) comes after {verbatim(alphabet[i])}?",
                f"After {alphabet[i]} comes {alphabet[i + 1]}.",
            ),
            (
                f"(what|which letter) comes before {verbatim(alphabet[i])}?",
                f"Before {alphabet[i]} comes {alphabet[i - 1]}.",
            ),
            (
                f"(say|tell me|give me|name) a word (that starts|starting|beginning) with {verbatim(word[0])}",
                f"{capitalised(word)}.",
            ),
        ]
    )
    talk.add(expand(rng, question), answer, "echo", "words")


def rhyming(rng: Random, talk: Conversation) -> None:
    """What rhymes with cat?"""
    families = load("questions")["more_words"]["rhyme_families"]
    group = rng.choice(families).split()
    word, *others = rng.sample(group, min(3, len(group)))
    asking = load("questions")["more_words"]["rhyming"]
    verb = "rhymes" if len(others) == 1 else "rhyme"
    talk.add(pick(rng, asking, x=word), f"{capitalised(joined(others))} {verb} with {word}.", "fact", "words")


def counting(rng: Random, talk: Conversation) -> None:
    """1, 2, 3."""
    n = rng.choice((3, 4, 5, 5, 6, 7, 8, 9, 10, 10, 10, 12, 15, 20))
    number = rng.choice((str(n), WORDS[n])) if n <= 12 else str(n)
    if rng.random() < 0.2:
        asking = load("questions")["more_words"]["count_down"]
        numbers = [str(i) for i in range(n, 0, -1)]
    else:
        asking = load("questions")["more_words"]["count_up"]
        numbers = [str(i) for i in range(1, n + 1)]
    talk.add(pick(rng, asking, n=number), ", ".join(numbers) + ".", "echo", "words")


def words(rng: Random, talk: Conversation) -> None:
    """One instruction about words."""
    rng.choices((listing, repeat, spelling, letters, rhyming, counting), (40, 22, 12, 10, 8, 8))[0](rng, talk)
