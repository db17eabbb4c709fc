"""A joke or a poem from another model: what it is asked, what is shown, and what happens when it does not answer."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.chat import user
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationSettings, TextChunk
from tests.tui_chat.fake_engine import FakeEngines
from tui_chat.companions.asked_model import AskedModel, is_something, prompt_for
from tui_chat.companions.jokes import Joke
from tui_chat.companions.wishes import Wish
from tui_chat.engines import Engines

JOKE, POEM = Wish(companion="joke", topic="tea"), Wish(companion="poem", topic="tea")
KNOCK = Wish(companion="joke", form="knock-knock")


class Asked:
    """What came of asking a model that says `script`."""

    def __init__(self, wish: Wish, *script: str | UserError, heard: Sequence[Joke] = ()) -> None:
        self.fakes = FakeEngines()
        self.reference = "api:far/gpt"
        self.script = list(script)
        self.engines = Engines(self.fakes, lambda reference: None)
        self.wish, self.heard = wish, heard
        self.jokes: list[Joke] = []
        self.pieces: list[str] = []
        self.done: GenerationDone | None = None

    async def tell(self) -> str:
        self.fakes(self.reference, lambda loading: None).script = self.script
        teller = AskedModel(
            self.engines, self.reference, self.wish, self.heard, self.jokes.append, lambda: "Knock, knock."
        )
        async for event in teller.stream([user("my secret")], GenerationSettings(stop=("?",), seed=4)):
            if isinstance(event, TextChunk):
                self.pieces.append(event.text)
            else:
                self.done = event
        assert self.done is not None
        return "".join(self.pieces)


async def test_the_question_of_a_joke_is_shown_and_its_punchline_kept_back():
    asked = Asked(JOKE, "Why did", " the kettle blush?", "\nBecause it", " saw the tea strip.")
    assert await asked.tell() == "Why did the kettle blush?"
    assert asked.jokes == [
        Joke(kind="why", setup="Why did the kettle blush?", punchline="Because it saw the tea strip.")
    ]
    assert asked.pieces == ["Why did", " the kettle blush?"]  # as it came


@pytest.mark.parametrize(
    "script",
    [
        ["Why did the kettle blush? Because it saw the tea strip."],
        ["\n\nWhy did the kettle blush?\n\nPunchline: Because it saw the tea strip.\n"],
        ["Why did the kettle blush", "?", " ", "**Because it saw the tea strip.**"],
    ],
)
async def test_a_joke_may_come_in_other_shapes(script):
    asked = Asked(JOKE, *script)
    assert (await asked.tell()).strip() == "Why did the kettle blush?"
    assert [joke.punchline for joke in asked.jokes] == ["Because it saw the tea strip."]


@pytest.mark.parametrize(
    "script", [["A kettle walks into a bar.\n", "It orders tea."], ["What a lovely day?"]]
)
async def test_what_is_no_question_with_an_answer_is_shown_as_a_whole_and_nothing_waits(script):
    asked = Asked(JOKE, *script)
    assert (await asked.tell()).replace("  \n", "\n") == "".join(script)
    assert asked.jokes == []


@pytest.mark.parametrize(
    "script",
    [
        "Lettuce\nLettuce in, it is cold!",
        "Knock, knock.\nWho's there?\nLettuce.\nLettuce who?\nLettuce in, it is cold!",
    ],
)
async def test_a_knock_knock_joke_knocks_whatever_its_shape(script):
    asked = Asked(KNOCK, script)
    assert await asked.tell() == "Knock, knock."
    assert asked.jokes == [Joke(kind="knock", setup="Lettuce", punchline="Lettuce in, it is cold!")]


async def test_the_lines_of_a_poem_stay_apart():
    assert await Asked(POEM, "The tea\nis ", "hot\n\nand good").tell() == "The tea  \nis hot  \n  \nand good"


async def test_nothing_of_the_conversation_is_sent_only_the_wish():
    asked = Asked(JOKE, "Why?\nSo it is.", heard=[Joke(kind="why", setup="Why tea?", punchline="So.")])
    await asked.tell()
    sent = asked.fakes["api:far/gpt"].asked[0]
    assert [message.role for message in sent] == ["user"]
    assert "joke about tea" in sent[0].content and "None of these: Why tea?" in sent[0].content
    assert "secret" not in sent[0].content
    assert asked.fakes["api:far/gpt"].settings == [GenerationSettings()]  # a seed would repeat the joke


async def test_a_model_of_this_machine_is_asked_in_plain_words():
    asked = Asked(JOKE, "Why tea? So that the pot has work.")
    asked.reference = "run:small"
    assert await asked.tell() == "Why tea?"
    assert asked.fakes["run:small"].asked[0] == (user("Tell me a joke about tea."),)


async def test_a_model_that_cannot_be_reached_is_named_and_the_collection_goes_on():
    asked = Asked(JOKE, UserError("far: no *connection*."))
    told = await asked.tell()
    assert told == (
        r"*api:far/gpt did not answer: far: no \*connection\*. From the collection, then:*"
        + "\n\nKnock, knock."
    )
    assert asked.jokes == []


async def test_a_joke_that_breaks_off_is_followed_by_one_of_the_collection():
    asked = Asked(JOKE, "Why did the ket", UserError("It broke."))
    told = await asked.tell()
    assert told.startswith("Why did the ket\n\n*api:far/gpt did not answer: It broke.")
    assert told.endswith("\n\nKnock, knock.")


@pytest.mark.parametrize("script", [[], [""], ["  \n "], ["..."], ["12 34"]])
async def test_a_reply_without_words_is_followed_by_one_of_the_collection(script):
    told = await Asked(POEM, *script).tell()
    assert "had nothing to tell" in told and told.endswith("Knock, knock.")


async def test_its_engine_is_not_closed_in_the_middle_and_may_be_closed_after():
    asked = Asked(POEM, "One line of tea,", "two lines of tea.")
    teller = AskedModel(asked.engines, "api:far/gpt", POEM, [], asked.jokes.append, lambda: "")
    asked.fakes("api:far/gpt", lambda loading: None).script = asked.script
    stream = teller.stream([], GenerationSettings())
    await anext(stream)
    await asked.engines.keep_only(())
    assert asked.fakes["api:far/gpt"].closed == 0
    await stream.aclose()  # Escape
    assert asked.fakes["api:far/gpt"].cancelled == 1
    await asked.engines.keep_only(())
    assert asked.fakes["api:far/gpt"].closed == 1


def test_words_are_told_from_noise():
    assert is_something("Why did the snail do it?")
    assert is_something("谁知道为什么蜗牛会这样呢")
    assert not is_something("la la la la la la la la la la la la la")
    assert not is_something("!!! ???")


def test_a_poem_is_asked_for_in_its_form():
    assert prompt_for(Wish(companion="poem", form="haiku", topic="snow")).startswith(
        "Write a haiku about snow."
    )
