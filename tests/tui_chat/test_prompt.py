"""The box a message is typed into: keys, pasted text, and what stays in it."""

from __future__ import annotations

import asyncio

from textual import events

from tests.tui_chat.chat_pilot import said, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.conversations import Conversations


async def test_a_message_sent_too_early_stays_in_the_box() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = [asyncio.Event()]
        await send(pilot, "first")
        await until(pilot, lambda: app.chat.pane.is_replying)
        await send(pilot, "second")
        await pilot.pause(0.1)
        assert app.chat.pane.prompt.text == "second"
        assert len(app.chat.pane.session.messages) == 2


async def test_a_message_that_cannot_be_saved_stays_in_the_box() -> None:
    conversations = Conversations.in_memory()
    app = fake_app(conversations=conversations)
    async with app.run_test() as pilot:
        await pilot.pause()
        conversations.file.connection.execute("PRAGMA query_only = ON")
        await send(pilot, "precious")
        await pilot.pause(0.2)
        assert app.chat.pane.prompt.text == "precious"
        assert app.chat.pane.session.messages == []


async def test_pasted_control_characters_become_visible() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        app.post_message(events.Paste("a\x1b[2Jb\r\nc"))
        await pilot.pause()
        assert app.chat.pane.prompt.text == "a␛[2Jb\nc"


async def test_a_large_paste_is_sent_whole() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    text = "0123456789 " * 5000
    async with app.run_test() as pilot:
        app.post_message(events.Paste(text))
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert engines["builtin"].asked[0][0].content == text


async def test_newline_keys_start_a_line_and_enter_may_be_told_not_to_send() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await pilot.press("a", "ctrl+j", "b", "shift+enter", "c", "alt+enter", "d")
        assert app.chat.pane.prompt.text == "a\nb\nc\nd"
    app = fake_app(settings="TUI_CHAT_UI__ENTER_SENDS=false")
    async with app.run_test() as pilot:
        await pilot.press("a", "enter", "b", "ctrl+j")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert said(app.chat.pane)[0][1] == "a\nb"


async def test_up_and_down_walk_through_earlier_messages_and_back_to_the_draft() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        for text in ("one", "two"):
            count = len(app.chat.pane.session.messages)
            await send(pilot, text)
            await until(pilot, lambda: settled(app.chat.pane, count + 2))  # noqa: B023
        await pilot.press("d", "up")
        assert app.chat.pane.prompt.text == "two"
        await pilot.press("up", "up")
        assert app.chat.pane.prompt.text == "one"
        await pilot.press("down", "down")
        assert app.chat.pane.prompt.text == "d"


async def test_keys_that_come_in_a_burst_are_taken_in_their_order() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test() as pilot:
        keys = [*"one", "enter", *"two", "ctrl+j", *"three"]
        for key in keys:  # as a terminal delivers them: all at once, without waiting for the app in between
            character = key if len(key) == 1 else None
            app._driver.process_message(events.Key(key, character))  # type: ignore[union-attr]
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert said(app.chat.pane)[0] == ("user", "one", "complete")
        assert app.chat.pane.prompt.text == "two\nthree"
