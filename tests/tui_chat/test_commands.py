"""The palette: jokes, poems, and every other command."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from engine.paths import runs_path
from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tests.tui_chat.fake_run import FakeRun
from tui_chat import palette_keys
from tui_chat.app import TuiChatApp
from tui_chat.commands import RUN_COMMANDS, commands_of, tell
from tui_chat.companions.jokes import shipped_jokes
from tui_chat.companions.poems import as_plain
from tui_chat.config import load_config, save_setting
from tui_chat.conversations import Conversations
from tui_chat.palette_order import FIRST, offered
from tui_chat.screens.new_run import NewRunScreen
from tui_chat.screens.settings import SettingsScreen
from tui_chat.screens.training import TrainingScreen
from tui_chat.widgets.conversation_list import ConversationList

RUN_TITLES = {title for title, _, _ in RUN_COMMANDS}


async def test_a_joke_waits_for_why_also_while_no_model_is_loaded() -> None:
    engines = FakeEngines()
    engines("builtin", lambda loading: None).load_error = UserError("No model.")
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        titles = [command.title for command in offered(commands_of(app), app.chat)]
        assert titles[: len(FIRST)] == list(FIRST)
        assert not {"Step through checkpoints", "Stop reply", "Delete chat"} & set(titles)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "New chat" in screen_text(app) and "Personas" in screen_text(app))
        await pilot.press(*"joke")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(pilot, lambda: settled(app.chat.pane, 1))
        for count in range(3, 12, 2):
            if said(app.chat.pane)[-1][1] in {joke.punchline for joke in shipped_jokes()}:
                break
            await send(pilot, "who is there?")
            await until(pilot, lambda: settled(app.chat.pane, count))  # noqa: B023
        assert engines["builtin"].asked == []
        assert all(message.content for message in app.chat.pane.session.messages)
        await send(pilot, "and now?")
        await until(pilot, lambda: engines["builtin"].asked)


async def test_a_poem_asks_for_its_topic() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(app, "poem")
        await until(pilot, lambda: settled(app.chat.pane, 1))
        assert "about" in said(app.chat.pane)[0][1]
        await send(pilot, "the sea")
        await until(pilot, lambda: settled(app.chat.pane, 3))
        assert "\n" in said(app.chat.pane)[2][1]


async def test_of_poems_the_model_reads_the_one_told_just_before_only() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hello")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        for topic, count in (("the sea", 5), ("rain", 8)):
            await tell(app, "poem")
            await until(pilot, lambda count=count: settled(app.chat.pane, count - 2))  # type: ignore[misc]
            await send(pilot, topic)
            await until(pilot, lambda count=count: settled(app.chat.pane, count))  # type: ignore[misc]
        about_rain = app.chat.pane.session.messages[-1].content
        await send(pilot, "and now?")
        await until(pilot, lambda: settled(app.chat.pane, 10))
        asked = [message.content for message in engines["builtin"].asked[-1]]
        assert asked[:2] == ["hello", "Hello there."]
        assert asked[-3:] == ["rain", as_plain(about_rain), "and now?"]
        assert "the sea" not in asked


async def test_poem_about_something_can_be_typed_into_the_palette() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p", *"poem about [b]rain")
        await until(pilot, lambda: "Poem about [b]rain" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: settled(app.chat.pane, 1))
        assert len(said(app.chat.pane)[0][1].splitlines()) > 3


async def test_joke_about_something_can_be_typed_into_the_palette() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p", *"joke about cats")
        await until(pilot, lambda: "Joke about cats" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: settled(app.chat.pane, 1))
        assert "cat" in said(app.chat.pane)[0][1]


@pytest.mark.parametrize("answer", ["anything", "surprise me", "never mind"])
async def test_a_poem_takes_any_answer_for_a_topic(answer: str) -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(app, "poem")
        await until(pilot, lambda: settled(app.chat.pane, 1))
        app.chat.pane.ask(answer)
        await until(pilot, lambda: settled(app.chat.pane, 3))
        assert engines["builtin"].asked == []
        app.chat.pane.ask("hello")
        await until(pilot, lambda: engines["builtin"].asked)


async def test_every_command_can_be_run() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        shown = {command.title: command.help for command in commands_of(app)}
        titles = shown.keys()
        keyed = {*palette_keys.EVERYWHERE, *palette_keys.IN_THE_CHAT, "New run"}
        assert [title for title in keyed if "[bold]" not in shown[title]] == []
        assert shown["New run"].endswith("[bold]F3, n[/]")
        assert {"Joke", "Poem", "Quit", "New chat", "Choose model", "Training", "New run", "Theme"} <= titles
        for command in commands_of(app):
            if command.title in ("Quit", "Screenshot", "Training", "New run", "Chat"):
                continue
            result = command.callback()
            if hasattr(result, "__await__"):
                await result
            await pilot.pause(0.05)
            while len(app.screen_stack) > 1:
                app.pop_screen()
                await pilot.pause()
        assert app.is_running


async def test_a_theme_chosen_in_the_palette_is_kept(home: Path) -> None:
    loaded = load_config(home / "config.toml")
    app = TuiChatApp(loaded, engine_factory=FakeEngines(), conversations=Conversations.in_memory())
    async with app.run_test() as pilot:
        await pilot.pause()
        assert not loaded.path.exists()
        app.theme = "nord"
        await pilot.pause()
    assert load_config(loaded.path).config.ui.theme == "nord"


async def test_settings_that_change_are_used_at_once(home: Path) -> None:
    app = TuiChatApp(
        load_config(home / "config.toml"),
        engine_factory=FakeEngines(),
        conversations=Conversations.in_memory(),
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f2")
        await until(pilot, lambda: app.screen is not app.chat)
        save_setting(app.loaded.path, "ui.enter_sends", False)
        save_setting(app.loaded.path, "ui.show_conversations", False)
        app.screen.post_message(SettingsScreen.Changed(app.loaded.reloaded(), "ui.enter_sends"))
        await until(pilot, lambda: not app.chat.pane.prompt.enter_sends)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)
        assert not app.chat.query_one(ConversationList).display


async def test_f3_goes_to_training_and_back() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: app.current_mode == "training")
        await pilot.press("f3")
        await until(pilot, lambda: app.current_mode == "chat")
        await send(pilot, "still here")
        await until(pilot, lambda: settled(app.chat.pane, 2))


async def test_every_key_has_an_id_so_that_it_can_be_changed() -> None:
    app = fake_app(settings="")
    async with app.run_test() as pilot:
        await pilot.pause()
        for owner in (app, app.chat, app.chat.pane, app.chat.pane.prompt):
            ours = type(owner).__dict__["BINDINGS"]
            assert [binding.key for binding in ours if not binding.id] == []


@pytest.mark.parametrize("key", ["f1", "f2", "ctrl+o"])
async def test_a_joke_is_told_where_it_can_be_seen(key: str) -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not app.chat)
        await pilot.press("ctrl+p", *"joke")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(pilot, lambda: settled(app.chat.pane, 1))
        assert app.screen is app.chat


async def test_a_new_run_can_be_asked_for_from_the_settings() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: app.current_mode == "training")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        command = next(command for command in commands_of(app, app.screen) if command.title == "New run")
        await command.callback()
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))
        await command.callback()  # the form that is open stays
        assert [type(screen) for screen in app.screen_stack] == [TrainingScreen, NewRunScreen]
        await pilot.press("f3")
        await until(pilot, lambda: app.current_mode == "chat")
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, NewRunScreen))


async def test_the_palette_offers_what_can_be_done_with_the_run_on_show() -> None:
    run = FakeRun(runs_path(), "plays")
    run.train_until(100)
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        assert "Pause run" not in {command.title for command in commands_of(app, app.screen)}
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.screen.chosen)
        commands = {command.title: command for command in commands_of(app, app.screen)}
        assert {"Pause run", "Stop run", "Save a checkpoint", "Chat with this run"} <= commands.keys()
        assert "Delete run" not in commands
        assert [title for title in RUN_TITLES & commands.keys() if "[bold]" not in commands[title].help] == []
        assert commands["Pause run"].help.endswith("[bold]p[/]")
        assert commands["New chat"].help.endswith("[bold]F3, Ctrl+N[/]")
        assert RUN_TITLES == palette_keys.IN_TRAINING.keys() - {"New run", "Chat"}
        await commands["Pause run"].callback()
        await until(pilot, lambda: run.run.has_wish("pause"))
