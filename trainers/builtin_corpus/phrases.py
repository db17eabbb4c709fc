"""Phrases from the TOML files: loading, choices, slots, and the little grammar that English needs.

The one rule: "(a|b)" is a choice, innermost first; "{name}" is filled by the caller after the choice.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

CHOICE = re.compile(r"\(([^()]*)\)")
ARTICLE = re.compile(r"\ban? ([a-z]{2,})")
VERBATIM_START, VERBATIM_END = "\x02", "\x03"  # what lies between is never changed by the typing style


@cache
def load(name: str) -> dict[str, Any]:
    """The content of NAME.toml beside this file."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


def expand(rng: Random, pattern: str) -> str:
    """Replace every (a|b) by one of its alternatives."""
    while match := CHOICE.search(pattern):
        pattern = pattern[: match.start()] + rng.choice(match[1].split("|")) + pattern[match.end() :]
    return pattern


def pick(rng: Random, patterns: Sequence[str], **slots: str) -> str:
    """One pattern, expanded, with its {slots} filled."""
    text = fill(expand(rng, rng.choice(patterns)), **slots)
    return ARTICLE.sub(lambda match: with_article(match[1]), re.sub(" +", " ", text)).strip(" ")


def fill(text: str, **slots: str) -> str:
    """Fill {slots}; a plain replacement, so that braces in other places stay."""
    for name, value in slots.items():
        text = text.replace("{" + name + "}", value)
    return text


def capitalised(text: str) -> str:
    """The first letter as a capital, the rest unchanged."""
    return text[:1].upper() + text[1:]


def with_article(noun: str) -> str:
    """'an apple', 'a cat'; by sound where the first letter misleads."""
    by_sound = noun.startswith(("hour", "honest"))
    like_you = noun.startswith(("uni", "eu", "one", "use"))
    return ("an " if (noun[0] in "aeiou" and not like_you) or by_sound else "a ") + noun


def joined(items: Sequence[str]) -> str:
    """'a, b and c'."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def plural(noun: str) -> str:
    """The plural of a common noun."""
    known: dict[str, str] = load("knowledge")["plurals"]
    if noun in known:
        return known[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def verbatim(text: str) -> str:
    """Mark text that the typing style must leave as it is, because the answer repeats it."""
    return VERBATIM_START + text + VERBATIM_END


def singular(nouns: str) -> str:
    """The singular of a common noun."""
    for one, many in load("knowledge")["plurals"].items():
        if many == nouns:
            return str(one)
    return nouns[:-3] + "y" if nouns.endswith("ies") else nouns.removesuffix("s")
