"""Times, sizes and counts in the words people use for them.

The one rule: None, NaN and infinity are a dash, so that a value not measured yet never looks like a zero.
"""

from __future__ import annotations

import math

NOTHING = "–"


def duration(seconds: float | None) -> str:
    """12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"
    for small, big, names in (
        (60, 60, ("min", "s")),
        (3600, 24, ("h", "min")),
        (86400, math.inf, ("d", "h")),
    ):
        whole, rest = divmod(round(seconds), small)
        if whole < big:
            rest //= {60: 1, 3600: 60, 86400: 3600}[small]
            return f"{whole:,} {names[0]} {rest} {names[1]}" if rest else f"{whole:,} {names[0]}"
    return NOTHING


def byte_count(size: float | None) -> str:
    """512 B, 16 MB, 1.4 GB; decimal units, as disks and memory are sold."""
    if size is None or not math.isfinite(size):
        return NOTHING
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}" if size < unit * 1000 else f"{size / unit:,.0f} {name}"
    return f"{size:.0f} B"


def count(number: int | None) -> str:
    """Whole numbers with commas; from ten million on in millions and billions."""
    if number is None:
        return NOTHING
    for unit, name in ((10**9, "B"), (10**7, "M")):
        if number >= unit:
            return f"{number / (1e9 if name == 'B' else 1e6):.4g}{name}"
    return f"{number:,}"


def counted(number: int, unit: str) -> str:
    """1 row, 2 rows, 1,000 rows."""
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def rate(per_second: float | None) -> str:
    """Something per second: 840/s, 33.1k/s, 1.2M/s."""
    if per_second is None or not math.isfinite(per_second):
        return NOTHING
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if per_second >= unit:
            return f"{per_second / unit:.3g}{name}/s"
    return f"{per_second:.3g}/s"


def operations(per_second: float | None) -> str:
    """Arithmetic per second: 26 GFLOP/s, 412 TFLOP/s."""
    if per_second is None or not math.isfinite(per_second):
        return NOTHING
    for unit, name in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if per_second >= unit:
            return f"{per_second / unit:.3g} {name}FLOP/s"
    return f"{per_second:.3g} FLOP/s"


def loss(value: float | None) -> str:
    """A loss with the four decimals that runs are compared by."""
    return f"{value:.4f}" if value is not None and math.isfinite(value) else NOTHING


def perplexity(loss: float | None) -> str:
    """Of a loss in nats: 6.69, 1,204.5; from a million on 2.3e+08."""
    if loss is None or not loss < 700:  # also NaN; of more, e to the power of it is infinite
        return NOTHING
    value = math.exp(loss)
    return f"{value:.2g}" if value >= 1e6 else f"{value:,.1f}" if value >= 100 else f"{value:.2f}"
