"""Personas in the app: the list with its preview, the form, and a chat with one."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static, TextArea

from engine.errors import UserError
from engine.paths import personas_path
from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat import cli, commands_ask
from tui_chat.app import TuiChatApp
from tui_chat.commands import commands_of
from tui_chat.config import load_config
from tui_chat.conversations import Conversations
from tui_chat.personas import library
from tui_chat.personas.persona import Persona
from tui_chat.screens import pane_dialogs
from tui_chat.screens.ask_text import AskText
from tui_chat.screens.persona_form import PersonaForm
from tui_chat.screens.personas import PersonaScreen
from tui_chat.screens.question import Question
from tui_chat.start import with_persona
from tui_chat.widgets.conversation_list import ConversationList
from tui_chat.widgets.welcome import Welcome

CAPTAIN = Persona(
    name="Sea captain", greeting="Ahoy!", system_prompt="Be gruff.", generation={"temperature": 0.9}
)


@pytest.fixture(autouse=True)
def captain(home: Path) -> None:
    library.save_persona(CAPTAIN)


async def opened(pilot: Pilot[None], app: TuiChatApp) -> PersonaScreen:
    await pilot.press("alt+p")
    await until(pilot, lambda: isinstance(app.screen, PersonaScreen) and app.screen._entries)
    assert isinstance(app.screen, PersonaScreen)
    return app.screen


async def go_to(pilot: Pilot[None], screen: PersonaScreen, key: str) -> None:
    keys = [entry.key for entry in library.list_personas()]
    screen.query_one(OptionList).highlighted = keys.index(key) + 1
    await until(pilot, lambda: screen._entry and screen._entry.key == key)


async def closed(pilot: Pilot[None], app: TuiChatApp) -> None:
    await until(pilot, lambda: app.screen is app.chat)
    await pilot.pause()


def preview(app: TuiChatApp) -> str:
    return str(app.screen.query_one(".preview", Static).visual)


def keys() -> list[str]:
    return [entry.key for entry in library.list_personas()]


# ---- a chat with one


async def test_a_chat_with_a_persona_begins_with_its_hello_and_the_model_is_told_who_it_is() -> None:
    engines, conversations = FakeEngines(), Conversations.in_memory()
    app = fake_app(engines, conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, await opened(pilot, app), "sea-captain")
        await pilot.press("enter")
        await closed(pilot, app)
        await until(pilot, lambda: "Ahoy!" in screen_text(app))
        assert "Sea captain" in str(app.chat.pane.query_one("PaneTitle .model", Static).visual)
        assert "Message Sea captain" in str(app.chat.pane.prompt.placeholder)
        assert conversations.newest() == []  # to look at a persona makes no conversation
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 3))
        pane = app.chat.pane
        assert said(pane)[:2] == [("assistant", "Ahoy!", "complete"), ("user", "hi", "complete")]
        assert pane.session.messages[0].model_name == "Sea captain"
        assert [m.content for m in engines["builtin"].asked[0]] == ["Be gruff.", "hi"]
        assert engines["builtin"].settings[0].temperature == 0.9
        assert "Ahoy!" in screen_text(app)
        assert [talk.title for talk in conversations.newest()] == ["hi"]


async def test_a_conversation_remembers_its_persona_and_a_new_chat_begins_with_it_again() -> None:
    conversations = Conversations.in_memory()
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await pane_dialogs.choose_persona(app.chat.pane, "sea captain")
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 3))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.chat.pane.query(Welcome) and "Ahoy!" in screen_text(app))
        await pane_dialogs.choose_persona(app.chat.pane, "none")
        assert app.chat.pane.settings == app.chat.default_settings
        await until(pilot, lambda: "Good to see you" in screen_text(app))
        (talk,) = conversations.newest()
        await app.chat.pane.open(talk)
        assert app.chat.pane.settings.persona == "Sea captain"
        await send(pilot, "more")
        await until(pilot, lambda: settled(app.chat.pane, 5))
        assert [text for _, text, _ in said(app.chat.pane)].count("Ahoy!") == 1


async def test_the_app_begins_with_a_persona_that_is_asked_for() -> None:
    library.save_persona(Persona(name="Far away", greeting="Here.", model="run:gone"))
    for flags, problems in (({}, 1), ({"chat.model": "run:mine"}, 0)):
        loaded = load_config(Path("/nonexistent/config.toml"), {}, flags)
        loaded, settings = with_persona(loaded, "far-away")
        assert (len(loaded.problems), settings.model) == (problems, flags.get("chat.model", "builtin"))
    app = TuiChatApp(loaded, None, FakeEngines(), Conversations.in_memory(), begins_with=settings)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Here." in screen_text(app))
        assert app.chat.pane.settings.persona == "Far away"


def test_the_chat_in_plain_lines_begins_with_the_hello_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engines = FakeEngines()
    monkeypatch.setattr(
        commands_ask, "_engine", lambda ref, options, config, progress: engines(ref, progress)
    )
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"hi\n")))
    with pytest.raises(SystemExit):
        cli.main(["ask", "-i", "--persona", "sea-captain"])
    assert "Sea captain: Ahoy!" in capsys.readouterr().out
    assert [m.content for m in engines["builtin"].asked[0]] == ["Be gruff.", "hi"]
    assert engines["builtin"].settings[0].temperature == 0.9


async def test_within_a_conversation_another_persona_goes_on_without_a_hello() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pane_dialogs.choose_persona(app.chat.pane, "sea-captain")
        await send(pilot, "more")
        await until(pilot, lambda: settled(app.chat.pane, 4))
        assert "Ahoy!" not in screen_text(app)
        assert engines["builtin"].asked[1][0].content == "Be gruff."


async def test_a_new_chat_with_a_persona_leaves_the_one_there_was() -> None:
    conversations = Conversations.in_memory()
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("ctrl+b")  # the list lies over the chat, with the focus
        listed = app.chat.query_one(ConversationList)
        await until(pilot, lambda: listed.has_focus_within)
        await go_to(pilot, await opened(pilot, app), "sea-captain")
        await pilot.press("c")
        await closed(pilot, app)
        await until(pilot, lambda: app.focused is app.chat.pane.prompt and not listed.display)
        await until(pilot, lambda: app.chat.pane.settings.persona == "Sea captain")
        assert not app.chat.pane.session.messages
        assert '"persona":""' in conversations.newest()[0].settings


async def test_a_model_that_is_not_there_is_said_and_an_unknown_persona_changes_nothing() -> None:
    library.save_persona(Persona(name="Far away", model="run:gone"))
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pane_dialogs.choose_persona(app.chat.pane, "far-away")
        await until(pilot, lambda: any("There is no run 'gone'" in n.message for n in app._notifications))
        assert (app.chat.pane.settings.model, app.chat.pane.settings.persona) == ("builtin", "Far away")
        with pytest.raises(UserError, match="no persona 'nobody'"):
            await pane_dialogs.choose_persona(app.chat.pane, "nobody")
        assert app.chat.pane.settings.persona == "Far away"


HOSTILE = "a\x1b]52;c;aGk=\x07\x9b2J\u202e[@click=app.quit]b[/] [red"


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_the_texts_of_a_persona_control_nothing(size: tuple[int, int]) -> None:
    hostile = Persona(
        name="Evil [/] [b", description="[@click=app.quit]x[/]", greeting=HOSTILE, system_prompt=HOSTILE
    )
    library.save_persona(hostile)
    (personas_path() / "worse.toml").write_text(f'name = "x"\n"{"[red]" * 3}" = 1')
    app = fake_app()
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, app)
        for key in ("evil-b", "worse"):
            await go_to(pilot, screen, key)
            await pilot.pause()
            assert not controls(app)
        assert "[red][red]" in screen_text(app)
        await pane_dialogs.choose_persona(app.chat.pane, "evil-b")
        await pilot.press("escape")
        await closed(pilot, app)
        assert not controls(app)
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 3))
        await pilot.press("ctrl+g")
        await pilot.pause(0.3)
        assert not controls(app)
        assert app.chat.pane.session.messages[0].content == HOSTILE  # kept as it was given


def controls(app: TuiChatApp) -> list[str]:
    """Characters on the screen that a terminal would obey."""
    shown = screen_text(app).replace("\n", "")
    return [c for c in shown if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E]


# ---- the list


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_list_previews_what_each_is_told(size: tuple[int, int]) -> None:
    app = fake_app()
    async with app.run_test(size=size) as pilot:
        await go_to(pilot, await opened(pilot, app), "patient-tutor")
        await until(pilot, lambda: "Explain one small step" in preview(app))
        assert "ships with tui-chat" in screen_text(app)
        await pilot.press("home")
        await until(pilot, lambda: "The model as the settings have it" in screen_text(app))
        await pilot.press("escape")
        await closed(pilot, app)
        assert app.chat.pane.settings.persona == ""


async def test_the_palette_has_it() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        command = next(command for command in commands_of(app) if command.title == "Personas")
        await command.callback()
        await until(pilot, lambda: isinstance(app.screen, PersonaScreen))


async def test_a_file_with_a_mistake_shows_it_and_cannot_be_chosen() -> None:
    (personas_path() / "odd.toml").write_text('name = "Odd"\nmodell = "x"')
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, await opened(pilot, app), "odd")
        await until(pilot, lambda: "Did you mean 'model'?" in preview(app))
        await pilot.press("enter", "e")
        assert isinstance(app.screen, PersonaScreen)


# ---- making and changing


async def form(pilot: Pilot[None], app: TuiChatApp, key: str) -> PersonaForm:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, PersonaForm) and app.screen.query("#seed"))
    assert isinstance(app.screen, PersonaForm)
    return app.screen


def note(screen: PersonaForm, name: str) -> str:
    return str(screen.query_one(f"#{name}-note", Static).visual)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_new_one_is_made_in_a_form_that_says_what_is_wrong(size: tuple[int, int]) -> None:
    app = fake_app()
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        screen = await form(pilot, app, "n")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "must" in note(screen, "name") or "missing" in note(screen, "name"))
        await pilot.press(*"Storyteller")
        screen.query_one("#temperature", Input).value = "9"
        await until(pilot, lambda: "Temperature must be a number from 0 to 5" in note(screen, "temperature"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen.query_one("#temperature").has_focus)
        screen.query_one("#temperature", Input).value = "1.5"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "already" in note(screen, "name"))  # and what was typed is still there
        screen.query_one("#name", Input).value = "Bard"
        screen.query_one("#model", Input).value = "nonsuch"
        await pilot.pause()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "There is no model 'nonsuch'" in note(screen, "model"))
        screen.query_one("#model", Input).value = ""
        screen.query_one("#system_prompt", TextArea).text = "Sing.\nAlways."
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, PersonaScreen))
        made = library.find_persona("bard").persona
        assert made == Persona(name="Bard", system_prompt="Sing.\nAlways.", generation={"temperature": 1.5})
        await until(pilot, lambda: isinstance(app.screen, PersonaScreen) and app.screen._entry.key == "bard")


async def test_editing_changes_what_was_touched_and_asks_before_it_is_left() -> None:
    library.save_persona(Persona(name="Odd", greeting="a\x1bb", generation={"top_k": 5, "stop": ["U:"]}))
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await go_to(pilot, await opened(pilot, app), "odd")
        screen = await form(pilot, app, "e")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PersonaScreen))  # nothing was typed
        screen = await form(pilot, app, "e")
        screen.query_one("#top_k", Input).value = ""
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, PersonaScreen))
        assert library.find_persona("odd").persona == Persona(
            name="Odd", greeting="a\x1bb", generation={"stop": ["U:"]}
        )


async def test_one_is_copied_and_deleted_after_a_question() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app)
        await go_to(pilot, screen, "storyteller")
        await form(pilot, app, "d")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "storyteller-2" in keys() and app.screen is screen)
        for answer, is_there in (("n", True), ("y", False)):
            await pilot.press("delete")
            await until(pilot, lambda: isinstance(app.screen, Question))
            await pilot.press(answer)
            await until(pilot, lambda: app.screen is screen)
            await until(pilot, lambda: ("storyteller-2" in keys()) == is_there)  # noqa: B023
        await go_to(pilot, screen, "storyteller")
        await pilot.press("delete")
        await until(pilot, lambda: any("of your own" in n.message for n in app._notifications))


async def answer(pilot: Pilot[None], app: TuiChatApp, text: str) -> None:
    await until(pilot, lambda: isinstance(app.screen, AskText) and app.screen.query(Input))
    app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await until(
        pilot, lambda: not isinstance(app.screen, AskText) or app.screen.query_one(Input).value == text
    )


async def test_one_leaves_as_a_file_and_comes_in_again_and_nothing_is_replaced_unasked(
    tmp_path: Path,
) -> None:
    file = tmp_path / "captain.toml"
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app)
        await go_to(pilot, screen, "sea-captain")
        await pilot.press("o")
        await answer(pilot, app, str(file))
        await until(pilot, lambda: file.exists() and app.screen is screen)
        await pilot.press("o")
        await answer(pilot, app, str(file))
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)

        file.write_text('name = "Sea captain"\nodd = 1')
        await pilot.press("i")
        await answer(pilot, app, str(file))
        await until(
            pilot, lambda: any("line 2: there is no setting 'odd'" in n.message for n in app._notifications)
        )
        file.write_text('name = "Sea captain"\n')
        await answer(pilot, app, str(file))
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        assert library.find_persona("sea-captain").persona == CAPTAIN
        await pilot.press("i")
        await answer(pilot, app, str(file))
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: library.find_persona("sea-captain").persona == Persona(name="Sea captain"))
    assert os.environ["TUI_CHAT_HOME"]
