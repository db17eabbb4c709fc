"""What a person does on the chat screen, and what they find."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from engine.chat import ChatMessage
from engine.errors import UserError
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.message_view import MessageView

Size = tuple[int, int]


async def send(pilot: Pilot[None], text: str) -> None:
    for character in text:
        await pilot.press("space" if character == " " else character)
    await pilot.press("enter")


def said(pane: ChatPane) -> list[tuple[str, str, str]]:
    return [(message.role, message.content, message.status) for message in pane.session.messages]


def settled(pane: ChatPane, count: int) -> bool:
    return len(pane.session.messages) == count and not pane.is_replying


def screen_text(app: TuiChatApp) -> str:
    """Everything on the screen, as it goes to the terminal."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_a_message_gets_a_reply(size: Size) -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=size) as pilot:
        await send(pilot, "Hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.pause(0.2)
        assert said(app.chat.pane) == [("user", "Hi", "complete"), ("assistant", "Hello there.", "complete")]
        assert engines["builtin"].asked == [(ChatMessage(role="user", content="Hi"),)]
        assert app.chat.pane.prompt.text == ""
        for words in ("Hi", "Hello there.", "3 tokens", "42/s", "fake builtin"):
            assert words in screen_text(app)


async def test_the_prompt_can_be_typed_and_sent_while_the_model_loads() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test() as pilot:
        engines("builtin", lambda loading: None).may_load.clear()
        await send(pilot, "early")
        await until(pilot, lambda: "waiting for the model to load" in screen_text(app))
        assert "reading weights" in screen_text(app) or "loading" in screen_text(app)
        engines["builtin"].may_load.set()
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert said(app.chat.pane)[1][1] == "Hello there."


async def test_escape_stops_a_reply_and_keeps_its_text() -> None:
    engines, conversations = FakeEngines(), Conversations.in_memory()
    app = fake_app(engines, conversations)
    async with app.run_test() as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = ["Once upon ", "a time", asyncio.Event(), "never said"]
        await send(pilot, "story")
        await until(pilot, lambda: app.chat.pane.session.chunks == 2)
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


async def test_after_an_error_the_user_can_simply_try_again() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = [
            "half a ",
            UserError("The engine stopped unexpectedly. [b]Send[/b] again."),
        ]
        await send(pilot, "one")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.pause(0.2)
        assert said(app.chat.pane)[1] == ("assistant", "half a ", "error")
        assert "[b]Send[/b] again." in screen_text(app)
        engines["builtin"].script = ["fine"]
        await send(pilot, "two")
        await until(pilot, lambda: settled(app.chat.pane, 4))
        assert said(app.chat.pane)[3] == ("assistant", "fine", "complete")
        assert [message.content for message in engines["builtin"].asked[1]] == ["one", "half a ", "two"]


async def test_a_model_that_cannot_be_loaded_says_why_and_the_text_stays_in_the_conversation() -> None:
    engines = FakeEngines()
    engines("builtin", lambda loading: None).load_error = UserError("There is no model 'x'.")
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hello")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.pause(0.2)
        assert "There is no model 'x'." in screen_text(app)
        assert said(app.chat.pane)[0] == ("user", "hello", "complete")


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
        conversations._connection.execute("PRAGMA query_only = ON")
        await send(pilot, "precious")
        await pilot.pause(0.2)
        assert app.chat.pane.prompt.text == "precious"
        assert app.chat.pane.session.messages == []


async def test_the_conversation_is_there_when_the_app_is_opened_again(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    app = fake_app(conversations=Conversations.open(file))
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "remember me")
        await until(pilot, lambda: settled(app.chat.pane, 2))
    again = fake_app(conversations=Conversations.open(file))
    async with again.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: again.screen.query_one(OptionList).option_count == 1)
        await until(pilot, lambda: again.chat.pane.prompt.sent)
        await pilot.press("up")
        assert again.chat.pane.prompt.text == "remember me"
        again.screen.query_one(OptionList).focus()
        await pilot.press("home", "enter")
        await until(pilot, lambda: len(again.chat.pane.session.messages) == 2)
        await pilot.pause(0.2)
        assert "Hello there." in screen_text(again)


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


async def test_regenerating_replaces_the_last_reply() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test() as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        engines["builtin"].script = ["Another."]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: settled(app.chat.pane, 2) and said(app.chat.pane)[1][1] == "Another.")
        await pilot.pause(0.2)
        assert len(app.chat.pane.transcript.views) == 2
        assert "Hello there." not in screen_text(app)


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
        await pilot.press("alt+c", "alt+b")
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


async def test_no_color_and_terminal_colours_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    for theme in ("ansi-dark", "ansi-light", "textual-light"):
        app = fake_app(settings=f"TUI_CHAT_UI__THEME={theme}")
        async with app.run_test(size=(80, 24)) as pilot:
            await send(pilot, "hi")
            await until(pilot, lambda: settled(app.chat.pane, 2))  # noqa: B023
            await pilot.press("ctrl+o")
            await pilot.pause()
            assert app.screen.query_one(Input).has_focus


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


async def test_a_reply_is_not_given_up_for_a_model_that_cannot_be_loaded() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test() as pilot:
        await send(pilot, "one")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        engines["builtin"].load_error = UserError("The model is gone.")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any("gone" in notice.message for notice in app._notifications))
        assert said(app.chat.pane)[-1] == ("assistant", "Hello there.", "complete")
