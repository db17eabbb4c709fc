"""How people type: no capitals, no full stops, no apostrophes, and now and then a slip.

The one rule: text marked verbatim stays as it is, and words with a capital or a digit keep their letters.
"""

from __future__ import annotations

import re
import string
from random import Random

from trainers.builtin_corpus.phrases import VERBATIM_END, VERBATIM_START, capitalised

VERBATIM = re.compile(f"({VERBATIM_START}.*?{VERBATIM_END})", re.DOTALL)
SHORTHAND = {
    "you": "u", "are": "r", "please": "pls", "your": "ur", "what": "wat", "the": "teh", "because": "cuz",
    "tell": "tel", "about": "abt", "and": "n", "thanks": "thx", "to": "2", "me": "mee", "going to": "gonna",
}  # fmt: skip
STYLES = ["proper"] * 7 + ["as_is"] * 4 + ["lower"] * 8 + ["upper"]
CALLED_BY_NAME_RATE = 0.04
LETTERS_AND_QUESTION = "?" + string.ascii_letters
TYPO_RATE = 0.1  # one line in ten


def choose_style(rng: Random) -> str:
    """One style for a whole dialogue, because people are consistent."""
    return rng.choice(STYLES)


def typed(rng: Random, text: str, style: str) -> str:
    """The text as this person types it."""
    if rng.random() < CALLED_BY_NAME_RATE and text[-1] in LETTERS_AND_QUESTION:
        text = f"{text.rstrip('?')}, chip{'?' if text[-1] == '?' else ''}"
    if rng.random() < TYPO_RATE:
        text = _with_slip(rng, text)
    if style == "upper" and rng.random() < 0.5:
        return _outside_verbatim(text, str.upper)
    if style == "proper":
        text = _proper(rng, text)
    elif style == "lower":
        text = _careless(rng, _outside_verbatim(text, str.lower))
    return text.replace(VERBATIM_START, "").replace(VERBATIM_END, "")


def _proper(rng: Random, text: str) -> str:
    text = re.sub(r"\bi\b(?=[ '])", "I", text)
    text = text if text.startswith(VERBATIM_START) else capitalised(text)
    if text[-1].isalnum() and rng.random() < 0.6:
        text += "."
    return text


def _careless(rng: Random, text: str) -> str:
    if rng.random() < 0.75 and len(text) > 2:
        text = text.rstrip(".!") if rng.random() < 0.4 else text.rstrip(".!?")
    if rng.random() < 0.4:
        text = _outside_verbatim(text, lambda part: part.replace("'", ""))
    return text


def _outside_verbatim(text: str, change: object) -> str:
    assert callable(change)
    parts = VERBATIM.split(text)
    return "".join(part[1:-1] if part.startswith(VERBATIM_START) else change(part) for part in parts)


def _with_slip(rng: Random, text: str) -> str:
    parts = VERBATIM.split(text)
    index = rng.randrange(0, len(parts), 2)  # even parts are not verbatim
    words = parts[index].split(" ")
    candidates = [i for i, word in enumerate(words) if word.isalpha() and word.islower() and len(word) > 2]
    if candidates:
        i = rng.choice(candidates)
        words[i] = (
            SHORTHAND[words[i]] if words[i] in SHORTHAND and rng.random() < 0.6 else _misspelt(rng, words[i])
        )
        parts[index] = " ".join(words)
    return "".join(parts)


def _misspelt(rng: Random, word: str) -> str:
    if len(word) < 4:
        return word
    i = rng.randrange(1, len(word) - 1)
    match rng.randrange(3):
        case 0:
            return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        case 1:
            return word[:i] + word[i + 1 :]
        case _:
            return word[:i] + word[i] + word[i:]
