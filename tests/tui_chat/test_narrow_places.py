"""What is left out, and what is not, where there is little room."""

from __future__ import annotations

import pytest

from tests.tui_chat.chat_pilot import screen_text
from tests.tui_chat.fake_engine import fake_app, until
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.widgets.pane_title import PaneTitle


@pytest.mark.parametrize(("width", "has_room"), [(80, False), (110, True)])
async def test_what_the_model_is_doing_comes_before_how_it_samples(width: int, has_room: bool) -> None:
    app = fake_app(settings="TUI_CHAT_UI__SHOW_CONVERSATIONS=false")
    status = "step 1,250  ·  cpu  ·  context 64"
    async with app.run_test(size=(width, 24)) as pilot:
        await pilot.pause()
        app.chat.query_one(PaneTitle).show("shakespeare-char-cpu", status, "T 0.8 · top-k 50 · top-p 0.95")
        await pilot.pause()
        assert status in screen_text(app)
        assert ("top-p" in screen_text(app)) == has_room


async def test_the_list_shows_words_without_the_marks_of_markdown() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("Poems", "builtin")
    conversations.add(StoredMessage(0, talk.id, "assistant", "**Rain on the Roof**\n\n# It `drums`"))
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Rain on" in screen_text(app))
        assert "*" not in screen_text(app)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_a_notice_leaves_what_is_being_written_in_sight(size: tuple[int, int]) -> None:
    app = fake_app()
    async with app.run_test(size=size, notifications=True) as pilot:
        app.chat.pane.prompt.put("What I am about to say, in a line as long as that: " + "x" * 20)
        app.chat.notify("There is no such command, and this is said at some length. " * 2)
        await until(pilot, lambda: "There is no such command" in screen_text(app))
        assert "What I am about to say, in a line as long as that: " + "x" * 20 in screen_text(app)
        await pilot.pause()
