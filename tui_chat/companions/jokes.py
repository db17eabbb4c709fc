"""Jokes, and the small conversation that telling one takes.

    why      setup -> "why?" (or a guess) -> punchline
    knock    "Knock, knock." -> "Who's there?" -> name -> "name who?" -> punchline

The one rule: every answer moves the joke on; a hint is given at most once for each line.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from engine.records import Record
from tui_chat.companions.collection import ShuffledBag, read_collection, shipped
from tui_chat.companions.topic_search import stems

Text = Annotated[str, Meta(min_length=1)]

_FAREWELL = "Of course. I'll keep that one for another day."

# Matched against the whole message, without punctuation, so that a guess may hold such words.
_STOP = re.compile(
    r"((oh|ok|okay|please|sorry|no|well) )*"
    r"(no|nope|nah|stop|cancel|enough|quit|exit|skip|never ?mind|forget it|not (now|today)|no more)"
    r"( (it|this|that|joke|jokes|now|already|please|thanks|thank you))*"
)
_QUESTION = re.compile(r"(why|what|how|who|when|where|which|whats)\b.*")
# A message of nothing but these asks for the punchline: "no idea", "I don't know, tell me", "go on".
_GO_ON_WORDS = """
a ahead am an and answer any anything can cant clue curious do dont dunno give go got guess have hear hm
hmm huh i idea idk im is it just know let lets listening me no not nothing now oh ok okay on pass please
punchline say so spill sure tell the then think to up us want well whatever yeah yep yes you
"""


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
    return read_jokes(shipped("jokes.toml"))


class JokeTeller:
    """Tells every joke once before it repeats one."""

    def __init__(self, jokes: Sequence[Joke] | None = None, seed: int | None = None) -> None:
        self._bag = ShuffledBag(shipped_jokes() if jokes is None else jokes, random.Random(seed))

    def next(self) -> Joke:
        return self._bag.next()


class JokeInProgress:
    """A joke on its way to the punchline: say `opening`, then pass on what the person answers."""

    def __init__(self, joke: Joke) -> None:
        self.joke = joke
        self.finished = False
        self._name_said = False  # knock-knock only
        self._hint_given = False  # for the line that is due now

    @property
    def opening(self) -> str:
        return "Knock, knock." if self.joke.kind == "knock" else self.joke.setup

    def answer(self, user_text: str) -> tuple[str, bool]:
        """The next line, and whether the joke is over with it.

        A joke that is over stays over: answering again gives the punchline again.
        """
        said = _plain_words(user_text)
        if self.finished:
            return self.joke.punchline, True
        if _STOP.fullmatch(said):
            self.finished = True
            return _FAREWELL, True
        line = self._after_a_knock(said) if self.joke.kind == "knock" else self._after_a_question(said)
        return line, self.finished

    def _after_a_question(self, said: str) -> str:
        self.finished = True
        if _asks_for_more(said):
            return self.joke.punchline
        knew_it = _tells(said, self.joke.punchline)
        return f"{'You knew it!' if knew_it else 'Good guess!'} {self.joke.punchline}"

    def _after_a_knock(self, said: str) -> str:
        expected = {"who", "whos", "whose", "whois"}
        if self._name_said:
            expected.update(_plain_words(self.joke.setup).split())
        if expected.isdisjoint(said.split()) and not self._hint_given:
            self._hint_given = True
            return self._hint()
        if self._name_said:
            self.finished = True
            return self.joke.punchline
        self._name_said, self._hint_given = True, False
        return f"{self.joke.setup}."

    def _hint(self) -> str:
        if self._name_said:
            return f'Almost there! Now you ask: "{self.joke.setup} who?"'
        return 'There is somebody at the door! You could ask: "Who\'s there?"'


def _plain_words(text: str) -> str:
    """`Who’s there?!` as `whos there`."""
    without_apostrophes = re.sub(r"['’`]", "", text.lower())
    return " ".join(re.findall(r"[^\W_]+", without_apostrophes))


def _asks_for_more(said: str) -> bool:
    return bool(_QUESTION.fullmatch(said)) or set(said.split()) <= set(_GO_ON_WORDS.split())


def _tells(guess: str, punchline: str) -> bool:
    """Whether a guess has most of the punchline's words."""
    wanted = set(stems(punchline))
    return len(wanted & set(stems(guess))) >= max(2, 0.6 * len(wanted))
