"""`tui-chat data`: what a training run would see in a file.

    tui-chat data chats.jsonl --tokenizer builtin --rows 3
    tui-chat data chats.csv --tokenizer gpt2 --method fine_tuning --context-length 512 --json
    tui-chat data chats.jsonl --tokenizer builtin --set packing=false prompt_loss=0.1
    tui-chat data                     # the data sets that chatting made: my-preferences, my-corrections ...

The one rule: every line of the file is accounted for: used, or named with the reason why not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from tui_chat.command_flags import add_changes_flag
from tui_chat.quantities import counted

if TYPE_CHECKING:  # reading the help should not load what reads data
    from trainers.config import TrainingConfig
    from trainers.data_lens_report import LensReport
    from trainers.datasets import DataReport

_REJECTED_SHOWN = 10
_ROWS_SHOWN = 2
_OWN_TOKENIZERS = ("char", "bpe", "gpt2")
_CONTEXT_LENGTHS = {"char": 256, "bpe": 256, "gpt2": 1024}  # where no model says its own
_COUNTS = (  # of a lens report, in words
    ("tokens", "tokens"),
    ("trained_tokens", "learnt"),
    ("prompt_tokens", "prompt, learnt too"),
    ("masked_tokens", "only read"),
    ("cut_tokens", "cut off"),
    ("padding_tokens", "padding"),
    ("train_rows", "rows that train"),
    ("validation_rows", "rows that validate"),
    ("test_rows", "rows kept for testing"),
    ("leaked_rows", "in both"),
    ("unknown_characters", "unknown characters"),
)


def add_data_command(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `data` to the parser of `tui-chat`."""
    data = subparsers.add_parser("data", help="look at data: format, rows, what cannot be used and why")
    data.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="a file, a folder, or my-preferences ...; without it, those are listed",
    )
    data.add_argument(
        "--tokenizer",
        metavar="REF",
        help="also show and count tokens, as this model sees them (or gpt2; char, bpe: made of the data)",
    )
    data.add_argument(
        "--method", choices=("pretraining", "fine_tuning"), help="default: fine_tuning for conversations"
    )
    data.add_argument("--context-length", type=int, metavar="N", help="default: the model's own")
    about = "settings of the run, as for train: packing=false, prompt_loss=0.1, test_share=0.1"
    add_changes_flag(data, about)
    data.add_argument("--rows", type=int, metavar="N", help="rows to show (with --tokenizer, token by token)")
    data.add_argument("--json", action="store_true", help="print one JSON object per file")
    data.set_defaults(run=_run_data)


def _run_data(options: argparse.Namespace) -> int:
    from trainers.own_datasets import dataset_path

    if not options.files:
        return _list_own(options.json)
    empty = [file for file in options.files if not _show_data(dataset_path(file), options)]
    if empty:
        raise UserError(f"{', '.join(empty)}: there is nothing in it to learn from.")
    return 0


def _list_own(as_json: bool) -> int:
    """The data sets that chatting made, with how many rows they have."""
    from trainers.own_datasets import OWN_DATASETS

    for one in OWN_DATASETS:
        rows = one.rows
        if as_json:
            print(json.dumps({"name": one.name, "rows": rows, "file": str(one.path), "holds": one.holds}))
        else:
            more = f": {one.holds}" if rows else f". To fill it, {one.fill}"
            print(f"{one.name}  {counted(rows, 'row')}{more}.")
    return 0


def _show_data(path: Path, options: argparse.Namespace) -> bool:
    """Print what is in a data set; False when that is nothing."""
    from trainers.datasets import inspect

    if (options.rows or 0) < 0:
        raise UserError("--rows must be 0 or more.")
    if options.changes and not options.tokenizer:
        raise UserError("--set shows what a run would see; say with which tokens: --tokenizer builtin.")
    report, lens = inspect(path), None
    if options.tokenizer and not report.has_nothing:
        from trainers.data_lens import look_at

        rows = options.rows if options.rows is not None else 0 if options.json else _ROWS_SHOWN
        lens = look_at(_lens_config(path, report, options), samples=max(0, rows))
    if options.json:
        print(json.dumps(data_facts(path, report, lens), ensure_ascii=False), flush=True)
    else:
        print(_in_words(path, report, lens))
        if lens is None:
            print(
                "\n".join(_first_rows(report, _ROWS_SHOWN if options.rows is None else options.rows)), end=""
            )
    return not report.has_nothing


