"""What several commands share: actions of their own, and flags for where a model runs and how it replies.

    parser, actions = add_listing(subparsers, "models", list_models, "list the models at hand")
    add_action(actions, "show", show_model, "what a model says about itself")
    add_engine_flags(parser)        --device --threads --trust-remote-code
    add_sampling_flags(parser)      --max-new-tokens --temperature ...
    sampling_wishes(options)        {"temperature": 0.5}: only what was given

The one rule: a flag means the same in every command that has it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from engine.errors import UserError
from engine.generation import GenerationSettings

Run = Callable[[argparse.Namespace], int]
SAMPLING = ("max_new_tokens", "temperature", "top_k", "top_p", "repetition_penalty", "seed")


def add_listing(
    subparsers: Any, name: str, run: Run, about: str, json: str = "one JSON object per line"
) -> tuple[argparse.ArgumentParser, Any]:
    """A command that lists when it is given nothing, and what its actions are added to."""
    parser = add_action(subparsers, name, run, about, json)
    return parser, parser.add_subparsers(metavar="ACTION")


def add_action(
    subparsers: Any, name: str, run: Run, about: str, json: str | None = None
) -> argparse.ArgumentParser:
    """A command, or an action of one; `json` tells what --json prints, and None that there is no such flag."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name, help=about, description=about[0].upper() + about[1:]
    )
    if json is not None:
        parser.add_argument("--json", action="store_true", help=json)
    parser.set_defaults(run=run)
    return parser


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


def add_changes_flag(parser: argparse.ArgumentParser, help: str) -> None:
    """Settings of a run, one by one."""
    parser.add_argument(
        "--set", dest="changes", metavar="KEY=VALUE", action="extend", nargs="+", default=[], help=help
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
        UserError: for a number that it may not be, by the name of its flag.
    """
    wishes = {name: getattr(options, name) for name in SAMPLING if getattr(options, name) is not None}
    for name, value in wishes.items():
        try:
            GenerationSettings.from_dict({name: value}, "")
        except UserError as error:
            flag = f"--{name.replace('_', '-')}"
            raise UserError(str(error).removeprefix(": ").replace(name, flag, 1)) from None
    return wishes
