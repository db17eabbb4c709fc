"""Reading files of text and of JSON rows, in pieces, so that a file may be larger than memory.

    for block in text_blocks(path, rejected): ...        # plain text, about a million characters at a time
    for line, value in json_values(path, rejected): ...  # JSON lines, or the elements of one JSON array

.gz, .xz and .zst are opened on the fly; a byte order mark is skipped; Windows line ends become "\\n".
The one rule: what cannot be read goes to `rejected` with its line number and the reason, and reading goes on.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from engine.errors import UserError
from trainers.json_arrays import array_values
from trainers.own_datasets import why_missing
from trainers.packed_files import inner_suffix, open_unpacked, reading

Reject = Callable[[int, str], None]  # line number, reason

NOT_UTF8 = "not UTF-8"  # the reason of a line
LINE_LIMIT = 1_000_000  # bytes of one JSON row
BLOCK_SIZE = 1 << 20  # bytes of plain text read at once
TEXT_SUFFIXES = (".txt", ".md", ".text", ".markdown")
ROW_SUFFIXES = (".jsonl", ".ndjson", ".json")
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
DATA_SUFFIXES = TEXT_SUFFIXES + ROW_SUFFIXES + TABLE_SUFFIXES
VOCABULARY_FILE = "vocab.txt"
_SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("val", "validation", "valid", "dev"),
    "test": ("test",),
}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")  # one of a pair, written as JSON does


class ReadySplits(NamedTuple):
    """A folder whose owner has split the data: train.txt, val.txt, test.txt, vocab.txt (or .jsonl, .csv ...)."""

    train: Path
    validation: Path | None
    test: Path | None
    vocabulary: Path | None


def ready_splits(path: Path) -> ReadySplits | None:
    """The parts of a folder with one training file and one to validate or to test on; None for all else."""
    try:
        files = [file for file in sorted(path.iterdir()) if _is_data(file)] if path.is_dir() else []
    except OSError:  # `data_files` tells it
        return None
    parts = {
        part: next((file for name in names for file in files if _stem(file) == name), None)
        for part, names in _SPLIT_NAMES.items()
    }
    train, vocabulary = parts["train"], path / VOCABULARY_FILE
    if train is None or not (parts["validation"] or parts["test"]):
        return None
    return ReadySplits(train, parts["validation"], parts["test"], vocabulary if vocabulary in files else None)


def _stem(file: Path) -> str:
    return file.name.lower().split(".")[0]


def data_files(path: Path) -> list[Path]:
    """The file itself, or the data files below a folder, sorted by name; of a ready split its parts only.

    Raises:
        UserError: when there is nothing to read.
    """
    try:
        if path.is_file():
            return [path]
        is_folder = path.is_dir()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    if not is_folder:
        raise UserError(why_missing(path))
    if splits := ready_splits(path):
        return [file for file in splits[:3] if file]
    found = sorted(file for file in path.rglob("*") if _is_data(file) and not _is_hidden(file, path))
    if not found:
        wanted = ", ".join(TEXT_SUFFIXES[:2] + ROW_SUFFIXES + TABLE_SUFFIXES)
        raise UserError(
            f"{path}: there is no data file in this folder. Wanted: {wanted}, also packed as .gz, .xz or .zst."
        )
    return found


def holds_rows(path: Path) -> bool:
    """Whether a file holds rows rather than plain text; an unknown suffix is decided by the first bytes.

    Raises:
        UserError: when the file is neither, or cannot be read.
    """
    suffix = inner_suffix(path)
    if suffix in ROW_SUFFIXES + TABLE_SUFFIXES:
        return True
    with open_data(path) as file:
        head = _read(file, 4096, path)
    if b"\0" in head and (suffix not in TEXT_SUFFIXES or not _is_utf8(head)):
        raise UserError(
            f"{path}: this is not a text file. Plain text, JSON or JSON lines in UTF-8 is wanted."
        )
    if suffix in TEXT_SUFFIXES:
        return False
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith((b'{"', b"[{", b"{\n", b"[\n"))


def _is_utf8(beginning: bytes) -> bool:
    """Whether the beginning of a file is UTF-8, but for a character that is cut at its end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return True


