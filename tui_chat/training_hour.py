"""What this machine can train in an hour: a few sizes are tried for some seconds, in turns.

    found = what_an_hour_gives()        # plain JSON types, for `tui-chat doctor`
    in_words(found)                     # a table

The one rule: measured on this machine as it is now, and if it is busy with something else, that is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psutil

from engine.errors import UserError
from trainers import probing
from trainers.config import read_recipe
from trainers.estimates import has_card
from trainers.memory import memory_parts
from trainers.model_shape import ModelShape, num_parameters
from trainers.preflight import data_size
from trainers.probing import ProbeRequest, ProbeResult
from tui_chat import quantities

SECONDS = 8.0  # of steps; with torch's start and the making of the models about twice that
_RECIPES = ("quick-start", "shakespeare-char-cpu", "own-text")
_LARGER = ("shakespeare-char",)  # where there is a graphics card
_CHARACTERS_OF_TEXT = 65  # different ones, in English plays
_MEGABYTE = 1_000_000  # characters of text to count epochs in
_BUSY = 25.0  # percent of the processors
_UNEVEN = 2.0  # slowest pass over fastest: something came in between
_HOUR = 3600


def what_an_hour_gives(
    measure: Callable[..., tuple[ProbeResult, ...]] | None = None, seconds: float = SECONDS
) -> dict[str, Any]:
    """Speeds of some recipes, and what they come to in an hour; {"problem": ...} when nothing can be measured."""
    others = psutil.cpu_percent(interval=0.5)
    names = (*_RECIPES, *_LARGER) if has_card() else _RECIPES
    requests = [_request(name) for name in names]
    try:
        results = (measure or probing.measure)(requests, seconds)
    except UserError as error:
        return {"problem": str(error)}
    rows = [_row(*one) for one in zip(names, requests, results, strict=True)]
    uneven = max(result.slowest_over_fastest for result in results)
    return {
        "busy": others > _BUSY or (uneven > _UNEVEN and results[0].device == "cpu"),
        "others_percent": others,
        "device": results[0].device,
        "threads": results[0].threads,
        "recipes": rows,
    }


def _request(recipe: str) -> ProbeRequest:
    config = read_recipe(recipe)
    vocabulary = _CHARACTERS_OF_TEXT if config.tokenizer == "char" else config.vocab_size
    return ProbeRequest(config=config, vocab_size=vocabulary)


def _row(name: str, request: ProbeRequest, result: ProbeResult) -> dict[str, Any]:
    config = request.config
    shape = ModelShape.of(config, request.vocab_size)
    memory = memory_parts(config, shape, num_parameters(shape), result.device, result.precision)
    tokens = result.tokens_per_second * _HOUR
    epoch = data_size(config, _MEGABYTE, request.vocab_size).train_tokens
    return {
        "recipe": name,
        "num_parameters": result.num_parameters,
        "tokens_per_second": round(result.tokens_per_second, 1),
        "precision": result.precision,
        "memory_bytes": memory.total,
        "steps_per_hour": int(tokens / (config.batch_size * config.context_length)),
        "tokens_per_hour": int(tokens),
        "epochs_of_a_megabyte_per_hour": round(tokens / epoch, 1),
        "hours_of_the_recipe": round(config.max_steps * result.seconds_per_step / _HOUR, 2),
    }


def in_words(found: Mapping[str, Any]) -> list[str]:
    """A table for the terminal."""
    if "problem" in found:
        return [f"  ! {found['problem']}"]
    head = ("recipe", "size", "tokens/s", "steps", "tokens", "epochs", "memory")
    lines = [head, *(_cells(row) for row in found["recipes"])]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    table = [
        "  " + "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines
    ]
    if found["busy"]:
        table.append("  ! The machine is busy with something else; alone it can do more.")
    return table


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["recipe"],
        quantities.count(row["num_parameters"]),
        quantities.rate(row["tokens_per_second"]).removesuffix("/s"),
        quantities.count(row["steps_per_hour"]),
        quantities.count(row["tokens_per_hour"]),
        f"{row['epochs_of_a_megabyte_per_hour']:,.1f}",
        quantities.byte_count(row["memory_bytes"]),
    )
