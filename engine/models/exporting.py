"""A model directory copied for others: weights and tokenizer without training state, in the precision asked for.

    python -m engine.models.exporting run:NAME@best DIRECTORY --precision bfloat16 --name "My model"

The one rule: the target appears whole or not at all; it is written beside itself and renamed.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import torch

from engine.errors import UserError
from engine.model_card import read_json, read_model_card
from engine.model_library import resolve
from engine.models.checkpoints import load_gpt, save_gpt
from engine.tokenizers.loading import load_tokenizer

_KEPT = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "ATTRIBUTION.md", "LICENSE")


def export_model(reference: str, target: Path, precision: str = "float32", **card_changes: str) -> None:
    """Write the GPT that `reference` means to a new directory.

    Raises:
        UserError: when the target exists, the model is no GPT-2, or the disk is full.
    """
    if target.exists():
        raise UserError(f"{target}: this exists already. Choose a new folder.")
    source = resolve(reference)
    if read_json(source / "config.json", "a model directory needs it").get("model_type") != "gpt2":
        raise UserError(
            f"{reference}: only GPT-2 models are exported; this directory can be copied as it is: {source}"
        )
    gpt = load_gpt(source)
    tokenizer = load_tokenizer(source)
    changes = {name: value for name, value in card_changes.items() if value}
    card = msgspec.structs.replace(read_model_card(source), **changes)
    try:
        with _appearing(target) as draft:
            save_gpt(gpt, draft, tokenizer.end_of_text, getattr(torch, precision))
            tokenizer.save(draft)  # GPT-2's own two files become a tokenizer.json
            for name in _KEPT:
                if (source / name).is_file():
                    shutil.copyfile(source / name, draft / name)
            card.save(draft)
    except OSError as error:
        raise UserError(f"{target}: the model cannot be written ({error.strerror}).") from None


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A folder to write into that becomes `target` at the end, and is gone after an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield draft
        draft.chmod(0o755)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def main() -> None:
    """The command line of this module; `tui-chat models export` runs it in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m engine.models.exporting")
    parser.add_argument("reference")
    parser.add_argument("target", type=Path)
    parser.add_argument("--precision", choices=["float32", "bfloat16", "float16"], default="float32")
    for field in ("name", "description", "license", "trained_from", "trained_on", "run"):
        parser.add_argument(f"--{field.replace('_', '-')}", default="")
    options = vars(parser.parse_args())
    try:
        export_model(options.pop("reference"), options.pop("target"), options.pop("precision"), **options)
    except UserError as error:
        print(f"tui-chat: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
