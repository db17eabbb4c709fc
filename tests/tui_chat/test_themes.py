"""Themes: the user's own from files, looked at before they are taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.errors import UserError
from engine.paths import config_path
from tests.tui_chat.chat_pilot import screen_text
from tests.tui_chat.fake_engine import FakeEngines, until
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config, parse_value, save_setting, setting_of
from tui_chat.conversations import Conversations
from tui_chat.screens.theme_picker import ThemePicker
from tui_chat.themes import BUILT_IN, own_themes, read_theme, theme_names, themes_path

DUSK = 'primary = "#7aa2f7"\nbackground = "#101418"\naccent = "crimson"\n'


def theme_file(text: str, name: str = "dusk") -> Path:
    themes_path().mkdir(parents=True, exist_ok=True)
    file = themes_path() / f"{name}.toml"
    file.write_text(text)
    return file


def app_of_file() -> TuiChatApp:
    loaded = load_config(config_path(), environment={})
    return TuiChatApp(loaded, engine_factory=FakeEngines(), conversations=Conversations.in_memory())


def notices(app: TuiChatApp) -> str:
    return " ".join(notice.message for notice in app._notifications)


def test_all_themes_of_textual_can_be_chosen() -> None:
    assert set(BUILT_IN) == set(BUILTIN_THEMES)


def test_a_file_is_a_theme_that_the_settings_offer() -> None:
    theme_file(DUSK)
    assert theme_names() == (*BUILT_IN, "dusk")
    assert "dusk" in setting_of("ui", "theme").words
    assert parse_value("ui.theme", "dusk") == "dusk"
    theme = read_theme(themes_path() / "dusk.toml")
    assert (theme.name, theme.primary, theme.dark, theme.accent) == ("dusk", "#7aa2f7", True, "crimson")


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ("", "dusk", "primary"),
        ('primary = "#7aa2f7"\nbackgruond = "#000000"', "dusk", "Did you mean 'background'"),
        ('primary = "bluish"', "dusk", "primary must be a colour such as"),
        ('primary = ""', "dusk", "primary"),
        ('primary = "red"\ntext_alpha = 3', "dusk", "text_alpha"),
        ("primary = ", "dusk", "line 1: not valid TOML"),
        (DUSK, "nord", "there is a theme of that name already"),
        (DUSK, "My Theme", "name it with small letters"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_reason_and_hides_none(
    text: str, name: str, sentence: str
) -> None:
    file = theme_file(text, name)
    theme_file(DUSK, "zebra")
    with pytest.raises(UserError, match=sentence):
        read_theme(file)
    themes, problems = own_themes()
    assert [theme.name for theme in themes] == ["zebra"]
    assert len(problems) == 1 and file.name in problems[0]


async def test_the_app_begins_in_a_theme_of_ones_own() -> None:
    theme_file(DUSK)
    save_setting(config_path(), "ui.theme", "dusk")
    app = app_of_file()
    async with app.run_test() as pilot:
        await until(pilot, lambda: "dusk" in app.available_themes)
        assert app.theme == "dusk"
        assert app.current_theme.background == "#101418"
        assert not notices(app)


async def test_a_theme_whose_file_is_gone_costs_no_other_setting_and_is_told() -> None:
    theme_file(DUSK)
    save_setting(config_path(), "ui.theme", "dusk")
    save_setting(config_path(), "generation.top_k", 7)
    (themes_path() / "dusk.toml").unlink()
    app = app_of_file()
    async with app.run_test() as pilot:
        await until(pilot, lambda: "There is no theme 'dusk'" in notices(app))
        assert app.theme == "textual-dark"
        assert app.loaded.config.generation.top_k == 7
    assert load_config(config_path(), environment={}).config.ui.theme == "dusk"  # it may come back


async def test_a_broken_theme_file_is_told_at_the_start() -> None:
    theme_file('primary = "bluish"')
    app = app_of_file()
    async with app.run_test() as pilot:
        await until(pilot, lambda: "dusk.toml: primary must be a colour" in notices(app))


async def test_themes_are_seen_while_choosing_and_only_the_chosen_one_is_kept() -> None:
    theme_file(DUSK)
    app = app_of_file()
    async with app.run_test(size=(100, 40)) as pilot:
        app.action_change_theme()
        await until(pilot, lambda: isinstance(app.screen, ThemePicker) and "nord" in screen_text(app))
        await until(pilot, lambda: "Esc back" in screen_text(app))
        assert "Good to see you" in screen_text(app)  # the app can be seen beside it
        assert app.screen.styles.background.a == 0
        await pilot.press("down")
        await until(pilot, lambda: app.theme != "textual-dark")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "textual-dark" and not isinstance(app.screen, ThemePicker))
        assert not config_path().exists()
        app.action_change_theme()
        await until(pilot, lambda: isinstance(app.screen, ThemePicker) and len(app.screen._values) > 3)
        picker = app.screen
        picker.query_one(OptionList).highlighted = 2
        picker.dismiss(None)  # before the list has told where its cursor is
        await until(pilot, lambda: not isinstance(app.screen, ThemePicker))
        picker.preview(OptionList.OptionHighlighted(picker.query_one(OptionList), Option("late"), 3))
        app.theme_changed_signal.publish(app.available_themes["nord"])
        await pilot.pause()
        assert (app.theme, config_path().exists()) == ("textual-dark", False)
        app.action_change_theme()
        await until(pilot, lambda: isinstance(app.screen, ThemePicker))
        await pilot.press(*"dusk")
        await until(pilot, lambda: app.theme == "dusk")
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, ThemePicker))
        await until(pilot, lambda: load_config(config_path(), environment={}).config.ui.theme == "dusk")
        assert app.theme == "dusk"


@pytest.mark.parametrize("colour", ["transparent", "#10141800"])
def test_a_background_that_is_see_through_is_refused_as_nothing_could_be_drawn_on_it(colour: str) -> None:
    file = theme_file(f'primary = "#7aa2f7"\nbackground = "{colour}"\n')
    with pytest.raises(UserError, match="background must not be see-through.*ansi-dark"):
        read_theme(file)
