"""Telling a joke: the conversation that it takes, and the collection itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from tui_chat.companions.jokes import Joke, JokeInProgress, joke_waiting_at, read_jokes, shipped_jokes

SNAIL = Joke(
    kind="why", setup="Why did the snail become a programmer?", punchline="It already had the shell."
)
SUE = Joke(kind="knock", setup="Sue", punchline="Sue do let me in.")


@pytest.mark.parametrize(
    "said",
    [
        "why?",
        "Why",
        "tell me",
        "dunno",
        "no idea",
        "I don’t know",
        "what?",
        "any guess",
        "go on!",
        "",
        "  ",
        "no clue, tell me",
        "Why did the snail become a programmer?",
        "what's the reason?",
        "how come?",
        "so why did it?",
        "lol",
        "Haha!",
        "hmmm...",
        "haha, good one",
    ],
)
def test_whoever_asks_why_gets_the_punchline(said):
    assert JokeInProgress(SNAIL).answer(said) == ("It already had the shell.", True)


@pytest.mark.parametrize(
    "said",
    [
        "Because it likes lettuce",
        "it was slow",
        "to stop the world?",
        "no legs",
        "a shell",
        "is it because of the slime?",
        "maybe it was bored",
        "I think it wanted a faster computer",
    ],
)
def test_a_guess_is_welcome(said):
    assert JokeInProgress(SNAIL).answer(said) == ("Good guess! It already had the shell.", True)


def test_a_guess_that_is_right_is_recognised():
    assert JokeInProgress(SNAIL).answer("it already HAS a shell!") == (
        "You knew it! It already had the shell.",
        True,
    )


@pytest.mark.parametrize("joke", [SNAIL, SUE])
@pytest.mark.parametrize(
    "said", ["no", "No, thanks!", "stop", "never mind", "ok stop it please", "not now", "forget it"]
)
def test_a_person_who_wants_no_joke_is_let_go_kindly(joke, said):
    line, finished = JokeInProgress(joke).answer(said)
    assert finished
    assert "another day" in line and joke.punchline not in line


def test_a_knock_knock_joke_goes_through_its_five_lines():
    joke = JokeInProgress(SUE)
    assert joke.opening == "Knock, knock."
    assert joke.answer("Who's there?") == ("Sue.", False)
    assert joke.answer("Sue who?") == ("Sue do let me in.", True)


@pytest.mark.parametrize("said", ["who is there", "Who’s there", "whos there?", "who?", "WHO IS IT"])
def test_the_door_question_may_be_asked_in_many_ways(said):
    assert JokeInProgress(SUE).answer(said) == ("Sue.", False)


@pytest.mark.parametrize(
    "said",
    [
        "What is the capital of France?",
        "how do I train a model?",
        "Who wrote Hamlet?",
        "tell me about the sea",
        "write a story about a dragon",
        "Can you add 2 and 3?",
        "explain gradient descent to me",
        "translate good morning into French",
        "hello",
        "thanks",
        "My dog is ill today and I do not know what I should do about it.",
        "when does the next lesson begin?",
    ],
)
@pytest.mark.parametrize("joke", [SNAIL, SUE])
def test_whoever_changes_the_subject_is_left_to_others(joke, said):
    if joke is SUE and said in ("hello", "thanks"):
        pytest.skip("said at a door")
    assert JokeInProgress(joke).answer(said) is None


@pytest.mark.parametrize("said", ["who was the first king of France?", "who are the neighbours of Spain"])
def test_not_every_who_is_said_at_the_door(said):
    assert JokeInProgress(SUE).answer(said) is None
    assert JokeInProgress(SUE, name_said=True).answer(said) is None


def test_a_joke_goes_on_from_its_last_line_alone():
    jokes = [SNAIL, SUE]
    assert joke_waiting_at(SNAIL.setup, jokes).answer("why?") == (SNAIL.punchline, True)
    assert joke_waiting_at("Sue.", jokes).answer("Sue who?") == (SUE.punchline, True)
    assert joke_waiting_at("Knock, knock.", jokes).answer("who's there?") == ("Sue.", False)
    for line in (SNAIL.punchline, "Hello there.", "Of course. I'll keep that one for another day.", ""):
        assert joke_waiting_at(line, jokes) is None
    assert joke_waiting_at("Knock, knock.", [SNAIL]) is None


def test_a_hint_that_was_given_is_not_given_again_after_the_conversation_was_closed():
    first, _ = JokeInProgress(SUE).answer("come in")
    assert joke_waiting_at(first, [SUE]).answer("it is open") == ("Sue.", False)
    second, _ = JokeInProgress(SUE, name_said=True).answer("I know you")
    assert joke_waiting_at(second, [SUE]).answer("come in") == (SUE.punchline, True)


def test_behind_the_door_stands_the_joke_that_was_told_last():
    bob = Joke(kind="knock", setup="Bob", punchline="Bob your head.")
    assert joke_waiting_at("Knock, knock.", [SUE, bob], newest=bob).answer("who is there?") == ("Bob.", False)


def test_one_hint_for_each_line_and_then_the_joke_goes_on():
    joke = JokeInProgress(SUE)
    assert "Who's there?" in joke.answer("come in")[0]
    assert joke.answer("it is open") == ("Sue.", False)
    assert "Sue who?" in joke.answer("come in!")[0]
    assert joke.answer("come in?!") == ("Sue do let me in.", True)


def test_the_rest_of_a_joke_can_be_told_at_once_whoever_is_behind_the_door():
    assert JokeInProgress(SNAIL).rest == SNAIL.punchline
    assert JokeInProgress(SUE).rest == f"It was Sue. “Sue who?” {SUE.punchline}"
    assert JokeInProgress(SUE, name_said=True).rest == SUE.punchline


def test_a_joke_that_is_over_stays_over():
    joke = JokeInProgress(SNAIL)
    joke.answer("why?")
    assert joke.finished
    assert joke.answer("no") == (SNAIL.punchline, True)


def test_the_shipped_jokes_are_many_and_all_different():
    jokes = shipped_jokes()
    assert len(jokes) >= 60
    assert len({joke.setup for joke in jokes}) == len({joke.punchline for joke in jokes}) == len(jokes)
    assert sum(joke.kind == "knock" for joke in jokes) >= 12
    assert all(joke.tags for joke in jokes)


def test_every_shipped_joke_can_be_told_to_its_end():
    for joke in shipped_jokes():
        telling = JokeInProgress(joke)
        lines = [telling.answer(said) for said in ("Who's there?", f"{joke.setup} who?")]
        assert lines[-1] == (joke.punchline, True)
        assert joke.kind == "knock" or joke.setup.endswith("?")


GOOD_ENTRY = '[[joke]]\nkind = "why"\nsetup = "Why?"\npunchline = "So."\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            GOOD_ENTRY + '[[joke]]\nkind = "why"\nsetup = "Why?"\n',
            "mine.toml, joke 2: 'punchline' is missing.",
        ),
        (GOOD_ENTRY.replace("setup", "setpu"), "mine.toml, joke 1: .*Did you mean 'setup'"),
        (GOOD_ENTRY.replace('"why"', '"pun"'), "mine.toml, joke 1: kind must be one of: why, knock."),
        (GOOD_ENTRY.replace('"So."', "3"), "mine.toml, joke 1: punchline must be a text."),
        (GOOD_ENTRY.replace('"So."', '""'), "mine.toml, joke 1: punchline"),
        (
            GOOD_ENTRY.replace("[[joke]]", "[[jokes]]"),
            r"mine.toml: there is no 'jokes' here. Start .* \[\[joke\]\]",
        ),
        ("joke = 3", "mine.toml: there are no entries"),
        ("joke = [3]", "mine.toml, joke 1: expected"),
        ("", "mine.toml: there are no entries"),
        ("[[joke", "mine.toml: this is not valid TOML"),
        ("joke = " + "[" * 5000, "mine.toml: the brackets are nested too deeply"),
        ("joke = " + "9" * 5000, "mine.toml: holds a number that is far too long"),
    ],
)
def test_a_broken_collection_is_refused_with_the_file_and_the_entry(tmp_path: Path, text, complaint):
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=complaint):
        read_jokes(file)


def test_a_collection_that_is_not_there_or_not_text_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match=r"mine\.toml: the file cannot be read"):
        read_jokes(tmp_path / "mine.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(UserError, match=r"latin.toml: this is not UTF-8 text"):
        read_jokes(tmp_path / "latin.toml")
