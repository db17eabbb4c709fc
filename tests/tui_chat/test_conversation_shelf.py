"""Pins, tags, the search, and conversations that leave the file and enter it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from engine.chat import ChatMessage
from engine.errors import UserError
from tui_chat.conversation_exchange import MessageRecord, branch, in_a_row
from tui_chat.conversation_export import FORMATS
from tui_chat.conversation_shelf import Shelf, clean_tag
from tui_chat.conversation_transfer import Transfer
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.feedback import Feedback, Judgement, Reply
from tui_chat.reply_tokens import ReplyTokens


def told(conversations: Conversations, title: str, *texts: str) -> int:
    """A conversation in which the user and a model take turns."""
    talk = conversations.create(title, "builtin", '{"model":"builtin","system_prompt":"Be kind."}')
    for number, text in enumerate(texts):
        conversations.add(StoredMessage(0, talk.id, "assistant" if number % 2 else "user", text))
    return talk.id


def titles(shelf: Shelf, query: str = "", **page: int) -> list[str]:
    return [talk.title for talk in shelf.page(query, **page)]


@pytest.fixture
def conversations() -> Conversations:
    return Conversations.in_memory()


@pytest.fixture
def shelf(conversations: Conversations) -> Shelf:
    return Shelf(conversations.file)


def test_pinned_conversations_stand_first_and_the_others_by_time(
    conversations: Conversations, shelf: Shelf
) -> None:
    first, *_ = (told(conversations, title, "Hi") for title in ("one", "two", "three"))
    assert titles(shelf) == ["three", "two", "one"]
    shelf.pin(first, True)
    assert titles(shelf)[0] == "one"
    assert shelf.page()[0].pinned
    shelf.pin(first, False)
    assert not any(talk.pinned for talk in shelf.page())


def test_the_list_comes_in_pages_and_is_counted(conversations: Conversations, shelf: Shelf) -> None:
    for number in range(5):
        told(conversations, str(number), "Hi")
    assert titles(shelf, limit=2) == ["4", "3"]
    assert titles(shelf, limit=2, start=2) == ["2", "1"]
    assert shelf.count() == 5


def test_tags_are_cleaned_counted_and_found_by_their_beginning(
    conversations: Conversations, shelf: Shelf
) -> None:
    tea, cat = told(conversations, "Tea", "Camellia"), told(conversations, "Cat", "Miso sleeps")
    shelf.tag(tea, ["#Work", "work", "at home", "#!"])
    shelf.tag(cat, ["work", "würmer"])
    assert shelf.get(tea).tags == ("at-home", "work")  # type: ignore[union-attr]
    assert shelf.tags() == [("work", 2), ("at-home", 1), ("würmer", 1)]
    assert titles(shelf, "#wor") == ["Cat", "Tea"]
    assert titles(shelf, "#at #work") == ["Tea"]
    assert titles(shelf, "#WÜR") == ["Cat"]
    assert titles(shelf, "#work miso") == ["Cat"]
    assert titles(shelf, "#") == ["Cat", "Tea"]
    assert titles(shelf, "#nothing") == []
    shelf.tag(cat, [])
    assert titles(shelf, "#work") == ["Tea"]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("#Work", "work"), (" at home ", "at-home"), ("朝", "朝"), ("#", ""), ("x" * 99, "x" * 30)],
)
def test_a_tag_is_one_word(typed: str, kept: str) -> None:
    assert clean_tag(typed) == kept


def test_the_search_finds_words_in_any_branch_and_shows_where(
    conversations: Conversations, shelf: Shelf
) -> None:
    tea = told(conversations, "Tea", "Which?", "Camellia grows in Fujian")
    question = conversations.messages(tea)[0]
    hit = conversations.messages(tea)[1]
    conversations.add(StoredMessage(0, tea, "assistant", "Ask a gardener", parent=question.id))
    told(conversations, "Camellia", "nothing to see")
    found = shelf.page("camell")
    assert [(talk.title, talk.found_in) for talk in found] == [("Camellia", None), ("Tea", hit.id)]
    assert "Fujian" in found[1].preview
    assert titles(shelf, "fuj camell") == ["Tea"]
    assert titles(shelf, "camellia nothing") == []


def test_titles_are_found_whatever_their_case(conversations: Conversations, shelf: Shelf) -> None:
    told(conversations, "ÜBER Tee", "x")
    assert titles(shelf, "über t") == ["ÜBER Tee"]
    assert titles(shelf, "?!") == []


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_no_query_is_refused(query: str) -> None:
    conversations = Conversations.in_memory()
    Shelf(conversations.file).page(query)
    conversations.close()


def test_deleted_conversations_are_nowhere_and_the_last_one_is_known(
    conversations: Conversations, shelf: Shelf
) -> None:
    tea, cat = told(conversations, "Tea", "Camellia"), told(conversations, "Cat", "Miso")
    shelf.tag(tea, ["work"])
    conversations.delete(cat)
    conversations.delete(tea)
    assert (titles(shelf), titles(shelf, "miso"), shelf.tags(), shelf.count()) == ([], [], [], 0)
    assert shelf.last_deleted() == tea
    conversations.restore(tea)
    assert shelf.last_deleted() == cat
    assert shelf.get(tea).tags == ("work",)  # type: ignore[union-attr]
    conversations.restore(cat)
    assert shelf.last_deleted() is None


# ---- out and in


def tree(conversations: Conversations) -> int:
    """Two replies to one question; the first one is on show, and was said token by token."""
    talk = told(conversations, "Tea", "Which?", "Green")
    question, green = conversations.messages(talk)
    conversations.save_ending(
        replace(green, seed=0, settings='{"temperature":0.5}', tokens_per_second=42.5, model_name="nano")
    )
    conversations.keep_tokens(green.id, ReplyTokens((3, 5), (0.5, 0.25)))
    conversations.add(StoredMessage(0, talk, "assistant", "Black", status="streaming", parent=question.id))
    conversations.show_branch(talk, green.id)
    return talk


def test_a_tree_survives_the_way_through_json_and_nothing_is_doubled(conversations: Conversations) -> None:
    talk = tree(conversations)
    Shelf(conversations.file).pin(talk, True)
    Shelf(conversations.file).tag(talk, ["work", "tea"])
    (record,) = Transfer(conversations.file).records([talk])
    assert [message.content for message in branch(record)] == ["Which?", "Green"]
    assert [message.status for message in record.messages] == ["complete", "complete", "stopped"]
    other = Conversations.in_memory()
    told(other, "first", "so that ids differ")
    taken = Transfer(other.file).take_in([record])
    assert Transfer(other.file).records(taken.new) == [record]
    assert [message.content for message in other.tree(taken.new[0]).path] == ["Which?", "Green"]
    again = Transfer(other.file).take_in([record])
    assert (again.new, again.known) == ([], 1)
    assert again.in_words() == "Imported 0 conversations. 1 was here already, and not imported again."


def test_thumbs_and_corrections_go_with_a_conversation_and_are_to_train_on_there(tmp_path: Path) -> None:
    here, there = (
        Conversations.open(tmp_path / "here" / "c.db"),
        Conversations.open(tmp_path / "there" / "c.db"),
    )
    talk = told(here, "Tea", "Which?", "Grean", "And now?", "Black")
    reply = here.messages(talk)[1]
    judged = Reply(reply.id, [ChatMessage(role="user", content="Which?")], reply.content, "builtin")
    Feedback(here.file).thumb(judged, -1)
    Feedback(here.file).correct(judged, "Green")
    (record,) = Transfer(here.file).records([talk])
    assert [(m.content, m.text, m.thumb) for m in record.messages[:2]] == [
        ("Which?", "Which?", 0),
        ("Grean", "Green", -1),
    ]
    assert "Green" in FORMATS["markdown"].write([record]).text
    assert "Grean" not in FORMATS["openai"].write([record]).text
    (new,) = Transfer(there.file).take_in([record]).new
    assert list(Feedback(there.file).of_conversation(new).values()) == [Judgement(-1, correction="Green")]
    assert Transfer(there.file).records([new]) == [record]
    row = json.loads((tmp_path / "there" / "datasets" / "my-corrections.jsonl").read_text())
    assert [turn["content"] for turn in row["messages"]] == ["Be kind.", "Which?", "Green"]
    here.close()
    there.close()


def test_a_conversation_that_went_on_is_not_the_one_that_was_exported(conversations: Conversations) -> None:
    talk, transfer = told(conversations, "Tea", "Which?", "Green"), Transfer(conversations.file)
    before = transfer.records([talk])
    conversations.add(StoredMessage(0, talk, "user", "Thanks"))
    assert len(transfer.take_in(before).new) == 1


def test_two_that_say_the_same_come_back_as_two(conversations: Conversations) -> None:
    ids = [told(conversations, title, "Hi", "Hello") for title in ("one", "two")]
    records = Transfer(conversations.file).records(ids)
    other = Conversations.in_memory()
    assert len(Transfer(other.file).take_in(records).new) == 2
    assert Transfer(other.file).take_in(records).known == 2


def test_a_deleted_conversation_can_be_imported_again(conversations: Conversations) -> None:
    talk, transfer = told(conversations, "Tea", "Hi"), Transfer(conversations.file)
    records = transfer.records([talk])
    conversations.delete(talk)
    assert len(transfer.take_in(records).new) == 1
    assert transfer.records([talk]) == []


def test_empty_conversations_are_left_out_and_titles_are_made_of_what_was_said(
    conversations: Conversations,
) -> None:
    nameless = changed(in_a_row([("user", "Good\n morning")]), title="")
    taken = Transfer(conversations.file).take_in([in_a_row([]), nameless], tags=["From Elsewhere"])
    assert (taken.empty, len(taken.new)) == (1, 1)
    (talk,) = Shelf(conversations.file).page()
    assert (talk.title, talk.tags) == ("Good morning", ("from-elsewhere",))
    assert taken.in_words() == "Imported 1 conversation. 1 was empty, and left out."


def test_an_import_that_fails_leaves_nothing(conversations: Conversations) -> None:
    good = in_a_row([("user", "Hi")])
    bad = changed(good, messages=(MessageRecord(id=1, role="user", content="x", seed=2**70),))
    with pytest.raises((UserError, OverflowError)):
        Transfer(conversations.file).take_in([good, bad])
    assert Shelf(conversations.file).count() == 0


def test_a_damaged_tree_is_exported_as_far_as_it_goes(conversations: Conversations) -> None:
    talk = told(conversations, "Tea", "Which?", "Green")
    connection: sqlite3.Connection = conversations.file.connection
    connection.execute("UPDATE messages SET parent = 99 WHERE content = 'Green'")
    (record,) = Transfer(conversations.file).records([talk])
    assert [message.parent for message in record.messages] == [None, None]
    assert FORMATS["json"].write([record]).count == 1
