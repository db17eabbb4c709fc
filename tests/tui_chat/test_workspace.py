"""What stands where it stood when the app is opened again, and what is not lost at its end."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from textual import events

from engine.errors import UserError
from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, until
from tui_chat import conversations as conversations_module
from tui_chat.app import TuiChatApp
from tui_chat.attachments import pasted
from tui_chat.config import load_config
from tui_chat.conversations import Conversations
from tui_chat.screens.workspace_keeper import state_of
from tui_chat.workspace import PaneState, Workspace, WorkspaceFile


def app_in(folder: Path, engines: FakeEngines | None = None, model: str | None = None) -> TuiChatApp:
    """The app as it is opened again and again in one home."""
    flags = {"chat.model": model} if model else {}
    return TuiChatApp(
        load_config(folder / "config.toml", environment={}, flags=flags),
        engine_factory=FakeEngines() if engines is None else engines,
        conversations=Conversations.open(folder / "conversations.db"),
        workspace=WorkspaceFile(folder / "workspace.json"),
    )


async def test_panes_and_text_that_was_not_sent_are_there_again(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    async with app.run_test(size=(200, 50)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await app.chat_with("run:tiny")
        await pilot.press(*"half", "ctrl+j", *"done")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    again = app_in(tmp_path)
    async with again.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: len(again.chat.panes) == 2 and again.chat.pane.prompt.text)
        assert [pane.settings.model for pane in again.chat.panes] == ["builtin", "run:tiny"]
        await until(pilot, lambda: len(again.chat.panes[0].session.messages) == 2)
        assert again.chat.pane is again.chat.panes[1]
        assert again.chat.pane.prompt.text == "half\ndone"
        assert again.focused is again.chat.pane.prompt


async def test_files_that_were_not_sent_are_attached_again_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("as it was")
    app = app_in(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await app.chat.pane.box.attach(str(tmp_path / "notes.txt"))
        app.chat.pane.box.attached.attach(pasted("a \ud800 b", []))  # half a character
        await pilot.press(*"sum", "ctrl+q")
        await until(pilot, lambda: not app.is_running)
    (tmp_path / "notes.txt").write_text("changed")
    again = app_in(tmp_path, model="run:tiny")
    async with again.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "notes.txt 9 bytes" in screen_text(again))
        await pilot.press("enter")
        await until(pilot, lambda: settled(again.chat.pane, 2))
        sent = again.chat.pane.session.messages[0].content
        assert "as it was" in sent and "a ? b" in sent and sent.endswith("\n\nsum")
        assert state_of(again.chat.pane, again.chat.pane.settings).files == ()


async def test_a_message_sent_right_before_leaving_is_saved_or_still_in_the_box(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    async with app.run_test() as pilot:
        await pilot.pause()
        for key in [*"precious", "enter", "ctrl+q"]:  # as a terminal delivers them: all at once
            app._driver.process_message(events.Key(key, key if len(key) == 1 else None))  # type: ignore[union-attr]
        await until(pilot, lambda: not app.is_running)
    conversations = Conversations.open(tmp_path / "conversations.db")
    saved = [
        message.content for talk in conversations.newest() for message in conversations.messages(talk.id)
    ]
    drafts = [pane.draft for pane in WorkspaceFile(tmp_path / "workspace.json").load().panes]
    assert "precious" in saved or "precious" in drafts
    assert not ("precious" in saved and "precious" in drafts)
    conversations.close()


async def test_an_app_that_was_killed_had_kept_what_was_typed(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press(*"unsent")
        await until(pilot, lambda: "unsent" in _text(tmp_path / "workspace.json"))


async def test_a_model_that_is_asked_for_begins_anew_and_the_draft_stays(tmp_path: Path) -> None:
    app = app_in(tmp_path)
    async with app.run_test() as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press(*"on", "ctrl+q")
        await until(pilot, lambda: not app.is_running)
    again = app_in(tmp_path, model="run:tiny")
    async with again.run_test() as pilot:
        await until(pilot, lambda: again.chat.pane.prompt.text == "on")
        assert again.chat.pane.settings.model == "run:tiny"
        assert again.chat.pane.session.messages == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_what_was_typed_is_readable_by_the_user_alone(tmp_path: Path) -> None:
    WorkspaceFile(tmp_path / "workspace.json").save(Workspace(panes=(PaneState(draft="secret"),)))
    assert (tmp_path / "workspace.json").stat().st_mode & 0o077 == 0


def test_a_place_that_takes_no_workspace_is_told(tmp_path: Path) -> None:
    (tmp_path / "workspace.json").mkdir()
    with pytest.raises(UserError, match="the panes cannot be kept"):
        WorkspaceFile(tmp_path / "workspace.json").save(Workspace(panes=(PaneState(draft="x"),)))


@pytest.mark.parametrize("content", ["", "{", '{"panes": 3}', '{"future": true}'])
def test_a_workspace_that_cannot_be_read_is_an_empty_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "workspace.json"
    path.write_text(content)
    assert WorkspaceFile(path).load() == Workspace()


async def test_a_conversation_that_is_gone_leaves_an_empty_pane(tmp_path: Path) -> None:
    WorkspaceFile(tmp_path / "workspace.json").save(Workspace(panes=(PaneState(conversation=99, draft="x"),)))
    app = app_in(tmp_path)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.chat.pane.prompt.text == "x")
        assert app.chat.pane.session.conversation is None


async def test_a_file_in_use_neither_holds_up_the_app_nor_loses_the_end_of_a_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations_module, "ENDING_SECONDS", 0.3)
    engines = FakeEngines()
    app = app_in(tmp_path, engines)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = ["all of ", "it", asyncio.Event()]
        await send(pilot, "go")
        await until(pilot, lambda: app.chat.pane.session.chunks == 2)
        other = sqlite3.connect(tmp_path / "conversations.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        stopping = asyncio.create_task(app.chat.pane.stop())
        longest, last = 0.0, time.monotonic()
        while not stopping.done():
            await asyncio.sleep(0.01)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert longest < 0.25  # the loop went on while the save waited
        assert said(app.chat.pane)[1] == ("assistant", "all of it", "stopped")
        other.execute("ROLLBACK")
        other.close()
    conversations = Conversations.open(tmp_path / "conversations.db")
    message = conversations.messages(conversations.newest()[0].id)[1]
    assert (message.content, message.status) == ("all of it", "stopped")
    assert list((tmp_path / "conversations.db.unsaved").iterdir()) == []
    conversations.close()


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
