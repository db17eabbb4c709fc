"""Jokes, and the small conversation that telling one takes.

    why      setup -> "why?" (or a guess) -> punchline
    knock    "Knock, knock." -> "Who's there?" -> name -> "name who?" -> punchline

How far a joke has come is seen from the last line alone, so that it also goes on in a conversation that was
closed meanwhile. The one rule: what is no answer to the joke is left to others; a hint is given at most once
for each line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from engine.records import Record
from tui_chat.companions.collection import read_collection, shipped
from tui_chat.companions.topic_search import stems

Text = Annotated[str, Meta(min_length=1)]

_KNOCK = "Knock, knock."
_FAREWELL = "Of course. I'll keep that one for another day."
_FIRST_HINT = 'There is somebody at the door! You could ask: "Who\'s there?"'
_SECOND_HINT = 'Almost there! Now you ask: "{} who?"'
_LONGEST_GUESS, _LONGEST_CHAT = 24, 6  # words of a guess that begins like one, and of any other line

# Matched against the whole message, without punctuation, so that a guess may hold such words.
_STOP = re.compile(
    r"((oh|ok|okay|please|sorry|no|well) )*"
    r"(no|nope|nah|stop|cancel|enough|quit|exit|skip|never ?mind|forget it|not (now|today)|no more)"
    r"( (it|this|that|joke|jokes|now|already|please|thanks|thank you))*"
)
_QUESTION = re.compile(
    r"((and|so|but|ok|well|hm+|oh) )*(why|what|how|who|when|where|which|whats|hows|wheres)\b.*"
)
# A message of nothing but these asks for the punchline: "no idea", "I don't know, tell me", "go on".
_GO_ON_WORDS = """
a ahead am an and answer any anything can cant clue curious do dont dunno give go got guess have hear hm
hmm huh i idea idk im is it just know let lets listening me no not nothing now oh ok okay on pass please
punchline say so spill sure tell the then think to up us want well whatever yeah yep yes you
"""
_GUESSES = re.compile(  # how a guess begins
    r"((hm+|uh|um|oh|well|ok|i think|i guess|i bet|let me guess|maybe|perhaps|probably|could it be|is it|was it|"
    r"did it|does it|do they|did they|is he|is she|was he|was she|were they|are they) )*"
    r"(because|cause|cuz|coz|cos|since|so|to|it|its|he|she|they|theyre|in order|for|due|maybe|perhaps|probably|"
    r"i think|i guess|i bet|could it|is it|was it|did it|does it)\b.*"
)
_REACTION = re.compile(  # a word of somebody who neither asks nor guesses
    r"a?ha(ha)*\w{0,2}|hehe|heh|hihi|lo+l|lmao|rofl|hm+|mm+|um+|er+|ah+|oh+|ooh+|wow|omg|nice|cool|funny|good|one|"
    r"great|interesting|very|so|really"
)
_COMMANDS = """
add answer build calculate change check compare compose continue convert correct count create define
describe do draw explain find fix generate give help hello hey hi list make open please play print prove
read recommend repeat rewrite search send show sing solve speak spell start suggest summarise summarize
teach tell thanks translate try use what who write can could would will shall should may are am is was
were did does have has good great nice thank bye goodbye
"""  # how another subject begins
_ABOUT_THE_DOOR = "is s it its there that this you are at the door a and knocking knocks calls speaking"
_AT_A_DOOR = ("hello", "hi", "hey", "open", "good", "please")
_WHO = {"who", "whos", "whose", "whois"}


class Joke(Record, frozen=True):
    """One joke; in a knock-knock joke the setup is the name behind the door."""

    kind: Literal["why", "knock"]
    setup: Text
    punchline: Text
    tags: tuple[str, ...] = ()


def read_jokes(file: Path | Traversable) -> tuple[Joke, ...]:
    """The jokes of a TOML file.

    Raises:
        UserError: names the file and the entry that is wrong.
    """
    return read_collection(file, "joke", Joke)


@cache
def shipped_jokes() -> tuple[Joke, ...]:
    """The jokes that come with the program."""
    return read_jokes(shipped("jokes.toml"))


def joke_fields(joke: Joke) -> tuple[tuple[str, float], ...]:
    """The words of a joke with their weights, for the search by topic."""
    return (joke.setup, 2.0), (" ".join(joke.tags), 4.0), (joke.punchline, 1.0)


def has_kind(joke: Joke, form: str) -> bool:
    """Whether a joke is of the form asked for: "knock-knock", or any."""
    return joke.kind == "knock" or form != "knock-knock"


class JokeInProgress:
    """A joke on its way to the punchline: say `opening`, then pass on what the person answers."""

    def __init__(self, joke: Joke, name_said: bool = False, hint_given: bool = False) -> None:
        self.joke = joke
        self.finished = False
        self._name_said = name_said  # knock-knock only
        self._hint_given = hint_given  # for the line that is due now

    @property
    def opening(self) -> str:
        return _KNOCK if self.joke.kind == "knock" else self.joke.setup

    @property
    def rest(self) -> str:
        """What is still to be said, for somebody who asks for the next joke instead."""
        is_unnamed = self.joke.kind == "knock" and not self._name_said
        who = f"It was {self.joke.setup}. “{self.joke.setup} who?” " if is_unnamed else ""
        return f"{who}{self.joke.punchline}"

    def answer(self, user_text: str) -> tuple[str, bool] | None:
        """The next line, and whether the joke is over with it; None when the text is about something else.

        A joke that is over stays over: answering again gives the punchline again.
        """
        said = _plain_words(user_text)
        if self.finished:
            return self.joke.punchline, True
        if _STOP.fullmatch(said):
            self.finished = True
            return _FAREWELL, True
        after = self._after_a_knock if self.joke.kind == "knock" else self._after_a_question
        line = after(said, is_question="?" in user_text)
        return None if line is None else (line, self.finished)

    def _after_a_question(self, said: str, is_question: bool) -> str | None:
        if _asks_for_more(said, self.joke) or all(map(_REACTION.fullmatch, said.split())):
            self.finished = True
            return self.joke.punchline
        if not _is_guess(said, is_question):
            return None
        self.finished = True
        knew_it = _tells(said, self.joke.punchline)
        return f"{'You knew it!' if knew_it else 'Good guess!'} {self.joke.punchline}"

    def _after_a_knock(self, said: str, is_question: bool) -> str | None:
        words = said.split()
        names = _plain_words(self.joke.setup).split() if self._name_said else []
        if not _WHO.isdisjoint(words) or (names and not set(names).isdisjoint(words)):
            if not set(words) <= _WHO | set(names) | set(f"{_ABOUT_THE_DOOR} {_GO_ON_WORDS}".split()):
                return None  # "who was the first king of France?"
            return self._next_line()
        if not _is_said_at_a_door(said, is_question):
            return None
        if self._hint_given:
            return self._next_line()
        self._hint_given = True
        return _SECOND_HINT.format(self.joke.setup) if self._name_said else _FIRST_HINT

    def _next_line(self) -> str:
        if self._name_said:
            self.finished = True
            return self.joke.punchline
        self._name_said, self._hint_given = True, False
        return f"{self.joke.setup}."


def joke_waiting_at(
    last_line: str, jokes: Sequence[Joke], newest: Joke | None = None
) -> JokeInProgress | None:
    """The joke whose line was said last, waiting for what comes next; None when no joke waits.

    Behind "Knock, knock." may stand anybody: then it is the `newest` joke, or any other.
    """
    line = last_line.strip()
    if line in (_KNOCK, _FIRST_HINT):
        behind = [joke for joke in (newest, *jokes) if joke and joke.kind == "knock"]
        return JokeInProgress(behind[0], hint_given=line == _FIRST_HINT) if behind else None
    for joke in jokes:
        if joke.kind == "why" and joke.setup.strip() == line:
            return JokeInProgress(joke)
        if joke.kind == "knock" and line in (f"{joke.setup}.", _SECOND_HINT.format(joke.setup)):
            return JokeInProgress(joke, name_said=True, hint_given=line != f"{joke.setup}.")
    return None


def _plain_words(text: str) -> str:
    """`Who’s there?!` as `whos there`."""
    without_apostrophes = re.sub(r"['’`]", "", text.lower())
    return " ".join(re.findall(r"[^\W_]+", without_apostrophes))


def _asks_for_more(said: str, joke: Joke) -> bool:
    """ "why?", "I don't know", "why did the snail do that?"; but not a question about other things."""
    if set(said.split()) <= set(_GO_ON_WORDS.split()):
        return True
    of_any_question = set(stems(f"{_GO_ON_WORDS} did reason happened come cause explanation whats hows"))
    asked = set(stems(said)) - of_any_question
    return bool(_QUESTION.fullmatch(said)) and asked <= set(stems(joke.setup))


def _is_guess(said: str, is_question: bool) -> bool:
    words = said.split()
    if _GUESSES.fullmatch(said):
        return len(words) <= _LONGEST_GUESS
    return len(words) <= _LONGEST_CHAT and not is_question and not _begins_a_subject(said)


def _is_said_at_a_door(said: str, is_question: bool) -> bool:
    """ "come in", "hello?", "what?"; but not a question about other things."""
    words = said.split()
    if set(words) <= set(_GO_ON_WORDS.split()):
        return True
    if len(words) > (2 if is_question else _LONGEST_CHAT):
        return False
    return not _begins_a_subject(said) or (words[0] in _AT_A_DOOR and len(words) < 4)


def _begins_a_subject(said: str) -> bool:
    return said.partition(" ")[0] in _COMMANDS.split()


def _tells(guess: str, punchline: str) -> bool:
    """Whether a guess has most of the punchline's words."""
    wanted = set(stems(punchline))
    return len(wanted & set(stems(guess))) >= max(2, 0.6 * len(wanted))
