"""One message to all panes at once."""

from __future__ import annotations

import asyncio

from textual.pilot import Pilot

from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp

MODELS = ("builtin", "run:poet@best", "run:poet@step-500")


async def open_panes(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """Three panes, each with a model of its own, linked."""
    for count, model in enumerate(MODELS[1:], 2):
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == count)  # noqa: B023
        await app.chat.pane.change_settings(app.chat.default_settings.with_changes("test", model=model))
    await pilot.press("f4")
    await pilot.pause(0.1)


async def test_all_panes_are_asked_the_same_with_the_same_seed() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(200, 60)) as pilot:
        await open_panes(app, pilot)
        assert screen_text(app).count("linked") == 3
        for turn, text in ((1, "hello"), (2, "again")):
            await send(pilot, text)
            await until(pilot, lambda: all(settled(pane, 2 * turn) for pane in app.chat.panes))  # noqa: B023
            assert [engine.asked[-1][-1].content for engine in engines.values()] == [text] * 3
        seeds = [[settings.seed for settings in engine.settings] for engine in engines.values()]
        assert seeds[0] == seeds[1] == seeds[2]
        assert None not in seeds[0] and seeds[0][0] != seeds[0][1]
        assert app.chat.pane.prompt.text == ""


async def test_the_seed_of_the_settings_is_taken_when_there_is_one() -> None:
    engines = FakeEngines()
    app = fake_app(engines, settings="TUI_CHAT_GENERATION__SEED=7")
    async with app.run_test(size=(200, 60)) as pilot:
        await open_panes(app, pilot)
        await send(pilot, "hello")
        await until(pilot, lambda: all(settled(pane, 2) for pane in app.chat.panes))
        assert [engine.settings[0].seed for engine in engines.values()] == [7] * 3


async def test_escape_stops_all_and_what_was_said_stays() -> None:
    engines = FakeEngines()
    for model in MODELS:
        engines(model, lambda loading: None).script = ["Half a", asyncio.Event()]
    app = fake_app(engines)
    async with app.run_test(size=(200, 60)) as pilot:
        await open_panes(app, pilot)
        await send(pilot, "hello")
        await until(pilot, lambda: all(pane.session.chunks for pane in app.chat.panes))
        await send(pilot, "too early")
        await until(pilot, lambda: app.chat.pane.prompt.text == "too early")
        await pilot.press("escape")
        await until(pilot, lambda: all(settled(pane, 2) for pane in app.chat.panes))
        assert [said(pane)[1][1] for pane in app.chat.panes] == ["Half a"] * 3


async def test_panes_that_are_not_linked_answer_for_themselves() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(200, 60)) as pilot:
        await open_panes(app, pilot)
        await pilot.press("f4")
        await send(pilot, "hello")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert [len(pane.session.messages) for pane in app.chat.panes] == [0, 0, 2]
        assert "linked" not in screen_text(app)


async def test_a_single_pane_has_nothing_to_be_linked_with() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: any("only this pane" in notice.message for notice in app._notifications))
        assert not app.chat.pane.linked
