"""`tui-chat data`: what a training run would see in a file.

    tui-chat data chats.jsonl --tokenizer builtin --json

The one rule: every line of the file is accounted for: used, or named with the reason why not.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # reading the help should not load what reads data
    from trainers.datasets import DataReport

_REJECTED_SHOWN = 10


def add_data_command(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `data` to the parser of `tui-chat`."""
    data = subparsers.add_parser("data", help="look at data: format, rows, what cannot be used and why")
    data.add_argument("files", metavar="FILE", nargs="+", help="a file or folder")
    data.add_argument(
        "--tokenizer", metavar="REF", help="also count tokens, as this model (or gpt2) sees them"
    )
    data.add_argument("--json", action="store_true", help="print one JSON object per file")
    data.set_defaults(run=_run_data)


def _run_data(options: argparse.Namespace) -> int:
    for file in options.files:
        show_data(Path(file), options.tokenizer, options.json)
    return 0


def show_data(path: Path, tokenizer: str | None, as_json: bool) -> None:
    """Print what a data set holds.

    Raises:
        UserError: when it cannot be read at all, or there is no such tokenizer.
    """
    from trainers.datasets import inspect

    report = inspect(path)
    counts = _token_counts(path, tokenizer) if tokenizer else {}
    if as_json:
        print(json.dumps(data_facts(path, report, counts), ensure_ascii=False), flush=True)
    else:
        print(_in_words(path, report, counts))


def data_facts(path: Path, report: DataReport, counts: dict[str, int]) -> dict[str, Any]:
    """A data set as `--json` shows it."""
    return {
        "file": str(path),
        "format": report.format,
        "rows": report.rows,
        "rejected": [{"line": line.line, "reason": line.reason} for line in report.rejected],
        "rejected_count": report.rejected_count,
        "characters": report.characters,
        **dict.fromkeys(("tokens", "trained_tokens", "masked_tokens", "truncated_rows")),
        **counts,
        "duplicates": report.duplicates,
        "warnings": list(report.warnings),
    }


def _token_counts(path: Path, reference: str) -> dict[str, int]:
    from engine.model_card import read_model_card
    from engine.model_library import resolve
    from engine.tokenizers.chat_formats import CHAT, chat_format_of
    from engine.tokenizers.gpt2 import gpt2_tokenizer
    from engine.tokenizers.loading import load_tokenizer
    from trainers.token_counts import count_tokens

    if reference == "gpt2":
        return count_tokens(path, gpt2_tokenizer(), CHAT, 1024).to_dict()
    directory = resolve(reference)
    tokenizer = load_tokenizer(directory)
    context_length = read_model_card(directory).context_length
    return count_tokens(path, tokenizer, chat_format_of(directory, tokenizer), context_length).to_dict()


def _in_words(path: Path, report: DataReport, counts: dict[str, int]) -> str:
    from tui_chat.text import one_line  # here: it needs Textual, which `--help` should not wait for

    lines = [f"{path}: {report.format}, {report.rows:,} rows, {report.characters:,} characters"]
    lines += [f"  {count:,} {name.replace('_', ' ')}" for name, count in counts.items()]
    lines += [f"  line {bad.line}: {one_line(bad.reason)}" for bad in report.rejected[:_REJECTED_SHOWN]]
    lines += [f"  {warning}" for warning in report.warnings]
    return "\n".join(lines)
