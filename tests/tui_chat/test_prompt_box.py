"""Commands, files, templates and earlier messages in the prompt of a pane, as a person types them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tests.tui_chat.test_key_hints import app_with_keys
from tui_chat.app import TuiChatApp
from tui_chat.conversation_shelf import Shelf
from tui_chat.screens.choose_one import ChooseOne
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.completion_list import CompletionList
from tui_chat.widgets.prompt_input import PromptInput


async def type_in(pilot: Pilot[None], text: str) -> None:
    pilot.app.chat.pane.prompt.insert(text)  # type: ignore[attr-defined]
    await pilot.pause()


def listed(pane: ChatPane) -> list[str]:
    return [row.value for row in pane.query_one(CompletionList)._rows]


def told(app: TuiChatApp) -> str:
    return "\n".join(notice.message for notice in app._notifications)


async def test_a_slash_opens_the_list_and_escape_puts_it_away_until_the_next_command() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash")
        assert "model" in listed(app.chat.pane)
        assert "Answer with another model" in screen_text(app)
        await pilot.press("escape")
        assert listed(app.chat.pane) == []
        await pilot.press("s", "e")
        assert listed(app.chat.pane) == []
        await pilot.press("backspace", "backspace", "backspace", "slash", "s")
        assert listed(app.chat.pane)[:2] == ["system", "seed"]


async def test_arrows_choose_tab_completes_and_enter_gives_the_command() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await pilot.press(*"/se")
        assert listed(app.chat.pane)[:2] == ["seed", "settings"]
        await pilot.press("down", "up", "tab")
        assert app.chat.pane.prompt.text == "/seed "
        await pilot.press("7", "enter")
        await until(pilot, lambda: app.chat.pane.settings.generation.seed == 7)
        assert app.chat.pane.prompt.text == ""
        assert "seed is 7 now" in told(app)
        await pilot.press("up")
        assert app.chat.pane.prompt.text == "/seed 7"
        await pilot.press("down")
        assert app.chat.pane.prompt.text == ""


async def test_enter_takes_the_marked_name_and_waits_where_an_argument_is_needed() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await pilot.press(*"/att", "enter")
        assert app.chat.pane.prompt.text == "/attach "
        await pilot.press("enter")
        assert app.chat.pane.prompt.text == "/attach "
        assert "/attach PATH" in told(app)


async def test_a_click_gives_a_command_too() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await send(pilot, "hello")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press(*"/ne")
        await pilot.click(CompletionList, offset=(3, 0))
        await until(pilot, lambda: app.chat.pane.session.messages == [])
        assert app.chat.pane.prompt.text == ""
        assert app.focused is app.chat.pane.prompt


async def test_keys_in_a_burst_give_the_command_that_was_typed() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        for key in [*"/seed", "space", "7", "enter", *"hi"]:
            character = " " if key == "space" else key if len(key) == 1 else None
            app._driver.process_message(events.Key(key, character))  # type: ignore[union-attr]
        await until(pilot, lambda: app.chat.pane.settings.generation.seed == 7)
        assert app.chat.pane.prompt.text == "hi"


async def test_an_unknown_command_and_a_wrong_argument_stay_in_the_box() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        for text, words in (
            ("/jokke", "Did you mean /joke?"),
            ("/temperature warm", "/temperature must be a number from 0 to 5"),
            ("/copy all", "Copy what?"),
            ("/detach", "No file is attached"),
        ):
            app.chat.pane.prompt.put(text)
            await pilot.press("escape", "enter")
            await until(pilot, lambda: words in told(app))  # noqa: B023
            await until(pilot, lambda: app.chat.pane.prompt.text == text)  # noqa: B023
        assert app.chat.pane.session.messages == []


async def test_two_slashes_send_one_and_a_path_is_no_command() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test() as pilot:
        for count, (typed, sent) in enumerate([("//joke", "/joke"), ("/usr/bin", "/usr/bin")]):
            app.chat.pane.prompt.put(typed)
            await pilot.press("enter")
            await until(pilot, lambda: settled(app.chat.pane, 2 * count + 2))  # noqa: B023
            assert engines["builtin"].asked[-1][-1].content == sent
            assert app.chat.pane.prompt.text == ""


async def test_commands_change_the_pane_the_chat_and_the_app(tmp_path: Path) -> None:
    app = app_with_keys(tmp_path)  # with a settings file, for the theme
    async with app.run_test() as pilot:
        pane = app.chat.pane
        for typed in ("/system Be brief.", "/max-tokens 9", "/theme nord", "/poem"):
            pane.prompt.put(typed)
            await pilot.press("enter")
            await until(pilot, lambda: pane.prompt.text == "")
        await until(pilot, lambda: app.theme == "nord" and len(pane.session.messages) == 1)
        assert 'theme = "nord"' in (tmp_path / "config.toml").read_text()
        assert pane.settings.system_prompt == "Be brief."
        assert pane.settings.generation.max_new_tokens == 9
        pane.prompt.put("/rename Rhymes")
        await pilot.press("enter")
        await until(pilot, lambda: app.conversations.newest()[0].title == "Rhymes")
        pane.prompt.put("/model biultin")
        await pilot.press("enter")
        await until(pilot, lambda: "Did you mean 'builtin'?" in told(app))


async def test_help_lists_every_command_and_puts_the_chosen_one_into_the_box() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"/help", "enter")
        await until(pilot, lambda: "the model is to be; alone:" in " ".join(screen_text(app).split()))
        assert isinstance(app.screen, ChooseOne)
        assert "…" not in screen_text(app)  # everything is read in full, on more lines than one
        await pilot.press(*"nucleus")
        assert "Nothing has these words" in screen_text(app)
        await pilot.press(*["backspace"] * 7, *"rename")
        assert "/rename [TITLE]" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.pane.prompt.text == "/rename")


async def test_a_file_goes_out_with_the_message_and_its_chip_goes_away(tmp_path: Path) -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    (tmp_path / "notes.txt").write_text("Buy milk.\n")
    async with app.run_test(size=(80, 24)) as pilot:
        app.chat.pane.prompt.put(f"/attach {tmp_path}/not")
        await until(pilot, lambda: listed(app.chat.pane) == [f"{tmp_path}/notes.txt"])
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "notes.txt 10 bytes" in screen_text(app))
        await send(pilot, "what")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert engines["builtin"].asked[0][0].content == "File `notes.txt`:\n\n```txt\nBuy milk.\n```\n\nwhat"
        await until(pilot, lambda: "notes.txt 10 bytes" not in screen_text(app))
        assert app.conversations.newest()[0].title == "what"
        await pilot.press("up")
        assert app.chat.pane.prompt.text == "what"


async def test_backspace_in_an_empty_box_takes_the_file_away_and_a_file_alone_can_be_sent(
    tmp_path: Path,
) -> None:
    app = fake_app()
    (tmp_path / "a.md").write_text("A")
    async with app.run_test() as pilot:
        pane = app.chat.pane
        (tmp_path / "long.md").write_text("A" * 700)
        await until(pilot, lambda: pane.model.engine.model)
        await pane.box.attach(str(tmp_path / "long.md"))
        words = "long.md is about 700 tokens long, and the model reads 512"
        await until(pilot, lambda: words in told(app))
        pane.box.attached.take_away(pane.box.attached.files)
        await pane.box.attach(str(tmp_path / "a.md"))
        await pilot.press("x", "backspace")
        assert len(pane.box.attached.files) == 1
        await pilot.press("backspace")
        await until(pilot, lambda: not pane.box.attached.files)
        await pane.box.attach(str(tmp_path / "a.md"))
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: settled(pane, 2))
        assert said(pane)[0][1] == "File `a.md`:\n\n```md\nA\n```"


async def test_a_file_that_was_not_taken_stays_attached(tmp_path: Path) -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    (tmp_path / "a.md").write_text("A")
    async with app.run_test() as pilot:
        await until(pilot, lambda: "builtin" in engines)
        engines["builtin"].script = [asyncio.Event()]
        pane = app.chat.pane
        await send(pilot, "first")
        await until(pilot, lambda: pane.is_replying)
        await pane.box.attach(str(tmp_path / "a.md"))
        await send(pilot, "second")
        await pilot.pause(0.1)
        assert pane.prompt.text == "second"
        assert len(pane.box.attached.files) == 1


async def test_a_template_is_filled_in_blank_by_blank() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        prompt = app.chat.pane.prompt
        await pilot.press("/", "z", "z")
        await until(pilot, lambda: "Tab Complete" in screen_text(app))
        await pilot.press("ctrl+u")
        await until(pilot, lambda: "Tab Complete" not in screen_text(app))
        await send(pilot, "/template story")
        await until(pilot, lambda: prompt.selected_text == "{hero}" and "Tab Complete" in screen_text(app))
        prompt.put("")
        await until(pilot, lambda: "Tab Complete" not in screen_text(app))
        await send(pilot, "/template story")
        await until(pilot, lambda: prompt.selected_text == "{hero}")
        await pilot.press(*"Ann", "tab")
        assert prompt.selected_text == "{where}"
        await pilot.press("enter")
        assert "still to be filled in" in told(app)
        assert app.chat.pane.session.messages == []
        await pilot.press("x", "tab", "y", "enter")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert said(app.chat.pane)[0][1] == "Once upon a time there was Ann who lived x. One day y."


async def test_a_blank_may_be_sent_as_it_is_the_second_time() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await send(pilot, "/template story")
        await until(pilot, lambda: app.chat.pane.prompt.selected_text == "{hero}")
        await pilot.press("enter", "enter")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert "{hero}" in said(app.chat.pane)[0][1]


async def test_the_history_is_searched_newest_first_and_escape_keeps_what_was_typed() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        for count, text in enumerate(("apple pie", "pear", "apple tart")):
            await send(pilot, text)
            await until(pilot, lambda: settled(app.chat.pane, 2 * count + 2))  # noqa: B023
        await pilot.press(*"dra", "alt+r")
        await until(pilot, lambda: isinstance(app.screen, ChooseOne))
        await pilot.press(*"app")
        assert app.screen.query_one(OptionList).option_count == 2
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)
        assert app.chat.pane.prompt.text == "dra"
        await pilot.press("alt+r")
        await until(pilot, lambda: isinstance(app.screen, ChooseOne))
        await pilot.press(*"app", "enter")
        await until(pilot, lambda: app.chat.pane.prompt.text == "apple tart")


@pytest.mark.parametrize("key", ["alt+r", "alt+j", "alt+t"])
async def test_what_a_key_does_a_command_does_too(key: str) -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await pilot.press(key)
        await until(
            pilot, lambda: isinstance(app.screen, ChooseOne) or app.chat.pane.prompt.text == "/attach "
        )


async def test_a_draft_makes_room_for_a_command_that_a_key_begins_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("tea")
    app = fake_app()
    async with app.run_test() as pilot:
        prompt = app.chat.pane.prompt
        await pilot.press(*"draft", "alt+j")
        await until(pilot, lambda: prompt.text == "/attach ")
        await type_in(pilot, str(tmp_path / "notes.txt"))
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.pane.box.attached.files and prompt.text == "draft")
        await pilot.press("alt+j")
        await until(pilot, lambda: prompt.text == "/attach ")
        await pilot.press("ctrl+u")
        await until(pilot, lambda: prompt.text == "draft")


async def test_a_tab_that_found_nothing_completes_nothing_later() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await pilot.press(*"/theme zz", "tab", *["backspace"] * 2, *"zz")
        assert app.chat.pane.query_one(CompletionList)._awaited == ""


async def test_a_command_of_a_linked_pane_is_for_that_pane_alone() -> None:
    app = fake_app()
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == 2)
        await pilot.press("f4")
        await until(pilot, lambda: app.chat.pane.linked)
        await send(pilot, "/seed 54321987")
        await until(pilot, lambda: "seed is 54321987 now" in told(app))
        assert app.chat.panes[0].settings.generation.seed is None
        assert all(pane.session.messages == [] for pane in app.chat.panes)


async def test_a_key_wished_for_names_a_command() -> None:
    from tui_chat.pane_commands import pane_commands

    wishes = [
        key for binding in PromptInput.BINDINGS if "wish(" in binding.action for key in [binding.action]
    ]  # type: ignore[union-attr]
    assert wishes
    for wish in wishes:
        assert pane_commands().named(wish.split("'")[1]) is not None


async def test_a_line_without_end_goes_out_as_a_file_and_a_long_text_of_lines_into_the_box() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    lines, line = "0123456789 " * 9 + "\n", "x" * 200_000
    async with app.run_test() as pilot:
        pane = app.chat.pane
        app.post_message(events.Paste(lines * 2_000))
        await until(pilot, lambda: pane.prompt.text == lines * 2_000)
        app.post_message(events.Paste(line))
        app.post_message(events.Paste(line + "y"))
        await until(pilot, lambda: len(pane.box.attached.files) == 2)
        assert "A line of 200,000 characters is too long for the box" in told(app)
        await pilot.press("enter")
        await until(pilot, lambda: settled(pane, 2))
        sent = engines["builtin"].asked[0][0].content
        assert f"File `pasted.txt`:\n\n```txt\n{line}\n```" in sent
        assert f"File `pasted-2.txt`:\n\n```txt\n{line}y\n```" in sent
        assert sent.endswith(lines * 1_999 + lines.strip("\n"))


async def test_alt_keys_do_what_they_do_where_a_terminal_sends_their_letter_too() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        app._driver.process_message(events.Key("alt+r", "r"))  # type: ignore[union-attr]
        await until(pilot, lambda: isinstance(app.screen, ChooseOne))
        assert app.chat.pane.prompt.text == ""


async def test_a_conversation_is_exported_to_the_file_that_is_named_and_none_is_replaced_tagged_and_imported(
    tmp_path: Path,
) -> None:
    app = fake_app()
    file = tmp_path / "talk.md"
    async with app.run_test() as pilot:
        pane = app.chat.pane
        pane.prompt.put(f"/export {file}")
        await pilot.press("enter")
        await until(pilot, lambda: "This chat is still empty" in told(app))
        pane.prompt.put("")
        await send(pilot, "hello")
        await until(pilot, lambda: settled(pane, 2))
        for words in ("Exported 1 conversation", "there already"):
            pane.prompt.put(f"/export {file}")
            await pilot.press("enter")
            await until(pilot, lambda: words in told(app))  # noqa: B023
        assert "Hello there." in file.read_text()
        shelf = Shelf(app.conversations.file)
        for typed, tags in (("/tag Tea, #green", ("green", "tea")), ("/untag tea", ("green",))):
            pane.prompt.put(typed)
            await pilot.press("enter")
            await until(pilot, lambda: shelf.page()[0].tags == tags)  # noqa: B023
        pane.prompt.put("/untag work #g")
        await until(pilot, lambda: listed(pane) == ["work green"])
        await pilot.press("enter")
        await until(pilot, lambda: "There is no tag g here" in told(app))
        pane.prompt.put(f"/import {file}")
        await pilot.press("enter")
        await until(pilot, lambda: "1 was here already" in told(app))


async def test_a_conversation_is_deleted_and_brought_back() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await send(pilot, "hello")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await send(pilot, "/delete")
        await until(pilot, lambda: not app.conversations.newest())
        await send(pilot, "/undo")
        await until(pilot, lambda: len(app.conversations.newest()) == 1)


async def test_a_persona_is_chosen_by_name_and_left_again() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        pane = app.chat.pane
        pane.prompt.put("/persona rubber")
        await until(pilot, lambda: len(listed(pane)) == 1)
        await pilot.press("tab")
        name = pane.prompt.text.removeprefix("/persona ")
        await pilot.press("enter")
        await until(pilot, lambda: pane.settings.persona == name)
        await send(pilot, "/persona none")
        await until(pilot, lambda: pane.settings.persona == "")
        await send(pilot, "/persona nobudy")
        await until(pilot, lambda: pane.prompt.text == "/persona nobudy")


async def test_tab_completes_also_when_it_comes_before_the_list(tmp_path: Path) -> None:
    app = fake_app()
    (tmp_path / "notes.txt").write_text("x")
    async with app.run_test() as pilot:
        prompt = app.chat.pane.prompt
        prompt.put(f"/attach {tmp_path}/no")
        app._driver.process_message(events.Key("tab", None))  # type: ignore[union-attr]
        await until(pilot, lambda: prompt.text == f"/attach {tmp_path}/notes.txt")


async def test_an_earlier_message_with_a_slash_is_sent_again_and_not_done() -> None:
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test() as pilot:
        prompt = app.chat.pane.prompt
        prompt.remember(["/new"])
        await pilot.press("up", "enter")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert engines["builtin"].asked[0][0].content == "/new"
        prompt.put_message("/new")
        assert prompt.text == "//new"
