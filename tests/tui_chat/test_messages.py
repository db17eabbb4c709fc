"""Messages on the screen: hostile text, long conversations, fast replies, copying."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual import events
from textual.widgets import Static

from engine.errors import UserError
from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.pane_row import PaneRow

HOSTILE = (
    "x [/] y",
    "[@click=app.quit]hi[/]",
    "a [b + c [/#888888]",
    "[true, false]",
    "\x1b]52;c;aGk=\x1b\\",
    "\x1b[2J\x9b31m\x00\x7f\u202e\u2066",
    "&#x202e;&#27;[2J",
)


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_text_is_shown_as_text_everywhere(hostile: str) -> None:
    engines, conversations = FakeEngines(), Conversations.in_memory()
    engine = engines(hostile, lambda loading: None)
    engine.script = [hostile, " ", hostile, UserError(hostile)]
    talk = conversations.create(hostile, "builtin")
    conversations.add(StoredMessage(0, talk.id, "user", hostile))
    app = fake_app(engines, conversations)
    async with app.run_test(size=(140, 50), notifications=True) as pilot:
        await app.chat_with(hostile)
        app.post_message(events.Paste(hostile))
        app.copy_to_clipboard(hostile)
        await pilot.press("ctrl+v")
        app.chat.pane.ask(hostile)
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.pause(0.3)
        shown = screen_text(app)
        assert not [character for character in shown if character != "\n" and is_control(character)]
        if hostile.startswith(("[", "x", "a")):
            assert shown.count(hostile) >= 3
        await pilot.press("ctrl+g")
        await pilot.pause(0.1)
        assert not [
            character for character in screen_text(app) if character != "\n" and is_control(character)
        ]
        assert app.is_running


def is_control(character: str) -> bool:
    code = ord(character)
    is_bidi = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
    return code < 0x20 or 0x7F <= code < 0xA0 or is_bidi


async def test_messages_can_be_reached_and_copied_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    engines = FakeEngines()
    app = fake_app(engines)
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = ["Look:\n\n```sh\nls -l\n```\n", "done \x1b[1m"]
        await send(pilot, "code")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("shift+tab")
        assert isinstance(app.focused, MessageView)
        await pilot.press("c", "y", "k", "y")
        await until(pilot, lambda: len(copied) == 3)
        assert copied == ["ls -l", "Look:\n\n```sh\nls -l\n```\ndone \x1b[1m", "code"]
        await pilot.press("escape")
        assert app.focused is app.chat.pane.prompt
        await pilot.press("alt+c", "alt+q")
        await until(pilot, lambda: len(copied) == 5)
        assert copied[4] == "ls -l"


async def test_a_long_conversation_opens_at_its_end_and_shows_earlier_messages_on_request() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("long", "builtin")
    for number in range(100):
        conversations.add(StoredMessage(0, talk.id, "user", f"message {number}"))
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.chat.pane.open(talk)
        await pilot.pause(0.2)
        assert "message 99" in screen_text(app)
        assert len(app.chat.pane.transcript.views) == 40
        app.chat.pane.transcript.scroll_home(animate=False)
        await until(pilot, lambda: len(app.chat.pane.transcript.views) == 80)
        assert app.chat.pane.transcript.views[0].message.content == "message 20"


async def test_text_that_arrives_five_hundred_times_a_second_is_drawn_a_few_times_only() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = [f"word{number} " for number in range(500)]
        await send(pilot, "much")
        await until(pilot, lambda: settled(app.chat.pane, 2), seconds=20)
        await pilot.pause(0.2)
        assert "word499" in screen_text(app)
        assert str(app.chat.pane.transcript.views[1].query(Static).last().visual).count("word") == 500


async def test_dropped_messages_are_said_quietly() -> None:
    engines = FakeEngines()
    engines("builtin", lambda loading: None).dropped_messages = 3
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.pause(0.2)
        assert "3 older messages did not fit" in screen_text(app)


async def test_the_beginning_of_a_text_that_was_not_read_is_reported() -> None:
    engines = FakeEngines()
    engines("builtin", lambda loading: None).dropped_tokens = 1200
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.pause(0.2)
        assert "the first 1,200 tokens of the text did not fit" in screen_text(app)


def talk_of(count: int, last: str = "complete") -> list[StoredMessage]:
    return [
        StoredMessage(
            number,
            1,
            "user" if number % 2 else "assistant",
            f"message {number}",
            "complete" if number < count else last,
            parent=number - 1 or None,
        )
        for number in range(1, count + 1)
    ]


async def test_a_reply_goes_on_when_its_reader_was_far_above_meanwhile() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = app.chat.pane.transcript
        messages = talk_of(120)
        await transcript.show(messages)
        reply = replace(messages[-1], id=121, content="", status="streaming", parent=119)
        await transcript.add([*messages[:-1], reply])
        transcript.feed("one ")
        await transcript.go_to([*messages[:-1], reply], 3)
        transcript.feed("two ")
        await transcript.action_latest()
        transcript.feed("three")
        await until(pilot, lambda: "one two three" in screen_text(app))


async def test_a_reply_that_ends_while_its_reader_is_far_above_is_whole_below() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = app.chat.pane.transcript
        messages = talk_of(120, last="streaming")
        await transcript.show(messages)
        await transcript.go_to(messages, 3)
        transcript.finish(replace(messages[-1], content="all of it", status="complete"))
        await transcript.action_latest()
        await until(pilot, lambda: "all of it" in screen_text(app))
        assert not transcript.views[-1].is_growing


async def test_what_is_asked_of_a_message_that_was_left_meanwhile_does_nothing() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.chat.pane
        await pane.transcript.show(talk_of(4))
        left = pane.transcript.views[1]
        await left.remove()
        pane.post_message(MessageView.MoveRequested(left, 1))
        app.chat.query_one(PaneRow).post_message(MessageView.JudgeRequested(left, "up"))
        await pilot.pause()
        assert len(pane.transcript.views) == 3


async def test_what_is_said_of_one_message_reads_no_other_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    from tui_chat import markdown_text

    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = app.chat.pane.transcript
        await transcript.show(talk_of(30))
        await pilot.pause()
        monkeypatch.delattr(markdown_text, "segments_of")
        transcript.show_judgements()


async def test_earlier_messages_that_were_asked_for_are_none_of_the_next_conversation() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = app.chat.pane.transcript
        await transcript.show(talk_of(60))
        async with transcript._changing:
            opening = asyncio.create_task(transcript.show([]))
            await asyncio.sleep(0)
            asking = asyncio.create_task(transcript.action_earlier())
            await asyncio.sleep(0)
        await asyncio.gather(opening, asking)
        await pilot.pause()
        assert transcript.views == []
