"""Text files that go out with a message: which are taken, how a path may be written, and how they are sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import UserError
from tui_chat.attachments import (
    LARGEST,
    Attachment,
    message_with,
    read_attachment,
    size_in_words,
    without_attachments,
)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"a\0b", "is not a text file"),
        (b"", "is empty"),
        ("héllo".encode("latin-1"), "line 1: not UTF-8 text"),
        (b"one\ntwo \xff", "line 2: not UTF-8 text"),
        ("hello".encode("utf-16"), "UTF-16 text. Save it as UTF-8"),
        (b"x" * (LARGEST + 1), "is 1.0 MB; at most 1.0 MB"),
    ],
)
def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path, data: bytes, sentence: str) -> None:
    file = tmp_path / "thing.bin"
    file.write_bytes(data)
    with pytest.raises(UserError, match=sentence):
        read_attachment(str(file))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder. Attach one file at a time"):
        read_attachment(str(tmp_path))
    with pytest.raises(UserError, match="There is no file"):
        read_attachment(str(tmp_path / "nothing"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is not a regular file"):
        read_attachment(str(tmp_path / "pipe"))
    with pytest.raises(UserError, match="cannot be read|There is no file"):
        read_attachment("x" * 5000)


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("x")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match="secret cannot be read \\(Permission denied\\)"):
        read_attachment(str(tmp_path / "secret"))


@pytest.mark.parametrize("form", ["{}", '"{}"', "'{}'", " {} ", "~/my notes.txt", "escaped"])
def test_a_path_may_be_quoted_escaped_or_begin_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my notes.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    path = f"{tmp_path}/my notes.txt"
    typed = path.replace(" ", "\\ ") if form == "escaped" else form.format(path)
    assert read_attachment(typed) == Attachment("my notes.txt", "one\ntwo", 11)


def test_a_fence_is_longer_than_any_in_the_file_and_the_message_can_be_taken_apart() -> None:
    files = [Attachment("a.py", "x = 1\n", 6), Attachment("b", "````\ninside\n````\n", 17)]
    message = message_with("Why?\n\nFile `c`:", files)
    assert message.startswith("File `a.py`:\n\n```py\nx = 1\n```\n\nFile `b`:\n\n`````\n````\ninside")
    assert without_attachments(message) == "Why?\n\nFile `c`:"
    assert without_attachments("plain") == "plain"
    assert without_attachments(message_with("", files)) == message_with("", files)


@pytest.mark.parametrize(
    ("size", "words"), [(1, "1 byte"), (999, "999 bytes"), (1234, "1.2 kB"), (10**6, "1.0 MB")]
)
def test_sizes_are_told_in_words(size: int, words: str) -> None:
    assert size_in_words(size) == words
