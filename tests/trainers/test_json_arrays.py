"""A JSON array is read element by element: the same rows and lines however it is cut, and never all of it at once."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UserError
from trainers.data_files import json_values
from trainers.json_arrays import array_values

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('ab"\\[]{},:\né😀', max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("k[{", max_size=2), inner, max_size=3)
    ),
    max_leaves=9,
)
LONG = {"a": ['x"]}\\' * 9, {"b": "\\"}], "c": "\\\\"}  # marks that mean nothing within a string


def in_blocks(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


def read(text: str, size: int, longest: int = 1000) -> tuple[list[tuple[int, Any]], list[tuple[int, str]]]:
    rejected: list[tuple[int, str]] = []
    found = list(array_values(in_blocks(text, size), longest, lambda *line: rejected.append(line)))
    return found, rejected


@given(st.lists(VALUES, max_size=5), st.sampled_from([None, 0, 2]), st.integers(1, 40))
def test_wherever_a_block_ends_the_rows_are_those_of_the_whole(
    rows: list[Any], indent: int | None, size: int
):
    rows = ["first", *rows]  # brackets at the beginning are all taken for the array's own
    text = json.dumps(rows, indent=indent, ensure_ascii=False)
    found, rejected = read(text, size)
    assert ([row for _, row in found], rejected) == (rows, [])
    assert (found, rejected) == read(text, len(text))


@pytest.mark.parametrize("size", range(1, 60))
def test_a_row_that_is_too_long_is_passed_over_and_reading_goes_on_behind_it(size: int):
    text = (
        "[1,\n"
        + json.dumps(LONG, indent=0)
        + ",\n2.5,\n"
        + json.dumps(LONG["a"])
        + f",\n{'1' * 60}.5,\ntrue]"
    )
    found, rejected = read(text, size, longest=40)
    assert found == [(1, 1), (11, 2.5), (14, True)]
    assert rejected == [(line, "longer than 40 characters") for line in (2, 12, 13)]


def test_a_row_that_never_ends_is_not_held_in_memory():
    found, rejected = read("[1,\n{" + "\n" * 999 + '"a": "', 10, longest=40)
    assert found == [(1, 1)]
    assert rejected == [
        (2, "longer than 40 characters"),
        (1001, "the array does not end; the file may be cut off"),
    ]


@pytest.mark.parametrize("wrong", ['{"a" 1}', "tru", '"\t"', '{"a": 1,, }', "nul]"])
def test_what_is_wrong_far_into_a_file_has_its_line(wrong: str):
    for size in (7, 10**6):
        found, rejected = read("[" + "1,\n" * 500 + wrong + ", 2]" + " " * 100, size, longest=40)
        assert len(found) == 500
        assert [line for line, _ in rejected] == [501]
        assert "the rest of the file cannot be read" in rejected[0][1]


def test_an_array_of_many_rows_needs_the_memory_of_a_few(tmp_path: Path):
    row = json.dumps({"text": "é" + "x" * 9000})
    (tmp_path / "data.json").write_text("[" + ",\n".join([row] * 2000) + "]")
    tracemalloc.start()
    try:
        count = sum(1 for _ in json_values(tmp_path / "data.json", lambda line, why: None))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 2000
    assert most < 10_000_000 < (tmp_path / "data.json").stat().st_size


def test_where_an_array_is_not_utf8_the_line_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("trainers.data_files.BLOCK_SIZE", 5)
    (tmp_path / "data.json").write_bytes('["é",\n"ü",\n"'.encode() + b'caf\xe9", \n1]')
    with pytest.raises(UserError, match="data.json, line 3: this is not UTF-8"):
        list(json_values(tmp_path / "data.json", lambda line, why: None))
