"""A search finds what was said in any branch, and leads to it."""

from __future__ import annotations

from textual.widgets import OptionList

from tests.tui_chat.chat_pilot import screen_text
from tests.tui_chat.fake_engine import fake_app, until
from tests.tui_chat.test_shelf_in_app import library
from tui_chat.conversation_tree import Place
from tui_chat.conversations import StoredMessage
from tui_chat.search_hits import Hit, hit_to_show


async def test_a_conversation_that_a_search_found_opens_with_the_branch_that_says_it() -> None:
    conversations = library("Tea")
    question = conversations.messages(1)[0]
    conversations.add(StoredMessage(0, 1, "assistant", "Another answer", parent=question.id))
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        titles = app.chat.query_one(OptionList)
        await until(pilot, lambda: titles.option_count == 1)
        await pilot.press("ctrl+f", *"see")
        await until(pilot, lambda: "I see" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.pane.session.messages)
        assert app.chat.pane.session.messages[-1].content == "Tea, I see"
        told = "Found in another version; ‹ 1/2 › leads back."
        await until(pilot, lambda: [notice.message for notice in app._notifications] == [told])


def test_the_version_on_show_stays_where_it_has_the_words_too() -> None:
    conversations = library("Tea")
    question = conversations.messages(1)[0]
    first = conversations.messages(1)[1].id
    other = conversations.add(
        StoredMessage(0, 1, "assistant", "Another answer, I see", parent=question.id)
    ).id
    conversations.show_branch(1, first)
    assert hit_to_show(conversations, 1, "see") == Hit(first)
    assert hit_to_show(conversations, 1, "another") == Hit(other, Place(2, 2))
    assert hit_to_show(conversations, 1, "cats") is None
