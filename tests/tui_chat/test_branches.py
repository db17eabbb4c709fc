"""Branches in a pane: another wording, another reply, from sibling to sibling, and nothing is ever lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot

from engine.errors import UserError
from tests.tui_chat.chat_pilot import said, screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngine, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.chat_session import ChatSession
from tui_chat.chat_settings import ChatSettings
from tui_chat.commands import commands_of
from tui_chat.conversations import Conversation, Conversations, StoredMessage
from tui_chat.screens.choose_one import ChooseOne
from tui_chat.screens.workspace_keeper import state_of
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.completion_list import CompletionList
from tui_chat.widgets.message_view import MessageView

SIZES = [(80, 24), (160, 50)]


def words(pane: ChatPane) -> list[str]:
    """The branch on show."""
    return [content for _, content, _ in said(pane)]


def on_screen(pane: ChatPane) -> list[str]:
    return [view.message.content for view in pane.transcript.views]


def with_talk(conversations: Conversations, *texts: str) -> Conversation:
    """A conversation in which the user and the model said this in turn."""
    talk = conversations.create("talk", "builtin")
    for number, text in enumerate(texts):
        reply = {"model": "builtin", "model_name": "tiny"} if number % 2 else {}
        conversations.add(StoredMessage(0, talk.id, "assistant" if number % 2 else "user", text, **reply))  # type: ignore[arg-type]
    return talk


async def go_to(pilot: Pilot[None], pane: ChatPane, text: str) -> MessageView:
    """Focus the message that says `text`."""
    (view,) = [view for view in pane.transcript.views if view.message.content == text]
    view.focus()
    await pilot.pause()
    return view


async def opened(
    app: TuiChatApp, pilot: Pilot[None], *texts: str, script: tuple[str, ...] = ("new reply",)
) -> tuple[ChatPane, FakeEngine]:
    """A pane with such a talk, and its engine, which says `script` from now on."""
    talk = with_talk(app.conversations, *texts)
    await app.chat.pane.open(talk)
    engine = app.engines.engine_for("builtin")
    assert isinstance(engine, FakeEngine)
    engine.script = list(script)
    return app.chat.pane, engine


@pytest.mark.parametrize("size", SIZES)
async def test_an_earlier_reply_is_said_again_beside_it_and_both_branches_stay(size: tuple[int, int]) -> None:
    app = fake_app()
    async with app.run_test(size=size) as pilot:
        pane, engine = await opened(app, pilot, "one", "first reply", "two", "second reply")
        view = await go_to(pilot, pane, "first reply")
        await pilot.press("r")
        await until(pilot, lambda: words(pane) == ["one", "new reply"] and not pane.is_replying)
        assert [m.content for m in engine.asked[-1]] == ["one"]
        await until(pilot, lambda: "‹ 2/2 ›" in screen_text(app) and "second reply" not in screen_text(app))
        assert app.focused is view and on_screen(pane) == words(pane)
        await pilot.press("left")
        await until(pilot, lambda: words(pane) == ["one", "first reply", "two", "second reply"])
        await until(pilot, lambda: "‹ 1/2 ›" in screen_text(app) and "second reply" in screen_text(app))
        assert on_screen(pane) == words(pane) and app.focused is view
        await pilot.press("left", "l", "l", "h", "right")  # past the ends nothing happens
        await until(pilot, lambda: words(pane) == ["one", "new reply"])
        assert len(app.conversations.messages(1)) == 5


@pytest.mark.parametrize("size", SIZES)
async def test_a_sent_message_is_edited_and_the_first_wording_stays(size: tuple[int, int]) -> None:
    app = fake_app()
    async with app.run_test(size=size) as pilot:
        pane, engine = await opened(app, pilot, "one", "first reply", "two", "second reply")
        await pilot.press("d", "r", "a", "f", "t")
        await go_to(pilot, pane, "one")
        await pilot.press("e")
        await until(pilot, lambda: "Editing “one”, Esc cancels" in screen_text(app))
        assert app.focused is pane.prompt and pane.prompt.text == "one"
        await pilot.press("!", "enter")
        await until(pilot, lambda: words(pane) == ["one!", "new reply"] and not pane.is_replying)
        assert [m.content for m in engine.asked[-1]] == ["one!"]
        assert pane.prompt.text == "draft"
        await until(pilot, lambda: "Editing" not in screen_text(app) and "‹ 2/2 ›" in screen_text(app))
        await go_to(pilot, pane, "one!")
        await pilot.press("h")
        await until(pilot, lambda: words(pane) == ["one", "first reply", "two", "second reply"])


async def test_escape_leaves_the_message_as_it_is_and_gives_the_draft_back() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        pane, engine = await opened(app, pilot, "one", "first reply")
        await pilot.press("d", "alt+e", "x", "y")
        assert pane.prompt.text == "onexy" and state_of(pane, pane.settings).draft == "onexy\nd"
        await until(pilot, lambda: "Esc Cancel edit" in screen_text(app).splitlines()[-1])
        await pilot.press("escape")
        assert pane.prompt.text == "d" and pane.branches.edited is None
        assert words(pane) == ["one", "first reply"] and not engine.asked
        await pilot.press("alt+e")
        assert state_of(pane, pane.settings).draft == "d"  # what was not changed is no draft


async def test_without_a_message_of_ones_own_there_is_nothing_to_edit() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        await pilot.press("alt+e")
        await until(pilot, lambda: any("not said anything yet" in n.message for n in app._notifications))


async def test_an_edit_ends_when_another_conversation_is_opened() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply")
        await pilot.press("alt+e", "x", "ctrl+n")
        await until(pilot, lambda: pane.session.conversation is None)
        assert pane.branches.edited is None and pane.prompt.text == ""
        await send(pilot, "hi")
        await until(pilot, lambda: settled(pane, 2))
        assert len(app.conversations.messages(1)) == 2


async def test_an_edit_that_cannot_be_saved_stays_in_the_prompt() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply")
        app.conversations.file.connection.execute("PRAGMA query_only = ON")
        await pilot.press("alt+e", "x", "enter")
        await until(pilot, lambda: any("could not be" in n.message for n in app._notifications))
        await until(pilot, lambda: not pane.is_replying)
        assert pane.prompt.text == "onex" and pane.branches.edited is not None
        app.conversations.file.connection.execute("PRAGMA query_only = OFF")
        await pilot.press("enter")
        await until(pilot, lambda: words(pane) == ["onex", "new reply"])


async def test_an_edit_in_linked_panes_is_of_its_pane_alone() -> None:
    app = fake_app()
    async with app.run_test(size=(160, 50)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        first = app.chat.pane
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == 2)
        second = app.chat.pane
        await pilot.press("f4")
        first.prompt.focus()
        await pilot.press("alt+e", "!", "enter")
        await until(pilot, lambda: words(first)[:1] == ["hi!"] and settled(first, 2))
        assert not second.session.messages


async def test_changing_branches_stops_a_reply_and_keeps_its_text() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        pane, engine = await opened(app, pilot, "one", "first reply")
        engine.script = ["so far", asyncio.Event(), "never"]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: pane.session.chunks == 1)
        pane.transcript.views[-1].focus()
        await pilot.press("left")
        await until(pilot, lambda: words(pane) == ["one", "first reply"])
        assert engine.cancelled == 1 and not pane.is_replying
        await pilot.press("right")
        await until(pilot, lambda: said(pane)[1] == ("assistant", "so far", "stopped"))
        await until(pilot, lambda: "so far" in screen_text(app) and "stopped" in screen_text(app))
        assert not any(view.is_growing for view in pane.transcript.views)


async def test_another_reply_may_be_asked_for_while_one_is_being_said() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        pane, engine = await opened(app, pilot, "one", "first reply")
        engine.script = ["so far", asyncio.Event()]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: pane.session.chunks == 1)
        pane.transcript.views[-1].focus()
        engine.script = ["third"]
        await pilot.press("r")
        await until(pilot, lambda: words(pane) == ["one", "third"] and not pane.is_replying)
        await until(pilot, lambda: "‹ 3/3 ›" in screen_text(app))
        assert [(m.content, m.status) for m in app.conversations.messages(1)][2] == ("so far", "stopped")


async def test_the_branch_on_show_is_there_again_when_the_conversation_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    app = fake_app(conversations=Conversations.open(file))
    async with app.run_test() as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply", "two", "second reply")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: words(pane)[-1] == "new reply" and not pane.is_replying)
        pane.transcript.views[-1].focus()
        await pilot.press("left")
        await until(pilot, lambda: words(pane)[-1] == "second reply")
    again = Conversations.open(file)
    assert again.newest()[0].preview == "second reply"
    assert [m.content for m in again.tree(1).path] == ["one", "first reply", "two", "second reply"]
    again.close()


async def test_a_new_chat_begins_with_what_leads_to_a_message() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        pane, engine = await opened(app, pilot, "one", "first reply", "two", "second reply")
        await go_to(pilot, pane, "first reply")
        await pilot.press("n")
        await until(pilot, lambda: words(pane) == ["one", "first reply"])
        assert {talk.title for talk in app.conversations.newest()} == {"talk", "Branch of talk"}
        await until(pilot, lambda: app.focused is pane.prompt)
        await send(pilot, "more")
        await until(pilot, lambda: settled(pane, 4))
        assert [m.content for m in engine.asked[-1]] == ["one", "first reply", "more"]
        assert len(app.conversations.messages(1)) == 4


async def test_only_what_can_be_done_with_a_message_has_a_key() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply")
        mine, reply = pane.transcript.views
        deeds = ("before", "after", "again", "edit", "new_chat")
        can = [[deed for deed in deeds if view.check_action("branch", (deed,))] for view in (mine, reply)]
        assert can == [["edit", "new_chat"], ["again", "new_chat"]]


async def test_a_click_on_the_arrows_leads_to_the_version_before_and_after() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: words(pane) == ["one", "new reply"] and not pane.is_replying)
        heading = pane.transcript.views[1].query(".heading").first()
        left, right = len("fake builtin  "), len("fake builtin  ‹ 2/2 ")
        await pilot.click(heading, offset=(left, 0))
        await until(pilot, lambda: words(pane) == ["one", "first reply"])
        assert app.focused is pane.prompt
        left, right = len("tiny  "), len("tiny  ‹ 1/2 ")
        await pilot.click(heading, offset=(left, 0))  # there is none before
        await pilot.click(heading, offset=(right, 0))
        await until(pilot, lambda: words(pane) == ["one", "new reply"])


async def test_the_palette_has_what_the_keys_do() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply")
        commands = {command.title: command.callback for command in commands_of(app)}

        async def do(title: str) -> None:
            result = commands[title]()
            await result  # type: ignore[misc]

        await do("Version before")
        await until(pilot, lambda: any("no version before" in n.message for n in app._notifications))
        await do("Regenerate reply")
        await until(pilot, lambda: words(pane) == ["one", "new reply"] and not pane.is_replying)
        await do("Version before")
        await until(pilot, lambda: words(pane) == ["one", "first reply"])
        await do("Version after")
        await until(pilot, lambda: words(pane) == ["one", "new reply"])
        await do("Edit my last message")
        await until(pilot, lambda: pane.prompt.text == "one")
        await do("New chat from here")
        await until(
            pilot, lambda: pane.session.conversation is not None and pane.session.conversation.id == 2
        )
        assert words(pane) == ["one", "new reply"]


async def test_commands_have_what_the_keys_do_by_the_numbers_of_messages() -> None:
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply", "two", "second reply")

        async def give(command: str) -> None:
            pane.prompt.put(command)
            await pilot.pause()
            await pilot.press("enter")

        await give("/edit 2")
        await until(pilot, lambda: any("Yours are 1, 3." in n.message for n in app._notifications))
        await give("/edit 1")
        await until(pilot, lambda: pane.prompt.text == "one")
        await give("uno")
        await until(pilot, lambda: words(pane) == ["uno", "new reply"] and not pane.is_replying)
        await give("/version previous of message 1")
        await until(pilot, lambda: words(pane)[0] == "one" and len(words(pane)) == 4)
        pane.prompt.put("/version ")
        await until(pilot, lambda: len(pane.query_one(CompletionList)._rows) == 4)
        await give("/version")
        await until(pilot, lambda: isinstance(app.screen, ChooseOne))
        await pilot.press("down", "enter")
        await until(pilot, lambda: words(pane) == ["uno", "new reply"])
        await give("/version 3")
        await until(pilot, lambda: any("There is no version 3" in n.message for n in app._notifications))
        await give("/branch 1")
        await until(pilot, lambda: words(pane) == ["uno"])
        await give("/edit eins")
        await until(pilot, lambda: words(pane) == ["eins", "new reply"] and not pane.prompt.text)
        await give("/help edit")
        await until(pilot, lambda: any(n.message.startswith("/edit [") for n in app._notifications))


async def test_what_another_app_said_meanwhile_is_there_at_the_next_change_of_branches() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply")
        question = pane.session.messages[0]
        other = StoredMessage(0, 1, "assistant", "theirs", model="builtin", parent=question.id)
        begun = app.conversations.add(
            StoredMessage(**{**vars(other), "status": "streaming", "content": "th"})
        )
        await pilot.press("ctrl+r")
        await until(pilot, lambda: words(pane) == ["one", "new reply"] and not pane.is_replying)
        pane.transcript.views[-1].focus()
        await pilot.press("left")
        await until(pilot, lambda: said(pane)[1] == ("assistant", "th", "elsewhere"))
        app.conversations.save_ending(StoredMessage(**{**vars(other), "id": begun.id}))
        await pilot.press("left", "right")
        await until(pilot, lambda: said(pane)[1] == ("assistant", "theirs", "complete"))
        await until(pilot, lambda: "‹ 2/3 ›" in screen_text(app))


async def test_a_branch_is_shown_also_when_that_cannot_be_remembered() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        pane, _ = await opened(app, pilot, "one", "first reply")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: words(pane) == ["one", "new reply"] and not pane.is_replying)
        app.conversations.file.connection.execute("PRAGMA query_only = ON")
        pane.transcript.views[-1].focus()
        await pilot.press("left")
        await until(pilot, lambda: words(pane) == ["one", "first reply"])
        await until(pilot, lambda: any("could not be" in n.message for n in app._notifications))
        assert on_screen(pane) == ["one", "first reply"]


async def test_the_beginning_of_a_long_conversation_can_be_edited_and_gone_back_to() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        pane, _ = await opened(app, pilot, *[f"message {number}" for number in range(300)])
        transcript = pane.transcript
        for _ in range(7):
            await transcript.action_earlier()
        assert len(transcript.views) == 300
        await go_to(pilot, pane, "message 0")
        await pilot.press("e", "!", "enter")
        await until(pilot, lambda: words(pane) == ["message 0!", "new reply"] and not pane.is_replying)
        await go_to(pilot, pane, "message 0!")
        await pilot.press("left")
        await until(pilot, lambda: len(words(pane)) == 300)
        await until(pilot, lambda: len(transcript.views) < 100 and "message 0" in screen_text(app))
        assert on_screen(pane) == words(pane)[: len(transcript.views)]
        await pilot.press("G")
        await until(pilot, lambda: on_screen(pane) == words(pane)[-40:])
        await until(pilot, lambda: "message 299" in screen_text(app))


async def test_a_reply_that_answers_nothing_is_not_said_again() -> None:
    app = fake_app()
    async with app.run_test() as pilot:
        talk = app.conversations.create("x", "builtin")
        app.conversations.add(StoredMessage(0, talk.id, "assistant", "Once", model="builtin"))
        await app.chat.pane.open(talk)
        await go_to(pilot, app.chat.pane, "Once")
        await pilot.press("r")
        await until(pilot, lambda: any("answers no message" in n.message for n in app._notifications))


async def test_the_model_is_asked_with_the_branch_on_show_alone() -> None:
    conversations = Conversations.in_memory()
    talk = with_talk(conversations, "one", "first", "two", "second")
    session = ChatSession(conversations, ChatSettings())
    await session.open(talk)
    _, first, two, second = session.messages
    other = await session.say("two, otherwise", beside=two.id)
    assert [m.content for m in session.messages] == ["one", "first", "two, otherwise"]
    assert session.last_question() == other and not session.answers()
    assert [m.content for m in session.asked_before(second.id)] == ["one", "first", "two"]
    assert [m.content for m in session.asked_with(other.id)] == ["one", "first", "two, otherwise"]
    assert [m.content for m in session.asked_before(first.id)] == ["one"]
    taken = await session.take(StoredMessage(0, 0, "assistant", "taken", model="x"))
    assert taken.parent == other.id
    await session.show(two.id)
    assert [m.content for m in session.answers()] == ["second"]
    assert [m.content for m in conversations.tree(talk.id).path] == ["one", "first", "two", "second"]


async def test_two_apps_that_speak_at_once_in_one_conversation_make_two_branches() -> None:
    conversations = Conversations.in_memory()
    talk = with_talk(conversations, "one", "first")
    mine, theirs = ChatSession(conversations, ChatSettings()), ChatSession(conversations, ChatSettings())
    await asyncio.gather(mine.open(talk), theirs.open(talk))
    await asyncio.gather(mine.say("mine"), theirs.say("theirs"))
    await asyncio.gather(mine.begin_reply("a"), theirs.begin_reply("b"))
    await asyncio.gather(mine.end_unbegun(), theirs.end_unbegun())
    for session, said_here in ((mine, "mine"), (theirs, "theirs")):
        await session.refresh()
        assert [m.content for m in session.messages] == ["one", "first", said_here, ""]
        assert session.tree.place_of(session.messages[2].id).count == 2
    assert len(conversations.tree(talk.id).path) == 4


async def test_a_reply_of_an_app_that_was_killed_counts_as_stopped_in_every_branch(tmp_path: Path) -> None:
    killed = Conversations.open(tmp_path / "conversations.db")
    talk = with_talk(killed, "one")
    for text in ("a", "b"):
        killed.add(StoredMessage(0, talk.id, "assistant", text, status="streaming", parent=1))
    killed.close()
    conversations = Conversations.open(tmp_path / "conversations.db")
    session = ChatSession(conversations, ChatSettings())
    await session.open(talk)
    assert [(m.content, m.status) for m in session.tree] == [
        ("one", "complete"),
        ("a", "stopped"),
        ("b", "stopped"),
    ]
    conversations.close()


async def test_the_first_message_was_asked_with_the_instructions_alone() -> None:
    conversations = Conversations.in_memory()
    talk = conversations.create("imported", "builtin")
    reply = conversations.add(StoredMessage(0, talk.id, "assistant", "Hello", model="builtin"))
    session = ChatSession(conversations, ChatSettings(system_prompt="Be kind."))
    await session.open(talk)
    assert [said.content for said in session.asked_before(reply.id)] == ["Be kind."]


async def test_an_edit_that_fails_to_be_saved_changes_no_branch() -> None:
    conversations = Conversations.in_memory()
    session = ChatSession(conversations, ChatSettings())
    await session.open(with_talk(conversations, "one", "first"))
    conversations.file.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(UserError, match="could not be read or saved"):
        await session.say("other", beside=1)
    assert [m.content for m in session.messages] == ["one", "first"]


@pytest.mark.parametrize("is_open", [True, False])
async def test_what_a_search_finds_in_another_branch_is_brought_into_sight(is_open: bool) -> None:
    app = fake_app()
    async with app.run_test(size=(160, 50)) as pilot:
        texts = [f"message {number}" for number in range(200)]
        pane, engine = await opened(app, pilot, *texts)
        await pane.branches.again(pane.session.messages[101])
        await until(pilot, lambda: words(pane)[-1] == "new reply" and not pane.is_replying)
        if not is_open:
            await pilot.press("ctrl+n")
            await until(pilot, lambda: pane.session.conversation is None)
        await pilot.press("ctrl+f", *"150")
        await until(pilot, lambda: [talk.found_in for talk in app.chat._list._titles.talks] == [151])
        await pilot.press("enter")
        await until(pilot, lambda: words(pane) == texts)
        await until(pilot, lambda: "message 150" in screen_text(app).split("talk")[-1])
        assert app.focused is pane.prompt
        engine.script = ["so far", asyncio.Event()]
        await send(pilot, "x")
        await until(pilot, lambda: pane.session.chunks == 1)
        await pane.branches.show(150)
        await until(pilot, lambda: "message 149" in screen_text(app))
        assert pane.is_replying  # what is in the branch on show stops nothing
