"""Panes beside each other, and their dialogs."""

from __future__ import annotations

import pytest

from engine import model_library
from engine.model_card import ModelCard
from engine.model_library import ModelEntry
from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngine, FakeEngines, fake_app, until
from tui_chat.conversations import Conversations
from tui_chat.screens import model_picker


def shown_panes(app) -> list[int]:  # type: ignore[no-untyped-def]
    return [place for place, pane in enumerate(app.chat.panes) if pane.display]


async def test_panes_have_their_own_model_and_conversation_and_share_an_engine_per_model() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(200, 60)) as pilot:
        await send(pilot, "left")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == 2)
        await send(pilot, "right")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert list(engines) == ["builtin"]
        assert [pane.session.messages[0].content for pane in app.chat.panes] == ["left", "right"]
        await app.chat_with("run:tiny@latest")
        assert [pane.settings.model for pane in app.chat.panes] == ["builtin", "builtin", "run:tiny@latest"]
        await send(pilot, "third")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert engines["run:tiny@latest"].asked[0][0].content == "third"


async def test_an_engine_that_no_pane_uses_is_closed() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(200, 60)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await app.chat_with("run:tiny")
        assert len(app.chat.panes) == 2
        await pilot.press("f8")
        await until(pilot, lambda: engines["run:tiny"].closed == 1)
        assert engines["builtin"].closed == 0


async def test_at_most_four_panes_and_the_focused_one_is_always_shown() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for count in (2, 3, 4, 4):
            await pilot.press("ctrl+t")
            await until(pilot, lambda: len(app.chat.panes) == count)  # noqa: B023
            await pilot.pause()
        assert shown_panes(app) == [3]
        await pilot.press("f6")
        await pilot.pause()
        assert shown_panes(app) == [0]
        assert "1/4" in screen_text(app)
        await pilot.press("alt+3")
        await pilot.pause()
        assert shown_panes(app) == [2]
        await pilot.resize_terminal(200, 60)
        await pilot.pause(0.1)
        assert shown_panes(app) == [0, 1, 2, 3]


@pytest.mark.parametrize(("width", "line"), [(100, "Pane 1 of 3"), (130, "Panes 1-2 of 3")])
async def test_panes_that_are_hidden_are_spoken_of_with_the_way_to_them(width: int, line: str) -> None:
    app = fake_app()
    async with app.run_test(size=(width, 30)) as pilot:
        await pilot.pause()
        assert "of 1" not in screen_text(app)
        for count in (2, 3):
            await pilot.press("ctrl+t")
            await until(pilot, lambda: len(app.chat.panes) == count)  # noqa: B023
        await pilot.press("f6")
        await until(pilot, lambda: line in screen_text(app))
        assert "F6 next" in screen_text(app)
        for place in ("1 fake", "2 fake", "3 fake"):
            assert place in screen_text(app)
        await pilot.resize_terminal(200, 30)
        await until(pilot, lambda: "of 3" not in screen_text(app))


async def test_closing_the_last_pane_empties_it() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await app.chat.action_close_pane()
        assert len(app.chat.panes) == 1
        assert app.chat.pane.session.messages == []


async def test_a_conversation_goes_on_with_its_model_and_settings() -> None:
    engines, conversations = FakeEngines(), Conversations.in_memory()
    app = fake_app(engines, conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await app.chat_with("run:tiny")
        pane = app.chat.pane
        await pane.change_settings(pane.settings.with_changes("test", system_prompt="Be brief."))
        await send(pilot, "hi")
        await until(pilot, lambda: settled(pane, 2))
        assert [m.role for m in engines["run:tiny"].asked[0]] == ["system", "user"]
        await pilot.press("ctrl+n")
        await pane.change_settings(app.chat.default_settings)
        await pane.open(conversations.newest()[0])
        assert (pane.settings.model, pane.settings.system_prompt) == ("run:tiny", "Be brief.")


ENTRIES = [
    ModelEntry(reference="builtin", card=ModelCard(name="tui-chat friend", num_parameters=6_300_000)),
    ModelEntry(reference="run:poet", card=ModelCard(name="poet [/] x", step=1500, val_loss=1.91)),
    ModelEntry(reference="hf:gpt2", card=ModelCard(name="gpt2"), problem="[@click=app.quit]broken[/]"),
]


async def test_a_model_is_chosen_from_the_list_or_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_picker, "list_models", lambda: ENTRIES)
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "poet [/] x" in screen_text(app))
        assert "[@click=app.quit]broken[/]" in screen_text(app)
        assert "step 1,500" in screen_text(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.chat.pane.settings.model == "run:poet")
        await pilot.press("ctrl+o", *"hf:me/mine", "enter")
        await until(pilot, lambda: app.chat.pane.settings.model == "hf:me/mine")
        await pilot.press("ctrl+o", "escape")
        assert app.chat.pane.settings.model == "hf:me/mine"
    assert model_library.BUILTIN == "builtin"
    assert FakeEngine().model is None