def open_data(path: Path) -> IO[bytes]:
    """A binary stream of the unpacked content, after its byte order mark.

    Raises:
        UserError: when the file cannot be opened, or is not UTF-8 by its first bytes.
    """
    try:
        file = open_unpacked(path)
        start = _read(file, 64, path)
        file.close()  # opened anew, for not every packed stream can go back
        if _is_utf16(start):
            raise UserError(f"{path}: this file is UTF-16. Save it as UTF-8 and try again.")
        file = open_unpacked(path)
        if start.startswith(b"\xef\xbb\xbf"):
            _read(file, 3, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None
    return file


def _is_utf16(start: bytes) -> bool:
    """Whether a file begins with the mark of UTF-16, or every other byte is 0 as in Western text without it."""
    even, odd = start[::2], start[1::2]
    is_half_empty = len(odd) > 2 and (any(even), any(odd)) in ((True, False), (False, True))
    return start[:2] in _UTF16_MARKS or (is_half_empty and 0 not in (even if any(even) else odd))


def text_blocks(path: Path, reject: Reject) -> Iterator[str]:
    """A plain text file in blocks that end with a line where they can; lines that are not UTF-8 are left out."""
    line, rest = 1, b""
    with open_data(path) as file:
        while data := _read(file, BLOCK_SIZE, path):
            block, rest = _cut(rest + data)
            if block:
                yield _decoded(block, line, reject)
                line += block.count(b"\n")
    if rest:
        yield _decoded(rest, line, reject)


def json_values(path: Path, reject: Reject) -> Iterator[tuple[int, Any]]:
    """The rows of a JSON file with the lines they begin at, whether it is JSON lines or one array."""
    if _is_array(path):
        yield from array_values(_decoded_blocks(path), LINE_LIMIT, reject)
    else:
        yield from _line_values(path, reject)


def _line_values(path: Path, reject: Reject) -> Iterator[tuple[int, Any]]:
    decode = msgspec.json.Decoder().decode
    for number, line in _lines(path, reject):
        if not line.strip():
            continue
        try:
            yield number, decode(line)
        except RecursionError:
            reject(number, "nested too deeply")
        except UnicodeDecodeError:
            reject(number, NOT_UTF8)
        except msgspec.DecodeError as error:
            is_half = "truncated" in str(error) and _HALF_CHARACTER.search(line)
            why = "holds half of a character (a lone surrogate)" if is_half else f"not valid JSON ({error})"
            reject(number, why)


def _lines(path: Path, reject: Reject) -> Iterator[tuple[int, bytes]]:
    """Numbered lines; one that is too long is skipped without ever being held in memory."""
    number = 0
    with open_data(path) as file:
        while line := read_line(file, path):
            number += 1
            if len(line) > LINE_LIMIT:
                while line and not line.endswith(b"\n"):
                    line = read_line(file, path)
                reject(number, f"longer than {LINE_LIMIT:,} bytes")
                continue
            yield number, line


def _decoded_blocks(path: Path) -> Iterator[str]:
    """A whole file as text, block by block.

    Raises:
        UserError: when it is not UTF-8; names the line.
    """
    decode = codecs.getincrementaldecoder("utf-8")().decode
    line = 1
    with open_data(path) as file:
        while data := _read(file, BLOCK_SIZE, path):
            yield _decoded_part(decode, data, line, path)
            line += data.count(b"\n")
        yield _decoded_part(decode, b"", line, path)


def _decoded_part(decode: Callable[[bytes, bool], str], data: bytes, line: int, path: Path) -> str:
    try:
        return decode(data, not data)
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
        raise UserError(
            f"{path}, line {line}: this is not UTF-8. Save the file as UTF-8 and try again."
        ) from None


def _is_array(path: Path) -> bool:
    """JSON lines begin with a whole object on the first line; anything else is read as one document."""
    with open_data(path) as file:
        first = read_line(file, path).strip()
        while not first and (line := read_line(file, path)):
            first = line.strip()
    if first.startswith(b"["):
        return True
    if inner_suffix(path) != ".json" or not first.startswith(b"{") or len(first) >= LINE_LIMIT:
        return False
    try:
        msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return False


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Bytes to decode now and bytes to keep: cut after the last line, or else between two characters."""
    end = data.rfind(b"\n") + 1
    if end == 0:
        end = len(data)
        while end > 0 and end > len(data) - 4 and data[end - 1] & 0xC0 == 0x80:
            end -= 1  # step back over continuation bytes
        end = max(end - 1, 0)  # and over the byte that leads them
    return data[:end], data[end:]


def _decoded(block: bytes, first_line: int, reject: Reject) -> str:
    try:
        text = block.decode()
    except UnicodeDecodeError:
        text = "".join(_good_lines(block, first_line, reject))
    return text.replace("\r\n", "\n") if "\r" in text else text


def _good_lines(block: bytes, first_line: int, reject: Reject) -> Iterator[str]:
    for number, line in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", block), first_line):
        try:
            yield line.decode()
        except UnicodeDecodeError:
            reject(number, NOT_UTF8)


def _read(file: IO[bytes], size: int, path: Path) -> bytes:
    with reading(path):
        return file.read(size)


def read_line(file: IO[bytes], path: Path) -> bytes:
    """A line, or the first `LINE_LIMIT` + 1 bytes of it."""
    with reading(path):
        return file.readline(LINE_LIMIT + 1)


def is_data_name(path: Path) -> bool:
    """Whether a file is data by its name."""
    return inner_suffix(path) in DATA_SUFFIXES


def _is_data(path: Path) -> bool:
    return is_data_name(path) and path.is_file()


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
