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
    verbatim,
    with_article,
)

MASS = {"broccoli", "spinach", "salmon", "trout", "tuna", "cod", "herring", "carp", "water", "milk", "tea", "coffee", "juice", "lemonade", "bread", "soup", "cheese", "pasta", "rice", "salad", "pizza", "football", "tennis", "swimming", "running", "basketball", "cycling", "hockey", "golf", "gold", "silver", "iron", "copper", "tin", "zinc"}  # fmt: skip
LIST_ASKING = ["(name|list|tell me|give me|say) {n} {xs}( please|)", "(can|could) you (name|list|tell me|give me) {n} {xs}( please|)?", "{n} {xs}( please|)", "what are {n} {xs}?", "(i need|i want) {n} {xs}", "do you know {n} {xs}?", "name me {n} {xs}", "tell me the names of {n} {xs}", "think of {n} {xs}", "please (name|list) {n} {xs}"]  # fmt: skip
ONE_ASKING = ["(name|tell me|give me|say) {ax}( please|)", "(can|could) you (name|tell me) {ax}?", "do you know {ax}?", "(which|what) {xs} do you know?", "think of {ax}", "(pick|choose) {ax}"]  # fmt: skip
REPEAT_ASKING = ["repeat after me: {x}", "repeat: {x}", "say {x}", "please say {x}", "(can|could) you say {x}?", "repeat {x}", "say: {x}", "write {x}", "please repeat: {x}", "repeat this: {x}", "echo {x}", "say the word {x}", "(can|could) you repeat {x}?", "now say {x}", "type {x}", "repeat after me {x}"]  # fmt: skip
SPELL_ASKING = ["(spell|please spell|can you spell|could you spell) {x}", "how do you spell {x}?", "spell the word {x}( please|)", "how is {x} spelled?", "spell {x} for me", "what are the letters of {x}?", "how do i write {x}?", "spelling of {x}?", "which letters are in {x}?"]  # fmt: skip


def listing(rng: Random, talk: Conversation) -> None:
    """Name three fruits."""
    kind, items = rng.choice(list(load("knowledge")["lists"].items()))
    if rng.random() < 0.2 and kind not in ("continents", "oceans", "seasons") and kind.count(" ") == 0:
        singular = _singular(kind)
        question = pick(rng, ONE_ASKING, ax=with_article(singular), xs=kind)
        talk.add(question, f"{capitalised(_shown(rng.choice(items), True))}.", "list", "lists")
        return
    count = min(rng.choice((2, 3, 3, 3, 3, 4, 5, 5)), len(items))
    number = rng.choice((str(count), WORDS[count], WORDS[count]))
    chosen = rng.sample(items, count)
    question = pick(rng, LIST_ASKING, n=number, xs=kind)
    talk.add(question, capitalised(joined([_shown(item, False) for item in chosen])) + ".", "list", "lists")


def _singular(kind: str) -> str:
    for one, many in load("knowledge")["plurals"].items():
        if many == kind:
            return str(one)
    return kind[:-3] + "y" if kind.endswith("ies") else kind.removesuffix("s")


def _shown(item: str, one: bool) -> str:
    """'an apple' alone, 'apple' in a list."""
    plain = (
        item in MASS or item[0].isupper() or item.startswith("the ") or not one or item in ("red", "clothes")
    )
    adjective = item in load("knowledge")["lists"]["colours"] and item != "orange"
    return item if plain or adjective else with_article(item)


def repeat(rng: Random, talk: Conversation) -> None:
    """Say what I say."""
    words = load("knowledge")["spell_words"]
    nouns = list(load("things"))
    text = rng.choice((
        rng.choice(words), rng.choice(nouns), f"{rng.choice(words)} {rng.choice(nouns)}", " ".join(rng.sample(words, 3)),
        f"the {rng.choice(nouns)} is {rng.choice(('red', 'big', 'old', 'happy', 'green', 'small', 'cold'))}",
        f"i like {plural(rng.choice(nouns))}", f"{rng.choice(words)}, {rng.choice(words)}, {rng.choice(words)}",
        f"{with_article(rng.choice(nouns))} and {with_article(rng.choice(nouns))}", "hello world", "hello", str(rng.randint(1, 99)),
        rng.choice(load("names")["first"]), invented_word(rng),
    ))  # fmt: skip
    text = capitalised(text) if rng.random() < 0.3 else text
    talk.add(pick(rng, REPEAT_ASKING, x=verbatim(text)), capitalised(text) + ".", "echo", "words")


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
    talk.add(pick(rng, SPELL_ASKING, x=verbatim(word)), answer, "echo", "words")


