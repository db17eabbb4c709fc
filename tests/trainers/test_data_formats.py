"""Tables, packed files, preference pairs and folders that are split already are read as what they are."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.chat import assistant, system, user
from engine.errors import UserError
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.chat_formats import COMPLETION
from trainers.config import TrainingConfig
from trainers.corpus_building import build_corpus, training_texts
from trainers.data_files import LINE_LIMIT
from trainers.data_splits import data_parts, split_of
from trainers.datasets import inspect, is_held_out, read_conversations, read_rows, read_text_chunks
from trainers.tokenizer_choice import make_tokenizer

HELLO = (user("Hi"), assistant("Hello!"))


def written(path: Path, *rows: object) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "Hello!", "rejected": "Go."},
        {"instruction": "Hi", "input": "", "chosen": "Hello!", "rejected": "Go."},
        {"prompt": [{"role": "user", "content": "Hi"}], "chosen": "Hello!", "rejected": "Go."},
        {
            "prompt": "Hi",
            "chosen": [{"role": "assistant", "content": "Hello!"}],
            "rejected": [{"role": "assistant", "content": "Go."}],
        },
        {
            "prompt": "Hi",  # said again in the answers, as some files do
            "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
            "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Go."}],
        },
        {
            "chosen": "\n\nHuman: Hi\n\nAssistant: Hello!",
            "rejected": "\n\nHuman: Hi\n\nAssistant: Go.",
        },
        {
            "conversations": [{"from": "human", "value": "Hi"}],
            "chosen": {"from": "gpt", "value": "Hello!"},
            "rejected": {"from": "gpt", "value": "Go."},
        },
    ],
)
def test_of_a_preference_pair_the_chosen_answer_is_learnt_and_this_is_said(
    tmp_path: Path, row: object
) -> None:
    path = written(tmp_path / "pairs.jsonl", row)
    report = inspect(path)
    assert report.format == "preference"
    assert any("never sees the rejected" in warning for warning in report.warnings)
    assert list(read_conversations(path)) == [HELLO]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Hi", "chosen": "Same.", "rejected": "Same."}, "the same"),
        ({"prompt": "Hi", "chosen": "Hello!", "rejected": " "}, "rejected is empty"),
        ({"chosen": "Hello!", "rejected": "Go."}, "there is no prompt"),
        ({"prompt": "Hi", "chosen": "Hello!", "rejected": 3}, "a number"),
    ],
)
def test_a_preference_pair_that_is_none_is_refused_with_its_reason(
    tmp_path: Path, row: object, reason: str
) -> None:
    report = inspect(written(tmp_path / "pairs.jsonl", row))
    assert (report.rows, len(report.rejected)) == (0, 1)
    assert reason in report.rejected[0].reason


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,prompt,completion\n1,Hi,Hello!\n2,"a ""b"", c\nd",e\n'),
        ("a.csv", 'Prompt;Completion\nHi;Hello!\n"a ""b"", c\nd";e\n'),
        ("a.tsv", 'prompt\tcompletion\r\nHi\tHello!\r\n"a ""b"", c\nd"\te\r\n'),
        ("a.csv", '\ufeffinstruction,input,output\nHi,,Hello!\n"a ""b"", c","d",e\n'),
    ],
)
def test_a_table_with_such_columns_gives_conversations(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8", newline="")
    assert list(read_conversations(path)) == [HELLO, (user('a "b", c\nd'), assistant("e"))]
    assert inspect(path).rejected == ()


def test_lists_of_turns_may_stand_in_a_table_as_json(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["messages"], [json.dumps(turns)]])
    assert list(read_conversations(tmp_path / "a.csv")) == [HELLO]


def test_a_table_whose_first_line_names_no_known_columns_says_what_it_found(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,age\nAda,36\n")
    with pytest.raises(UserError, match=r"must name the columns.*found: 'name', 'age'"):
        inspect(tmp_path / "a.csv")


BAD_RECORDS = {
    b"one,two,three": "has 3 fields, but there are 2 columns",
    b"one": "has 1 fields",
    b"one,": "is empty",
    b"caf\xe9,two": "not UTF-8",
    b'"one"x,two': "not valid CSV",
    b"x" * (LINE_LIMIT + 5) + b",two": "longer than",
    b'"' + (b"x" * 1000 + b"\n") * (LINE_LIMIT // 1000) + b'",two': "a quotation mark may be missing",
}


@pytest.mark.parametrize("record", BAD_RECORDS, ids=lambda record: BAD_RECORDS[record])
def test_a_bad_row_of_a_table_has_its_line_and_reason_and_reading_goes_on(
    tmp_path: Path, record: bytes
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"prompt,completion\nHi,Hello!\n" + record + b"\nHi,Hello!\n")
    report = inspect(path)
    assert BAD_RECORDS[record] in report.rejected[0].reason
    assert report.rejected[0].line == 3
    assert report.rows == 2 or record.startswith(b'"x')  # where a quotation mark ends is anybody's guess


def test_a_quotation_mark_that_is_never_closed_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('prompt,completion\nHi,Hello!\n"Hi,Hello!\nHi,Hello!\n')
    report = inspect(tmp_path / "a.csv")
    assert (report.rows, report.rejected[0].line) == (1, 3)
    assert "never closed" in report.rejected[0].reason


@given(st.lists(st.text(max_size=30), max_size=20))
@settings(max_examples=150, deadline=None)
def test_every_row_of_a_table_is_used_or_has_a_reason(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    path = tmp_path_factory.mktemp("table") / "a.csv"
    written_rows = io.StringIO()
    rows = [cells[place : place + 2] for place in range(0, len(cells), 2)]
    csv.writer(written_rows).writerows([["prompt", "completion"], *rows])
    path.write_bytes(written_rows.getvalue().encode())
    report = inspect(path)
    assert report.rows + report.rejected_count == len(rows)
    usable = [row for row in rows if len(row) == 2 and all(cell.strip() for cell in row)]
    assert report.rows == len(usable)


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_whatever_the_bytes_of_a_table_reading_it_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("table") / "a.csv"
    path.write_bytes(b"prompt,completion\n" + data)
    report = inspect(path)
    assert report.rows + report.rejected_count <= 1 + data.count(b"\n") + data.count(b"\r")


@pytest.mark.parametrize(
    ("name", "package", "words"),
    [("a.jsonl.zst", "zstandard", "tui-chat.zst"), ("a.parquet", "pyarrow.parquet", "parquet")],
)
def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str, words: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match=words):
        inspect(tmp_path / name)


def test_zstandard_files_are_read_and_told_when_they_are_cut_off(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "a.txt.zst"
    whole = zstandard.compress(b"one\n" * 1000) + zstandard.compress(b"two\n" * 1000)
    path.write_bytes(whole)
    assert "".join(read_text_chunks(path)) == "one\n" * 1000 + "two\n" * 1000
    for damaged in (whole[:-3], b"x" + whole):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged"):
            inspect(path)


def test_parquet_files_are_read_with_their_lists_of_turns(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"messages": [turns, None]}), path)
    report = inspect(path)
    assert [(bad.line, bad.reason) for bad in report.rejected] == [(2, "'messages' must be a list of turns")]
    assert list(read_conversations(path)) == [HELLO]
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match="Parquet file cannot be read"):
        inspect(path)


@pytest.fixture
def split_folder(tmp_path: Path) -> Path:
    """train.txt, val.txt, test.txt and vocab.txt, as people prepare them."""
    folder = tmp_path / "split"
    folder.mkdir()
    (folder / "train.txt").write_text("abc\n" * 50)
    (folder / "val.txt").write_text("abd\n" * 10)
    (folder / "test.txt").write_text("xyz\n" * 10)
    (folder / "vocab.txt").write_text("a\nb\nc\nd\n\\n\n")
    (folder / "more.txt").write_text("something else\n")
    return folder


def test_a_folder_that_is_split_already_stays_so(split_folder: Path) -> None:
    report = inspect(split_folder)
    assert report.files == 3
    words = " ".join(report.warnings)
    assert "train.txt trains, val.txt validates, test.txt is kept for testing, vocab.txt is the voc" in words
    assert "Left out of the folder: more.txt" in words
    config = TrainingConfig(dataset=str(split_folder), context_length=8)
    assert "".join(training_texts(config)) == "abc\n" * 50 + "abd\n" * 10  # no vocabulary from the test data
    tokenizer, _ = make_tokenizer(config, lambda stage: None)
    assert isinstance(tokenizer, CharTokenizer)
    assert tokenizer.characters == ("a", "b", "c", "d", "\n")  # in the order of vocab.txt
    corpus = build_corpus(config, tokenizer, COMPLETION, split_folder / "tokens", lambda stage: None)
    assert (corpus.files.train_tokens, corpus.files.validation_tokens) == (200, 40)


def test_a_validation_dataset_goes_before_the_folders_own_and_other_folders_have_no_parts(
    split_folder: Path, tmp_path: Path
) -> None:
    parts = data_parts(str(split_folder), "mine.txt")
    assert (parts.train, parts.validation) == (split_folder / "train.txt", Path("mine.txt"))
    (split_folder / "train.txt").unlink()
    assert data_parts(str(split_folder)) == (split_folder, None, None, None)


def test_test_rows_come_out_of_those_that_train_and_no_row_ever_changes_its_side() -> None:
    texts = [f"document {number}" for number in range(2000)]
    sides = [split_of(text, 0.1, 0.05) for text in texts]
    assert [side == "validation" for side in sides] == [is_held_out(text, 0.1) for text in texts]
    assert 60 < sides.count("test") < 140
    assert sides == [split_of(text, 0.1, 0.05) for text in texts]
    assert split_of("anything", 0.0, 0.0) == "train"


def test_turns_of_tools_and_of_the_system_are_read_in_rows_of_a_folder(tmp_path: Path) -> None:
    turns = [("system", "Be brief."), ("human", "Time?"), ("function_call", "clock()"), ("observation", "12")]
    row = {"conversations": [{"from": who, "value": what} for who, what in turns]}
    written(tmp_path / "a.jsonl", row)
    (tmp_path / "b.csv").write_text("question,answer\nHi,Hello!\n")
    first, second = read_rows(tmp_path)
    assert first.messages == (system("Be brief."), user("Time?"), assistant("clock()"), user("12"))
    assert second.messages == HELLO


CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


@pytest.mark.parametrize("content", [{"content": None}, {"content": ""}, {}])
def test_the_tools_an_openai_turn_calls_are_what_it_says(tmp_path: Path, content: dict[str, None]) -> None:
    turns = [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "tool_calls": [CALL], **content},
        {"role": "tool", "content": "2", "tool_call_id": "1"},
        {"role": "assistant", "content": "2."},
    ]
    path = written(tmp_path / "a.jsonl", {"messages": turns, "tools": [{"name": "add"}]})
    (messages,) = read_conversations(path)
    assert [message.role for message in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert json.loads(messages[0].content) == [{"name": "add"}]
    assert json.loads(messages[2].content) == CALL["function"]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("prompt", "response"), ("input", "output"), ("query", "response"), ("user", "assistant")],
)
def test_pairs_go_by_several_names(tmp_path: Path, asked: str, answered: str) -> None:
    path = written(tmp_path / "a.jsonl", {asked: "Hi", answered: "Hello!"})
    assert list(read_conversations(path)) == [HELLO]
    (tmp_path / "a.csv").write_text(f"{asked},{answered}\nHi,Hello!\n")
    assert list(read_conversations(tmp_path / "a.csv")) == [HELLO]


def test_of_two_numbered_users_the_one_who_answers_is_the_persona(tmp_path: Path) -> None:
    row = {"input persona": "I rest.", "synthesized text": "User 1: Hi\nUser 2: Hello!\nUser 1: Bye"}
    (messages,) = read_conversations(written(tmp_path / "a.jsonl", row))
    assert messages == (system("I rest."), *HELLO, user("Bye"))
