"""The settings form: what is typed is checked beside its field, saved at once, and never lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input, Select, Static, Switch, TextArea

from tui_chat.config import all_settings, load_config
from tui_chat.screens.settings import SettingsScreen
from tui_chat.widgets.setting_row import SettingRow


class Host(App[None]):
    """The app as the settings screen sees it."""

    BINDINGS = [Binding("f5", "noop", "Do nothing", id="app.noop")]  # noqa: RUF012

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        super().__init__()
        self.loaded = load_config(path, environment)
        self.changes: list[tuple[str, Any]] = []

    def compose(self) -> ComposeResult:
        yield Static("the app")

    def on_mount(self) -> None:
        self.push_screen(SettingsScreen(self.loaded))

    def on_settings_screen_changed(self, message: SettingsScreen.Changed) -> None:
        self.loaded = message.loaded
        self.changes.append((message.key, message.loaded.problem))


@asynccontextmanager
async def settings_of(
    path: Path, environment: dict[str, str] | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    async with Host(path, environment or {}).run_test(size=size) as pilot:
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        yield pilot


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def row(pilot: Pilot[None], key: str) -> SettingRow:
    return next(row for row in pilot.app.screen.query(SettingRow) if row.setting.key == key)


def note(pilot: Pilot[None], key: str) -> str:
    return str(row(pilot, key).query_one(".note", Static).render())


async def type_into(pilot: Pilot[None], key: str, text: str, then: str = "enter") -> None:
    field = row(pilot, key).field
    field.focus()
    assert isinstance(field, Input)
    field.value = text
    await pilot.pause()
    await pilot.press(then)
    await pilot.pause()


async def test_every_setting_and_every_remappable_key_is_on_the_form(path: Path) -> None:
    async with settings_of(path) as pilot:
        shown = {row.setting.key for row in pilot.app.screen.query(SettingRow)}
        assert {setting.key for setting in all_settings()} <= shown
        assert {"keys.app.noop", "keys.settings.close"} <= shown


async def test_enter_saves_and_says_so(path: Path) -> None:
    async with settings_of(path) as pilot:
        await type_into(pilot, "generation.temperature", "0.3")
        assert load_config(path, {}).config.generation.temperature == 0.3
        assert note(pilot, "generation.temperature") == "saved ✓ from the file; default: 0.8"
        assert pilot.app.changes == [("generation.temperature", None)]  # type: ignore[attr-defined]


async def test_leaving_a_field_saves_it_too(path: Path) -> None:
    async with settings_of(path) as pilot:
        await type_into(pilot, "generation.seed", "42", then="tab")
        assert load_config(path, {}).config.generation.seed == 42


async def test_a_wrong_value_is_told_beside_its_field_and_stays_typed(path: Path) -> None:
    async with settings_of(path) as pilot:
        await type_into(pilot, "generation.top_p", "2")
        assert note(pilot, "generation.top_p") == "top_p must be a number from 0.001 to 1."
        assert row(pilot, "generation.top_p").has_class("-problem")
        assert not path.exists()
        field = row(pilot, "generation.top_p").field
        assert isinstance(field, Input)
        assert field.value == "2"
        field.value = "0.95"
        await pilot.pause()
        assert note(pilot, "generation.top_p") == "default"


async def test_a_switch_and_a_choice_are_saved_at_once(path: Path) -> None:
    async with settings_of(path) as pilot:
        switch, choice = row(pilot, "ui.enter_sends").field, row(pilot, "engine.device").field
        assert isinstance(switch, Switch)
        assert isinstance(choice, Select)
        switch.focus()
        await pilot.press("enter")
        choice.value = "cpu"
        await pilot.pause()
        config = load_config(path, {}).config
        assert config.ui.enter_sends is False
        assert config.engine.device == "cpu"


async def test_opening_and_closing_the_form_changes_nothing(path: Path) -> None:
    path.write_text('[generation]\nstop = ["a\\u001b", "b"]\n[chat]\nsystem_prompt = "one\\u0007\\ntwo"\n')
    before = path.read_text()
    async with settings_of(path) as pilot:
        for _ in range(12):
            await pilot.press("tab")
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, SettingsScreen)
    assert path.read_text() == before


async def test_a_theme_is_seen_at_once(path: Path) -> None:
    async with settings_of(path) as pilot:
        choice = row(pilot, "ui.theme").field
        assert isinstance(choice, Select)
        choice.value = "nord"
        await pilot.pause()
        assert pilot.app.theme == "nord"
        assert load_config(path, {}).config.ui.theme == "nord"


async def test_a_text_of_several_lines_is_saved_when_the_cursor_leaves(path: Path) -> None:
    async with settings_of(path) as pilot:
        area = row(pilot, "chat.system_prompt").field
        assert isinstance(area, TextArea)
        area.focus()
        await pilot.press("h", "i", "enter", "y", "o", "tab")
        await pilot.pause()
        assert load_config(path, {}).config.chat.system_prompt == "hi\nyo"


async def test_the_default_can_be_brought_back(path: Path) -> None:
    path.write_text("[generation]\ntop_k = 3\n")
    async with settings_of(path) as pilot:
        row(pilot, "generation.top_k").field.focus()
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert load_config(path, {}).config.generation.top_k == 50
        assert note(pilot, "generation.top_k") == "saved ✓ default"


async def test_a_value_from_the_environment_says_so(path: Path) -> None:
    async with settings_of(path, {"TUI_CHAT_GENERATION__TOP_K": "9"}) as pilot:
        assert note(pilot, "generation.top_k").startswith("from TUI_CHAT_GENERATION__TOP_K")


async def test_the_search_leaves_only_what_matches(path: Path) -> None:
    async with settings_of(path) as pilot:
        await pilot.press("ctrl+f", *"threads cpu")
        shown = {row.setting.key for row in pilot.app.screen.query(SettingRow) if row.display}
        assert shown == {"engine.threads", "training.threads"}
        await pilot.press("enter")
        assert pilot.app.focused is row(pilot, "engine.threads").field
        await pilot.press("ctrl+f", *"zzz")
        assert pilot.app.screen.query_one("#settings-none").display


async def test_escape_saves_what_was_typed(path: Path) -> None:
    async with settings_of(path) as pilot:
        await type_into(pilot, "generation.top_k", "4", then="escape")
        assert load_config(path, {}).config.generation.top_k == 4


async def test_escape_tells_what_it_could_not_save(path: Path) -> None:
    async with settings_of(path) as pilot:
        await type_into(pilot, "generation.top_k", "many", then="escape")
        [told] = pilot.app._notifications
        assert "Not saved: generation.top_k: top_k must be a whole number" in told.message
        assert not path.exists()


async def test_a_remapped_key_is_saved_under_its_id(path: Path) -> None:
    async with settings_of(path) as pilot:
        await type_into(pilot, "keys.app.noop", "f6, ctrl+n")
        assert load_config(path, {}).config.keys == {"app.noop": "f6,ctrl+n"}
        await type_into(pilot, "keys.app.noop", "Control N")
        assert "must be a key such as" in note(pilot, "keys.app.noop")
        await type_into(pilot, "keys.app.noop", "f5")
        assert load_config(path, {}).config.keys == {}


async def test_a_remapped_key_of_another_screen_is_shown_too(path: Path) -> None:
    path.write_text('[keys]\n"training.pause" = "f12"\n')
    async with settings_of(path) as pilot:
        field = row(pilot, "keys.training.pause").field
        assert isinstance(field, Input)
        assert field.value == "f12"


async def test_a_broken_file_is_told_with_its_line_and_kept_when_set_aside(path: Path) -> None:
    path.write_text("[ui]\nkey_set = 'pink'\n[nonsense]\n")
    async with settings_of(path) as pilot:
        banner = str(pilot.app.screen.query_one("#settings-problem-text", Static).render())
        assert "config.toml, line 2, [ui]: key_set must be one of" in banner
        await type_into(pilot, "generation.top_k", "5")
        assert "Nothing was saved" in note(pilot, "generation.top_k")
        assert path.read_text() == "[ui]\nkey_set = 'pink'\n[nonsense]\n"
        await pilot.click("#set-aside")
        await pilot.pause()
        assert not pilot.app.screen.query_one("#settings-problem").display
        await pilot.press("enter")
        await type_into(pilot, "generation.top_k", "6")
        assert load_config(path, {}).config.generation.top_k == 6
    [kept] = path.parent.glob("*.bad-*")
    assert kept.read_text() == "[ui]\nkey_set = 'pink'\n[nonsense]\n"


HOSTILE = "x [/] y [@click=app.quit]hi[/] [true, false] \\u001b]52;c;eA==\\u0007 \\u009b2J\\u202e"


async def test_hostile_texts_in_the_file_are_shown_as_they_are(path: Path) -> None:
    path.write_text(f'[chat]\nmodel = "{HOSTILE}"\nsystem_prompt = "{HOSTILE}\\n"\n')
    async with settings_of(path) as pilot:
        field, area = row(pilot, "chat.model").field, row(pilot, "chat.system_prompt").field
        assert isinstance(field, Input)
        assert isinstance(area, TextArea)
        assert "x [/] y [@click=app.quit]hi[/] [true, false] ␛]52" in field.value
        assert not any(character in field.value + area.text for character in "\x1b\x07\x9b\u202e")


async def test_hostile_names_in_a_broken_file_are_told_as_they_are(path: Path) -> None:
    path.write_text(f'[chat]\n"{HOSTILE}" = 1\n')
    async with settings_of(path) as pilot:
        banner = str(pilot.app.screen.query_one("#settings-problem-text", Static).render())
        assert "[@click=app.quit]" in banner
        assert not any(character in banner for character in "\x1b\x07\x9b\u202e")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
async def test_it_fits_any_window(path: Path, size: tuple[int, int]) -> None:
    async with settings_of(path, size=size) as pilot:
        focused = pilot.app.focused
        assert focused is not None
        assert pilot.app.screen.region.contains_region(focused.region)


async def test_a_reset_waits_for_the_letters_typed_before_it(path: Path) -> None:
    async with settings_of(path) as pilot:
        field = row(pilot, "generation.seed").field
        field.focus()
        await pilot.pause()
        for key in [*"123", "ctrl+r"]:  # all at once
            pilot.app._driver.process_message(events.Key(key, key if len(key) == 1 else None))  # type: ignore[union-attr]
        await pilot.pause(0.2)
        assert isinstance(field, Input)
        assert field.value == ""
        assert load_config(path, {}).config.generation.seed is None
