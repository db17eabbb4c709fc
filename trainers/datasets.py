"""What is in a data set: its format, its rows, what cannot be used and why. Torch-free, so a form can ask.

    report = inspect(Path("chats.jsonl"))      # DataReport(format="sharegpt", rows=700, rejected=(), ...)
    for row in read_rows(path): ...            # conversations or texts, one at a time
    for text in read_text_chunks(path): ...    # running text, about a million characters at a time

A data set is one file or a folder of files: plain text, or rows (JSON, CSV, Parquet) as in `trainers.row_formats`.
The one rule: whatever the bytes, reading never crashes: a line is used, or it is counted with its reason.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.records import Record
from trainers.data_files import (
    NOT_UTF8,
    Reject,
    data_files,
    holds_rows,
    is_data_name,
    json_values,
    ready_splits,
    text_blocks,
)
from trainers.data_tables import is_table, table_values
from trainers.row_formats import DataRow, RowRefusedError, understand

PLAIN_TEXT = "plain_text"
_PREVIEW_ROWS = 5
_PREVIEW_CHARACTERS = 400
_REJECTED_SHOWN = 200  # reasons kept; all are counted
_DUPLICATES_TRACKED = 5_000_000


class RejectedLine(Record):
    """A line that cannot be used, and why."""

    line: int
    reason: str
    file: str = ""  # when the data set is a folder


class DataReport(Record):
    """What a look at a data set found."""

    format: str  # plain_text, mixed, or a format of `trainers.row_formats`
    files: int
    rows: int  # usable rows; lines of plain text
    characters: int
    rejected: tuple[RejectedLine, ...] = ()  # the first of them
    rejected_count: int = 0
    duplicates: int = 0
    preview: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    complete: bool = True  # False: the look ended at its limit, and the data set goes on

    @property
    def has_nothing(self) -> bool:
        """Whether all of it was looked at, and nothing but blanks was found."""
        return self.complete and not any(text.strip() for text in self.preview)

    @property
    def has_conversations(self) -> bool:
        """Whether the rows are conversations, so that fine-tuning can learn to answer from them."""
        return self.format not in (PLAIN_TEXT, "text")


def ignore(line: int, reason: str) -> None:
    """Take no note of a rejected line (a report has counted it already)."""


def is_plain_text(path: Path) -> bool:
    """Whether a data set is running text rather than rows.

    Raises:
        UserError: when there is nothing to read, or plain text and rows stand in one folder.
    """
    kinds = {holds_rows(file) for file in data_files(path)}
    if len(kinds) == 2:
        raise UserError(f"{path}: this folder mixes plain text with rows. Keep them in folders of their own.")
    return kinds == {False}


def read_rows(path: Path, reject: Callable[[Path, int, str], None] | None = None) -> Iterator[DataRow]:
    """The usable rows of a data set of rows, file by file."""
    for file in data_files(path):
        rows = _file_rows(file, _for_file(reject, file))
        yield from (
            (replace(row, file=file.relative_to(path).as_posix()) for row in rows) if file != path else rows
        )


def read_conversations(path: Path) -> Iterator[tuple[ChatMessage, ...]]:
    """The conversations of a data set, one at a time; rows of bare text are passed over."""
    return (row.messages for row in read_rows(path) if row.messages)


def read_text_chunks(path: Path, reject: Callable[[Path, int, str], None] | None = None) -> Iterator[str]:
    """A data set as running text: plain text in large blocks, rows one by one."""
    plain = is_plain_text(path)
    for file in data_files(path):
        if plain:
            yield from text_blocks(file, _for_file(reject, file))
        else:
            yield from (row.as_text() for row in _file_rows(file, _for_file(reject, file)))


def text_of_file(file: Path, reject: Reject = ignore) -> Iterator[str]:
    """One plain text file in blocks."""
    return text_blocks(file, reject)


def is_held_out(text: str, share: float) -> bool:
    """Whether a document belongs to validation: decided by the text alone, so it never moves between the two.

    With a share of 1/n it is every document whose MD5 begins with a 32-bit number divisible by n.
    """
    if share <= 0:
        return False
    # Not for security: a hash that is the same everywhere and for ever.
    number = int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16)
    return number % max(2, round(1 / share)) == 0


def inspect(path: Path, limit: int = 0) -> DataReport:
    """Look through a data set; `limit` ends the look after so many rows or, for plain text, million characters.

    Raises:
        UserError: when there is nothing to read at all.
    """
    files = data_files(path)
    report = _Looking(folder=path if path.is_dir() else None)
    look = report.look_at_text if is_plain_text(path) else report.look_at_rows
    for file in files:
        if not look(file, limit):
            break
    return report.result(len(files), _splits_words(path, files))


def _splits_words(path: Path, files: list[Path]) -> Iterator[str]:
    """What a folder with a split of its own means, and what in it is not read."""
    splits = ready_splits(path)
    if splits is None:
        return
    words = [f"{splits.train.name} trains"]
    words += [f"{splits.validation.name} validates"] if splits.validation else []
    words += [f"{splits.test.name} is kept for testing"] if splits.test else []
    words += [f"{splits.vocabulary.name} is the vocabulary of characters"] if splits.vocabulary else []
    yield f"The folder is split already: {', '.join(words)}."
    others = {file.name for file in path.iterdir() if is_data_name(file) and file.is_file()}
    if left := sorted(others - {file.name for file in (*files, splits.vocabulary) if file}):
        yield f"Left out of the folder: {', '.join(left[:5])}{', ...' if len(left) > 5 else ''}."


class _Looking:
    """The counts while `inspect` reads."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._formats: Counter[str] = Counter()
        self._characters = 0
        self._rejected: list[RejectedLine] = []
        self._rejected_count = 0
        self._wrongly_encoded = 0
        self._seen: set[bytes] = set()
        self._duplicates = 0
        self._preview: list[str] = []
        self._blocks = 0
        self._complete = True

    def look_at_rows(self, file: Path, limit: int) -> bool:
        for row in _file_rows(file, self._rejecter(file)):
            self._formats[row.format] += 1
            self._characters += row.characters
            self._note_duplicate(row)
            if len(self._preview) < _PREVIEW_ROWS:
                self._preview.append(row.as_text()[:_PREVIEW_CHARACTERS])
            if limit and self._formats.total() >= limit:
                self._complete = False
                return False
        return True

    def look_at_text(self, file: Path, limit: int) -> bool:
        last = "\n"
        for block in text_blocks(file, self._rejecter(file)):
            self._formats[PLAIN_TEXT] += block.count("\n")
            self._characters += len(block)
            self._blocks += 1
            last = block[-1:] or last
            if len(self._preview) < _PREVIEW_ROWS and block.strip():
                self._preview.append(block.strip()[:_PREVIEW_CHARACTERS])
            if limit and self._blocks >= limit:
                self._complete = False
                return False
        self._formats[PLAIN_TEXT] += last != "\n"  # a last line without an end is a line too
        return True

    def result(self, files: int, notes: Iterable[str] = ()) -> DataReport:
        formats = [name for name, _ in self._formats.most_common()]
        return DataReport(
            format=formats[0] if len(formats) == 1 else "mixed" if formats else "unknown",
            files=files,
            rows=self._formats.total(),
            characters=self._characters,
            rejected=tuple(self._rejected),
            rejected_count=self._rejected_count,
            duplicates=self._duplicates,
            preview=tuple(self._preview),
            warnings=(*self._warnings(), *notes),
            complete=self._complete,
        )

    def _warnings(self) -> Iterator[str]:
        rows = self._formats.total()
        if not any(text.strip() for text in self._preview):
            yield "There is nothing in it to learn from."
        if self._rejected_count == 1:
            yield "1 line cannot be used; it is left out."
        elif self._rejected_count:
            yield f"{self._rejected_count:,} lines cannot be used; they are left out."
        if self._wrongly_encoded:
            yield "Not all of it is UTF-8: saved in another encoding, such as Windows-1252. Save it as UTF-8 to use it."
        if rows and self._duplicates > rows // 10:
            what = "row is an exact repetition" if self._duplicates == 1 else "rows are exact repetitions"
            yield f"{self._duplicates:,} {what} of earlier ones."
        if self._formats["preference"]:
            yield "These are preference pairs; fine-tuning learns the chosen answers and never sees the rejected."
        if len(self._formats) > 1:
            counts = ", ".join(f"{name} {count:,}" for name, count in self._formats.most_common())
            yield f"Rows of different formats stand together: {counts}."
        if 0 < self._characters < 10_000 and self._complete:
            yield "This is very little text; a model will learn it by heart."

    def _rejecter(self, file: Path) -> Reject:
        name = str(file.relative_to(self._folder)) if self._folder else ""

        def reject(line: int, reason: str) -> None:
            self._rejected_count += 1
            self._wrongly_encoded += reason == NOT_UTF8
            if len(self._rejected) < _REJECTED_SHOWN:
                self._rejected.append(RejectedLine(line=line, reason=reason, file=name))

        return reject

    def _note_duplicate(self, row: DataRow) -> None:
        digest = hashlib.blake2b(row.as_text().encode(), digest_size=8).digest()
        if digest in self._seen:
            self._duplicates += 1
        elif len(self._seen) < _DUPLICATES_TRACKED:
            self._seen.add(digest)


def _file_rows(file: Path, reject: Reject) -> Iterator[DataRow]:
    for line, value in table_values(file, reject) if is_table(file) else json_values(file, reject):
        try:
            yield understand(value, line)
        except RowRefusedError as reason:
            reject(line, str(reason))


def _for_file(reject: Callable[[Path, int, str], None] | None, file: Path) -> Reject:
    if reject is None:
        return ignore
    return lambda line, reason: reject(file, line, reason)
