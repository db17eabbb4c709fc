"""Every common format is recognised, and bad lines are counted, never crash."""

from __future__ import annotations

import errno
import gzip
import io
import json
import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.chat import assistant, system, user
from engine.errors import UserError
from trainers.data_files import LINE_LIMIT
from trainers.datasets import inspect, is_held_out, read_conversations, read_rows, read_text_chunks

HELLO = (user("Hi"), assistant("Hello!"))


def written(path: Path, *rows: object) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("name", "row", "conversation"),
    [
        (
            "messages",
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]},
            HELLO,
        ),
        (
            "sharegpt",
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]},
            HELLO,
        ),
        ("alpaca", {"instruction": "Hi", "input": "", "output": "Hello!"}, HELLO),
        ("alpaca", {"instruction": "Hi", "response": "Hello!"}, HELLO),
        ("alpaca", {"instruction": "Add", "input": "1 1", "output": "2"}, (user("Add\n1 1"), assistant("2"))),
        ("prompt_completion", {"prompt": "Hi", "completion": "Hello!"}, HELLO),
        ("question_answer", {"question": "Hi", "answer": "Hello!"}, HELLO),
        (
            "persona",
            {"input persona": "I am a robot.", "synthesized text": "User: Hi\nPersona: Hello!"},
            (system("I am a robot."), *HELLO),
        ),
    ],
)
def test_each_conversation_format_gives_the_same_messages(
    tmp_path: Path, name: str, row: object, conversation: tuple[object, ...]
) -> None:
    path = written(tmp_path / "data.jsonl", row)
    assert inspect(path).format == name
    assert list(read_conversations(path)) == [conversation]


def test_tool_turns_are_said_by_and_to_the_model(tmp_path: Path) -> None:
    turns = [("human", "Time?"), ("function_call", "clock()"), ("observation", "12:00"), ("gpt", "Noon.")]
    row = {"conversations": [{"from": who, "value": what} for who, what in turns], "tools": "clock"}
    (messages,) = read_conversations(written(tmp_path / "data.json", row))
    assert [message.role for message in messages] == ["system", "user", "assistant", "user", "assistant"]
    assert messages[0].content == "clock"


def test_a_json_array_is_read_like_json_lines_with_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"question": "1?", "answer": "2"}, {"x": 1}, {"text": "a"}], indent=1))
    report = inspect(path)
    assert (report.rows, report.format) == (2, "mixed")
    assert [bad.line for bad in report.rejected] == [6]


def test_a_pretty_printed_object_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"question": "1?", "answer": "2"}, indent=2))
    assert inspect(path).rows == 1


def test_rows_and_text_may_be_packed_and_lie_in_folders(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "one"}\n'))
    (folder / "b.jsonl.xz").write_bytes(lzma.compress(b'{"text": "two"}\n'))
    (folder / ".hidden.jsonl").write_text('{"text": "three"}\n')
    assert [row.text for row in read_rows(folder)] == ["one", "two"]


def test_plain_text_keeps_every_character_but_windows_line_ends_and_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffa\r\nb\u2028c\0d\té".encode())
    assert "".join(read_text_chunks(path)) == "a\nb\u2028c\0d\té"


