"""Rows that stand in a data set twice, rows that both train and validate, and how long rows are.

The one rule: two rows are the same when their words are, wherever they stand and however they are written down.
"""

from __future__ import annotations

import hashlib
from array import array
from pathlib import Path

import numpy as np

from engine.records import Record
from trainers.data_splits import Split
from trainers.datasets import read_text_chunks
from trainers.row_formats import DataRow

_REPETITIONS_KEPT = 200  # all are counted
_ROWS_TRACKED = 500_000  # about 100 MB
_PREVIEW_CHARACTERS = 200
_LONG_LINE = 40  # characters; shorter ones are said again in any text


class Lengths(Record):
    """How many tokens rows have."""

    shortest: int = 0
    median: int = 0
    p95: int = 0
    longest: int = 0


class Repetition(Record):
    """A row whose words stood in an earlier one."""

    line: int
    first_line: int
    preview: str
    is_leak: bool  # one of the two trains, the other validates
    file: str = ""  # when the data set is a folder
    first_file: str = ""


class RowCounts:
    """Counts of rows as they are read."""

    def __init__(self) -> None:
        self.rows: dict[Split, int] = {"train": 0, "validation": 0, "test": 0}
        self.duplicates = 0
        self.leaked = 0
        self.repetitions: list[Repetition] = []
        self._first: dict[bytes, tuple[int, Split, str]] = {}
        self._lengths = array("L")

    def add(self, row: DataRow, text: str, split: Split, length: int) -> None:
        """Count a row of `length` tokens."""
        self.rows[split] += 1
        self._lengths.append(length)
        digest = _digest(text)
        first = self._first.get(digest)
        if first is None:
            if len(self._first) < _ROWS_TRACKED:
                self._first[digest] = row.line, split, row.file
            return
        is_leak = first[1] != split
        self.duplicates += 1
        self.leaked += is_leak
        if len(self.repetitions) < _REPETITIONS_KEPT:
            preview = text[:_PREVIEW_CHARACTERS]
            self.repetitions.append(
                Repetition(
                    line=row.line,
                    first_line=first[0],
                    preview=preview,
                    is_leak=is_leak,
                    file=row.file,
                    first_file=first[2],
                )
            )

    def lengths(self) -> Lengths:
        """The spread of the rows' lengths."""
        if not self._lengths:
            return Lengths()
        found = np.quantile(np.array(self._lengths), (0, 0.5, 0.95, 1), method="nearest")
        shortest, median, p95, longest = (int(length) for length in found)
        return Lengths(shortest=shortest, median=median, p95=p95, longest=longest)


def leaked_lines(train: Path, validation: Path) -> int:
    """Long lines of the validation text that also stand in the training text."""
    held_out = [digest for chunk in read_text_chunks(validation) for digest in _long_lines(chunk)]
    wanted = set(held_out)
    found = {digest for chunk in read_text_chunks(train) for digest in _long_lines(chunk) if digest in wanted}
    return sum(digest in found for digest in held_out)


def _long_lines(chunk: str) -> list[bytes]:
    return [_digest(line.strip()) for line in chunk.splitlines() if len(line.strip()) >= _LONG_LINE]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
