"""A preflight in words, for the form and for the command line.

    facts_of(look)       [("Parameters", "804,096"), ("Memory", "about 360 MB of 21 GB free"), ...]
    refusal(look)        "It needs about 3.1 GB and 2 GB are free. With micro_batch_size=4 it fits: 1.2 GB."

The one rule: a guess is called a guess, and the basis of every time is named.
"""

from __future__ import annotations

from trainers.preflight import Preflight
from tui_chat import quantities
from tui_chat.quantities import byte_count


def facts_of(look: Preflight) -> list[tuple[str, str]]:
    """(what, how much), the few that matter."""
    return [
        ("Parameters", f"{look.num_parameters:,}"),
        ("Reads", reading(look)),
        ("Memory", memory(look)),
        ("", memory_parts(look)),
        ("Time", time_words(look)),
    ]


def reading(look: Preflight) -> str:
    """How much a run reads, and how often that is the data."""
    words = f"{quantities.count(look.tokens)} tokens"
    if look.epochs is None or not look.tokens_per_epoch:
        return words
    about = "" if look.is_exact else "about "
    times = f"{look.epochs:.2g}" if look.epochs < 1 else f"{look.epochs:,.{look.epochs < 100:d}f}"
    return f"{words}: {times} epochs of {about}{quantities.count(look.tokens_per_epoch)}"


def memory(look: Preflight) -> str:
    """What is needed and what is free."""
    place = "on the GPU" if look.device == "cuda" else ""
    free = f" of {byte_count(look.free_bytes)} free {place}".rstrip() if look.free_bytes is not None else ""
    return f"about {byte_count(look.memory_bytes)}{free}"


def memory_parts(look: Preflight) -> str:
    """What the memory is for."""
    parts = {name: size for name, size in look.memory.to_dict().items() if size}
    return ", ".join(f"{name} {byte_count(size)}" for name, size in parts.items())


def time_words(look: Preflight) -> str:
    """How long it takes, and how that is known."""
    speed = quantities.rate(look.tokens_per_second).replace("/s", " tokens/s")
    return f"about {quantities.duration(look.seconds)} at {speed}, {basis(look)}"


def basis(look: Preflight) -> str:
    """Where the speed comes from."""
    if look.basis == "probe":
        words = "measured here just now"
        return f"{words}, far below what to expect: is the machine busy?" if look.is_slow else words
    words = f"as fast as “{look.like_run}”" if look.basis == "run" else "a rough guess"
    if look.others:
        words += f", shared with {len(look.others)} other run{'s' if len(look.others) > 1 else ''}"
    return words


def refusal(look: Preflight) -> str:
    """Why a run does not fit, and what does; empty when it fits."""
    if look.fits:
        return ""
    place = " on the GPU" if look.device == "cuda" else ""
    need = f"This run needs about {byte_count(look.memory_bytes)}{place}, and {byte_count(look.free_bytes)} are free."
    if not look.suggestions:
        return f"{need} Close other programs, or choose a smaller model."
    best = look.suggestions[0]
    return f"{need} With {best.words} it fits: {byte_count(best.memory_bytes)}."


def alternatives(look: Preflight) -> list[str]:
    """Each change with which a run fits, with its number."""
    return [f"{one.words}: {byte_count(one.memory_bytes)}" for one in look.suggestions]
