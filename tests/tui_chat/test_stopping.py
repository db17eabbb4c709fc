"""Stopping at awkward moments: nothing typed is lost or doubled, and no reply stays half begun."""

from __future__ import annotations

import asyncio

import pytest

from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tests.tui_chat.test_chat_screen import settled
from tui_chat.chat_session import whole
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.widgets.prompt_input import PromptInput


class SlowDisk(Conversations):
    """Saves a message only when `may_save` says so, as behind another app's lock."""

    def __init__(self) -> None:
        super().__init__(Conversations.in_memory()._open_database)
        self.may_save = asyncio.Event()
        self.waits_for_role = ""
        self._loop = asyncio.get_running_loop()

    def add(self, message: StoredMessage) -> StoredMessage:
        saved = super().add(message)
        if message.role == self.waits_for_role:
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
