"""`tui-chat evaluate`: how good a model is on data, and what it replies.

    tui-chat evaluate run:first@best chats.jsonl --split validation --responses replies.json
    tui-chat evaluate builtin text.txt --against hf:OWNER/NAME

The one rule: a figure stands beside the number of tokens it was measured on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from tui_chat.command_flags import add_engine_flags, add_sampling_flags, sampling_wishes
from tui_chat.quantities import counted

if TYPE_CHECKING:  # reading the help should not load what evaluates
    from trainers.evaluation import Evaluation, EvaluationProgress, EvaluationRequest, ModelFigures, Reply

_FIGURES = ("loss", "perplexity", "bits_per_byte", "accuracy", "tokens")
_COLUMNS = ("tokens", "loss", "perplexity", "bits/byte", "accuracy")
_NAME_WIDTH = 22  # so that two models fit into a dialog on 80 cells
_SPLITS = ("train", "validation", "test", "all")


def add_evaluate_command(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `evaluate` to the parser of `tui-chat`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on data: loss, perplexity, bits per byte, accuracy, replies",
        description="Loss, perplexity, bits per byte and token accuracy of a model, for answers and prompts apart.",
    )
    parser.add_argument("model", metavar="REF", help="builtin, a folder, run:NAME[@best], hf:OWNER/NAME")
    parser.add_argument("data", metavar="DATA", help="a file or folder of text or conversations")
    parser.add_argument(
        "--split",
        choices=_SPLITS,
        default="all",
        help="part of the data; validation is what a run holds out, test a second such part",
    )
    parser.add_argument("--validation-share", type=float, metavar="SHARE", help="size of the held-out parts")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="at most N rows, or lines of text")
    parser.add_argument(
        "--context-length", type=int, default=0, metavar="N", help="tokens read at once (default: up to 2048)"
    )
    add_engine_flags(parser, device="auto", threads=0)
    parser.add_argument("--against", metavar="REF", help="a second model, measured on the same text")
    parser.add_argument(
        "--responses",
        metavar="FILE",
        help="also reply to the last question of each row, and save that as JSON",
    )
    add_sampling_flags(parser, longest=" (default 256)", temperature=" (the default)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> int:
    """Measure, save replies, print.

    Raises:
        UserError: when model, data or flags do not allow it; says what to change.
    """
    from engine.paths import logs_path
    from trainers.evaluation import EvaluationProcess

    request = request_of(options)
    if options.responses is not None:
        check_place(Path(options.responses))
    process = EvaluationProcess(logs_path() / "evaluation.log")
    evaluation = process.run(request, _show_progress)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if options.responses is not None:
        save_replies(Path(options.responses), process.replies)
    for warning in evaluation.warnings if options.json else ():
        print(f"tui-chat: {warning}", file=sys.stderr)
    facts = evaluation_facts(evaluation, options.responses)
    print(json.dumps(facts, ensure_ascii=False) if options.json else in_words(evaluation, options.responses))
    return 0


def request_of(options: argparse.Namespace) -> EvaluationRequest:
    """The flags, checked.

    Raises:
        UserError: naming the flag that does not fit.
    """
    from engine.generation import GenerationSettings
    from trainers.evaluation import EvaluationRequest

    if not options.data.strip():
        raise UserError("No data is named. Give a file or folder of text or conversations.")
    wishes = sampling_wishes(options)
    if wishes and options.responses is None:
        flag = "--" + next(iter(wishes)).replace("_", "-")
        raise UserError(f"{flag} is about replies. Add --responses FILE.json, or leave it out.")
    # One seed for all, so that a reply can be made again.
    replies = {"temperature": 0.0, "seed": 0, "top_k": 0, "top_p": 1.0, **wishes}
    generation = None
    if options.responses is not None:
        generation = GenerationSettings.from_dict(replies, "evaluate").to_dict()
    return EvaluationRequest.from_dict(
        {
            "references": [options.model, *([options.against] if options.against is not None else [])],
            "data": options.data,
            "split": options.split,
            "validation_share": options.validation_share,
            "limit": options.limit,
            "context_length": options.context_length,
            "device": options.device,
            "threads": options.threads,
            "trust_remote_code": options.trust_remote_code,
            "generation": generation,
        },
        "evaluate",
    )


def check_place(path: Path) -> None:
    """Refuse a file that cannot be written before an hour is spent on its content.

    Raises:
        UserError: saying why.
    """
    if path.is_dir():
        raise UserError(f"--responses {path}: this is a folder. Name a file in it, such as replies.json.")
    if not path.absolute().parent.is_dir():
        raise UserError(
            f"--responses {path}: there is no folder {path.parent}. Make it, or name another file."
        )


def save_replies(path: Path, replies: list[Reply]) -> None:
    """Write the replies beside what was expected, all or nothing.

    Raises:
        UserError: when the file cannot be written.
    """
    from trainers.durable_files import replace_file

    rows = [{name: value for name, value in reply.to_dict().items() if name != "type"} for reply in replies]
    text = json.dumps(rows, ensure_ascii=False, indent=2)
    try:
        replace_file(path.absolute(), text.encode() + b"\n")
    except OSError as error:
        raise UserError(
            f"{path}: the replies cannot be saved ({error.strerror or error}). Choose another file."
        ) from None


def evaluation_facts(evaluation: Evaluation, responses: str | None = None) -> dict[str, Any]:
    """An evaluation as `--json` shows it: the first model's figures, and a second one's under "against"."""
    first, *others = (_model_facts(figures) for figures in evaluation.models)
    facts = {
        **first,
        "data": evaluation.data,
        "split": evaluation.split,
        "rows": evaluation.rows,
        "rejected": evaluation.rejected,
        "left_out": evaluation.left_out,
        "warnings": list(evaluation.warnings),
    }
    if responses is not None:
        facts["responses_file"] = responses
    return facts | ({"against": others[0]} if others else {})


def in_words(evaluation: Evaluation, responses: str | None = None) -> str:
    """An evaluation as a table, two models side by side."""
    from tui_chat.text import one_line  # here: it needs Textual, which `--help` should not wait for

    count = counted(evaluation.rows, "row")
    if evaluation.split != "all":
        count = f"{count} of {evaluation.split}"
    lines = [f"{one_line(evaluation.data)}: {count}", ""]
    lines += _table(*evaluation.models) if len(evaluation.models) == 1 else _comparison(evaluation.models)
    lines.append("")
    for figures in evaluation.models:
        lines += [f"{one_line(figures.model, 60)}: {note}" for note in _notes(figures)]
    if evaluation.rejected:
        lines.append(f"{counted(evaluation.rejected, 'line')} cannot be used; `tui-chat data` names them.")
    if evaluation.left_out:
        lines.append(f"{evaluation.left_out:,} rows do not fit whole into both models and are left out.")
    if responses is not None:
        lines.append(f"The replies are in {one_line(responses)}.")
    lines += [f"Note: {one_line(warning, 400)}" for warning in evaluation.warnings]
    return "\n".join(lines).rstrip()


def _model_facts(figures: ModelFigures) -> dict[str, Any]:
    facts = figures.to_dict()
    return {"model": facts.pop("model"), **{name: facts.pop(name) for name in _FIGURES}, **facts}


def _table(figures: ModelFigures) -> list[str]:
    """One model: a line for each group."""
    from tui_chat.text import one_line

    lines = [one_line(figures.model), " " * 8 + "".join(f"{name:>12}" for name in _COLUMNS)]
    for group in figures.loss:
        lines.append(f"{group:<8}" + "".join(f"{value:>12}" for value in _values(figures, group)))
    return [*lines, f"padding {figures.tokens['padding']:>12,}  counted, never part of a loss"]


def _comparison(models: tuple[ModelFigures, ...]) -> list[str]:
    """Two models: a column for each."""
    from tui_chat.text import one_line

    names = [one_line(figures.model[-_NAME_WIDTH:], _NAME_WIDTH) for figures in models]
    lines = [" " * 20 + "".join(f"{name:>{_NAME_WIDTH + 2}}" for name in names)]
    for group in models[0].loss:
        values = [_values(figures, group) for figures in models]
        for number, (name, *beside) in enumerate(zip(_COLUMNS, *values, strict=True)):
            columns = "".join(f"{value:>{_NAME_WIDTH + 2}}" for value in beside)
            lines.append(f"{'' if number else group:<8}{name:<12}{columns}")
    padding = "".join(f"{figures.tokens['padding']:>{_NAME_WIDTH + 2},}" for figures in models)
    return [*lines, f"{'padding':<20}{padding}"]


def _values(figures: ModelFigures, group: str) -> list[str]:
    """In the order of `_COLUMNS`."""
    return [
        f"{figures.tokens[group]:,}",
        _number(figures.loss[group], ".4f"),
        _number(figures.perplexity[group], ",.2f"),
        _number(figures.bits_per_byte[group], ".4f"),
        _number(figures.accuracy[group], ".1%"),
    ]


def _number(value: float | None, form: str) -> str:
    """Large perplexities would break the columns."""
    if value is None:
        return "-"
    return f"{value:.2e}" if value >= 1e7 else f"{value:{form}}"


def _notes(figures: ModelFigures) -> list[str]:
    notes = []
    if figures.truncated_rows:
        notes.append(
            f"{figures.truncated_rows:,} rows are longer than {figures.context_length:,} tokens and were cut "
            f"({figures.cut_tokens:,} tokens)."
        )
    if (scores := figures.responses) is not None:
        skipped = f", {scores.skipped:,} questions too long" if scores.skipped else ""
        notes.append(
            f"{scores.count:,} replies{skipped}: exact match {scores.exact_match:.1%}, "
            f"token F1 {scores.token_f1:.1%}, ROUGE-L {scores.rouge_l:.1%}."
        )
    return notes


def _show_progress(progress: EvaluationProgress) -> None:
    if sys.stderr.isatty():
        share = "" if progress.share is None else f" {progress.share:.0%}"
        print(f"\r\x1b[K{progress.stage}{share} ...", end="", file=sys.stderr, flush=True)
