"""The figures of the token microscope in words, for the screen and the command line alike.

    own        the model's own probability: softmax of its logits
    drawn      what the token was drawn with: after repetition penalty, temperature, top-k and top-p

The one rule: a figure that nobody knows is a dash, and every figure has one sentence that explains it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from rich.cells import cell_len

from engine.generation import GenerationSettings
from engine.inspection import Candidate, InspectedToken
from tui_chat.quantities import NOTHING
from tui_chat.text import visible

EXPLANATIONS = {
    "probability": "The model's own: which share of its belief this token had, among all tokens it knows. Nothing "
    "but the softmax of its logits.",
    "drawn with": "The probability with which the token was really drawn: after repetition penalty, temperature, top-k "
    "and top-p. A low temperature makes the likely likelier; top-k and top-p cut the unlikely off, to 0 %.",
    "rank": "Its place when all tokens stand in order of the model's own probability. 1 is what temperature 0 takes.",
    "surprise": "The probability in bits, -log2 of it: 1 bit is a coin, 10 bits are one in a thousand. Its mean over "
    "a text is what training makes smaller: the loss.",
    "entropy": "How undecided the model was before the token came, whichever came: the surprise it expected. 0 bits: "
    "it knew; 3 bits: as if it chose among 8 equally likely tokens.",
    "choices": "How many tokens penalty, temperature, top-k and top-p left to draw from.",
    "time": "From the token before to this one, when the reply was made. The first one's holds the reading of the "
    "prompt.",
    "token": "A piece of the vocabulary, with its number. Spaces belong to tokens; a rare character may take several, "
    "shown by their bytes until the last one completes it.",
}


def percent(probability: float | None) -> str:
    """43.1 %, 4.31 %, 0.043 %."""
    if probability is None:
        return NOTHING
    share = 100 * probability
    if share >= 10:
        return f"{share:.1f} %"
    if share >= 0.1:
        return f"{share:.2f} %"
    if share >= 0.001:
        return f"{share:.3f} %"
    return "≈ 0 %" if share else "0 %"


def own(candidate: Candidate) -> float:
    """The model's own probability."""
    return math.exp(candidate.logprob)


def bits(value: float | None) -> str:
    """2.31 bits."""
    return NOTHING if value is None else f"{value:.2f} bits"


def milliseconds(seconds: float | None) -> str:
    """2.1 ms, 140 ms, 3.2 s."""
    if seconds is None:
        return NOTHING
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.1 else f"{seconds * 1000:.1f} ms"


def in_text(token: InspectedToken) -> str:
    """A token as it stands in the text: controls visible, a line break shown and kept, half a character as bytes."""
    if token.part == "next":
        return " … "
    return shown(token.text if token.text else token.spelling).replace("⏎", "⏎\n")


def alone(spelling: str) -> str:
    """A token by itself: its spaces visible too."""
    return shown(spelling).replace(" ", "·") or "‹nothing›"


def shown(text: str) -> str:
    """Without anything that a terminal would obey or not show."""
    text = visible(text).replace("\n", "⏎").replace("\t", "⇥")
    if text and cell_len(text) == 0:  # joiners and accents that stand alone
        return f"‹{' '.join(f'U+{ord(character):04X}' for character in text)}›"
    return text


def sampling(settings: GenerationSettings) -> str:
    """What a token is drawn by: "T 0.8 · top-k 50 · top-p 0.95"."""
    if settings.temperature == 0:
        return "greedy: always the likeliest"
    parts = (
        [f"repetition penalty {settings.repetition_penalty:g}"] if settings.repetition_penalty != 1 else []
    )
    parts += [f"T {settings.temperature:g}"]
    parts += [f"top-k {settings.top_k}"] if settings.top_k else []
    parts += [f"top-p {settings.top_p:g}"] if settings.top_p < 1 else []
    return " · ".join(parts)


class Figure(NamedTuple):
    """A figure of a token: its name among the explanations, its value, and what puts it into proportion."""

    name: str
    value: str
    note: str = ""


def figures_of(
    token: InspectedToken, vocab_size: int, settings: GenerationSettings, seconds: float | None
) -> list[Figure]:
    """All figures of a token; those that cannot be are left out."""
    found = []
    if token.part != "next":
        found += [Figure("probability", percent(token.probability), "the model's own")]
    if token.part == "reply":
        found += [Figure("drawn with", percent(token.drawn), sampling(settings))]
    if token.part != "next":
        rank = NOTHING if token.rank is None else f"{token.rank:,}"
        found += [Figure("rank", rank, f"of {vocab_size:,}"), Figure("surprise", bits(token.surprise))]
    found += [Figure("entropy", bits(token.entropy), _as_choice(token.entropy))]
    if token.part != "prompt":
        found += [
            Figure("choices", NOTHING if token.choices is None else f"{token.choices:,}", "left to draw from")
        ]
    if token.part == "reply":
        found += [Figure("time", milliseconds(seconds))]
    return found


def _as_choice(entropy: float | None) -> str:
    if entropy is None:
        return ""
    return f"like {2**entropy:,.1f} equal choices" if entropy < math.log2(1e7) else ""
