"""Rows of the data lens in the app: tokens in colours, or with underlines and strikes where there are none.

The one rule: each kind differs from the others without its colour too, and tokens by their shade.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui_chat import lens_text
from tui_chat.text import one_line

if TYPE_CHECKING:  # they load numpy, and the app starts without
    from trainers.data_lens_counts import Repetition
    from trainers.data_lens_report import Kind, LensReport, LensRow, LensToken
    from trainers.datasets import RejectedLine

_STYLES: dict[Kind, tuple[str, str]] = {  # of every other token, so that one sees where tokens end
    "trained": ("$text-success on $success 15%", "$text-success on $success 30%"),
    "prompt": ("$text-warning on $warning 12%", "$text-warning on $warning 26%"),
    "masked": ("$foreground 65% on $foreground 4%", "$foreground 65% on $foreground 10%"),
    "padding": ("italic $foreground 45%", "italic $foreground 45%"),
    "cut": ("strike $text-error on $error 10%", "strike $text-error on $error 20%"),
}
_WITHOUT_COLOURS: dict[Kind, tuple[str, str]] = {
    "trained": ("reverse", "bold reverse"),
    "prompt": ("underline", "bold underline"),
    "masked": ("", "bold"),
    "padding": ("italic dim", "italic dim"),
    "cut": ("strike", "bold strike"),
}
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("trained", "trained_tokens"),
    ("prompt", "prompt_tokens"),
    ("masked", "masked_tokens"),
    ("cut", "cut_tokens"),
    ("padding", "padding_tokens"),
)


def _styles(has_colours: bool) -> dict[Kind, tuple[str, str]]:
    return _STYLES if has_colours else _WITHOUT_COLOURS


def token_words(tokens: tuple[LensToken, ...], has_colours: bool) -> Content:
    """All tokens of a row."""
    styles = _styles(has_colours)
    return Content.assemble(
        *((lens_text.shown(token.text), styles[token.kind][n % 2]) for n, token in enumerate(tokens))
    )


def counts_words(report: LensReport, has_colours: bool) -> Content:
    """How many tokens there are of each kind, in its own style: the legend too."""
    styles = _styles(has_colours)
    parts: list[Content | str | tuple[str, str]] = []
    for kind, name in _KINDS:
        if count := getattr(report, name):
            parts += [(f" {count:,} {lens_text.LEGEND[kind]} ", styles[kind][1]), "  "]
    return Content.assemble(*parts)


def facts_words(report: LensReport, name: str) -> Content:
    """What the data is, how it is read, and what is odd about it; errors first."""
    data, lengths = report.data, report.lengths
    head = [data.format.replace("_", " "), report.tokenizer, f"context {report.context_length:,}"]
    if report.method == "fine_tuning":
        head.insert(2, f"format {report.chat_format}")
    lines = [Content.assemble((one_line(name, 40), "bold"), f"  {' · '.join(head)}")]
    if lengths.longest:
        spread = (
            f"tokens a row {lengths.shortest:,}-{lengths.longest:,}, median {lengths.median:,}, 95 % up to"
        )
        trains = "row trains" if report.train_rows == 1 else "rows train"
        validates = "validates" if report.validation_rows == 1 else "validate"
        sides = f"{report.train_rows:,} {trains}, {report.validation_rows:,} {validates}"
        sides += f", {report.test_rows:,} are kept for testing" if report.test_rows else ""
        lines.append(Content.styled(f"{sides} · {spread} {lengths.p95:,}", "$foreground 70%"))
    if report.windows:
        share = 1 - report.padding_tokens / (report.windows * (report.context_length + 1))
        how = "packed into" if report.packing else "not packed:"
        packed = f"{how} {report.windows:,} windows, {share:.0%} full"
        lines.append(Content.styled(packed, "$foreground 70%"))
    lines += [Content.styled(f"✖ {one_line(error, 400)}", "bold $text-error") for error in report.errors]
    lines += [Content.styled(f"! {one_line(words, 200)}", "$text-warning") for words in report.warnings[:4]]
    if not data.complete:
        lines.append(
            Content.styled("Only the beginning was looked at: the data is large.", "$foreground 60%")
        )
    return Content("\n").join(lines)


def row_heading(row: LensRow, number: int, report: LensReport) -> Content:
    """Which row of how many, and what is in it."""
    is_text = report.data.format == "plain_text"
    place = f"window {row.line:,} of the text" if is_text else lens_text.heading(row)
    return Content.assemble(
        (f"{number + 1} of {len(report.samples)} shown ", "bold"), (f" {place}", "$foreground 70%")
    )


def _place(file: str, line: int) -> str:
    return f"{one_line(file, 40)} line {line:,}".strip()


def rejected_words(lines: tuple[RejectedLine, ...], count: int) -> Content:
    """Lines that cannot be used, each with its reason."""
    if not lines:
        return Content.styled("Every line can be used.", "$text-success")
    found = [
        Content.assemble((_place(bad.file, bad.line), "bold"), f"  {one_line(bad.reason)}") for bad in lines
    ]
    if count > len(lines):
        found.append(Content.styled(f"... and {count - len(lines):,} more", "$foreground 60%"))
    return Content("\n").join(found)


def repetition_words(repetitions: tuple[Repetition, ...], count: int) -> Content:
    """Rows that stand there twice; those on both sides of the split stand out."""
    if not repetitions:
        return Content.styled("No row repeats another.", "$text-success")
    found = []
    for one in repetitions:
        words = "trains and validates" if one.is_leak else "repeats"
        found.append(
            Content.assemble(
                (f"{_place(one.file, one.line)} ", "bold"),
                (
                    f"{words} {_place(one.first_file, one.first_line)}  ",
                    "$text-error" if one.is_leak else "$foreground 60%",
                ),
                one_line(one.preview, 120),
            )
        )
    if count > len(repetitions):
        found.append(Content.styled(f"... and {count - len(repetitions):,} more", "$foreground 60%"))
    return Content("\n").join(found)
