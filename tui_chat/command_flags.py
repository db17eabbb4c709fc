"""Flags that several commands share: where a model runs, and how it replies.

    add_engine_flags(parser)        --device --threads --trust-remote-code
    add_sampling_flags(parser)      --max-new-tokens --temperature ...
    sampling_wishes(options)        {"temperature": 0.5}: only what was given

The one rule: a flag means the same in every command that has it.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

from engine.errors import UserError

SAMPLING = ("max_new_tokens", "temperature", "top_k", "top_p", "repetition_penalty", "seed")


def add_engine_flags(
    parser: argparse.ArgumentParser, device: str | None = None, threads: int | None = None
) -> None:
    """Where the model runs; the defaults are those of the command (None = as the settings say)."""
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default=device)
    parser.add_argument("--threads", type=int, default=threads, metavar="N", help="CPU threads")
    parser.add_argument(
        "--trust-remote-code",
        action="store_true",
        help="run Python code that comes with the model (dangerous)",
    )


def add_sampling_flags(parser: argparse.ArgumentParser, longest: str = "", temperature: str = "") -> None:
    """How it replies; the texts are notes on the defaults of the command."""
    parser.add_argument("--max-new-tokens", type=int, metavar="N", help=f"longest reply{longest}")
    parser.add_argument(
        "--temperature", type=float, metavar="T", help=f"0 = always the likeliest token{temperature}"
    )
    parser.add_argument("--top-k", type=int, metavar="K", help="0 = all tokens")
    parser.add_argument("--top-p", type=float, metavar="P")
    parser.add_argument("--repetition-penalty", type=float, metavar="R")
    parser.add_argument("--seed", type=int, metavar="S", help="same seed, same reply")


def sampling_wishes(options: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, by the names of `GenerationSettings`.

    Raises:
        UserError: for a number that is none.
    """
    wishes = {name: getattr(options, name) for name in SAMPLING if getattr(options, name) is not None}
    for name, value in wishes.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"--{name.replace('_', '-')} must be a finite number.")
    return wishes