def test_long_plain_text_without_lines_is_never_cut_inside_a_character(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.data_files.BLOCK_SIZE", 7)
    path = tmp_path / "text.txt"
    path.write_text("aé€😀" * 20, encoding="utf-8")
    assert "".join(read_text_chunks(path)) == "aé€😀" * 20


BAD_LINES = {
    b"{": "not valid JSON",
    b'{"text": NaN}': "not valid JSON",
    b'{"text": "\xff"}': "not",
    b'{"text": "\\ud800"}': "",
    b'{"text": 3}': "text is a number",
    b'{"text": "  "}': "empty",
    b'{"text": "' + b"x" * LINE_LIMIT + b'"}': "longer",
    b"[" * 100_000: "",
    b"3": "expected an object",
    b'{"hello": 1}': "unknown fields",
    b'{"messages": []}': "list of turns",
    b'{"messages": [{"role": "user", "content": "Hi"}]}': "no assistant turn",
    b'{"messages": [{"role": "pope", "content": "Hi"}]}': "unknown speaker",
    b'{"messages": [{"role": "assistant"}]}': "needs",
    b'{"messages": [{"role": "assistant", "content": null}]}': "null",
    b'{"instruction": "a", "output": null}': "null",
}


@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: repr(line[:30]))
def test_a_bad_line_is_counted_with_its_number_and_reason(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"text": "good"}\n\n' + line + b'\n{"text": "also good"}\n')
    report = inspect(path)
    assert report.rows == 2
    assert [bad.line for bad in report.rejected] == [3]
    assert BAD_LINES[line] in report.rejected[0].reason


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=8))
@settings(max_examples=150, deadline=None)
def test_whatever_the_bytes_every_line_is_used_or_has_a_reason(
    tmp_path_factory: pytest.TempPathFactory, lines
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "data.jsonl"
    path.write_bytes(b'{"text": "first"}\n' + b"".join(line + b"\n" for line in lines))
    report = inspect(path)
    assert report.rows + report.rejected_count == 1 + sum(bool(line.strip()) for line in lines)


def test_text_lines_that_are_not_utf8_are_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"one\ntwo \xe9\nthree\n")
    report = inspect(path)
    assert "".join(read_text_chunks(path)) == "one\nthree\n"
    assert [(bad.line, bad.reason) for bad in report.rejected] == [(2, "not UTF-8")]
    assert any("Save it as UTF-8" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "a".encode("utf-16"), "UTF-16"),
        ("a.bin", b"\0\1\2", "not a text file"),
        ("a.txt.gz", b"not packed", "damaged"),
    ],
)
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        inspect(path)


def test_a_missing_file_an_empty_folder_and_a_mixed_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        inspect(tmp_path / "nothing")
    with pytest.raises(UserError, match="no data file"):
        inspect(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    written(tmp_path / "b.jsonl", {"text": "row"})
    with pytest.raises(UserError, match="mixes"):
        inspect(tmp_path)


def test_duplicates_are_counted_and_a_limit_ends_the_look(tmp_path: Path) -> None:
    path = written(tmp_path / "data.jsonl", *[{"text": "same"}] * 5, {"text": "other"})
    assert inspect(path).duplicates == 4
    short = inspect(path, limit=2)
    assert (short.rows, short.complete) == (2, False)


def test_a_document_is_held_out_by_the_rule_of_the_data_pack() -> None:
    import hashlib

    for number in range(300):
        text = f"document {number}"
        expected = int(hashlib.md5(text.encode()).hexdigest()[:8], 16) % 50 == 0
        assert is_held_out(text, 0.02) == expected


BAD_ARRAYS = {
    '[{"text": "good"}, {"text": NaN, "b": }]': "Expecting value",
    '[{"text": "good"}, {"text": "a", "n": ' + "1" * 5000 + "}]": "a number is too long",
    '[{"text": "good"}, {"text": NaN, "b": ' + "[" * 100_000 + "}]": "nested too deeply",
    '[{"text": "good"}, {"text": NaN}]': "not valid JSON (NaN)",
    '[{"text": "good"},': "the array does not end",
    '[{"text": "good"}]\n[{"text": "unread"}]': "something follows the array",
}


@pytest.mark.parametrize("content", BAD_ARRAYS, ids=lambda content: BAD_ARRAYS[content])
def test_what_cannot_be_read_of_an_array_has_its_reason(tmp_path: Path, content: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    report = inspect(path)
    assert (report.rows, report.rejected_count) == (1, 1)
    assert BAD_ARRAYS[content] in report.rejected[0].reason


def test_a_name_too_long_and_a_disk_that_fails_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="cannot be read .File name too long"):
        inspect(tmp_path / ("x" * 300))

    class FailingDisk(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "text.txt"
    path.write_text("text\n")
    monkeypatch.setattr("trainers.data_files.open_data", lambda path: FailingDisk())
    with pytest.raises(UserError, match="cannot be read .Input/output error"):
        list(read_text_chunks(path))
