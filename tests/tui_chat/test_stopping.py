"""Stopping at awkward moments: nothing typed is lost or doubled, and no reply stays half begun."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.chat_session import whole
from tui_chat.conversation_file import ConversationFile
from tui_chat.conversations import Conversation, Conversations, StoredMessage
from tui_chat.widgets.prompt_input import PromptInput


class SlowDisk(Conversations):
    """Saves a message only when `may_save` says so, as behind another app's lock."""

    def __init__(self) -> None:
        super().__init__(ConversationFile.in_memory())
        self.may_save = asyncio.Event()
        self.waits_for_role = ""
        self._loop = asyncio.get_running_loop()

    def add(self, message: StoredMessage) -> StoredMessage:
        return self._wait(super().add(message))

    def begin(self, *about: Any) -> tuple[Conversation, list[StoredMessage]]:
        conversation, said = super().begin(*about)
        return conversation, [self._wait(message) for message in said]

    def _wait(self, saved: StoredMessage) -> StoredMessage:
        if saved.role == self.waits_for_role:
            asyncio.run_coroutine_threadsafe(self.may_save.wait(), self._loop).result()
        return saved


@pytest.mark.parametrize("role", ["user", "assistant"])
async def test_escape_while_a_turn_is_being_saved_leaves_it_whole(role: str) -> None:
    conversations = SlowDisk()
    conversations.waits_for_role = role
    app = fake_app(FakeEngines(), conversations)
    async with app.run_test() as pilot:
        await pilot.press(*"hi", "enter")
        pane = app.chat.pane
        await until(pilot, lambda: pane.is_replying and conversations.newest())
        await until(pilot, lambda: role in [m.role for m in conversations.messages(1)])
        stopping = asyncio.create_task(pane.stop())
        await pilot.pause(0.05)
        conversations.may_save.set()
        await stopping
        shown = [(view.message.role, view.message.status) for view in pane.transcript.views]
        saved = [(message.role, message.status) for message in conversations.messages(1)]
        expected = [("user", "complete"), ("assistant", "stopped")]
        assert shown == saved == expected[: len(saved)]
        assert role in [message.role for message in pane.session.messages]
        assert pane.prompt.text == ""
        assert not any(view.is_growing for view in pane.transcript.views)
        conversations.waits_for_role = ""
        await pilot.press(*"on", "enter")
        await until(pilot, lambda: settled(pane, len(saved) + 2))


async def test_work_that_is_cancelled_is_done_first() -> None:
    done = []

    async def work() -> None:
        await asyncio.sleep(0.02)
        done.append("done")

    task = asyncio.create_task(whole(work()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["done"]


@pytest.mark.parametrize(
    ("in_the_box", "stays"), [("Hello", ""), ("Hello there", " there"), ("Goodbye", "Goodbye")]
)
async def test_what_was_typed_while_a_message_was_being_saved_stays(in_the_box: str, stays: str) -> None:
    app = fake_app()
    async with app.run_test():
        prompt = app.chat.query_one(PromptInput)
        prompt.text = in_the_box
        prompt.accept("Hello")
        assert prompt.text == stays


async def test_escape_stops_a_reply_and_keeps_its_text() -> None:
    engines, conversations = FakeEngines(), Conversations.in_memory()
    app = fake_app(engines, conversations)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = ["Once upon ", "a time", asyncio.Event(), "never said"]
        await send(pilot, "story")
        await until(pilot, lambda: app.chat.pane.session.chunks == 2)
        await pilot.press("alt+e")
        await until(
            pilot, lambda: "Esc cancels" in screen_text(app) and "Esc Cancel edit" in screen_text(app)
        )
        await pilot.press("escape")  # does what the box and the foot say, and only that
        assert app.chat.pane.branches.edited is None and app.chat.pane.is_replying
        await until(pilot, lambda: "Esc Stop" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert said(app.chat.pane)[1] == ("assistant", "Once upon a time", "stopped")
        assert engines["builtin"].cancelled == 1
        stored = conversations.messages(conversations.newest()[0].id)
        assert (stored[1].content, stored[1].status) == ("Once upon a time", "stopped")
        await pilot.pause(0.2)
        assert "Once upon a time" in screen_text(app)
        assert "stopped" in screen_text(app)


async def test_ctrl_c_stops_a_reply_and_only_then_leaves() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = ["part", asyncio.Event()]
        await send(pilot, "x")
        await until(pilot, lambda: app.chat.pane.session.chunks == 1)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert app.is_running
        await pilot.press("ctrl+c", "ctrl+c")
        await until(pilot, lambda: not app.is_running)


async def test_quitting_in_the_middle_of_a_reply_saves_what_was_said(tmp_path: Path) -> None:
    file, engines = tmp_path / "conversations.db", FakeEngines()
    app = fake_app(engines, Conversations.open(file))
    async with app.run_test() as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = ["so far", asyncio.Event()]
        await send(pilot, "go")
        await until(pilot, lambda: app.chat.pane.session.chunks == 1)
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    conversations = Conversations.open(file)
    assert [m.content for m in conversations.messages(conversations.newest()[0].id)] == ["go", "so far"]
    assert engines["builtin"].closed
    conversations.close()
