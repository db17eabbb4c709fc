"""Jokes and poems as turns of a conversation: who is telling what, and whether an answer belongs to it.

    begin("joke") -> "Why did ...?"        answer("why?") -> the punchline        answer("hello") -> None
    begin("poem") -> "What about?"         answer("the sea") -> a poem

The one rule: an answer that no companion waits for is left to the model.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui_chat.companions.jokes import JokeInProgress, JokeTeller
    from tui_chat.companions.poems import PoemTeller

_ASK_FOR_A_TOPIC = "Gladly. What shall the poem be about?"
_ANYTHING = re.compile(
    r"\W*((any|every)(thing)?|whatever|surprise me|you choose|i don.?t (know|care|mind))?\W*", re.I
)
_STOP = re.compile(r"\W*(no|nothing|never ?mind|stop|cancel|forget it)( thanks?| thank you)?\W*", re.I)


class Companions:
    """The joke or the poem a pane is in the middle of, if any."""

    def __init__(self) -> None:
        self._joke: JokeInProgress | None = None
        self._waits_for_topic = False

    def begin(self, companion: str, topic: str = "") -> str:
        """The first line of a "joke", or a "poem" about `topic`; without one, the question for it."""
        self._joke, self._waits_for_topic = None, False
        if companion == "joke":
            from tui_chat.companions.jokes import JokeInProgress  # here: read when the first joke is told

            self._joke = JokeInProgress(_jokes().next())
            return self._joke.opening
        if not topic:
            self._waits_for_topic = True
            return _ASK_FOR_A_TOPIC
        return _poem(topic)

    def answer(self, text: str) -> str | None:
        """What the companion says to the user's message; None when none is waiting for one."""
        if self._joke is not None:
            line, is_over = self._joke.answer(text)
            self._joke = None if is_over else self._joke
            return line
        if self._waits_for_topic:
            self._waits_for_topic = False
            if _STOP.fullmatch(text):
                return "As you like. Another time."
            return _poem("" if _ANYTHING.fullmatch(text) else text)
        return None


_tellers: dict[
    str, JokeTeller | PoemTeller
] = {}  # one of each for the whole app, so that nothing is told twice


def _jokes() -> JokeTeller:
    from tui_chat.companions.jokes import JokeTeller

    return _tellers.setdefault("joke", JokeTeller())  # type: ignore[return-value]


def _poem(topic: str) -> str:
    from tui_chat.companions.poems import PoemTeller, as_markdown

    teller: PoemTeller = _tellers.setdefault("poem", PoemTeller())  # type: ignore[assignment]
    match = teller.about(topic or None)
    opening = "" if match.matched else random.choice(_NOT_ABOUT_IT) + "\n\n"
    return opening + as_markdown(match.poem).strip()


_NOT_ABOUT_IT = (
    "I know no poem about that yet. Here is one I like:",
    "That one is still to be written. May I offer this instead?",
)
