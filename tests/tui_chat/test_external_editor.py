"""Writing in one's own editor: which one, what comes back, and what happens when it goes wrong."""

from __future__ import annotations

import shlex
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.errors import UserError
from tests.tui_chat.fake_engine import fake_app, until
from tui_chat import external_editor
from tui_chat.app import TuiChatApp
from tui_chat.external_editor import edited, editor_command, text_of


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def editor(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """An editor that does `code` with the file `f`."""
    program = f"import pathlib, sys; f = pathlib.Path(sys.argv[-1]); {code}"
    monkeypatch.setenv("VISUAL", shlex.join([sys.executable, "-c", program, "--wait"]))


def app_that_can_suspend(monkeypatch: pytest.MonkeyPatch) -> TuiChatApp:
    @contextmanager
    def suspend(app: TuiChatApp) -> Iterator[None]:
        yield

    monkeypatch.setattr(TuiChatApp, "suspend", suspend)
    return fake_app()


def test_visual_goes_before_editor_and_arguments_are_kept() -> None:
    program = shlex.quote(sys.executable)
    assert editor_command({"VISUAL": f"{program} -t 'a b'", "EDITOR": "x"}) == [sys.executable, "-t", "a b"]
    assert editor_command({"VISUAL": " ", "EDITOR": program}) == [sys.executable]


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "No editor is named. Set VISUAL or EDITOR"),
        ({"EDITOR": "no-such-editor -w"}, "The editor no-such-editor is not there"),
        ({"EDITOR": "'unclosed"}, "cannot be read as a command"),
    ],
)
def test_an_editor_that_is_not_there_is_told(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        editor_command(environment)


@pytest.mark.parametrize("draft", ["", "one", "one\ntwo", "ends with a newline\n", "\n\n  é😀\t"])
async def test_a_text_that_is_left_alone_comes_back_as_it_was(
    draft: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(monkeypatch, "f.write_bytes(f.read_bytes())")
    assert await edited(app_that_can_suspend(monkeypatch), draft) == draft


async def test_the_file_is_private_and_goes_away(
    monkeypatch: pytest.MonkeyPatch, temporary_files: Path
) -> None:
    editor(monkeypatch, "f.write_text(f'{f.stat().st_mode:o} {f.parent.stat().st_mode:o} {f.read_text()}')")
    said = await edited(app_that_can_suspend(monkeypatch), "hello")
    assert said == f"{stat.S_IFREG | 0o600:o} {stat.S_IFDIR | 0o700:o} hello"
    assert list(temporary_files.iterdir()) == []


@pytest.mark.parametrize(
    ("saved", "text"),
    [
        (b"a\n", "a"),
        (b"a", "a"),
        (b"a\r\nb\r\n", "a\nb"),
        (b"a\n\n", "a\n"),
        (b"", ""),
        (b"\xff\x1b[2J\n", "�␛[2J"),
    ],
)
def test_what_was_saved_is_read_as_a_text_without_its_last_newline(saved: bytes, text: str) -> None:
    assert text_of(saved) == text


async def test_a_key_takes_the_text_to_the_editor_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    editor(monkeypatch, "f.write_text(f.read_text() + 'more\\n')")
    app = app_that_can_suspend(monkeypatch)
    async with app.run_test() as pilot:
        await pilot.press(*"one", "alt+v")
        await until(pilot, lambda: app.chat.pane.prompt.text == "one\nmore")
        await pilot.press("!")
        assert app.chat.pane.prompt.text == "one\nmore!"


async def test_an_editor_that_fails_leaves_the_text_and_is_told(
    monkeypatch: pytest.MonkeyPatch, temporary_files: Path
) -> None:
    editor(monkeypatch, "f.write_text('half'); sys.exit(3)")
    app = app_that_can_suspend(monkeypatch)
    async with app.run_test() as pilot:
        await pilot.press(*"one", "alt+v")
        await until(
            pilot, lambda: any("ended with code 3. Your text" in n.message for n in app._notifications)
        )
        assert app.chat.pane.prompt.text == "one"
    assert list(temporary_files.iterdir()) == []


async def test_where_no_other_program_can_be_shown_the_text_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    editor(monkeypatch, "f.write_text('other')")
    app = fake_app()  # without a terminal
    async with app.run_test() as pilot:
        await pilot.press(*"one", "alt+v")
        await until(pilot, lambda: any("No other program" in n.message for n in app._notifications))
        assert app.chat.pane.prompt.text == "one"


async def test_a_terminal_that_is_closed_meanwhile_leaves_the_text_and_an_app_that_can_end(
    monkeypatch: pytest.MonkeyPatch, temporary_files: Path
) -> None:
    editor(monkeypatch, "f.write_text('other')")
    asked: list[bool] = []

    def has_terminal() -> bool:
        asked.append(True)
        return len(asked) == 1

    monkeypatch.setattr(external_editor, "_has_terminal", has_terminal)
    app = app_that_can_suspend(monkeypatch)
    async with app.run_test() as pilot:
        await pilot.press(*"one", "alt+v")
        await until(pilot, lambda: len(asked) == 2 and not list(temporary_files.iterdir()))
        assert app.chat.pane.prompt.text == "one"
        await app.action_quit()


async def test_a_place_that_takes_no_draft_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    editor(monkeypatch, "pass")
    monkeypatch.setattr(external_editor, "_write_privately", full)
    with pytest.raises(UserError, match="editor could not be used .No space left"):
        await edited(fake_app(), "a draft")
