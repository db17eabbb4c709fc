"""What a look through the data lens found: rows of tokens, each with what training does with it, and counts of all.

    trained   the loss is taken on it          masked   the model reads it only
    prompt    learnt too, as prompt_loss asks
    padding   fills a window                   cut      beyond the context; the model never sees it

The one rule: every token of a row is of one kind.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from engine.records import Record
from trainers.data_lens_counts import Lengths, Repetition
from trainers.data_splits import Split
from trainers.datasets import DataReport

Kind = Literal["trained", "prompt", "masked", "padding", "cut"]


class LensToken(NamedTuple):
    """A token as text, and what training does with it."""

    text: str
    kind: Kind


class LensRow(Record):
    """A row as one window of the model; for plain text, a window of it."""

    line: int  # where it begins; for plain text the number of the window
    tokens: tuple[LensToken, ...]
    trained: int
    masked: int
    cut: int
    padding: int  # to the end of the window, had the row it alone
    prompt: int = 0
    file: str = ""
    split: Split = "train"


class LensReport(Record):
    """What a look through the lens found."""

    data: DataReport
    method: str
    tokenizer: str  # in words
    chat_format: str
    context_length: int
    samples: tuple[LensRow, ...] = ()
    train_rows: int = 0
    validation_rows: int = 0
    test_rows: int = 0  # kept for testing, and not looked at
    tokens: int = 0  # trained + prompt + masked + cut
    trained_tokens: int = 0
    prompt_tokens: int = 0  # of prompts that are learnt too
    masked_tokens: int = 0
    cut_tokens: int = 0
    truncated_rows: int = 0
    rows_without_target: int = 0
    windows: int = 0  # fine-tuning: windows that the training rows fill
    packing: bool = True  # several rows in one window
    padding_tokens: int = 0  # in them
    lengths: Lengths = Lengths()  # tokens of a row
    unknown_characters: int = 0
    unknown: str = ""  # some of them
    duplicates: int = 0
    leaked_rows: int = 0  # validation rows that also train
    repetitions: tuple[Repetition, ...] = ()  # the first of them
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def problems(report: LensReport) -> tuple[str, ...]:
    """What is so wrong that a run must not start."""
    return report.errors
