"""Who scrolls up is left alone there, and told that there is more below."""

from __future__ import annotations

import asyncio

from tests.tui_chat.chat_pilot import screen_text, send
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until

HINT = "newer below · Ctrl+End"


async def test_scrolling_up_lets_go_and_the_key_that_is_named_follows_again() -> None:
    engines = FakeEngines()
    more = asyncio.Event()
    engines("builtin", lambda _: None).script = ["line\n\n" * 40, more, "the end\n\n" * 10]
    app = fake_app(engines)
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = app.chat.pane.transcript
        await send(pilot, "go")
        await until(pilot, lambda: transcript.max_scroll_y > 40 and transcript.is_vertical_scroll_end)
        assert HINT not in screen_text(app)
        await pilot.press("pageup", "pageup")
        await until(pilot, lambda: HINT in screen_text(app))
        place = transcript.scroll_target_y
        more.set()
        await until(
            pilot, lambda: not app.chat.pane.is_replying and "the end" in transcript.views[-1].text_so_far
        )
        await until(pilot, lambda: transcript.scroll_y == place)
        assert HINT in screen_text(app)
        await pilot.press("ctrl+end")
        await until(pilot, lambda: "the end" in screen_text(app) and HINT not in screen_text(app))
