"""What a person does on the chat screen, and what they find."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from engine.chat import ChatMessage
from engine.errors import UserError
from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.conversations import Conversations

Size = tuple[int, int]


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
        await send(pilot, "next")
        told = "builtin is still being loaded, and answers then; Esc stops it."
        await until(pilot, lambda: any(told in notice.message for notice in app._notifications))
        assert app.chat.pane.prompt.text == "next"
        app.clear_notifications()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any(told in notice.message for notice in app._notifications))
        engines["builtin"].may_load.set()
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert said(app.chat.pane)[1][1] == "Hello there."


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


async def test_regenerating_shows_another_reply_and_keeps_the_last_one() -> None:
    engines, conversations = FakeEngines(), Conversations.in_memory()
    app = fake_app(engines, conversations)
    async with app.run_test() as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        engines["builtin"].script = ["Another."]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: settled(app.chat.pane, 2) and said(app.chat.pane)[1][1] == "Another.")
        await pilot.pause(0.2)
        assert len(app.chat.pane.transcript.views) == 2
        assert "Hello there." not in screen_text(app) and "‹ 2/2 ›" in screen_text(app)
        assert [m.content for m in conversations.messages(1)] == ["hi", "Hello there.", "Another."]
        assert [m.content for m in engines["builtin"].asked[1]] == ["hi"]


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
