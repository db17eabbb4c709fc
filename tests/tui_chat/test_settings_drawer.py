"""The drawer beside the chat: temperature and the others, changed while one chats."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static, TextArea

from engine.errors import UserError
from engine.generation import GenerationSettings
from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.config import setting_of
from tui_chat.conversations import Conversations
from tui_chat.value_scales import SCALES, Stops
from tui_chat.widgets.settings_drawer import SettingsDrawer
from tui_chat.widgets.value_slider import Track, ValueSlider

# ---- the scales


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("is_large", [True, False])
def test_no_step_leads_out_of_the_range_and_the_end_is_reached(name: str, by: int, is_large: bool) -> None:
    value, steps = setting_of("generation", name).default, 0
    seen = [value]
    while (moved := SCALES[name].moved(value, by, is_large)) != value and steps < 200:
        GenerationSettings.from_dict({name: moved}, "step")
        value, steps = moved, steps + 1
        seen.append(value)
    assert len(set(map(str, seen))) == len(seen)
    assert SCALES[name].moved(value, by, is_large) == value or name == "seed"


def test_a_large_step_is_larger_and_a_typed_value_moves_to_the_next_stop() -> None:
    scale = SCALES["temperature"]
    assert scale.moved(0.8, 1) == pytest.approx(0.85)
    assert scale.moved(0.8, 1, is_large=True) == pytest.approx(1.05)
    assert scale.moved(0.8314, 1) == pytest.approx(0.85)
    assert scale.moved(0.8314, -1) == pytest.approx(0.8)


def test_all_tokens_are_at_the_far_end_of_top_k() -> None:
    scale = SCALES["top_k"]
    assert isinstance(scale, Stops)
    assert scale.moved(1000, 1) == 0
    assert scale.moved(0, -1) == 1000
    assert (scale.words(0), scale.share(0), scale.share(1)) == ("all", 1.0, 0.0)
    assert scale.at(1.0) == 0
    assert scale.share(1000) < scale.share(5000) < 1.0


def test_before_the_seed_0_comes_a_random_one() -> None:
    scale = SCALES["seed"]
    assert scale.moved(None, 1) == 0
    assert scale.moved(0, -1) is None
    assert scale.moved(None, -1) is None
    assert scale.moved(3, -1, is_large=True) == 0
    assert scale.words(None) == "random"


# ---- the drawer


async def opened(pilot: Pilot[None], app: TuiChatApp) -> SettingsDrawer:
    await pilot.press("ctrl+g")
    await until(pilot, lambda: app.screen.query(SettingsDrawer) and app.screen.query("#seed .value"))
    await until(pilot, lambda: isinstance(app.focused, ValueSlider))
    return app.screen.query_one(SettingsDrawer)


def note_of(drawer: SettingsDrawer, name: str) -> str:
    return str(drawer.query_one(f"#{name} .note", Static).visual)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_a_value_changed_by_key_holds_from_the_next_reply_on(size: tuple[int, int]) -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=size) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await opened(pilot, app)
        await pilot.press("right", "shift+right", "down", "left")
        assert app.chat.pane.settings.generation.temperature == pytest.approx(1.1)
        assert app.chat.pane.settings.generation.top_k == 40
        assert "Hello there." in screen_text(app)  # the chat is seen beside it
        await pilot.press("escape")
        await until(pilot, lambda: not app.screen.query(SettingsDrawer))
        assert app.chat.pane.prompt.has_focus
        await send(pilot, "again")
        await until(pilot, lambda: settled(app.chat.pane, 4))
        assert [used.temperature for used in engines["builtin"].settings] == pytest.approx([0.8, 1.1])


async def test_a_reply_under_way_goes_on_as_it_began_and_is_seen_to() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "builtin" in engines)
        rest = asyncio.Event()
        engines["builtin"].script = ["It begins", rest, " and ends."]
        await send(pilot, "hi")
        await until(pilot, lambda: "It begins" in screen_text(app))
        await opened(pilot, app)
        await pilot.press("left")
        assert app.chat.pane.is_replying
        rest.set()
        await until(pilot, lambda: "It begins and ends." in screen_text(app))
        (message,) = [m for m in app.chat.pane.session.messages if m.role == "assistant"]
        assert '"temperature":0.8' in message.settings
        assert app.chat.pane.settings.generation.temperature == pytest.approx(0.75)


async def test_a_value_out_of_its_range_is_refused_with_the_range_and_the_text_stays() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        drawer = await opened(pilot, app)
        await pilot.press("9", "9")
        await until(
            pilot, lambda: "Temperature must be a number from 0 to 5" in note_of(drawer, "temperature")
        )
        await pilot.press("enter")
        box = drawer.query_one("#temperature Input", Input)
        assert (box.value, box.has_focus) == ("99", True)
        await pilot.press("escape")  # drops what was typed, and no more than that
        assert app.focused is drawer.query_one("#temperature")
        assert app.chat.pane.settings.generation.temperature == 0.8
        await pilot.press("enter", *"1.25", "enter")
        assert app.chat.pane.settings.generation.temperature == 1.25


async def test_words_for_values_may_be_typed() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        drawer = await opened(pilot, app)
        drawer.query_one("#seed").focus()
        await pilot.press("7", "7", "enter")
        assert app.chat.pane.settings.generation.seed == 77
        await pilot.press("enter", *"random", "enter", "up", "up", "up", "up", "enter", *"all", "enter")
        assert app.chat.pane.settings.generation.seed is None
        assert app.chat.pane.settings.generation.top_k == 0


async def test_digits_in_a_burst_go_to_the_slider_that_has_the_focus_by_then() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        for key in ("right", "down", "3", "5", "enter"):
            app._driver.process_message(events.Key(key, key if key.isdigit() else None))  # type: ignore[union-attr]
        await until(pilot, lambda: app.chat.pane.settings.generation.top_k == 35)
        assert app.chat.pane.settings.generation.temperature == pytest.approx(0.85)


async def test_letters_meant_for_the_prompt_change_nothing_here() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        await pilot.press("right", *"hjklrux")
        assert app.chat.pane.settings.generation.temperature == pytest.approx(0.85)


async def test_what_differs_is_marked_and_goes_back_to_the_defaults() -> None:
    app = fake_app(settings="TUI_CHAT_GENERATION__TOP_K=20")
    async with app.run_test(size=(120, 40)) as pilot:
        drawer = await opened(pilot, app)
        button = drawer.query_one(Button)
        assert button.disabled
        await pilot.press("right", "down", "right")
        assert "● 0.85" in screen_text(app)
        assert "● 25" in screen_text(app)
        await pilot.press("backspace")
        assert app.chat.pane.settings.generation.top_k == 20
        drawer.query_one(TextArea).text = "Be brief."
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.chat.pane.settings == app.chat.default_settings)
        assert "●" not in screen_text(app).replace("●─", "").replace("━●", "")
        assert drawer.query_one(TextArea).text == ""
        await until(pilot, lambda: "Undo: as before (Ctrl+R)" in screen_text(app))
        assert "^R Undo defaults" in screen_text(app)
        await pilot.press("ctrl+r")  # again: all is as it was, what was being written too
        assert app.chat.pane.settings.generation.temperature == pytest.approx(0.85)
        assert drawer.query_one(TextArea).text == app.chat.pane.settings.system_prompt == "Be brief."
        await pilot.press("ctrl+r", "right")  # another change: there is nothing to undo now
        await until(pilot, lambda: "Back to defaults (Ctrl+R)" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.chat.pane.settings == app.chat.default_settings)


async def test_the_system_prompt_is_taken_when_the_box_is_left() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        drawer = await opened(pilot, app)
        drawer.query_one(TextArea).focus()
        await pilot.press(*"Be", "space", *"brief.", "escape")
        await until(pilot, lambda: not app.screen.query(SettingsDrawer))
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert [message.content for message in engines["builtin"].asked[0]] == ["Be brief.", "hi"]


async def test_the_drawer_follows_the_focused_pane_and_what_changes_it_elsewhere() -> None:
    app = fake_app()
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == 2)
        drawer = await opened(pilot, app)
        await pilot.press("right")
        drawer.query_one(TextArea).text = "for the second"
        drawer.query_one(TextArea).focus()
        await pilot.press("alt+1")
        await until(pilot, lambda: drawer.query_one("#temperature", ValueSlider).value == 0.8)
        first, second = app.chat.panes
        assert (first.settings.system_prompt, second.settings.system_prompt) == ("", "for the second")
        await first.change_settings(
            first.settings.with_changes("test", generation={"temperature": 0.3, "seed": 5})
        )
        await until(pilot, lambda: drawer.query_one("#seed", ValueSlider).value == 5)
        assert drawer.query_one(TextArea).text == ""


async def test_the_mouse_moves_the_handle() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        drawer = await opened(pilot, app)
        track = drawer.query_one("#top_p", ValueSlider).query_one(Track)
        await pilot.mouse_down(track, offset=(0, 0))
        assert app.chat.pane.settings.generation.top_p == 0.01
        await pilot.hover(track, offset=(track.size.width - 1, 0))
        await pilot.mouse_up(track, offset=(track.size.width - 1, 0))
        await until(pilot, lambda: app.chat.pane.settings.generation.top_p == 1.0)
        seed = drawer.query_one("#seed", ValueSlider).query_one(Track)
        await pilot.click(seed, offset=(seed.size.width - 1, 0))
        await until(pilot, lambda: app.chat.pane.settings.generation.seed == 0)


async def test_the_key_opens_it_goes_to_it_and_puts_it_away() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, app)
        app.chat.pane.prompt.focus()
        await pilot.press("ctrl+g")
        await until(pilot, lambda: isinstance(app.focused, ValueSlider))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: not app.screen.query(SettingsDrawer))
        assert app.chat.pane.prompt.has_focus


async def test_changes_in_quick_succession_are_saved_the_last_one_last() -> None:
    conversations = Conversations.in_memory()
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await opened(pilot, app)
        for _ in range(20):
            app._driver.process_message(events.Key("right", None))  # type: ignore[union-attr]
        await pilot.press("escape")
        await until(pilot, lambda: not app.screen.query(SettingsDrawer))
        await until(pilot, lambda: app.chat.pane.settings.generation.temperature == 1.8)
        await until(pilot, lambda: '"temperature":1.8' in conversations.newest()[0].settings)


async def test_settings_that_cannot_be_saved_hold_all_the_same_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conversations = Conversations.in_memory()
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))

        def refuse(*_: object) -> None:
            raise UserError("The disk is full.")

        monkeypatch.setattr(conversations, "choose", refuse)
        await opened(pilot, app)
        await pilot.press("right")
        await until(pilot, lambda: any("disk is full" in n.message for n in app._notifications))
        assert app.chat.pane.settings.generation.temperature == pytest.approx(0.85)
