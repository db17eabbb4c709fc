"""Which part of the data is measured, and how a model reads it."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from engine.chat import assistant, user
from engine.errors import UserError
from engine.tokenizers import END_OF_TEXT
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.chat_format import ChatFormat
from engine.tokenizers.chat_formats import CHAT, COMPLETION
from trainers.data_splits import Split
from trainers.datasets import is_held_out, read_rows
from trainers.evaluation_data import ANSWER, NOT_A_TARGET, PROMPT, TEXT, ChosenData, Reading, Shares
from trainers.row_formats import DataRow

LETTERS = "abcdefghijklmnopqrstuvwxyz .\n"
TENTHS = Shares(0.1, 0.1)


def reading(context_length: int, chat_format: ChatFormat = CHAT, *special: str) -> Reading:
    names = special or CHAT.special_tokens
    return Reading(CharTokenizer.from_text(LETTERS, special_tokens=names), chat_format, context_length)


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    rows = [{"question": f"what is {number}", "answer": f"it is {number}"} for number in range(300)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_every_row_stands_in_one_split_and_validation_is_what_a_run_holds_out(rows_file: Path) -> None:
    splits: tuple[Split, ...] = ("train", "validation", "test")
    found = {split: [row.line for row in ChosenData(rows_file, split, TENTHS).rows()] for split in splits}
    assert sorted(chain.from_iterable(found.values())) == list(range(1, 301))
    held_out = [row.line for row in read_rows(rows_file) if is_held_out(row.as_text(), 0.1)]
    assert found["validation"] == held_out
    assert 10 < len(found["test"]) < 60
    assert len(list(ChosenData(rows_file, "all", TENTHS).rows())) == 300


def test_a_limit_ends_the_reading_after_so_many_wanted_rows(rows_file: Path) -> None:
    data = ChosenData(rows_file, "all", TENTHS, limit=3)
    assert [row.line for row in data.rows(lambda row: row.line % 2 == 0)] == [2, 4, 6]


def test_plain_text_is_cut_where_training_cuts_it(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    whole = path.read_text()
    train, validation = ("".join(*ChosenData(path, side, TENTHS).texts()) for side in ("train", "validation"))
    assert train + validation == whole
    assert len(train) == int(len(whole) * 0.9)
    assert "".join(*ChosenData(path, "all", TENTHS, limit=2).texts()) == "line 0\nline 1\n"


def test_plain_text_without_a_test_file_has_no_test_part(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("words\n")
    with pytest.raises(UserError, match="no test part.*Use --split validation"):
        ChosenData(path, "test", TENTHS)


def test_a_folder_that_is_split_already_stays_so(tmp_path: Path) -> None:
    for name in ("train", "val"):
        (tmp_path / f"{name}.txt").write_text(f"text to {name}\n")
    assert "".join(*ChosenData(tmp_path, "validation", TENTHS).texts()) == "text to val\n"
    assert "".join(*ChosenData(tmp_path, "train", TENTHS).texts()) == "text to train\n"
    assert len(list(ChosenData(tmp_path, "all", TENTHS).texts())) == 2
    with pytest.raises(UserError, match="holds no test file"):
        ChosenData(tmp_path, "test", TENTHS)
    (tmp_path / "test.txt").write_text("text to test\n")
    assert "".join(*ChosenData(tmp_path, "test", TENTHS).texts()) == "text to test\n"


def test_answers_and_prompts_are_told_apart() -> None:
    row = DataRow(1, "messages", messages=(user("hi"), assistant("hey")))
    [sequence] = reading(64).sequences(row)
    #                    <|user|>      h       i       <|assistant|>  h e y <|endoftext|>
    assert list(sequence.groups) == [NOT_A_TARGET, PROMPT, PROMPT, PROMPT, *[ANSWER] * 4]
    [without_marks] = reading(64, COMPLETION).sequences(row)
    assert list(without_marks.groups) == [NOT_A_TARGET, PROMPT, ANSWER, ANSWER, ANSWER]


def test_a_long_conversation_is_cut_and_the_cut_is_counted() -> None:
    row = DataRow(1, "messages", messages=(user("hi"), assistant("hello there")))
    [sequence] = reading(6).sequences(row)
    assert len(sequence.ids) == 7 and sequence.cut == 16 - 7
    assert not reading(6).fits(row) and reading(15).fits(row)


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 14, 15, 50])
def test_every_token_of_a_text_but_the_first_is_a_target_once(length: int) -> None:
    tokenizer = reading(7).tokenizer
    ids = tokenizer.encode(LETTERS * 2)[:length]
    targets: list[int] = []
    for sequence in reading(7).of_text([tokenizer.decode(ids)]):
        assert len(sequence.ids) <= 8
        targets += sequence.ids[sequence.groups == TEXT].tolist()
    assert targets == ids[1:]


def test_a_model_that_wants_an_opening_token_gets_it_before_every_window() -> None:
    opened = reading(7, ChatFormat(name="opened", start="<s>"), "<s>", END_OF_TEXT)
    ids = opened.tokenizer.encode(LETTERS)
    windows = list(opened.of_text([LETTERS]))
    start = opened.tokenizer.special_tokens["<s>"]
    assert all(window.ids[0] == start and len(window.ids) <= 8 for window in windows)
    assert np.concatenate([window.ids[1:] for window in windows]).tolist() == ids


def test_a_document_of_a_row_ends_with_the_end_of_text() -> None:
    [sequence] = reading(64).sequences(DataRow(1, "text", text="abc"))
    assert sequence.ids[-1] == reading(64).tokenizer.end_of_text and sequence.groups[-1] == TEXT
