"""The help screen: its list of keys is the bindings themselves."""

from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input, Static, TextArea

from tui_chat.key_bindings import key_words, places_of, remappable
from tui_chat.screens.help import HelpScreen


class PromptInput(TextArea):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="prompt.send"),
        Binding("ctrl+j,shift+enter", "newline", "New line", id="prompt.newline"),
        Binding("ctrl+y", "secret", ""),
    ]


class FrontScreen(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f7", "front", "Do the [/] thing")]
    HELP = "Where one writes [@click=app.quit]and[/] reads."

    def compose(self) -> ComposeResult:
        yield PromptInput()
        yield Input()


class Host(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", id="app.help"),
        Binding("ctrl+p", "command_palette", "All commands", id="app.palette"),
    ]

    def get_default_screen(self) -> Screen[None]:
        return FrontScreen()

    def action_help(self) -> None:
        self.push_screen(HelpScreen({"prompt.send": "f9"}))


def text_of(app: App[None]) -> str:
    return "\n".join(str(part.render()) for part in app.screen.query(Static))


async def test_the_keys_of_focused_widget_screen_and_app_are_listed_in_that_order() -> None:
    async with Host().run_test() as pilot:
        places = places_of(pilot.app.screen, {})
        assert [place.title for place in places] == ["Prompt input", "Front", "Everywhere"]
        assert [(key.keys, key.description) for key in places[0].keys] == [
            (("enter",), "Send"),
            (("ctrl+j", "shift+enter"), "New line"),
        ]
        everywhere = {key.description for key in places[2].keys}
        assert {"Help", "Quit", "All commands"} <= everywhere


async def test_a_key_bound_anew_is_listed_once_and_keys_are_written_as_on_the_keyboard() -> None:
    class Quitting(Host):
        BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "Leave", id="app.quit")]

    async with Quitting().run_test() as pilot:
        everywhere = places_of(pilot.app.screen, {})[-1]
        assert [key.description for key in everywhere.keys if "ctrl+q" in key.keys] == ["Leave"]
        names = ("ctrl+j", "shift+enter", "pageup", "f1", "g", "question_mark", "alt+1")
        words = ["Ctrl+J", "Shift+Enter", "PgUp", "F1", "g", "?", "Alt+1"]
        assert [key_words(pilot.app, name) for name in names] == words


async def test_remapped_keys_are_listed_as_they_are_now() -> None:
    async with Host().run_test() as pilot:
        await pilot.press("f1")
        shown = text_of(pilot.app)
        assert any(line.split() == ["F9", "Send"] for line in shown.split("\n"))


async def test_texts_with_brackets_are_shown_as_they_are() -> None:
    async with Host().run_test() as pilot:
        await pilot.press("f1")
        assert "Do the [/] thing" in text_of(pilot.app)
        assert "Where one writes [@click=app.quit]and[/] reads." in text_of(pilot.app)


async def test_keys_with_an_id_become_settings() -> None:
    async with Host().run_test() as pilot:
        found = {setting.key: setting.default for setting in remappable(places_of(pilot.app.screen, {}))}
        assert found["keys.prompt.newline"] == "ctrl+j,shift+enter"
        assert found["keys.app.help"] == "f1"


async def test_it_begins_with_first_steps_names_the_palette_scrolls_and_goes_away() -> None:
    async with Host().run_test(size=(80, 24)) as pilot:
        await pilot.press("f1")
        assert "Ctrl+P opens the command palette" in text_of(pilot.app)
        titles = [pilot.app.screen.query(".help-title").first(), pilot.app.screen.query(".help-title").last()]
        assert [str(title.render()) for title in titles] == ["Getting going", "Keys here"]
        assert titles[0].region.y < titles[1].region.y < 24  # both are seen without scrolling
        await pilot.press("end")
        await pilot.pause()
        assert pilot.app.screen.query_one("#help").scroll_y > 0
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, FrontScreen)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
async def test_it_opens_in_any_window(size: tuple[int, int]) -> None:
    async with Host().run_test(size=size) as pilot:
        await pilot.press("f1")
        assert isinstance(pilot.app.screen, HelpScreen)
