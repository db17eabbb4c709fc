"""A pane beside the focused one that differs in one thing, by one command."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine.model_card import ModelCard
from engine.model_library import ModelEntry
from engine.paths import conversations_path
from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from trainers.own_datasets import MY_PREFERENCES, dataset_path
from tui_chat.app import TuiChatApp
from tui_chat.conversations import Conversations
from tui_chat.screens import model_picker
from tui_chat.screens.model_picker import ModelPicker
from tui_chat.widgets.settings_drawer import SettingsDrawer


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
        engines["run:poet"].script = [asyncio.Event()]
        await send(pilot, "wait")
        await until(pilot, lambda: second.is_replying and not first.is_replying)
        run_command(app, "Compare blind")
        await until(pilot, lambda: "Stop it, or wait for it" in told(app))
        assert first.model_name == "fake builtin"


async def test_the_cursor_begins_on_another_model_than_the_one_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = [ModelEntry(reference=name, card=ModelCard(name=name)) for name in ("builtin", "run:poet")]
    monkeypatch.setattr(model_picker, "list_models", lambda: known)
    app = fake_app()
    async with app.run_test(size=(200, 50)) as pilot:
        run_command(app, "Compare two models")
        await until(pilot, lambda: isinstance(app.screen, ModelPicker) and "run:poet" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.chat.panes) == 2)
        assert app.chat.panes[1].settings.model == "run:poet"


async def test_other_settings_begin_beside_the_same_conversation_with_the_settings_open() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(200, 50)) as pilot:
        await asked(app, pilot)
        run_command(app, "Compare two settings")
        await until(pilot, lambda: len(app.chat.panes) == 2 and app.chat.panes[1].linked)
        assert said(app.chat.panes[1]) == said(app.chat.panes[0])
        await until(pilot, lambda: "Temperature" in screen_text(app))
        assert "Pane 2: how fake builtin answers" in screen_text(app)
        run_command(app, "Compare blind")  # before anything was changed
        await until(pilot, lambda: "there is nothing to compare" in told(app))
        first, second = app.chat.panes
        other = second.settings.generation.with_changes("test", seed=5)
        await second.change_settings(second.settings.with_changes("test", generation=other))
        run_command(app, "Compare blind")
        await until(pilot, lambda: second.model_name == "B")
        await until(pilot, lambda: not app.screen.query(SettingsDrawer))  # it would tell whose seed is 5
        await send(pilot, "again")
        await until(pilot, lambda: settled(first, 4) and settled(second, 4))
        await pilot.press("alt+z")
        await until(
            pilot, lambda: "fake builtin, seed 5" in told(app) and "fake builtin, seed none" in told(app)
        )


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


def headings(app: TuiChatApp) -> list[str]:
    """Over the last message of each pane."""
    return [str(pane.transcript.views[-1].query_one(".heading", Static).content) for pane in app.chat.panes]


def told(app: TuiChatApp) -> str:
    return "\n".join(notice.message for notice in app._notifications)


async def test_a_blind_comparison_hides_who_answers_until_a_vote_which_says_that_it_was_blind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("secrets.SystemRandom.shuffle", lambda self, drawn: drawn.reverse())
    engines = FakeEngines()
    engines("run:poet", lambda loading: None).script = ["Ahoy."]
    app = fake_app(engines, Conversations.open(conversations_path()))
    async with app.run_test(size=(160, 50)) as pilot:
        await asked(app, pilot)
        await send(pilot, "/blind")
        await choose(app, pilot, "run:poet")
        await until(pilot, lambda: app.chat.pane.model_name == "B" and app.chat.pane.linked)
        first, second = app.chat.panes
        assert [pane.settings.model for pane in app.chat.panes] == ["run:poet", "builtin"]
        await send(pilot, "again")
        await until(pilot, lambda: all(settled(pane, 4) for pane in app.chat.panes))
        assert [turn[1] for turn in said(first)] == ["hello", "Hello there.", "again", "Ahoy."]
        assert headings(app) == ["A", "B"]
        assert "poet" not in screen_text(app) and screen_text(app).count("blind") == 2
        await pilot.press("alt+1", "alt+k")
        await until(pilot, lambda: "A was fake run:poet\nB was fake builtin\n" in told(app))
        (row,) = [json.loads(line) for line in dataset_path(MY_PREFERENCES).read_text().splitlines()]
        assert (row["chosen_model"], row["rejected_model"], row["blind"]) == ("run:poet", "builtin", True)
        await until(pilot, lambda: headings(app)[0].startswith("fake run:poet  ★ better  blind"))
        # The next message is blind again, in another order.
        assert [pane.model_name for pane in app.chat.panes] == ["A", "B"]
        assert [pane.settings.model for pane in app.chat.panes] == ["builtin", "run:poet"]
        assert [engine.closed for engine in engines.values()] == [0, 0]
        engines["run:poet"].model = None
        engines["run:poet"].may_load.clear()
        await send(pilot, "third")
        await until(pilot, lambda: second.is_replying)
        await pilot.press("alt+2", "ctrl+r")
        await until(pilot, lambda: "B is still being loaded" in told(app))
        engines["run:poet"].may_load.set()
        await pilot.press("alt+1")
        await until(pilot, lambda: all(settled(pane, 6) for pane in app.chat.panes))
        assert headings(app) == ["A", "B"]
        await pilot.press("ctrl+o")  # the list of models would tell
        await until(pilot, lambda: isinstance(app.screen, ModelPicker))
        assert "no longer a blind comparison" in told(app)
        await pilot.press("escape")
        await until(pilot, lambda: headings(app)[0].startswith("fake builtin"))
        assert second.model_name == "fake run:poet"
        run_command(app, "Compare blind")
        await until(pilot, lambda: second.model_name == "B")
        await send(pilot, "/model builtin")  # the panes are not those any more that were drawn for
        await until(pilot, lambda: second.model_name != "B")
