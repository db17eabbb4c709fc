"""Pins, tags, export, import and the way back to the last conversation, with keys in the app."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.tui_chat.chat_pilot import screen_text
from tests.tui_chat.fake_engine import fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.conversation_shelf import PAGE, Shelf
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.screens.edit_tags import EditTags, KnownTags
from tui_chat.screens.export_dialog import ExportDialog
from tui_chat.screens.import_dialog import ImportDialog
from tui_chat.screens.question import Question
from tui_chat.screens.recent_chats import RecentChats
from tui_chat.widgets.conversation_titles import Titles


def library(*titles: str) -> Conversations:
    conversations = Conversations.in_memory()
    for title in titles or ("Tea", "Cats", "Vim"):
        talk = conversations.create(title, "builtin")
        conversations.add(StoredMessage(0, talk.id, "user", f"About {title}"))
        conversations.add(StoredMessage(0, talk.id, "assistant", f"{title}, I see"))
    return conversations


def notices(app: TuiChatApp) -> str:
    return " ".join(notice.message for notice in app._notifications)


def shown(app: TuiChatApp) -> list[str]:
    return [talk.title for talk in app.chat.query_one(Titles).talks]


async def in_the_list(app: TuiChatApp, pilot: Pilot[None], count: int = 3) -> Titles:
    """The list, with the focus and the cursor on its first conversation."""
    titles = app.chat.query_one(Titles)
    await until(pilot, lambda: len(titles.talks) == count)
    titles.focus()
    await pilot.press("home")
    return titles


async def test_p_pins_a_conversation_which_then_stands_first_under_a_heading() -> None:
    app = fake_app(conversations=library())
    async with app.run_test(size=(120, 40)) as pilot:
        titles = await in_the_list(app, pilot)
        await pilot.press("down", "down", "p")
        await until(pilot, lambda: shown(app) == ["Tea", "Vim", "Cats"])
        rows = [line[:30].strip() for line in screen_text(app).splitlines()]
        assert rows.index("Pinned") < rows.index("Tea") < rows.index("Others") < rows.index("Vim")
        assert titles.highlighted_option is not None
        assert titles.highlighted_option.id == str(titles.talks[0].id)  # the cursor went with it
        await pilot.press("p")
        await until(pilot, lambda: shown(app) == ["Vim", "Cats", "Tea"])
        assert "Pinned" not in screen_text(app)[:2000].replace("is pinned", "")


async def test_tags_are_given_in_a_dialog_shown_in_the_list_and_narrow_it() -> None:
    app = fake_app(conversations=library())
    async with app.run_test(size=(120, 40)) as pilot:
        await in_the_list(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, EditTags))
        await pilot.press(*"Work, #tea", "enter")
        await until(pilot, lambda: "#tea #work" in screen_text(app))
        await pilot.press("ctrl+f", *"#wo")
        await until(pilot, lambda: shown(app) == ["Vim"])
        assert "#work 1" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(app)) == 3)


async def test_a_dialog_about_tags_that_is_left_changes_nothing() -> None:
    conversations = library()
    shelf = Shelf(conversations.file)
    shelf.tag(3, ["work"])
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await in_the_list(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, EditTags))
        await pilot.press(*"more", "escape")
        await until(pilot, lambda: app.screen is app.chat)
        assert shelf.tags() == [("work", 1)]


async def test_the_last_word_is_completed_to_a_tag_in_use() -> None:
    suggester = KnownTags(["work", "tea"])
    assert await suggester.get_suggestion("#tea wo") == "#tea work"
    assert await suggester.get_suggestion("#tea #w") == "#tea #work"
    assert await suggester.get_suggestion("work") is None
    assert await suggester.get_suggestion("") is None


async def test_several_deletes_are_undone_one_after_the_other_also_by_the_next_app() -> None:
    conversations = library()
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        await in_the_list(app, pilot)
        for left in (2, 1):
            await pilot.press("d")
            await until(pilot, lambda: len(shown(app)) == left)  # noqa: B023
        assert shown(app) == ["Tea"]
        await pilot.press("u")
        await until(pilot, lambda: shown(app) == ["Cats", "Tea"])
        app.chat.change_chat("undo")
        await until(pilot, lambda: shown(app) == ["Vim", "Cats", "Tea"])
        await pilot.press("u")
        await until(pilot, lambda: "Nothing was deleted" in notices(app))


async def test_the_cursor_goes_to_the_conversation_that_came_back_and_the_next_key_is_about_it() -> None:
    app = fake_app(conversations=library())
    async with app.run_test(size=(120, 40)) as pilot:
        titles = await in_the_list(app, pilot)
        await pilot.press("down", "d")
        await until(pilot, lambda: shown(app) == ["Vim", "Tea"])
        await pilot.press("up", "u")
        await until(pilot, lambda: shown(app) == ["Vim", "Cats", "Tea"])
        await pilot.press("p")
        await until(pilot, lambda: shown(app) == ["Cats", "Vim", "Tea"])
        assert titles.has_focus


async def open_one(app: TuiChatApp, pilot: Pilot[None], title: str) -> None:
    titles = app.chat.query_one(Titles)
    talk = next(talk for talk in titles.talks if talk.title == title)
    app.chat.query_one("ConversationList").open(talk.id)  # type: ignore[attr-defined]
    await until(pilot, lambda: current(app) == title)


def current(app: TuiChatApp) -> str:
    conversation = app.chat.pane.session.conversation
    return conversation.title if conversation else ""


async def test_one_key_goes_back_and_forth_between_two_conversations() -> None:
    app = fake_app(conversations=library())
    async with app.run_test(size=(120, 40)) as pilot:
        await in_the_list(app, pilot)
        await open_one(app, pilot, "Tea")
        await open_one(app, pilot, "Cats")
        for title in ("Tea", "Cats", "Tea"):
            await pilot.press("alt+o")
            await until(pilot, lambda: current(app) == title)  # noqa: B023
        assert app.focused is app.chat.pane.prompt


async def test_the_switcher_offers_the_last_conversations_without_the_open_one() -> None:
    app = fake_app(conversations=library())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("alt+l")
        await until(pilot, lambda: isinstance(app.screen, RecentChats))
        await pilot.press("3")
        await until(pilot, lambda: current(app) == "Tea")
        await pilot.press("alt+l")
        await until(pilot, lambda: isinstance(app.screen, RecentChats) and "1 Vim" in screen_text(app))
        assert "Tea " not in screen_text(app).replace("Last", "")
        await pilot.press("alt+l", "enter")
        await until(pilot, lambda: current(app) == "Cats")
        await pilot.press("alt+l")
        await until(pilot, lambda: isinstance(app.screen, RecentChats))
        await pilot.press(*"tea", "enter")  # some of its title
        await until(pilot, lambda: current(app) == "Tea")


async def test_there_is_no_way_back_from_the_only_conversation() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("alt+o")
        await until(pilot, lambda: "There is no other conversation yet" in notices(app))


async def test_e_exports_the_conversation_to_a_file_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("vim.json").write_text("mine")
    app = fake_app(conversations=library())
    async with app.run_test(size=(120, 40)) as pilot:
        await in_the_list(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        field = app.screen.query_one(Input)
        await until(pilot, lambda: field.value == str(tmp_path / "vim.md"))
        await pilot.press("down")
        await until(pilot, lambda: field.value == str(tmp_path / "vim-2.json"))
        await pilot.press("enter")
        await until(pilot, lambda: Path("vim-2.json").exists())
        await until(pilot, lambda: "Exported 1 conversation to" in notices(app))
    exported = json.loads(Path("vim-2.json").read_text())
    assert [talk["title"] for talk in exported["conversations"]] == ["Vim"]
    assert Path("vim.json").read_text() == "mine"


async def test_of_a_long_path_the_name_that_an_export_gets_is_in_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("deep" * 40)
    folder.mkdir()
    monkeypatch.chdir(folder)
    app = fake_app(conversations=library())
    async with app.run_test(size=(120, 40)) as pilot:
        await in_the_list(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        await until(pilot, lambda: "/vim.md" in screen_text(app))


async def test_an_export_asks_before_it_replaces_and_stays_until_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.md").write_text("mine")
    app = fake_app(conversations=library())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+b")
        await in_the_list(app, pilot)
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        field = app.screen.query_one(Input)
        field.value = "no/such/folder.md"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "cannot be written" in screen_text(app))
        field.value = "mine.md"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ExportDialog))
        assert Path("mine.md").read_text() == "mine"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: app.screen is app.chat)
        await until(pilot, lambda: "Exported 3 conversations" in notices(app))
    assert Path("mine.md").read_text().count("\n# ") == 2


async def test_an_import_stays_open_with_what_is_wrong_and_then_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("diary.md").write_text("Dear diary")
    Path("talks.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "Imported?"}, {"role": "assistant", "content": "Yes"}]}\n'
    )
    app = fake_app(conversations=library())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+b")
        await in_the_list(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, ImportDialog))
        await pilot.press("enter")
        await until(pilot, lambda: "Name a file" in screen_text(app))
        field = app.screen.query_one(Input)
        field.value = "diary.md"
        await pilot.press("enter")
        await until(pilot, lambda: "line 1: there is no" in screen_text(app))
        problem = app.screen.query_one(".-problem", Static)
        assert problem.display
        field.value = "talks.jsonl"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.chat)
        await until(pilot, lambda: "Imported 1 conversation." in notices(app))
        await until(pilot, lambda: "Imported?" in shown(app))


async def test_of_many_conversations_only_pages_are_in_the_list_and_the_next_one_comes_in_time() -> None:
    conversations = library(*(f"Number {number}" for number in range(3 * PAGE)))
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        titles = await in_the_list(app, pilot, PAGE)
        await until(pilot, lambda: titles.option_count == PAGE)
        await pilot.press("end")
        await until(pilot, lambda: len(titles.talks) == 2 * PAGE)
        await pilot.press("end")
        await until(pilot, lambda: len(titles.talks) == 3 * PAGE)
        await pilot.press("end")
        await until(pilot, lambda: titles.highlighted_option.id == str(titles.talks[-1].id))  # type: ignore[union-attr]
        assert shown(app)[-1] == "Number 0"
        app.chat.query_one("ConversationList").reload()  # type: ignore[attr-defined]
        await pilot.pause(0.2)
        assert len(titles.talks) == 3 * PAGE  # nobody is sent back to the first page
        assert len(set(shown(app))) == 3 * PAGE
