"""Text selected with the mouse is the text that was said, over several messages and in every script."""

from __future__ import annotations

import pytest
from textual.selection import SELECT_ALL

from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until

FAMILY = "👩\u200d👩\u200d👧"
LONG = "- " + "one long line of a list that has to be wrapped where the pane ends, " * 2 + "at last"
CJK = "1. " + "漢字かな交じり文" * 8


async def selected(reply: str, size: tuple[int, int] = (60, 30)) -> str:
    """All that is selected when everything is, after one question and this reply."""
    engines = FakeEngines()
    engines("builtin", lambda _: None).script = [reply]
    app = fake_app(engines)
    async with app.run_test(size=size) as pilot:
        await send(pilot, "first")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.pause(0.2)
        views = app.chat.pane.transcript.views
        app.screen.selections = {body: SELECT_ALL for view in views for body in view.query(".body")}
        await pilot.pause()
        return app.screen.get_selected_text() or ""


@pytest.mark.parametrize("reply", [LONG, CJK, f"> {LONG[2:]}"])
async def test_a_wrapped_list_is_selected_without_the_breaks_that_only_the_screen_has(reply: str) -> None:
    text = await selected(reply)
    question, _, said = text.partition("\n")
    assert question == "first"
    assert said.lstrip("•▎1. ") == reply.lstrip("->1. ").rstrip()


@pytest.mark.parametrize(
    "text", [f"a {FAMILY} b", "漢字 and かな", "שלום עולם", "مرحبا", "e\u0301té", "🇩🇪 🏳️\u200d🌈"]
)
async def test_text_of_every_script_is_shown_and_selected_as_it_was_said(text: str) -> None:
    assert (await selected(text)).endswith(text)
    engines = FakeEngines()
    engines("builtin", lambda _: None).script = [text]
    app = fake_app(engines)
    async with app.run_test(size=(60, 20)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2) and text in screen_text(app))
        strips = app.screen._compositor.render_strips()
        assert {strip.cell_length for strip in strips} == {60}
