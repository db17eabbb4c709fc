"""Sets of keys: vim's letters where nothing is typed, and every key of the app changeable."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.widgets import Input

from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import fake_app, until
from tests.tui_chat.test_key_hints import app_with_keys
from tests.tui_chat.test_shelf_in_app import library
from tui_chat import key_checks
from tui_chat.config import load_config, save_setting
from tui_chat.key_sets import KEY_SETS, keys_in_force
from tui_chat.screens.help import HelpScreen
from tui_chat.widgets.conversation_titles import Titles
from tui_chat.widgets.message_view import MessageView

BOUND = [cls for cls in key_checks._bound_classes() if cls.__dict__.get("BINDINGS")]
FALLBACK = "move."  # done where no widget has the key for itself


def ids_by_key(cls: type[DOMNode]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for binding in key_checks._bindings(cls):
        found.setdefault(binding.key, set()).add(binding.id or "")
    return found


@pytest.mark.parametrize("cls", BOUND, ids=lambda cls: cls.__name__)
def test_every_key_can_be_given_to_something_else(cls: type[DOMNode]) -> None:
    for binding in key_checks._bindings(cls):
        assert binding.id, f"{cls.__name__} binds {binding.key} without an id: the settings cannot change it"
        changed = BindingsMap(cls.__dict__["BINDINGS"])
        before = {one.id for bindings in changed.key_to_bindings.values() for one in bindings}
        changed.apply_keymap(key_checks.with_neighbours({binding.id: "f24"}))
        after = {one.id: key for key, bindings in changed.key_to_bindings.items() for one in bindings}
        assert after.keys() == before, f"changing {binding.id} takes another key away"
        assert after[binding.id] == "f24"


@pytest.mark.parametrize("name", KEY_SETS)
def test_a_set_names_actions_that_are_there_and_keys_that_a_keyboard_sends(name: str) -> None:
    for id, keys in KEY_SETS[name].items():
        key_checks.check_key(id, keys)


@pytest.mark.parametrize("name", KEY_SETS)
@pytest.mark.parametrize("screen", key_checks._screens(), ids=lambda cls: cls.__name__)
def test_a_set_gives_no_widget_one_key_for_two_things(name: str, screen: type[DOMNode]) -> None:
    in_force = keys_in_force(name, {})
    for cls in key_checks._classes_on(screen):
        done: dict[str, str] = {}
        for binding in key_checks._bindings(cls):
            for key in key_checks._keys_of(binding, in_force):
                is_of_set = binding.id in KEY_SETS[name] or done.get(key) in KEY_SETS[name]
                assert not is_of_set or done.get(key, binding.id) == binding.id, f"{cls.__name__}: {key}"
                done[key] = binding.id or ""


async def test_vim_keys_move_among_messages_and_escape_leaves_the_prompt_for_them() -> None:
    app = fake_app(settings="TUI_CHAT_UI__KEY_SET=vim")
    async with app.run_test(size=(100, 30)) as pilot:
        for number, text in enumerate(["one", "jig"], 1):  # the letters are letters in the prompt
            await send(pilot, text)
            await until(pilot, lambda number=number: settled(app.chat.pane, 2 * number))
        assert app.chat.pane.session.messages[2].content == "jig"
        views = app.chat.pane.transcript.views
        await pilot.press("escape")
        assert app.focused is views[-1]
        await pilot.press("k", "k")
        assert app.focused is views[-3]
        await pilot.press("j")
        assert app.focused is views[-2]
        await pilot.press("i")
        assert app.focused is app.chat.pane.prompt


async def test_escape_stops_a_reply_before_it_leaves_the_prompt() -> None:
    import asyncio

    from tests.tui_chat.fake_engine import FakeEngines

    engines = FakeEngines()
    engines("builtin", lambda _: None).script = ["Once", asyncio.Event()]
    app = fake_app(engines, settings="TUI_CHAT_UI__KEY_SET=vim")
    async with app.run_test(size=(100, 30)) as pilot:
        await send(pilot, "go")
        await until(pilot, lambda: "Once" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert app.focused is app.chat.pane.prompt
        await pilot.press("escape")
        assert isinstance(app.focused, MessageView)


async def test_slash_searches_and_letters_scroll_where_nothing_is_typed() -> None:
    app = fake_app(settings="TUI_CHAT_UI__KEY_SET=vim")
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.press("f1")
        help = app.screen.query_one("#help")
        await pilot.press("j", "j")
        await until(pilot, lambda: help.scroll_y == 2)
        await pilot.press("G")
        await until(pilot, lambda: help.scroll_y == help.max_scroll_y)
        await pilot.press("ctrl+u")
        await until(pilot, lambda: help.scroll_y < help.max_scroll_y)
        await pilot.press("g")
        await until(pilot, lambda: help.scroll_y == 0)
        await pilot.press("escape", "f2")
        await until(pilot, lambda: app.screen.query("#settings-search"))
        app.screen.query("Select").first().focus()
        await pilot.press("slash")
        assert app.focused is not None and app.focused.id == "settings-search"


async def test_a_key_of_ones_own_goes_before_the_set(tmp_path: Path) -> None:
    save_setting(tmp_path / "config.toml", "ui.key_set", "vim")
    app = app_with_keys(tmp_path, message__look="x")
    assert app.remapped_keys["message.look"] == "x"
    assert app.remapped_keys["move.down"] == "j"


async def test_the_help_names_the_set_and_its_keys() -> None:
    app = fake_app(settings="TUI_CHAT_UI__KEY_SET=vim")
    async with app.run_test(size=(120, 90)) as pilot:
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        shown = screen_text(app)
        assert "the vim set: ui.key_set in the settings, F2" in shown
        assert "Half a page down" in shown and "Ctrl+D" in shown


async def test_another_set_chosen_in_the_settings_works_at_once_and_its_keys_are_shown(
    tmp_path: Path,
) -> None:
    app = app_with_keys(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: app.screen.query("#section-keys"))
        rows = {row.setting.key: row for row in app.screen.query("SettingRow")}  # type: ignore[attr-defined]
        assert rows["keys.move.down"].field.value == "ctrl+down"
        rows["ui.key_set"].field.value = "vim"
        await until(pilot, lambda: rows["keys.move.down"].field.value == "j")
        assert load_config(tmp_path / "config.toml", environment={}).config.ui.key_set == "vim"
        assert load_config(tmp_path / "config.toml", environment={}).config.keys == {}
        await until(pilot, lambda: app.remapped_keys.get("move.down") == "j")


async def test_in_the_list_too_vims_i_leads_back_to_the_prompt() -> None:
    app = fake_app(conversations=library("Tea"), settings="TUI_CHAT_UI__KEY_SET=vim")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.chat.query_one(Titles).option_count)
        await pilot.press("ctrl+b")
        await until(pilot, lambda: isinstance(app.focused, Titles))
        await pilot.press("i")
        await until(pilot, lambda: app.focused is app.chat.pane.prompt)


async def test_the_hint_of_the_search_box_names_a_key_that_is_no_letter() -> None:
    app = fake_app(conversations=library("Tea"), settings="TUI_CHAT_UI__KEY_SET=vim")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+f")
        await until(pilot, lambda: "Esc Back" in screen_text(app).splitlines()[-1])
        await pilot.press("i")
        assert app.chat.query_one("#search", Input).value == "i"
