"""The list of conversations: where it is, what it finds, and what can be done in it."""

from __future__ import annotations

from textual.widgets import Input, OptionList

from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import fake_app, until
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.widgets.conversation_list import ConversationList


async def test_the_list_is_hidden_on_a_narrow_screen_until_it_is_asked_for() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        listed = app.chat.query_one(ConversationList)
        assert not listed.display
        await pilot.press("ctrl+b")
        assert listed.display
        assert app.focused is not None
        assert app.focused is not app.chat.pane.prompt
        await pilot.press("ctrl+b")
        assert not listed.display
        assert app.focused is app.chat.pane.prompt


def library() -> Conversations:
    conversations = Conversations.in_memory()
    for title, text in (("Tea", "Camellia grows in Fujian"), ("Cats", "Miso sleeps"), ("Vim", "type :q")):
        talk = conversations.create(title, "builtin")
        conversations.add(StoredMessage(0, talk.id, "user", text))
    return conversations


async def test_search_as_one_types_finds_words_in_all_messages_and_enter_opens() -> None:
    app = fake_app(conversations=library())
    async with app.run_test(size=(120, 40)) as pilot:
        titles = app.chat.query_one(OptionList)
        await until(pilot, lambda: titles.option_count == 3)
        await pilot.press("ctrl+f", *"fuj")
        await until(pilot, lambda: titles.option_count == 1)
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.pane.session.messages)
        assert app.chat.pane.session.messages[0].content == "Camellia grows in Fujian"
        await until(pilot, lambda: titles.option_count == 3)  # a search ends with what it led to
        await pilot.press("ctrl+f", *"fuj")
        await until(pilot, lambda: titles.option_count == 1)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: titles.option_count == 3 and not app.chat.pane.session.messages)
        await pilot.press("ctrl+f", *'"(AND')
        await until(pilot, lambda: titles.option_count == 0)
        assert "Nothing found" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: titles.option_count == 3)
        assert app.focused is app.chat.pane.prompt


async def test_a_conversation_can_be_renamed_and_deleted_and_brought_back() -> None:
    conversations = library()
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        titles = app.chat.query_one(OptionList)
        await until(pilot, lambda: titles.option_count == 3)
        titles.focus()
        await pilot.press("home", "r")
        await until(pilot, lambda: isinstance(app.focused, Input) and app.screen is not app.chat)
        app.screen.query_one(Input).value = "[b]Exit[/b] vim"
        await pilot.press("enter")
        await until(pilot, lambda: conversations.newest()[0].title == "[b]Exit[/b] vim")
        await until(pilot, lambda: "[b]Exit[/b] vim" in screen_text(app))
        await pilot.press("d")
        await until(pilot, lambda: titles.option_count == 2)
        await pilot.press("u")
        await until(pilot, lambda: titles.option_count == 3)


async def test_deleting_the_open_conversation_leaves_an_empty_pane() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        app.chat.change_chat("delete")
        await until(pilot, lambda: "Good to see you" in screen_text(app))
        assert app.chat.pane.session.messages == []
        app.chat.change_chat("undo")
        await until(pilot, lambda: settled(app.chat.pane, 2))  # open again where it was


async def test_opening_a_conversation_that_is_open_goes_to_its_pane() -> None:
    app = fake_app()
    async with app.run_test(size=(200, 60)) as pilot:
        await send(pilot, "left")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == 2)
        left = app.chat.panes[0].session.conversation
        assert left is not None
        app.chat.post_message(ConversationList.Opened(left.id))
        await until(pilot, lambda: app.chat.pane is app.chat.panes[0])
        assert app.chat.panes[1].session.messages == []


async def test_ctrl_b_goes_to_a_list_that_is_shown_and_escape_and_ctrl_b_lead_back() -> None:
    app = fake_app(conversations=library())
    async with app.run_test(size=(120, 40)) as pilot:
        listed, titles = app.chat.query_one(ConversationList), app.chat.query_one(OptionList)
        await until(pilot, lambda: titles.option_count == 3)
        assert listed.display
        assert app.focused is app.chat.pane.prompt
        await pilot.press("ctrl+b")
        assert app.focused is titles
        assert titles.highlighted == 0
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is app.chat.pane.prompt)
        assert listed.display
        await pilot.press("ctrl+b", "ctrl+b")
        assert not listed.display
        assert app.focused is app.chat.pane.prompt


async def test_a_list_that_is_out_of_sight_is_spoken_of_in_the_header() -> None:
    app = fake_app(conversations=library())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "3 conversations  Ctrl+B" in screen_text(app).splitlines()[0])
        await pilot.press("ctrl+b")
        await until(pilot, lambda: "Cats" in screen_text(app))
        assert "3 conversations" not in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "3 conversations" in screen_text(app))
        await pilot.resize_terminal(120, 24)
        await until(pilot, lambda: "Camellia grows in Fujian"[:16] in screen_text(app))
