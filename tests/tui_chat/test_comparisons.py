"""A pane beside the focused one that differs in one thing, by one command."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.model_card import ModelCard
from engine.model_library import ModelEntry
from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.screens import model_picker
from tui_chat.screens.model_picker import ModelPicker


def run_command(app: TuiChatApp, title: str) -> None:
    """As the palette does it."""
    command = next(one for one in app.get_system_commands(app.screen) if one.title == title)
    app.run_worker(_done(command.callback))


async def _done(callback: Any) -> None:
    result = callback()
    if hasattr(result, "__await__"):
        await result


async def asked(app: TuiChatApp, pilot: Pilot[None]) -> None:
    await send(pilot, "hello")
    await until(pilot, lambda: settled(app.chat.pane, 2))


async def choose(app: TuiChatApp, pilot: Pilot[None], reference: str) -> None:
    await until(pilot, lambda: isinstance(app.screen, ModelPicker))
    app.screen.query_one(Input).value = reference
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: len(app.chat.panes) == 2)


async def test_another_model_gives_its_reply_to_the_last_question_with_the_same_seed() -> None:
    engines = FakeEngines()
    engines("run:poet", lambda loading: None).script = ["Ahoy."]
    app = fake_app(engines)
    async with app.run_test(size=(200, 50)) as pilot:
        await asked(app, pilot)
        run_command(app, "Compare two models")
        await choose(app, pilot, "run:poet")
        first, second = app.chat.panes
        await until(pilot, lambda: settled(second, 2))
        assert [turn[1] for turn in said(first)] == ["hello", "Hello there."]
        assert [turn[1] for turn in said(second)] == ["hello", "Ahoy."]
        assert engines["run:poet"].settings[0].seed == first.session.messages[1].seed == 1
        assert second.settings.model == "run:poet" and first.settings.model == "builtin"
        assert first.linked and second.linked
        conversations = {pane.session.conversation.id for pane in app.chat.panes if pane.session.conversation}
        assert len(conversations) == 2
        await send(pilot, "again")
        await until(pilot, lambda: all(settled(pane, 4) for pane in app.chat.panes))
        await pilot.press("alt+k")
        await until(pilot, lambda: "★ better" in screen_text(app))


async def test_other_settings_begin_beside_the_same_conversation_with_the_settings_open() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(200, 50)) as pilot:
        await asked(app, pilot)
        run_command(app, "Compare two settings")
        await until(pilot, lambda: len(app.chat.panes) == 2 and app.chat.panes[1].linked)
        assert said(app.chat.panes[1]) == said(app.chat.panes[0])
        await until(pilot, lambda: "Temperature" in screen_text(app))


async def test_checkpoints_of_the_run_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [ModelCard(name="poet", architecture="gpt2", step=step) for step in (100, 200)]
    entries = [ModelEntry(reference=f"run:poet@step-{card.step}", card=card) for card in cards]
    monkeypatch.setattr(model_picker, "list_checkpoints", lambda run: entries if run == "poet" else [])
    app = fake_app(settings="TUI_CHAT_CHAT__MODEL=run:poet")
    async with app.run_test(size=(200, 50)) as pilot:
        await asked(app, pilot)
        run_command(app, "Compare two checkpoints of the run")
        await until(pilot, lambda: isinstance(app.screen, ModelPicker) and "step 100" in screen_text(app))
        await pilot.press(*"step", "minus", *"100", "enter")  # after what stands in the box
        await until(pilot, lambda: len(app.chat.panes) == 2)
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert app.chat.pane.settings.model == "run:poet@step-100"


async def test_what_cannot_be_compared_is_told() -> None:
    app = fake_app()
    async with app.run_test(size=(200, 50)) as pilot:
        run_command(app, "Compare two checkpoints of the run")
        await until(pilot, lambda: any("does not chat with a run" in n.message for n in app._notifications))
        for count in (2, 3, 4):
            await pilot.press("ctrl+t")
            await until(pilot, lambda: len(app.chat.panes) == count)  # noqa: B023
        run_command(app, "Compare two settings")
        await until(pilot, lambda: any("4 panes already" in n.message for n in app._notifications))
        assert not app.chat.pane.linked


async def test_an_empty_chat_is_compared_from_its_first_question_on() -> None:
    app = fake_app()
    async with app.run_test(size=(200, 50)) as pilot:
        run_command(app, "Compare two models")
        await choose(app, pilot, "run:poet")
        await until(pilot, lambda: app.chat.pane.linked)
        await send(pilot, "hello")
        await until(pilot, lambda: all(settled(pane, 2) for pane in app.chat.panes))
