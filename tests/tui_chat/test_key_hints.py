"""The keys the screen names are those in force, and what is shown of them fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.wire import LoadedModel
from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngine, FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config, save_setting
from tui_chat.conversations import Conversations


def app_with_keys(folder: Path, **keys: str) -> TuiChatApp:
    path = folder / "config.toml"
    for id, key in keys.items():
        save_setting(path, f"keys.{id.replace('__', '.')}", key)
    loaded = load_config(path, environment={})
    return TuiChatApp(loaded, engine_factory=FakeEngines(), conversations=Conversations.in_memory())


def foot(app: TuiChatApp) -> str:
    return screen_text(app).splitlines()[-1]


async def test_header_and_empty_page_name_the_keys_of_the_settings(tmp_path: Path) -> None:
    app = app_with_keys(tmp_path, app__training="f10", app__palette="ctrl+k", chat__new_pane="alt+n")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Good to see you" in screen_text(app))
        shown = screen_text(app)
        assert "Training F10" in shown
        for words in ("Ctrl+K   a joke", "Alt+N    a second pane", "F10      train a model"):
            assert words in shown
        assert "^K All commands" in foot(app)
        for gone in ("F3", "Ctrl+P", "Ctrl+T"):
            assert gone not in shown
        await pilot.press("ctrl+k", *"new pane")
        await until(pilot, lambda: "with its own model  ·  Alt+N" in screen_text(app))


async def test_a_key_that_is_changed_in_the_settings_is_named_at_once(tmp_path: Path) -> None:
    app = app_with_keys(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Ctrl+T   a second pane" in screen_text(app))
        await pilot.press("f2")
        await until(pilot, lambda: app.screen is not app.chat)
        save_setting(tmp_path / "config.toml", "keys.chat.new_pane", "f7")
        app.screen._take(app.loaded.reloaded(), "keys.chat.new_pane")  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: "F7       a second pane" in screen_text(app))


async def test_the_notice_that_there_is_one_pane_names_the_key_in_force(tmp_path: Path) -> None:
    app = app_with_keys(tmp_path, chat__new_pane="f7")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f4")
        await until(pilot, lambda: any("F7 opens another" in n.message for n in app._notifications))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
async def test_every_hint_at_the_foot_is_whole_and_help_and_palette_are_always_there(width: int) -> None:
    app = fake_app()
    async with app.run_test(size=(width, 24)) as pilot:
        await until(pilot, lambda: "F1 Help" in foot(app))
        whole = (
            "^J New line",
            "^N New chat",
            "^O Model",
            "^T New pane",
            "^B Chats",
            "F1 Help",
            "^P All commands",
        )
        hints = foot(app)
        for part in (*whole, "│"):
            hints = hints.replace(part, "")
        assert hints.replace("▏", "").strip() == ""
        assert "F1 Help" in foot(app)
        assert foot(app).rstrip().endswith("^P All commands")
        assert ("^B Chats" in foot(app)) == (width >= 80)


async def test_hints_come_back_when_there_is_room_again() -> None:
    app = fake_app()
    async with app.run_test(size=(40, 24)) as pilot:
        await until(pilot, lambda: "F1 Help" in foot(app))
        assert "^O Model" not in foot(app)
        await pilot.resize_terminal(120, 24)
        await until(pilot, lambda: "^O Model" in foot(app))


class Completing(FakeEngine):
    async def load(self) -> LoadedModel:
        self.model = (await super().load()).with_changes("test", chat_format="completion")
        return self.model


async def test_a_model_that_continues_texts_is_given_one_instead_of_a_question() -> None:
    engines = FakeEngines()
    engines["builtin"] = Completing()
    app = fake_app(engines)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "This model continues texts" in screen_text(app))
        assert "Once upon a time" in screen_text(app)
        assert "Good to see you" not in screen_text(app)
        assert "A text for fake builtin to continue" in str(app.chat.pane.prompt.placeholder)
        await send(pilot, "once")
        await until(pilot, lambda: settled(app.chat.pane, 2))


async def test_enter_is_named_by_a_word_that_every_terminal_shows() -> None:
    app = fake_app(settings="TUI_CHAT_UI__CHARACTERS=ascii")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "F1 Help" in foot(app))
        await pilot.press("ctrl+b")
        await until(pilot, lambda: "Enter Open" in foot(app))
        await pilot.press("escape", "ctrl+g")
        await until(pilot, lambda: "Bksp Default" in foot(app))


async def test_a_key_of_a_dialog_and_what_it_does_stand_on_one_line() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("alt+p")
        await until(pilot, lambda: "Esc back" in screen_text(app))
        assert "Del delete" in screen_text(app)
        await until(pilot, lambda: not foot(app).strip())  # the dialog names its keys, and they are others
        await pilot.press("escape")
        await until(pilot, lambda: "F1 Help" in foot(app))
