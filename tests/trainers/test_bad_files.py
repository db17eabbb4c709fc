"""Whatever is wrong with a file of rows, every line of it is used or counted with its reason."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from trainers.datasets import inspect

GOOD = b'{"text": "good"}\n'
LONG = b'{"text": "' + b"x" * 1_100_000
# name, content, rows that are used, lines that are not, words of the first reason
BAD_FILES: tuple[tuple[str, bytes, int, tuple[int, ...], str], ...] = (
    ("byte-order-mark.jsonl", b"\xef\xbb\xbf" + GOOD, 1, (), ""),
    ("only-a-mark.jsonl", b"\xef\xbb\xbf", 0, (), ""),
    ("empty.jsonl", b"", 0, (), ""),
    ("blank.jsonl", b"\n \n\t\n", 0, (), ""),
    ("windows.jsonl", b'{"text": "a"}\r\n{"text": "b"}\r\n', 2, (), ""),
    ("old-mac.jsonl", b'{"text": "a"}\r{"text": "b"}\r', 0, (1,), "not valid JSON"),
    ("latin-1.jsonl", b'{"text": "caf\xe9"}\n' + GOOD, 1, (1,), "not UTF-8"),
    (
        "nan.jsonl",
        GOOD + b'{"text": "a", "score": NaN}\n{"text": "a", "score": -Infinity}\n',
        1,
        (2, 3),
        "not valid",
    ),
    ("overflow.jsonl", GOOD + b'{"text": "a", "score": 1e999}\n', 1, (2,), "out of range"),
    ("digits.jsonl", GOOD + b'{"text": "a", "n": ' + b"9" * 5000 + b"}\n", 1, (2,), "out of range"),
    ("deep-list.jsonl", GOOD + b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}\n", 1, (2,), "nested too deeply"),
    ("deep-object.jsonl", GOOD + b'{"a":' * 100_000 + b"\n" + GOOD, 2, (2,), "nested too deeply"),
    ("half-character.jsonl", GOOD + b'{"text": "a \\ud800 b"}\n', 1, (2,), "half of a character"),
    ("whole-character.jsonl", b'{"text": "\\ud83d\\ude42"}\n', 1, (), ""),
    ("nul-written.jsonl", b'{"text": "a\\u0000b"}\n', 1, (), ""),
    ("nul-raw.jsonl", GOOD + b'{"text": "a\0b"}\n', 1, (2,), "not valid JSON"),
    ("long.jsonl", GOOD + LONG + b'"}\n' + GOOD, 2, (2,), "longer than 1,000,000 bytes"),
    ("long-last.jsonl", GOOD + LONG, 1, (2,), "longer than 1,000,000 bytes"),
    ("half.jsonl", GOOD + b'{"text": "cut o', 1, (2,), "truncated"),
    ("half.json", b'[{"text": "a"},\n{"text": "cut o', 1, (2,), "rest of the file"),
    ("quotes.jsonl", b"{'text': 'a'}\n" + GOOD, 1, (1,), "not valid JSON"),
    ("commas.jsonl", b'{"text": "a"},\n' + GOOD, 1, (1,), "trailing characters"),
    ("scalars.jsonl", b'1\n"a"\nnull\ntrue\n' + GOOD, 1, (1, 2, 3, 4), "an object with named fields"),
    ("line-separator.jsonl", '{"text": "a\u2028b\x85c"}\n'.encode(), 1, (), ""),
    ("page.json", b"<html><body>Not found</body></html>", 0, (1,), "not valid JSON"),
    ("lines.json", GOOD * 2, 2, (), ""),
    ("behind-each-other.json", b'{"text": "a"} {"text": "b"}\n{"text": "c"}\n', 3, (), ""),
    ("packed-without-saying-so.jsonl", gzip.compress(GOOD * 3), 3, (), ""),
)


@pytest.mark.parametrize(
    ("name", "content", "rows", "lines", "reason"), BAD_FILES, ids=[bad[0] for bad in BAD_FILES]
)
def test_what_is_wrong_with_a_file_is_told_line_by_line_and_the_rest_is_used(
    tmp_path: Path, name: str, content: bytes, rows: int, lines: tuple[int, ...], reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    report = inspect(tmp_path / name)
    assert report.rows == rows
    assert tuple(bad.line for bad in report.rejected) == lines
    assert not lines or reason in report.rejected[0].reason


@pytest.mark.parametrize("name", ["rows.jsonl", "text.txt", "table.csv"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_named_also_without_its_mark(tmp_path: Path, name: str, encoding: str) -> None:
    (tmp_path / name).write_bytes("prompt,completion\nHi,Hello there\n".encode(encoding))
    with pytest.raises(UserError, match="UTF-16"):
        inspect(tmp_path / name)


def test_a_text_with_some_nul_in_it_is_not_taken_for_utf16(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\0two\0\0three\n")
    assert inspect(tmp_path / "a.txt").characters == 15


ODD = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([bad[1][:200] for bad in BAD_FILES]),
    st.text(max_size=30).map(lambda text: f'{{"text": "{text}"}}'.encode("utf-8", "surrogatepass")),
)


@given(st.lists(ODD.map(lambda line: line.replace(b"\n", b" ")), max_size=8))
@settings(max_examples=300, deadline=None)
def test_the_lines_used_and_the_lines_refused_are_all_there_are(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("odd") / "data.jsonl"
    path.write_bytes(GOOD + b"".join(line + b"\n" for line in lines))
    report = inspect(path)
    assert report.rows + report.rejected_count == 1 + sum(bool(line.strip()) for line in lines)
