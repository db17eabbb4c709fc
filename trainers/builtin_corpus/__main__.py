"""Write the training data of the built-in model.

python -m trainers.builtin_corpus --corpus DIR --out DIR [--seed 0] [--dialogues 50000]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.errors import UserError
from trainers.builtin_corpus.mixture import ChatData, write_all


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m trainers.builtin_corpus", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--corpus", type=Path, required=True, help="folder with the open corpus (*.jsonl, *.jsonl.gz)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files")
    parser.add_argument("--dialogues", type=int, default=50_000, help="how many dialogues of our own")
    parser.add_argument(
        "--pretraining-characters", type=int, default=30_000_000, help="size of pretraining.jsonl"
    )
    options = parser.parse_args(arguments)
    try:
        chat = write_all(
            options.corpus, options.out, options.seed, options.dialogues, options.pretraining_characters
        )
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(report(chat))
    return 0


def report(chat: ChatData) -> str:
    """Dialogues and characters per family, as a table."""
    total = sum(chat.characters.values())
    lines = [f"{len(chat.training)} dialogues for training, {len(chat.validation)} for validation"]
    for name, characters in sorted(chat.characters.items(), key=lambda item: -item[1]):
        count = chat.dialogues.get(name, 0) or chat.dialogues.get(name.replace("own/", "exchanges/"), 0)
        lines.append(f"{name:20} {count:8} {characters:10} characters {characters / total:6.1%}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
