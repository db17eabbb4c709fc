"""`tui-chat models`: the models at hand, and what each says about itself.

Models behind servers are in `commands_servers`.
The one rule: nothing is loaded for this, and no server asked unless --remote says so; a model is known by its card.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from tui_chat import commands_servers
from tui_chat.command_flags import add_action, add_listing

if TYPE_CHECKING:
    from engine.model_library import ModelEntry


def add_models_command(subparsers: Any) -> None:
    """Add `models` to the command line."""
    parser, actions = add_listing(subparsers, "models", list_models, "list the models at hand")
    parser.add_argument("--remote", action="store_true", help="ask the servers in the settings too")
    show = add_action(actions, "show", show_model, "what a model says about itself", json="one JSON object")
    show.add_argument("model", metavar="REF")
    pull = add_action(
        actions, "pull", pull_model, "download a model of the hub: hf:OWNER/NAME", json="one JSON object"
    )
    pull.add_argument("model", metavar="REF")
    export = add_action(actions, "export", export_model, "copy a model for others, without training state")
    export.add_argument("model", metavar="REF")
    export.add_argument("target", metavar="DIRECTORY", help="a new folder")
    export.add_argument("--precision", choices=["float32", "bfloat16", "float16"], default="float32")
    commands_servers.add_server_actions(actions)


def list_models(options: argparse.Namespace) -> int:
    """Print every model, a line each."""
    from engine import model_library

    entries = [*model_library.list_models(), *commands_servers.entries_of_servers(options.remote)]
    if options.json:
        for entry in entries:
            print(json.dumps(_as_dict(entry), ensure_ascii=False))
        return 0
    width = max(len(entry.reference) for entry in entries)
    for entry in entries:
        print(f"{_plain(entry.reference):<{width}}  {_plain(entry.problem) or _summary(entry)}")
    return 0


def show_model(options: argparse.Namespace) -> int:
    """Print one model's card."""
    from engine.model_card import read_model_card
    from engine.model_library import resolve
    from engine.remote.provider import is_remote

    if is_remote(options.model):
        return commands_servers.check_server(options)
    directory = resolve(options.model)
    facts = {"reference": options.model, "directory": str(directory), **read_model_card(directory).to_dict()}
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
        return 0
    for name, value in facts.items():
        if value not in ("", None, 0):
            print(
                f"{name.replace('_', ' '):<18} {_plain(f'{value:,}' if type(value) is int else str(value))}"
            )
    return 0


def pull_model(options: argparse.Namespace) -> int:
    """Download a model into the hub's cache, then show it."""
    import sys

    from engine.errors import UserError
    from engine.model_library import resolve

    if not options.model.startswith("hf:"):
        raise UserError(f"{options.model}: only models of the hub can be pulled: hf:OWNER/NAME.")

    def progress(stage: str, share: float | None) -> None:
        percent = "" if share is None else f" {share:.0%}"
        print(f"\r\x1b[K{stage}{percent}", end="", file=sys.stderr, flush=True)

    resolve(options.model, progress if sys.stderr.isatty() else None)
    print("", file=sys.stderr)
    return show_model(options)


def export_model(options: argparse.Namespace) -> int:
    """Copy a model into a new folder; in a process of its own, since it needs torch."""
    import subprocess
    import sys
    from pathlib import Path

    from engine.model_library import absolute_reference
    from engine.process import child_environment, child_folder

    target = str(Path(options.target).expanduser().absolute())
    command = [sys.executable, "-m", "engine.models.exporting", absolute_reference(options.model), target]
    command += ["--precision", options.precision]
    code = subprocess.run(command, cwd=child_folder(), env=child_environment(), check=False).returncode
    if code == 0:
        print(target)
    return code


def _as_dict(entry: ModelEntry) -> dict[str, Any]:
    return {
        "reference": entry.reference,
        "size_bytes": entry.size_bytes,
        "problem": entry.problem,
        **entry.card.to_dict(),
    }


def _summary(entry: ModelEntry) -> str:
    card = entry.card
    parts = [f"{card.num_parameters / 1e6:.1f}M parameters" if card.num_parameters else card.architecture]
    parts += [] if entry.size_bytes else [card.description]
    if card.context_length:
        parts.append(f"context {card.context_length}")
    if card.step is not None:
        parts.append(f"step {card.step}")
    if card.val_loss is not None:
        parts.append(f"validation loss {card.val_loss:.3f}")
    parts += [f"{entry.size_bytes / 1e6:.0f} MB"] if entry.size_bytes else []
    return ", ".join(part for part in parts if part)


def _plain(text: str) -> str:
    """File names and cards are foreign text: no control characters on the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
