"""Paths that are completed while they are typed."""

from pathlib import Path

import pytest

from tui_chat.path_completion import completed, paths_like
from tui_chat.widgets.file_input import PathSuggester


def test_paths_are_completed_as_they_are_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Notes").mkdir()
    for name in ("notes.txt", ".hidden", "other"):
        (tmp_path / name).write_text("x")
    assert paths_like(f"{tmp_path}/no") == [(f"{tmp_path}/Notes/", True), (f"{tmp_path}/notes.txt", False)]
    assert paths_like(f"{tmp_path}/.h") == [(f"{tmp_path}/.hidden", False)]
    assert paths_like(f"'{tmp_path}/oth") == [(f"{tmp_path}/other", False)]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ("~/other", False) in paths_like("~/")
    monkeypatch.chdir(tmp_path)
    assert ("other", False) in paths_like("")
    assert paths_like(f"{tmp_path}/missing/x") == []


def test_of_files_those_that_are_meant_are_offered_and_every_folder(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "more.txt").touch()
    (tmp_path / "more.png").touch()
    found = paths_like(f"{tmp_path}/m", lambda path: path.suffix == ".txt")
    assert found == [(f"{tmp_path}/music/", True), (f"{tmp_path}/more.txt", False)]


async def test_the_first_path_that_goes_on_as_it_was_typed_is_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chats").mkdir()
    (tmp_path / "chats" / "old.json").touch()
    (tmp_path / "bad\x1b[31m").touch()
    assert completed("ch") == "chats/"
    assert completed("Ch") is None  # what was typed is never typed anew
    assert completed(f"{tmp_path}/chats/o") == f"{tmp_path}/chats/old.json"
    assert [completed(text) for text in ("", "nothing", "bad", "no/such/folder", "a\0b/c")] == [None] * 5
    assert await PathSuggester().get_suggestion("chats/") == "chats/old.json"
