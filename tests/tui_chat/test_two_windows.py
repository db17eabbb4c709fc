"""Two apps on the same conversations: each sees what the other one is still writing for what it is."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import UserError
from tests.tui_chat.chat_pilot import said, screen_text
from tests.tui_chat.fake_engine import fake_app, until
from tui_chat.chat_session import ChatSession
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.replies_under_way import RepliesUnderWay

WRITER = """
import sys
from pathlib import Path
from tui_chat.conversations import Conversations, StoredMessage
store = Conversations.open(Path(sys.argv[1]))
talk = store.create("t", "builtin")
store.add(StoredMessage(0, talk.id, "assistant", "Once", status="streaming"))
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another app in the middle of a reply."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "conversations.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[list[Conversations]]:
    opened = [Conversations.open(tmp_path / "conversations.db") for _ in range(2)]
    yield opened
    for one in opened:
        one.close()


def begin(store: Conversations) -> StoredMessage:
    talk = store.create("t", "builtin")
    return store.add(StoredMessage(0, talk.id, "assistant", "", status="streaming", model="builtin"))


async def test_a_reply_that_another_window_writes_is_followed_until_it_ends(
    windows: list[Conversations], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui_chat.widgets.pane_elsewhere.LOOK_SECONDS", 0.02)
    here, there = windows
    reply = begin(there)
    there.save_growing(reply.id, "Once upon")
    app = fake_app(conversations=here)
    async with app.run_test(size=(100, 30)) as pilot:
        await app.chat.pane.open(here.newest()[0])
        await until(pilot, lambda: "is being written in another window" in screen_text(app))
        assert "Once upon" in screen_text(app)
        there.save_growing(reply.id, "Once upon a time")
        await until(pilot, lambda: "Once upon a time" in screen_text(app))
        there.save_ending(replace(reply, content="Once upon a time.", status="complete"))
        await until(pilot, lambda: "a time." in screen_text(app))
        assert said(app.chat.pane) == [("assistant", "Once upon a time.", "complete")]
        assert "another window" not in screen_text(app)
        await pilot.press("alt+g")  # a thumb: now it can be judged
        await until(pilot, lambda: app.chat.pane.session.judgements.of(reply.id).thumb)


async def test_a_reply_whose_window_was_killed_counts_as_stopped(
    tmp_path: Path, writer: subprocess.Popen[bytes]
) -> None:
    here = Conversations.open(tmp_path / "conversations.db")
    session = ChatSession(here, ChatSettings())
    await session.open(here.newest()[0])
    assert [message.status for message in session.messages] == ["elsewhere"]
    writer.kill()
    writer.wait()
    await session.refresh()
    assert [(message.content, message.status) for message in session.messages] == [("Once", "stopped")]
    assert list((tmp_path / "conversations.db.writing").iterdir()) == []
    here.close()


def test_a_reply_that_ends_while_it_is_read_is_not_taken_for_one_that_was_cut_off(
    windows: list[Conversations], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = windows
    reply = begin(there)

    def ended_meanwhile(_: RepliesUnderWay, id: int) -> bool:
        there.save_ending(replace(reply, content="all", status="complete"))
        return False

    monkeypatch.setattr(RepliesUnderWay, "is_written", ended_meanwhile)
    assert [(said.content, said.status) for said in here.messages(reply.conversation)] == [
        ("all", "complete")
    ]


def test_a_window_that_is_closed_writes_nothing_any_more(windows: list[Conversations]) -> None:
    here, there = windows
    reply = begin(there)
    there.close()
    assert here.messages(reply.conversation)[0].status == "streaming"


def test_a_reply_that_could_not_be_begun_is_not_being_written(
    windows: list[Conversations], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_in_earnest = RepliesUnderWay.begin

    def disk_is_full_then(under_way: RepliesUnderWay, id: int) -> None:
        begin_in_earnest(under_way, id)
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(RepliesUnderWay, "begin", disk_is_full_then)
    with pytest.raises(UserError, match="disk is full"):
        begin(windows[0])
    assert list((tmp_path / "conversations.db.writing").iterdir()) == []
    monkeypatch.undo()
    reply = begin(windows[1])  # with the same id
    assert windows[0].messages(reply.conversation)[0].status == "elsewhere"
    windows[1].close()
    assert windows[0].messages(reply.conversation)[0].status == "streaming"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_where_nothing_can_be_kept_a_reply_is_written_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    under_way = RepliesUnderWay(tmp_path / "folder")
    under_way.begin(1)
    assert under_way.is_written(1)
    assert not RepliesUnderWay(tmp_path / "folder").is_written(1)
    under_way.end(1)
    under_way = RepliesUnderWay(tmp_path / "other")
    under_way.begin(1)
    assert (tmp_path / "other" / "1.lock").stat().st_mode & 0o077 == 0
    under_way.end_all()
