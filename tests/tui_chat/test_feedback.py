"""What is kept of votes, thumbs and corrections, and the rows that training reads."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.chat import ChatMessage, assistant, user
from engine.errors import UserError
from engine.paths import conversations_path
from trainers import durable_files
from trainers.datasets import inspect, read_rows
from trainers.own_datasets import MY_CORRECTIONS, MY_FAVOURITES, MY_PREFERENCES, dataset_path
from tui_chat.conversation_records import StoredMessage
from tui_chat.conversations import Conversations
from tui_chat.feedback import Feedback, Judgement, Reply

ASKED = (user("What is the capital of France?"),)


@pytest.fixture
def conversations() -> Conversations:
    return Conversations.open(conversations_path())


@pytest.fixture
def feedback(conversations: Conversations) -> Feedback:
    return Feedback(conversations.file)


def said(conversations: Conversations, text: str) -> Reply:
    """A reply in a conversation of its own."""
    conversation = conversations.create("Capital", "builtin")
    conversations.add(StoredMessage(0, conversation.id, "user", ASKED[0].content))
    message = conversations.add(StoredMessage(0, conversation.id, "assistant", text, model="builtin"))
    return Reply(message.id, ASKED, text, "builtin")


def rows(name: str) -> list[dict[str, Any]]:
    path = dataset_path(name)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def judgement(conversations: Conversations, feedback: Feedback, reply: Reply) -> Judgement:
    """As a pane finds it when the conversation is opened."""
    found = [feedback.of_conversation(talk.id).get(reply.message) for talk in conversations.newest()]
    return next((one for one in found if one), Judgement())


def test_a_vote_is_a_pair_for_each_other_reply_that_training_reads(
    conversations: Conversations, feedback: Feedback
) -> None:
    best, poor, wrong = (said(conversations, text) for text in ("Paris.", "Paris?", "Rome."))
    feedback.prefer(best, [poor, wrong])
    found = rows(MY_PREFERENCES)
    assert [row["rejected"][0]["content"] for row in found] == ["Paris?", "Rome."]
    assert found[0]["prompt"] == [{"role": "user", "content": ASKED[0].content}]
    assert found[0]["chosen_model"] == "builtin" and found[0]["time"].endswith("Z")
    read = list(read_rows(dataset_path(MY_PREFERENCES)))
    assert [row.format for row in read] == ["preference"] * 2
    assert read[0].messages == (*ASKED, assistant("Paris."))
    assert judgement(conversations, feedback, best).vote == "better"
    assert judgement(conversations, feedback, wrong).vote == ""


def test_another_vote_replaces_the_first_and_a_tie_trains_nobody(
    conversations: Conversations, feedback: Feedback
) -> None:
    one, other, third = (said(conversations, text) for text in ("Paris.", "Rome.", "Oslo."))
    feedback.prefer(one, [other, third])
    feedback.prefer(other, [one, third])
    assert {row["chosen"][0]["content"] for row in rows(MY_PREFERENCES)} == {"Rome."}
    feedback.prefer(one, [other, third], is_tie=True)
    assert rows(MY_PREFERENCES) == [] and not dataset_path(MY_PREFERENCES).exists()
    assert [judgement(conversations, feedback, reply).vote for reply in (one, other, third)] == ["tie"] * 3
    feedback.take_back(one, [other, third])
    assert judgement(conversations, feedback, one) == Judgement()


def test_equal_and_empty_replies_are_no_pairs(conversations: Conversations, feedback: Feedback) -> None:
    best = said(conversations, "Paris.")
    feedback.prefer(best, [said(conversations, "Paris."), said(conversations, " ")])
    assert rows(MY_PREFERENCES) == []


def test_a_correction_is_learnt_in_place_of_the_reply_which_stays_as_it_was(
    conversations: Conversations, feedback: Feedback
) -> None:
    reply = said(conversations, "Rome.")
    feedback.correct(reply, "Paris.")
    feedback.correct(reply, "It is Paris.")
    (row,) = read_rows(dataset_path(MY_CORRECTIONS))
    assert row.messages == (*ASKED, assistant("It is Paris."))
    assert conversations.newest()[0].preview == "Rome."
    assert judgement(conversations, feedback, reply).correction == "It is Paris."
    feedback.correct(reply, None)
    assert judgement(conversations, feedback, reply) == Judgement()
    assert not dataset_path(MY_CORRECTIONS).exists()


def test_thumbs_up_are_learnt_and_thumbs_down_only_kept(
    conversations: Conversations, feedback: Feedback
) -> None:
    good, bad = said(conversations, "Paris."), said(conversations, "Rome.")
    feedback.thumb(good, 1)
    feedback.thumb(bad, -1)
    assert [row["messages"][-1]["content"] for row in rows(MY_FAVOURITES)] == ["Paris."]
    assert judgement(conversations, feedback, bad).thumb == -1
    feedback.thumb(good, 0)
    assert rows(MY_FAVOURITES) == []


def test_rows_outlive_their_conversation(conversations: Conversations, feedback: Feedback) -> None:
    reply, other = said(conversations, "Paris."), said(conversations, "Rome.")
    feedback.prefer(reply, [other])
    feedback.correct(other, "Paris!")
    for talk in conversations.newest():
        conversations.delete(talk.id)
    with conversations.file.writing() as execute:
        execute("DELETE FROM conversations")
    feedback.thumb(said(conversations, "Oslo."), 1)  # anything that writes
    feedback.correct(said(conversations, "Bonn."), "Paris.")
    assert len(rows(MY_PREFERENCES)) == 1 and len(rows(MY_CORRECTIONS)) == 2


def test_a_copied_branch_keeps_its_correction_and_is_learnt_once(
    conversations: Conversations, feedback: Feedback
) -> None:
    reply = said(conversations, "Rome.")
    feedback.correct(reply, "Paris.")
    copy = conversations.copy_branch(reply.message, "Copy", "builtin", "")
    assert [one.correction for one in feedback.of_conversation(copy.id).values()] == ["Paris."]
    feedback.thumb(reply, 1)
    feedback.correct(said(conversations, "Oslo."), "Paris.")
    assert len(rows(MY_CORRECTIONS)) == 2


@pytest.mark.parametrize("text", ["\x1b[2J", "half \ud800", 'quote " \n line', "日本語 🎉", "\u2028 line"])
def test_any_text_becomes_one_row(conversations: Conversations, feedback: Feedback, text: str) -> None:
    reply = said(conversations, "Rome.")
    asked: list[ChatMessage] = [user(text)]
    feedback.correct(replace(reply, prompt=asked, text=text), text + "!")
    report = inspect(dataset_path(MY_CORRECTIONS))
    assert report.rows == 1 and report.rejected_count == 0
    assert judgement(conversations, feedback, reply).correction is not None


def test_the_files_are_for_the_users_eyes_only(conversations: Conversations, feedback: Feedback) -> None:
    feedback.thumb(said(conversations, "Paris."), 1)
    path = dataset_path(MY_FAVOURITES)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_the_disk_does_not_take_is_told_kept_and_written_with_the_next(
    conversations: Conversations, feedback: Feedback, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, mode: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr(durable_files, "replace_file", full)
        with pytest.raises(UserError, match=r"my-favourites.jsonl: cannot be written \(No space left"):
            feedback.thumb(said(conversations, "Paris."), 1)
    feedback.thumb(said(conversations, "Rome."), 1)
    assert len(rows(MY_FAVOURITES)) == 2


def test_conversations_in_memory_leave_no_files() -> None:
    conversations = Conversations.in_memory()
    feedback = Feedback(conversations.file)
    reply = said(conversations, "Paris.")
    feedback.thumb(reply, 1)
    assert judgement(conversations, feedback, reply).thumb == 1
    assert not dataset_path(MY_FAVOURITES).exists()
