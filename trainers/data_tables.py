"""Rows of tables: CSV and TSV with a line of column names, and Parquet.

    for line, value in table_values(Path("chats.csv"), rejected): ...   # 2, {"prompt": "Hi", "completion": "Hello!"}

A table is read as it streams by, so it may be larger than memory. The number of a Parquet row counts from 1.
The one rule: as in `data_files`: a row is given as it stands, or rejected with its number and the reason.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from engine.errors import UserError
from trainers.data_files import LINE_LIMIT, NOT_UTF8, TABLE_SUFFIXES, Reject, open_data, read_line
from trainers.packed_files import inner_suffix
from trainers.row_formats import FIELD_NAMES, is_a_format

_DELIMITERS = (",", ";", "\t", "|")
_ROWS_AT_ONCE = 256  # of a Parquet file


def is_table(path: Path) -> bool:
    """Whether a file is a table, by its name."""
    return inner_suffix(path) in TABLE_SUFFIXES


def table_values(path: Path, reject: Reject) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a table with the line each begins at.

    Raises:
        UserError: when it cannot be read, or has none of the columns that are wanted.
    """
    if inner_suffix(path) == ".parquet":
        return _parquet_values(path)
    return _text_values(path, reject)


def _text_values(path: Path, reject: Reject) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(LINE_LIMIT)  # of the whole process; nothing else here reads CSV
    with open_data(path) as file:
        lines = _Lines(file, path)
        delimiter, names = _header(lines.first, path)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            begin = lines.number + 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                reject(begin, lines.problem or _csv_words(str(error)))
                continue
            finally:
                problem, lines.problem = lines.problem, ""
            if problem:
                reject(begin, problem)
            elif len(record) != len(names) and record:
                reject(begin, f"has {len(record)} fields, but there are {len(names)} columns")
            elif record:
                yield begin, dict(zip(names, map(_cell, record), strict=True))


class _Lines:
    """The decoded lines of a table, and what is wrong with those of the row that is being read."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        self.number = 0
        self.problem = ""
        self.first = self._next()

    def __iter__(self) -> Iterator[str]:
        while line := self._next():
            yield line

    def _next(self) -> str:
        line = read_line(self._file, self._path)
        self.number += bool(line)
        if len(line) > LINE_LIMIT:
            self.problem = f"longer than {LINE_LIMIT:,} bytes"
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = read_line(self._file, self._path)
            line = line[:1000] + b"\n"
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.problem = self.problem or NOT_UTF8
            return line.decode(errors="replace")


def _header(line: str, path: Path) -> tuple[str, list[str]]:
    """The delimiter under which the first line names columns that are known, and the names."""
    wanted = _DELIMITERS if inner_suffix(path) != ".tsv" else ("\t",)
    found = []
    for delimiter in wanted:
        try:
            names = next(csv.reader([line], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        names = [name.strip() for name in names]
        known = [name.lower() if name.lower() in FIELD_NAMES else name for name in names]
        if is_a_format(known) and len(set(known)) == len(known):
            return delimiter, known
        found.append(names)
    columns = ", ".join(repr(name[:40]) for name in max(found, key=len, default=[])[:8]) or "none"
    raise UserError(
        f"{path}: the first line must name the columns, each once, such as instruction,output or prompt,completion "
        f"or text; found: {columns}. Rename them and try again."
    )


def _cell(text: str) -> Any:
    """A cell; lists of turns are written into CSV as JSON."""
    if text.startswith("[{"):
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return text
    return text


def _csv_words(error: str) -> str:
    if "field limit" in error:
        return f"a field is longer than {LINE_LIMIT:,} characters; a quotation mark may be missing"
    if "unexpected end" in error:
        return "a quotation mark is opened and never closed"
    return f"not valid CSV ({error})"


def _parquet_values(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:  # here, for it is large and need not be installed
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UserError(
            f"{path}: reading Parquet needs the package pyarrow, which is not installed. Run "
            "pip install 'tui-chat[parquet]', or save the data as JSON lines."
        ) from None
    arrow_error = importlib.import_module("pyarrow").ArrowException
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (arrow_error, OSError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: the Parquet file cannot be read ({words}).") from None
