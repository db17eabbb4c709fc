"""Jokes and poems in a conversation: who tells them, and what is left to the model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.paths import told_path
from tests.tui_chat.chat_pilot import said, screen_text, settled
from tests.tui_chat.fake_engine import FakeEngine, FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.asked_messages import is_told
from tui_chat.commands import tell
from tui_chat.companions import shelf
from tui_chat.companions.jokes import Joke, JokeInProgress, shipped_jokes
from tui_chat.companions.poems import shipped_poems
from tui_chat.conversations import Conversations
from tui_chat.widgets.chat_pane import ChatPane

OPENINGS = {JokeInProgress(joke).opening for joke in shipped_jokes()}
SETUPS = {joke.setup: joke for joke in shipped_jokes() if joke.kind == "why"}


def jokes_by(who: str) -> str:
    return f"TUI_CHAT_COMPANIONS__JOKES={who}"


def poems_by(who: str) -> str:
    return f"TUI_CHAT_COMPANIONS__POEMS={who}"


def contents(pane: ChatPane) -> list[str]:
    return [content for _, content, _ in said(pane)]


async def ask(pilot, pane: ChatPane, text: str) -> list[str]:
    """Send a message, and wait until it was answered."""
    count = len(pane.session.messages)
    pane.ask(text)
    await until(pilot, lambda: len(pane.session.messages) >= count + 2 and not pane.is_replying)
    return contents(pane)


@pytest.mark.parametrize("wish", ["tell me a joke", "Do you know a good joke?", "make me laugh"])
async def test_a_wish_that_is_typed_is_told_from_the_collection_and_the_model_never_hears_of_it(wish: str):
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app.chat.pane, wish)
        assert is_told(app.chat.pane.session.messages[1])
        assert engines["builtin"].asked == []


async def test_a_poem_about_something_is_recited_and_another_one_is_another():
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        first = (await ask(pilot, app.chat.pane, "write a poem about rain"))[-1]
        second = (await ask(pilot, app.chat.pane, "another one about the sea"))[-1]
        third = (await ask(pilot, app.chat.pane, "one more"))[-1]
        assert "Rain on the Roof" in first
        assert len({first, second, third}) == 3
        assert all(text.startswith("**") for text in (first, second, third))


async def test_another_one_is_of_the_same_form_and_about_the_same_as_long_as_there_is_one():
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        titles = [_title(await ask(pilot, app.chat.pane, "a haiku, please"))]
        titles += [_title(await ask(pilot, app.chat.pane, "another one")) for _ in range(3)]
        forms = {poem.title: poem.topics for poem in shipped_poems()}
        assert len(set(titles)) == 4
        assert all("haiku" in forms[title] for title in titles)
        assert _title(await ask(pilot, app.chat.pane, "write a poem about rain")) == "Rain on the Roof"
        assert _title(await ask(pilot, app.chat.pane, "one more")) == "Moving In"  # a thunderstorm
        assert _title(await ask(pilot, app.chat.pane, "one more")) not in ("Rain on the Roof", "Moving In")


def _title(told: list[str]) -> str:
    return told[-1].split("**")[1]


async def test_a_joke_waits_for_its_answer_and_another_one_is_told_in_the_middle_of_it():
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        told = [(await ask(pilot, app.chat.pane, "tell me a joke about cats"))[-1]]
        assert SETUPS[told[0]].punchline == (await ask(pilot, app.chat.pane, "why?"))[-1]
        for _ in range(5):
            told.append((await ask(pilot, app.chat.pane, "another one"))[-1])
        knocks = told.count("Knock, knock.")
        assert len(set(told)) >= len(told) - max(knocks - 1, 0)


async def test_who_asks_for_the_next_joke_hears_the_end_of_this_one_first():
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        setup = (await ask(pilot, app.chat.pane, "tell me a joke about cats"))[-1]
        told = (await ask(pilot, app.chat.pane, "haha good one. another?"))[-1]
        punchline, _, following = told.partition("\n\n")
        assert punchline == SETUPS[setup].punchline and following in OPENINGS
        told = (await ask(pilot, app.chat.pane, "a haiku, please"))[-1]
        assert not told.startswith("**")
        assert (await ask(pilot, app.chat.pane, "one more"))[-1].startswith("**")


async def test_who_knows_all_about_a_topic_from_other_chats_is_told_so():
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.chat.pane
        for _ in range(2):
            await ask(pilot, pane, "write a poem about rain")
        await pane.begin_anew()
        told = (await ask(pilot, pane, "write a poem about rain"))[-1]
        assert told.startswith("You know all that I have about that. Here is one again:\n\n**")


async def test_a_knock_knock_joke_goes_on_in_a_conversation_that_was_closed():
    conversations = Conversations.in_memory()
    app = fake_app(conversations=conversations)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.chat.pane
        assert (await ask(pilot, pane, "knock knock joke please"))[-1] == "Knock, knock."
        await _reopened(pane)
        name = (await ask(pilot, pane, "Who's there?"))[-1]
        await _reopened(pane)
        joke = next(joke for joke in shipped_jokes() if f"{joke.setup}." == name)
        assert (await ask(pilot, pane, f"{joke.setup} who?"))[-1] == joke.punchline


async def _reopened(pane: ChatPane) -> None:
    conversation = pane.session.conversation
    assert conversation is not None
    await pane.begin_anew()
    await pane.open(conversation)


@pytest.mark.parametrize("first", ["tell me a joke about cats", "write a poem"])
async def test_a_person_who_changes_the_subject_is_left_to_the_model(first: str):
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app.chat.pane, first)
        await ask(pilot, app.chat.pane, "What is the capital of France?")
        assert [turn.content for turn in engines["builtin"].asked[0]] == ["What is the capital of France?"]
        await ask(pilot, app.chat.pane, "why?")  # nobody waits any more
        assert len(engines["builtin"].asked) == 2


async def test_the_model_is_given_what_was_told_just_before_and_nothing_told_earlier():
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.chat.pane
        await ask(pilot, pane, "write a poem about rain")
        setup = (await ask(pilot, pane, "tell me a joke about cats"))[-1]
        punchline = (await ask(pilot, pane, "why?"))[-1]
        await ask(pilot, pane, "explain it")
        joke = ["tell me a joke about cats", setup, "why?", punchline, "explain it"]
        assert [message.content for message in engines["builtin"].asked[0]] == joke
        await tell(app, "poem", "rain")
        await until(pilot, lambda: settled(pane, 9))
        await ask(pilot, pane, "What does it mean?")
        given = [(message.role, message.content) for message in engines["builtin"].asked[1]]
        assert [text for _, text in given[:6]] == [*joke, "Hello there."]
        assert given[6] == ("user", "Tell me a poem.") and given[8] == ("user", "What does it mean?")
        assert given[7][0] == "assistant" and not set("*\\") & set(given[7][1])


@pytest.mark.parametrize("first", ["tell me a joke about cats", "write a poem"])
async def test_a_long_text_is_no_answer_and_is_not_looked_at_for_one(first: str):
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app.chat.pane, first)
        text = "-" * 20_000 + "x"  # looked at, it would hold up the app for seconds
        await ask(pilot, app.chat.pane, text)
        assert engines["builtin"].asked[0][-1].content == text


async def test_another_one_after_a_reply_of_the_model_is_the_models():
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app.chat.pane, "hello")
        await ask(pilot, app.chat.pane, "another one")
        assert len(engines["builtin"].asked) == 2


async def test_what_is_not_recognised_by_wish_goes_to_the_model_while_the_palette_still_tells():
    engines = FakeEngines()
    app = fake_app(engines, settings="TUI_CHAT_COMPANIONS__RECOGNISE=false")
    async with app.run_test(size=(120, 40)) as pilot:
        assert (await ask(pilot, app.chat.pane, "tell me a joke"))[-1] == "Hello there."
        await tell(app, "joke", "cats")
        await until(pilot, lambda: settled(app.chat.pane, 3))
        assert contents(app.chat.pane)[-1] in SETUPS
        await ask(pilot, app.chat.pane, "why?")
        assert len(engines["builtin"].asked) == 1


async def test_a_backslash_sends_a_wish_to_the_model():
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app.chat.pane, "\\tell me a joke")
        assert [message.content for message in engines["builtin"].asked[0]] == ["tell me a joke"]
        assert contents(app.chat.pane)[0] == "tell me a joke"


async def test_another_reply_to_a_wish_is_another_joke_beside_it_and_to_a_punchline_the_next_joke():
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.chat.pane
        await tell(app, "poem", "rain")
        await until(pilot, lambda: settled(pane, 1))
        await pilot.press("ctrl+r")  # nobody said anything: there is none to stand beside
        await until(pilot, lambda: settled(pane, 2))
        assert contents(pane)[0] != contents(pane)[1] and contents(pane)[1].startswith("**")
        first = (await ask(pilot, pane, "tell me a joke about cats"))[-1]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: settled(pane, 4) and "‹ 2/2 ›" in screen_text(app))
        assert contents(pane)[2] == "tell me a joke about cats" and contents(pane)[3] != first
        await pilot.press("shift+tab", "left", "escape")
        assert (await ask(pilot, pane, "why?"))[3:] == [first, "why?", SETUPS[first].punchline]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: settled(pane, 7))
        assert contents(pane)[5] == SETUPS[first].punchline and contents(pane)[6] in OPENINGS
        assert "builtin" not in engines or engines["builtin"].asked == []


async def test_a_message_to_all_panes_is_for_the_models_that_are_compared():
    engines = FakeEngines()
    app = fake_app(engines)
    async with app.run_test(size=(160, 40)) as pilot:
        app.chat.pane.ask("tell me a joke", seed=3)
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert contents(app.chat.pane)[-1] == "Hello there."


async def test_a_topic_that_nobody_knows_is_admitted_and_one_of_the_collection_offered():
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        told = (await ask(pilot, app.chat.pane, "write a poem about the Eiffel tower"))[-1]
        assert told.startswith("I know none about that yet.") and "\n\n**" in told
        told = (await ask(pilot, app.chat.pane, "tell me a joke about zebras in Timbuktu"))[-1]
        assert told.startswith("I know none about that")
        waiting = told.rpartition("\n\n")[2]
        if waiting in SETUPS:
            assert (await ask(pilot, app.chat.pane, "why?"))[-1] == SETUPS[waiting].punchline


async def test_what_was_told_is_kept_for_other_panes_and_the_next_start():
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app.chat.pane, "tell me a joke")
    again = fake_app()
    async with again.run_test(size=(120, 40)) as pilot:
        await ask(pilot, again.chat.pane, "tell me a joke")
    assert len(set(shelf.told().keys("joke"))) == 2
    assert told_path().stat().st_size < 1000


async def test_a_wrong_file_of_the_users_is_told_of_once(home: Path):
    (home / "config").mkdir(parents=True)
    (home / "config" / "jokes.toml").write_text("joke = 3", encoding="utf-8")
    app = fake_app()
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await ask(pilot, app.chat.pane, "tell me a joke")
        await until(pilot, lambda: "jokes.toml: there are no entries" in screen_text(app))
        await ask(pilot, app.chat.pane, "another one")
        assert len(app._notifications) == 1


# ---- the pane's model


async def test_the_models_of_the_panes_tell_when_the_settings_say_so():
    engines = FakeEngines()
    app = fake_app(engines, settings=jokes_by("model"))
    async with app.run_test(size=(120, 40)) as pilot:
        engines["builtin"].script = ["Why did the robot laugh?"]
        assert (await ask(pilot, app.chat.pane, "do you know a joke about robots?"))[
            -1
        ] == "Why did the robot laugh?"
        engines["builtin"].script = ["It was told to."]
        assert (await ask(pilot, app.chat.pane, "why?"))[-1] == "It was told to."
        asked = [message.content for message in engines["builtin"].asked[1]]
        assert asked == ["do you know a joke about robots?", "Why did the robot laugh?", "why?"]
        assert app.chat.pane.session.messages[1].model == "builtin"


async def test_from_the_palette_the_model_is_asked_in_words_that_everybody_sees():
    engines = FakeEngines()
    app = fake_app(engines, settings=poems_by("model"))
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(app, "poem", "the sea")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert contents(app.chat.pane) == ["Write a short poem about the sea.", "Hello there."]


@pytest.mark.parametrize("script", [[""], ["..."], [UserError("It broke.")], ["ha "] * 30])
async def test_a_model_without_words_is_followed_by_the_collection(script):
    engines = FakeEngines()
    app = fake_app(engines, settings=jokes_by("model"))
    async with app.run_test(size=(120, 40)) as pilot:
        engines["builtin"].script = script
        app.chat.pane.ask("tell me a joke about cats")
        await until(pilot, lambda: settled(app.chat.pane, 3))
        told = contents(app.chat.pane)[-1]
        assert told.startswith("*No words came of that. From the collection, then:*")
        assert (await ask(pilot, app.chat.pane, "why?"))[-1] == SETUPS[told.rpartition("\n\n")[2]].punchline


async def test_a_model_that_cannot_be_loaded_is_followed_by_the_collection():
    engines = FakeEngines()
    engines("builtin", lambda loading: None).load_error = UserError("No model.")
    app = fake_app(engines, settings=jokes_by("model"))
    async with app.run_test(size=(120, 40)) as pilot:
        told = (await ask(pilot, app.chat.pane, "tell me a joke"))[-1]
        assert told.startswith("*No model. From the collection, then:*\n\n")


class TextEngine(FakeEngine):
    """A model that only continues texts."""

    async def load(self):
        from msgspec.structs import replace

        self.model = replace(await super().load(), chat_format="completion")
        return self.model


async def test_a_model_that_only_continues_texts_is_not_asked():
    engines = FakeEngines()
    engines["builtin"] = TextEngine()
    app = fake_app(engines, settings=jokes_by("model"))
    async with app.run_test(size=(120, 40)) as pilot:
        told = (await ask(pilot, app.chat.pane, "tell me a joke"))[-1]
        assert told.startswith("*This model only continues texts. From the collection, then:*")
        assert engines["builtin"].asked == []


async def test_mixed_asks_the_model_only_for_what_the_collection_does_not_know():
    engines = FakeEngines()
    app = fake_app(engines, settings=poems_by("mixed"))
    async with app.run_test(size=(120, 40)) as pilot:
        engines["builtin"].script = ["Iron lace,\nup high in Paris."]
        assert "Rain on the Roof" in (await ask(pilot, app.chat.pane, "write a poem about rain"))[-1]
        assert (await ask(pilot, app.chat.pane, "write a poem about the Eiffel tower"))[-1].startswith(
            "Iron lace"
        )
        await ask(pilot, app.chat.pane, "write a poem")
        assert (await ask(pilot, app.chat.pane, "the Colosseum"))[-1].startswith("Iron lace")
        assert engines["builtin"].asked[-1][-1].content.startswith("Write a short poem about the Colosseum.")


# ---- another model


def far_app(
    script: list[object], conversations: Conversations | None = None
) -> tuple[TuiChatApp, FakeEngines]:
    engines = FakeEngines()
    engines("api:far/gpt", lambda loading: None).script = script  # type: ignore[assignment]
    settings = f"{jokes_by('api:far/gpt')} {poems_by('api:far/gpt')}"
    return fake_app(engines, conversations, settings), engines


async def test_another_model_tells_and_its_punchline_waits_also_after_reopening():
    app, engines = far_app(["Why did the kettle", " blush?\n", "It saw the tea."])
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.chat.pane
        assert (await ask(pilot, pane, "tell me a joke"))[-1] == "Why did the kettle blush?"
        assert pane.session.messages[-1].model_name == "tui-chat · api:far/gpt"
        assert pane.session.messages[-1].status == "complete"
        await _reopened(pane)
        assert (await ask(pilot, pane, "why?"))[-1] == "It saw the tea."
        await ask(pilot, pane, "and now?")
        given = [message.content for message in engines["builtin"].asked[0]]
        assert given == ["tell me a joke", "Why did the kettle blush?", "why?", "It saw the tea.", "and now?"]
        assert len(engines["api:far/gpt"].asked) == 1
        await until(pilot, lambda: engines["api:far/gpt"].closed)


async def test_a_knock_knock_joke_of_another_model_goes_through_its_lines():
    app, _ = far_app(["Lettuce\nLettuce in, it is cold!"])
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.chat.pane
        assert (await ask(pilot, pane, "a knock-knock joke, please"))[-1] == "Knock, knock."
        assert (await ask(pilot, pane, "who's there?"))[-1] == "Lettuce."
        assert (await ask(pilot, pane, "lettuce who?"))[-1] == "Lettuce in, it is cold!"


async def test_a_model_that_cannot_be_reached_is_said_and_the_collection_tells():
    app, _ = far_app([UserError("far cannot be reached.")])
    async with app.run_test(size=(120, 40)) as pilot:
        told = (await ask(pilot, app.chat.pane, "tell me a joke about cats"))[-1]
        assert "far cannot be reached. From the collection, then:" in told
        assert app.chat.pane.session.messages[-1].status == "complete"
        assert (await ask(pilot, app.chat.pane, "why?"))[-1] == SETUPS[told.rpartition("\n\n")[2]].punchline


async def test_escape_stops_a_poem_of_another_model_and_keeps_what_came():
    waiting = asyncio.Event()
    app, engines = far_app(["One line of tea\n", waiting, "and two."])
    async with app.run_test(size=(120, 40)) as pilot:
        await tell(app, "poem", "tea")
        pane = app.chat.pane
        await until(pilot, lambda: len(pane.session.messages) == 2 and "One line" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not pane.is_replying)
        assert said(pane)[-1] == ("assistant", "One line of tea  \n", "stopped")
        assert engines["api:far/gpt"].cancelled == 1


async def test_the_punchline_of_a_heard_joke_is_kept_on_disk():
    app, _ = far_app(["Why tea?\nSo that the pot has work."])
    async with app.run_test(size=(120, 40)) as pilot:
        await ask(pilot, app.chat.pane, "tell me a joke")
    assert shelf.told().heard() == (
        Joke(kind="why", setup="Why tea?", punchline="So that the pot has work."),
    )