def letters(rng: Random, talk: Conversation) -> None:
    """First and last letters, number of letters, next letter."""
    word = rng.choice(load("knowledge")["spell_words"])
    i = rng.randrange(1, 25)
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    question, answer = rng.choice([
        (f"what is the first letter (of|in) {verbatim(word)}?", f"The first letter of {word} is {word[0]}."),
        (f"(what|which) letter does {verbatim(word)} (start|begin) with?", f"The first letter of {word} is {word[0]}."),
        (f"what is the last letter (of|in) {verbatim(word)}?", f"The last letter of {word} is {word[-1]}."),
        (f"how many letters (are in|has|does) {verbatim(word)}( have|)?", f"{capitalised(word)} has {len(word)} letters: {'-'.join(word)}."),
        (f"(what|which letter) comes after {verbatim(alphabet[i])}?", f"After {alphabet[i]} comes {alphabet[i + 1]}."),
        (f"(what|which letter) comes before {verbatim(alphabet[i])}?", f"Before {alphabet[i]} comes {alphabet[i - 1]}."),
        (f"(say|tell me|give me|name) a word (that starts|starting|beginning) with {verbatim(word[0])}", f"{capitalised(word)}."),
    ])  # fmt: skip
    talk.add(expand(rng, question), answer, "echo", "words")


def rhyming(rng: Random, talk: Conversation) -> None:
    """What rhymes with cat?"""
    families = ("cat hat mat bat rat", "dog fog log frog", "house mouse", "tree bee sea key me", "moon spoon noon soon", "day play say way", "night light bright right", "star car far jar", "cake lake snake make", "ball tall wall small fall", "bear pear chair hair", "boat coat goat", "fox box socks", "ring king sing spring", "bed red head bread", "sun fun run one", "rain train plane brain", "nose rose toes", "book look cook", "snow go slow glow", "clock sock rock", "blue shoe you two", "love dove above", "heart art start", "hand sand land", "fish dish wish")  # fmt: skip
    group = rng.choice(families).split()
    word, *others = rng.sample(group, min(3, len(group)))
    asking = ["what rhymes with {x}?", "(a|give me a|tell me a|name a) word that rhymes with {x}", "(a|find a|do you know a) rhyme (for|with|on) {x}(|?)", "{x} rhymes with?", "which word rhymes with {x}?"]  # fmt: skip
    verb = "rhymes" if len(others) == 1 else "rhyme"
    talk.add(pick(rng, asking, x=word), f"{capitalised(joined(others))} {verb} with {word}.", "fact", "words")


def counting(rng: Random, talk: Conversation) -> None:
    """1, 2, 3."""
    n = rng.choice((3, 4, 5, 5, 6, 7, 8, 9, 10, 10, 10, 12, 15, 20))
    number = rng.choice((str(n), WORDS[n])) if n <= 12 else str(n)
    if rng.random() < 0.2:
        asking = ["count (down|backwards) from {n}( to one|)( please|)", "(can|could) you count (down|backwards) from {n}?"]  # fmt: skip
        numbers = [str(i) for i in range(n, 0, -1)]
    else:
        asking = ["count to {n}( please|)", "(can|could) you count to {n}( please|)?", "count (from 1 to|from one to|up to|till) {n}", "please count to {n}", "let's count to {n}", "say the numbers from 1 to {n}"]  # fmt: skip
        numbers = [str(i) for i in range(1, n + 1)]
    talk.add(pick(rng, asking, n=number), ", ".join(numbers) + ".", "echo", "words")


def words(rng: Random, talk: Conversation) -> None:
    """One instruction about words."""
    rng.choices((listing, repeat, spelling, letters, rhyming, counting), (40, 22, 12, 10, 8, 8))[0](rng, talk)
