"""A run in words for the command line: one line in a list, everything of one, and the same as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # reading the help should not load what knows runs
    from trainers.run_directory import RunDirectory

RUN_KEYS = (
    "pid",
    "state",
    "step",
    "max_steps",
    "loss",
    "val_loss",
    "val_bits_per_byte",
    "tokens_per_second",
    "seconds_left",
    "best_step",
    "error",
)


def run_facts(run: RunDirectory) -> dict[str, Any]:
    """A run as `--json` shows it."""
    status = run.status().to_dict()
    return {"name": run.name, "directory": str(run.path), **{key: status[key] for key in RUN_KEYS}}


def print_json(facts: dict[str, Any]) -> None:
    """Exactly one JSON object on a line of its own."""
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def run_line(run: RunDirectory) -> str:
    """A run in the list."""
    status = run.status()
    loss = "" if status.loss is None else f"  loss {status.loss:.3f}"
    validation = "" if status.val_loss is None else f"  validation {status.val_loss:.3f}"
    error = f"  {_shown(status.error)}" if status.error else ""
    if status.silent:
        error += f"  no sign of life for {status.silent:.0f} s; `tui-chat runs stop --now {run.name}` ends it"
    return f"{run.name:<32} {status.state:<9} {status.step}/{status.max_steps}{loss}{validation}{error}"


def run_report(run: RunDirectory) -> str:
    """Everything known of a run, with what was done to it along the way."""
    from trainers.interventions import read_interventions

    facts = {key: value for key, value in run_facts(run).items() if value not in (None, "")}
    width = max(map(len, facts))
    lines = [f"{key:<{width}}  {_shown(str(value))}" for key, value in facts.items()]
    lines += [f"step {entry.step}: {_shown(entry.reason)}" for entry in read_interventions(run)]
    return "\n".join(lines)


def _shown(text: str) -> str:
    """Foreign text as a terminal may see it."""
    from tui_chat.text import one_line  # here: it needs Textual, which `--help` should not wait for

    return one_line(text)
