"""Saying which reply is better, thumbs, and writing a reply as it should have been: by key, in the panes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from engine.paths import conversations_path
from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from trainers.own_datasets import MY_CORRECTIONS, MY_FAVOURITES, MY_PREFERENCES, dataset_path
from tui_chat import judging
from tui_chat.app import TuiChatApp
from tui_chat.conversations import Conversations
from tui_chat.feedback import Judgement
from tui_chat.screens.correct_reply import CorrectReply


@pytest.fixture
def engines() -> FakeEngines:
    """Two models that say different things."""
    engines = FakeEngines()
    engines("builtin", lambda loading: None).script = ["Rome", "."]
    engines("run:poet", lambda loading: None).script = ["Paris", "."]
    return engines


@pytest.fixture
def app(engines: FakeEngines) -> TuiChatApp:
    return fake_app(engines, Conversations.open(conversations_path()))


def rows(name: str) -> list[dict[str, Any]]:
    path: Path = dataset_path(name)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def judgements(app: TuiChatApp) -> list[Judgement]:
    """Of the last reply of each pane."""
    return [pane.session.judgements.of(pane.session.messages[-1].id) for pane in app.chat.panes]


def pane_text(app: TuiChatApp) -> str:
    """What is on the screen beside the list of conversations."""
    return "\n".join(line[31:] for line in screen_text(app).splitlines())


async def ask_two(app: TuiChatApp, pilot: Pilot[None], text: str = "capital") -> None:
    """Two linked panes, asked the same; the second one has the focus."""
    if len(app.chat.panes) == 1:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == 2)
        await app.chat.pane.change_settings(app.chat.default_settings.with_changes("test", model="run:poet"))
        await pilot.press("f4")
    before = len(app.chat.pane.session.messages)
    await send(pilot, text)
    await until(pilot, lambda: all(settled(pane, before + 2) for pane in app.chat.panes))


async def test_the_better_of_two_replies_is_kept_as_a_pair_and_shown(app: TuiChatApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await ask_two(app, pilot)
        await pilot.press("alt+k")
        await until(pilot, lambda: "★ better" in screen_text(app))
        (row,) = rows(MY_PREFERENCES)
        assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("Paris.", "Rome.")
        assert (row["chosen_model"], row["rejected_model"]) == ("run:poet", "builtin")
        assert row["prompt"] == [{"role": "user", "content": "capital"}]


async def test_a_vote_for_the_other_replaces_it_a_tie_is_no_pair_and_the_same_again_takes_it_back(
    app: TuiChatApp,
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await ask_two(app, pilot)
        await pilot.press("alt+k")
        await until(pilot, lambda: rows(MY_PREFERENCES))
        await pilot.press("alt+1", "alt+k")
        await until(pilot, lambda: judgements(app)[0].vote == "better")
        assert judgements(app)[1].vote == ""
        assert rows(MY_PREFERENCES)[0]["chosen"][0]["content"] == "Rome."
        await pilot.press("alt+z")
        await until(pilot, lambda: [one.vote for one in judgements(app)] == ["tie", "tie"])
        assert rows(MY_PREFERENCES) == []
        assert screen_text(app).count("= as good") == 2
        await pilot.press("alt+z")
        await until(pilot, lambda: [one.vote for one in judgements(app)] == ["", ""])


async def test_an_earlier_question_is_voted_on_at_its_reply(app: TuiChatApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await ask_two(app, pilot, "first")
        await ask_two(app, pilot, "second")
        app.chat.pane.transcript.views[1].focus()
        await pilot.press("v")
        await until(pilot, lambda: rows(MY_PREFERENCES))
        (row,) = rows(MY_PREFERENCES)
        assert [turn["content"] for turn in row["prompt"]] == ["first"]


async def test_a_reply_that_nothing_compares_with_is_told_how_to_get_one(app: TuiChatApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("alt+k")
        await until(pilot, lambda: any("no reply of a model" in n.message for n in app._notifications))
        await send(pilot, "capital")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("alt+k")
        await until(pilot, lambda: any("no other reply to this" in n.message for n in app._notifications))
        assert rows(MY_PREFERENCES) == []


async def test_of_equal_replies_none_is_better(app: TuiChatApp, engines: FakeEngines) -> None:
    engines["builtin"].script = engines["run:poet"].script
    async with app.run_test(size=(140, 40)) as pilot:
        await ask_two(app, pilot)
        await pilot.press("alt+k")
        told = "same, word for word: Alt+Z says so. Another temperature, seed or model in one pane"
        await until(pilot, lambda: any(told in notice.message for notice in app._notifications))
        assert [one.vote for one in judgements(app)] == ["", ""]


async def test_two_tries_of_one_pane_are_compared_too_by_key_and_by_command(
    app: TuiChatApp, engines: FakeEngines
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await send(pilot, "capital")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        engines["builtin"].script = ["Paris."]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(engines["builtin"].asked) == 2 and settled(app.chat.pane, 2))
        await pilot.press("alt+k")
        await until(pilot, lambda: rows(MY_PREFERENCES))
        (row,) = rows(MY_PREFERENCES)
        assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("Paris.", "Rome.")
        for command, chosen in (("/vote worse", "Rome."), ("/vote better", "Paris.")):
            app.chat.pane.prompt.put(command)
            await pilot.press("enter")
            await until(pilot, lambda: rows(MY_PREFERENCES)[0]["chosen"][0]["content"] == chosen)  # noqa: B023
        app.chat.pane.prompt.put("/vote none")
        await pilot.press("enter")
        await until(pilot, lambda: not rows(MY_PREFERENCES))
        app.chat.pane.prompt.put("/correct Athens, no, Paris.")
        await pilot.press("enter")
        await until(pilot, lambda: rows(MY_CORRECTIONS))
        assert rows(MY_CORRECTIONS)[0]["messages"][-1]["content"] == "Athens, no, Paris."
        app.chat.pane.prompt.put("/good")
        await pilot.press("enter")
        await until(pilot, lambda: rows(MY_FAVOURITES))


async def test_thumbs_go_up_down_and_away(app: TuiChatApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await send(pilot, "capital")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("alt+g")
        await until(pilot, lambda: "+ good" in screen_text(app))
        assert rows(MY_FAVOURITES)[0]["messages"][-1] == {"role": "assistant", "content": "Rome."}
        app.chat.pane.transcript.views[1].focus()
        await pilot.press("minus")
        await until(pilot, lambda: "- poor" in screen_text(app))
        assert rows(MY_FAVOURITES) == []
        await pilot.press("minus")
        await until(pilot, lambda: judgements(app) == [Judgement()])


async def test_a_corrected_reply_is_shown_asked_with_and_kept_and_the_original_is_a_key_away(
    app: TuiChatApp, engines: FakeEngines
) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await send(pilot, "capital")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("alt+g")
        await until(pilot, lambda: "+ good" in pane_text(app) and "tokens" in pane_text(app))
        await pilot.press("alt+x")
        await until(pilot, lambda: isinstance(app.screen, CorrectReply))
        app.screen.query_one(TextArea).load_text("It is\nParis.")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "corrected" in pane_text(app))
        assert not any(words in pane_text(app) for words in ("+ good", "tokens"))  # of the other words
        assert "Paris." in pane_text(app) and "Rome." not in pane_text(app)
        assert rows(MY_CORRECTIONS)[0]["messages"][-1]["content"] == "It is\nParis."
        assert app.chat.pane.session.messages[1].content == "Rome."
        app.chat.pane.transcript.views[1].focus()
        await pilot.press("w")
        await until(pilot, lambda: "Rome." in pane_text(app) and "Paris." not in pane_text(app))
        await until(pilot, lambda: "+ good  as it was said" in pane_text(app))
        await pilot.press("w")
        await until(pilot, lambda: "Paris." in pane_text(app))
        await pilot.press("escape")
        await send(pilot, "sure")
        await until(pilot, lambda: settled(app.chat.pane, 4))
        assert [turn.content for turn in engines["builtin"].asked[-1]] == ["capital", "It is\nParis.", "sure"]


async def test_a_correction_is_there_again_in_the_next_session_and_can_be_taken_back(
    app: TuiChatApp, engines: FakeEngines
) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await send(pilot, "capital")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        session = app.chat.pane.session
        reply = session.messages[1]
        await pilot.press("alt+x")
        await until(pilot, lambda: isinstance(app.screen, CorrectReply))
        app.screen.query_one(TextArea).load_text("Paris!")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: session.judgements.of(reply.id).correction == "Paris!")
        talk = session.conversation
        assert talk is not None
    again = fake_app(engines, Conversations.open(conversations_path()))
    async with again.run_test(size=(100, 40)) as pilot:
        await again.chat.pane.open(talk)
        await until(pilot, lambda: "Paris!" in pane_text(again))
        await pilot.press("alt+x")
        await until(pilot, lambda: isinstance(again.screen, CorrectReply))
        await pilot.press("f6", "ctrl+s")
        await until(pilot, lambda: "Rome." in pane_text(again))
        assert rows(MY_CORRECTIONS) == [] and "corrected" not in pane_text(again)


async def test_the_first_wording_is_a_key_away_and_left_without_a_warning(app: TuiChatApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await send(pilot, "capital")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        session = app.chat.pane.session
        judging.correct(session, session.messages[1], "Paris.")
        assert session.conversation is not None
        session.judgements.read(session.conversation.id)
        await pilot.press("alt+x")
        await until(pilot, lambda: isinstance(app.screen, CorrectReply))
        await until(pilot, lambda: "The reply is kept as it was said" in screen_text(app))
        assert "F6 the first wording" in screen_text(app)
        area = app.screen.query_one(TextArea)
        await pilot.press("f6")
        assert area.text == "Rome."
        await pilot.press("f6")
        assert area.text == "Paris."
        await pilot.press("f6", "escape")
        await until(pilot, lambda: app.screen is app.chat)


async def test_what_was_typed_into_a_correction_is_not_lost_by_one_escape(app: TuiChatApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        await send(pilot, "capital")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        await pilot.press("alt+x")
        await until(pilot, lambda: isinstance(app.screen, CorrectReply))
        await pilot.press("x", "escape")
        await until(pilot, lambda: any("again throws it away" in n.message for n in app._notifications))
        assert isinstance(app.screen, CorrectReply)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)
        assert rows(MY_CORRECTIONS) == []


async def test_jokes_and_what_the_user_said_cannot_be_judged(app: TuiChatApp) -> None:
    async with app.run_test(size=(100, 40)) as pilot:
        app.chat.pane.replies.tell("poem")
        await until(pilot, lambda: settled(app.chat.pane, 1))
        view = app.chat.pane.transcript.views[0]
        view.focus()
        assert view.check_action("judge", ("up",)) is False
        await pilot.press("plus", "alt+g")
        await until(pilot, lambda: any("no reply of a model" in n.message for n in app._notifications))
        assert rows(MY_FAVOURITES) == []
