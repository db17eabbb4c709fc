"""Complete small arithmetic: sums and differences to 20, tables to 12, division, halves, comparing, apples.

The one rule: a fact that `is_held_out` names never enters the training data, so that tests can ask for it.
"""

from __future__ import annotations

import hashlib
from random import Random

from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import capitalised, expand, load, pick, plural

WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
SPOKEN = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
TYPED = {"+": ["+"], "-": ["-"], "*": ["*", "x", "times"], "/": ["/", ":", "divided by"]}


def is_held_out(a: int, sign: str, b: int) -> bool:
    """Every fiftieth fact, except those that everybody asks first."""
    easy = max(a, b) <= 5 or a == b or 0 in (a, b) or 1 in (a, b) or 10 in (a, b)
    return not easy and int(hashlib.md5(f"{a}{sign}{b}".encode()).hexdigest()[:8], 16) % 50 == 0


def result(a: int, sign: str, b: int) -> int:
    """The value of a small fact; divisions are exact by construction."""
    return {"+": a + b, "-": a - b, "*": a * b, "/": a // max(b, 1)}[sign]


def some_fact(rng: Random) -> tuple[int, str, int]:
    """A fact of the small arithmetic: (a, sign, b)."""
    sign = rng.choice("+++--**/")
    if sign == "+":
        if rng.random() < 0.12:
            step = rng.choice((10, 100))
            return rng.randint(1, 10) * step, "+", rng.randint(1, 10) * step
        return rng.randint(0, 20), "+", rng.randint(0, 20)
    if sign == "-":
        a = rng.randint(0, 20)
        return a, "-", rng.randint(0, a)
    a, b = rng.randint(0, 12), rng.randint(0, 12)
    return (a, "*", b) if sign == "*" else (a * max(b, 1), "/", max(b, 1))


def sums(rng: Random, talk: Conversation) -> None:
    """One question of the small arithmetic."""
    a, sign, b = some_fact(rng)
    talk.held_out |= is_held_out(a, sign, b)
    spoken = SPOKEN[sign]
    if max(a, b) <= 12 and rng.random() < 0.2:
        written = f"{WORDS[a]} {spoken} {WORDS[b]}"
    elif rng.random() < 0.3:
        written = f"{a} {spoken} {b}"
    else:
        space = rng.choice((" ", " ", ""))
        mark = rng.choice(TYPED[sign])
        space = " " if mark.isalpha() or " " in mark else space
        written = f"{a}{space}{mark}{space}{b}"
    value = result(a, sign, b)
    answer = (
        f"{a} {sign.replace('*', 'x')} {b} = {value}."
        if rng.random() < 0.5
        else f"{a} {spoken} {b} is {value}."
    )
    talk.add(pick(rng, load("questions")["arithmetic"]["sum"], sum=written), answer, "sum", "arithmetic")


def too_big(rng: Random, talk: Conversation) -> None:
    """A question beyond the small arithmetic."""
    low, high = rng.choice(((100, 999), (1000, 9999), (101, 5000)))
    a, b, sign = rng.randint(low, high), rng.randint(23, high), rng.choice("+-**/")
    if a % 100 == 0 or b % 100 == 0:
        a, b = a + 7, b + 7
    mark = rng.choice(TYPED[sign])
    talk.add(
        pick(rng, load("questions")["arithmetic"]["sum"], sum=f"{a} {mark} {b}"),
        rng.choice(load("questions")["arithmetic"]["too_big"]),
        "sum",
        "arithmetic",
    )


def apples(rng: Random, talk: Conversation) -> None:
    """A word problem in one sentence."""
    a, b = rng.randint(1, 12), rng.randint(1, 12)
    things = plural(rng.choice(("apple", "book", "ball", "egg", "cookie", "cat", "pencil", "coin", "stone")))
    if rng.random() < 0.5:
        sign = "+"
        story = expand(rng, f"(i have|tom has|if i have) {a} {things} and (get|find|buy) {b} more")
    else:
        sign, a, b = "-", max(a, b), min(a, b)
        story = expand(rng, f"(i have|if i have|i had) {a} {things} and (lose|give away|sell) {b}")
    talk.held_out |= is_held_out(a, sign, b)
    value = result(a, sign, b)
    who = "Tom has" if story.startswith("tom") else "You have"
    question = "how many does tom have?" if who == "Tom has" else f"how many {things} do i have(| now| left)?"
    if sign == "+":
        question = question.replace("| left", "")
    left = " left" if sign == "-" else ""
    unit = things[:-1] if value == 1 else things
    answer = f"{who} {value} {unit}{left}, because {a} {sign} {b} = {value}."
    talk.add(story + expand(rng, "(, |. |. )") + expand(rng, question), answer, "sum", "arithmetic")


def numbers(rng: Random, talk: Conversation) -> None:
    """Double and half, next and last, bigger and smaller, odd and even."""
    n, m = rng.randint(1, 20), rng.randint(1, 40)
    m = m + 1 if m == n else m
    options = [
        (f"(what is|what's|) (double|twice) {n}?", f"Double {n} is {2 * n}."),
        (f"(what is|what's|) half of {2 * n}?", f"Half of {2 * n} is {n}."),
        (f"(what|which number) comes after {n + m}?", f"After {n + m} comes {n + m + 1}."),
        (f"(what|which number) comes before {n + m}?", f"Before {n + m} comes {n + m - 1}."),
        (f"(what|which) is (bigger|larger|more), {n} or {m}?", f"{max(n, m)} is bigger than {min(n, m)}."),
        (f"(what|which) is (smaller|less), {n} or {m}?", f"{min(n, m)} is smaller than {max(n, m)}."),
        (
            f"is {n} (bigger|larger) than {m}?",
            f"{'Yes' if n > m else 'No'}, {n} is {'bigger' if n > m else 'smaller'} than {m}.",
        ),
        (f"is {n} (even or odd|odd or even|an even number|an odd number|even|odd)?", ""),
        (f"(what is|what's|) {min(n, 12)} squared?", f"{min(n, 12)} squared is {min(n, 12) ** 2}."),
    ]
    question, answer = rng.choice(options)
    question = expand(rng, question).strip()
    talk.add(question, answer or _parity(n, question), "sum", "arithmetic")


def _parity(n: int, question: str) -> str:
    actual = "even" if n % 2 == 0 else "odd"
    if " or " in question:
        return f"{n} is {actual}."
    return f"{'Yes' if actual in question else 'No'}, {n} is {actual}."


def general(rng: Random, talk: Conversation) -> None:
    """Can you do sums at all?"""
    talk.add(
        pick(rng, load("questions")["arithmetic"]["general"]).replace("  ", " "),
        capitalised(rng.choice(load("questions")["arithmetic"]["general_answer"])),
        "chat",
        "arithmetic",
    )


def arithmetic(rng: Random, talk: Conversation) -> None:
    """One exchange about numbers."""
    rng.choices((sums, too_big, apples, numbers, general), (70, 6, 9, 13, 2))[0](rng, talk)