def _lens_config(path: Path, report: DataReport, options: argparse.Namespace) -> TrainingConfig:
    """The run that would read this data with this tokenizer."""
    from engine.model_card import read_model_card
    from engine.model_library import resolve
    from trainers.config import TrainingConfig
    from tui_chat.commands_training import with_settings  # here, for it imports this module

    reference = options.tokenizer
    is_own = reference in _OWN_TOKENIZERS
    asked = options.context_length
    length = (
        asked
        if asked is not None
        else (_CONTEXT_LENGTHS[reference] if is_own else read_model_card(resolve(reference)).context_length)
    )
    if length < 2:
        raise UserError(
            "--context-length must be at least 2."
            if asked is not None
            else f"{reference} does not say how many tokens it sees at once. Add --context-length N."
        )
    method = options.method or ("fine_tuning" if report.has_conversations else "pretraining")
    if method == "fine_tuning" and not report.has_conversations:
        raise UserError(
            f"{path}: fine-tuning needs conversations, and this is running text. Use --method pretraining."
        )
    named = {"tokenizer": reference} if is_own else {"base_model": reference}
    facts = {"dataset": str(path), "method": method, "context_length": length, **named}
    return with_settings(TrainingConfig.from_dict(facts, "tui-chat data"), options.changes)


def data_facts(path: Path, report: DataReport, lens: LensReport | None) -> dict[str, Any]:
    """A data set as `--json` shows it."""
    facts: dict[str, Any] = {
        "file": str(path),
        "format": report.format,
        "rows": report.rows,
        "rejected": [
            {"line": line.line, "reason": line.reason, **({"file": line.file} if line.file else {})}
            for line in report.rejected
        ],
        "rejected_count": report.rejected_count,
        "characters": report.characters,
        **dict.fromkeys(("tokens", "trained_tokens", "masked_tokens", "truncated_rows")),
        "duplicates": report.duplicates,
        "warnings": list(report.warnings),
    }
    if lens is not None:
        facts |= {key: value for key, value in lens.to_dict().items() if key not in ("data", "samples")}
        facts["samples"] = [row.to_dict() for row in lens.samples]
    return facts


def _in_words(path: Path, report: DataReport, lens: LensReport | None) -> str:
    from tui_chat.text import one_line  # here: it needs Textual, which `--help` should not wait for

    unit = "line" if report.format == "plain_text" else "row"
    head = (
        f"{one_line(str(path), 400)}: {report.format}, {counted(report.rows, unit)}, "
        f"{counted(report.characters, 'character')}"
    )
    if report.duplicates:
        head += f", {counted(report.duplicates, 'exact repetition')}"
    lines = [head]
    if lens is not None:
        lines += [f"  {words}: {value:,}" for name, words in _COUNTS if (value := getattr(lens, name))]
    lines += [
        "  " + one_line(f"{bad.file} line {bad.line}: {bad.reason}".strip())
        for bad in report.rejected[:_REJECTED_SHOWN]
    ]
    lines += [f"  {one_line(warning, 400)}" for warning in (lens or report).warnings]
    if lens is not None:
        lines += _lens_lines(lens)
    return "\n".join(lines)


def _first_rows(report: DataReport, count: int) -> list[str]:
    """The first rows as they are read, without a model to cut them into tokens."""
    from tui_chat.text import visible

    unit = "Line" if report.format == "plain_text" else "Row"
    lines = []
    for number, text in enumerate(report.preview[:count], 1):
        lines += ["", f"  {unit} {number}", *(f"    {visible(line)}" for line in text.splitlines())]
    shown = len(report.preview[:count])
    more = f"{report.rows - shown:,} more. " if report.rows > shown else ""
    return [*lines, "", f"  {more}--tokenizer builtin shows rows token by token.", ""] if lines else []


def _lens_lines(lens: LensReport) -> list[str]:
    """What the lens shows: spread, errors, and rows token by token."""
    from tui_chat import lens_text

    in_colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    lengths = lens.lengths
    lines = (
        [
            f"  {lens.tokenizer}, format {lens.chat_format}, context {lens.context_length:,}; rows of "
            f"{lengths.shortest:,} to {lengths.longest:,} tokens, median {lengths.median:,}, 95 % up to {lengths.p95:,}"
        ]
        if lengths.longest
        else [f"  {lens.tokenizer}, context {lens.context_length:,}"]
    )
    red = ("\x1b[1;31m", "\x1b[0m") if in_colour else ("", "")
    lines += [f"  {red[0]}A run could not start: {error}{red[1]}" for error in lens.errors]
    if lens.samples:
        lines += ["", f"  {lens_text.legend(in_colour, lens.prompt_tokens > 0)}"]
    unit = "window" if lens.method == "pretraining" else "line"
    for row in lens.samples:
        lines += ["", f"  {lens_text.heading(row, unit)}", lens_text.row_text(row, in_colour)]
    return lines
