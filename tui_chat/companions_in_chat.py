"""Jokes and poems as turns of a conversation: who tells what, and whether a message is for a companion.

    begin("joke")              -> "Why did ...?"       the collection, the pane's model, or another, as the settings say
    answer("why?", messages)   -> the punchline        derived from the last message: nothing is remembered here
    answer("another one", ...) -> the next one
    another(messages)          -> the next one as well: what another reply to a joke or a poem is
    answer("hello", messages)  -> None                 the model replies

The one rule: a message that no companion is asked by, or waits for, is left to the model.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

from engine.errors import UserError
from tui_chat.asked_messages import GREETING, is_told
from tui_chat.companions.settings import CompanionsSection
from tui_chat.conversations import StoredMessage
from tui_chat.engines import Engines

if TYPE_CHECKING:
    from textual.widget import Widget

    from tui_chat.app import TuiChatApp
    from tui_chat.chat_session import ChatSession
    from tui_chat.companions.asked_model import AskedModel as Teller
    from tui_chat.companions.jokes import JokeInProgress
    from tui_chat.companions.wishes import Companion, Wish

_ASK_FOR_A_TOPIC = "Gladly. What shall the poem be about?"
_ANYTHING = re.compile(
    r"\W*((any|every)(thing)?|whatever|surprise me|you choose|i don.?t (know|care|mind))?\W*", re.I
)
_STOP = re.compile(r"\W*(no|nothing|never ?mind|stop|cancel|forget it)( thanks?| thank you)?\W*", re.I)
_HINT = re.compile(
    r"(?i)joke|one-liner|poe[mt]|haiku|limerick|lullab|verse|rhyme|laugh|smile|giggle|chuckle|funny"
)
_LONGEST_WISH = 300  # characters
_LOOKS_BACK = 40  # messages, for what "another one" is another of
_LONGEST_TOPIC = 8  # words of an answer to the question for it
_QUESTION = re.compile(
    r"(?i)(what|why|how|who|when|where|which|can|could|would|is|are|do|does|did)\b|(\S+\s+){3}.*\?\s*$"
)
_WORDS_OF_FIT: dict[str, str] = {
    "again": "You know all that I have about that. Here is one again:",
    "nearest": "I know none about that. This one comes nearest:",
    "none": "I know none about that yet. Here is one I like:",
}


@dataclass(frozen=True)
class Turn:
    """What comes next: a text that is told, or a reply of `teller`, or one of the pane's model."""

    text: str = ""
    teller: Teller | None = None
    wish: Wish | None = None
    question: str = ""  # what a model is asked where nobody typed it
    after: int | None = None  # the message it answers, where another answer to it is there already


def companions_of(pane: Widget, engines: Engines, session: ChatSession) -> Companions:
    """The companions of a pane of the app."""

    def settings() -> CompanionsSection:
        return cast("TuiChatApp", pane.app).loaded.config.companions

    def problem(text: str) -> None:
        pane.app.call_from_thread(pane.notify, text, severity="warning", markup=False)

    return Companions(settings, engines, lambda: session.settings.model, problem)


class Companions:
    """The jokes and poems of one pane."""

    def __init__(
        self,
        settings: Callable[[], CompanionsSection],
        engines: Engines,
        model: Callable[[], str],
        on_problem: Callable[[str], None] = lambda problem: None,
    ) -> None:
        """`model` is the reference of the pane's; `on_problem` hears what is wrong with the user's own files."""
        self._settings = settings
        self._engines = engines
        self._model = model
        self._on_problem = on_problem
        self._problems: set[str] = set()

    async def begin(self, companion: str, topic: str = "") -> Turn:
        """The first line of a "joke", or a "poem"; of a poem without a topic, the question for it."""
        from tui_chat.companions.wishes import Wish  # here, and below: its patterns take a while to compile

        wish = Wish(companion=cast("Companion", companion), topic=topic.strip())
        if self._asks_for_topic(wish):
            return Turn(text=_ASK_FOR_A_TOPIC)
        return await self._turn(wish, question=wish.in_words())

    async def answer(self, text: str, messages: Sequence[StoredMessage], to_all: bool = False) -> Turn | None:
        """What a companion does about the user's message; None when it is the model's.

        `messages` are those before it. One that goes to all panes is for the models, which are compared.
        """
        last = messages[-1] if messages and is_told(messages[-1]) else None
        is_looked_for = self._settings().recognise and not to_all
        if is_looked_for and (wish := await _wish_in(text, _told_by(last) if last else None)):
            wish = await asyncio.to_thread(_like_before, wish, messages)
            rest = (
                await asyncio.to_thread(self._rest_of, last) if last else ""
            )  # before its punchline is forgotten
            turn = Turn(text=_ASK_FOR_A_TOPIC) if self._asks_for_topic(wish) else await self._turn(wish)
            return replace(turn, text=f"{rest}\n\n{turn.text}") if rest and turn.text else turn
        is_an_answer = last is not None and len(text) <= _LONGEST_WISH
        return await self._continued(text, last) if last and is_an_answer else None

    async def another(self, messages: Sequence[StoredMessage]) -> Turn | None:
        """One more of what was told last: in its place where it was wished for in words; None when nothing was told."""
        last = messages[-1] if messages else None
        if last is None or last.finish_reason == GREETING or not is_told(last):
            return None
        from tui_chat.companions.wishes import Wish

        companion, asked = _told_by(last), messages[-2] if len(messages) > 1 else last
        is_wished = asked.role == "user" and await _wish_in(asked.content, companion) is not None
        wish = Wish(companion=companion, is_another=True)
        wish = await asyncio.to_thread(_like_before, wish, messages)
        turn = await self._turn(wish, question="" if is_wished else wish.in_words())
        return replace(turn, after=asked.id) if is_wished else turn

    async def instead(self, turn: Turn, reply: StoredMessage) -> str:
        """What is told when the pane's model had no words for a wish; empty when it had."""
        from tui_chat.companions.asked_model import is_something  # here: read when somebody asks

        failed = reply.status == "error" or (reply.status == "complete" and not is_something(reply.content))
        if turn.wish is None or turn.teller is not None or not failed:
            return ""
        told = await asyncio.to_thread(self._from_collection, turn.wish)
        return f"*No words came of that. From the collection, then:*\n\n{told}"

    # ---- who tells

    def _asks_for_topic(self, wish: Wish) -> bool:
        is_open = wish.companion == "poem" and not (wish.topic or wish.form or wish.is_another)
        return is_open and self._source(wish) != "model"

    def _source(self, wish: Wish) -> str:
        """ "collection", "mixed", "model", or a reference."""
        settings = self._settings()
        return (settings.jokes if wish.companion == "joke" else settings.poems).strip() or "collection"

    async def _turn(self, wish: Wish, question: str = "") -> Turn:
        """`question` is what a model is asked where nobody typed anything."""
        source = self._source(wish)
        if source == "mixed":
            source = "collection" if await asyncio.to_thread(self._is_known, wish) else "model"
        if source == "collection":
            return Turn(text=await asyncio.to_thread(self._from_collection, wish))
        if source != "model":
            return Turn(teller=await asyncio.to_thread(self._teller, source, wish), question=question)
        if trouble := await self._trouble_with_model():
            told = await asyncio.to_thread(self._from_collection, wish)
            return Turn(text=f"*{trouble} From the collection, then:*\n\n{told}")
        return Turn(wish=wish, question=question)

    async def _trouble_with_model(self) -> str:
        """Why the pane's model cannot be asked; empty when it can."""
        from tui_chat.companions.poems import escaped

        try:
            model = await self._engines.engine_for(self._model()).load()
        except UserError as error:
            return escaped(str(error))
        return "This model only continues texts." if model.chat_format == "completion" else ""

    def _teller(self, reference: str, wish: Wish) -> Teller:
        from tui_chat.companions import shelf
        from tui_chat.companions.asked_model import AskedModel

        told = shelf.told()
        otherwise = lambda: self._from_collection(wish)  # noqa: E731 - said once, and in place
        return AskedModel(self._engines, reference, wish, told.heard(), told.hear, otherwise)

    # ---- the collection; these read files

    def _is_known(self, wish: Wish) -> bool:
        from tui_chat.companions import shelf  # here: read when somebody asks for a joke or a poem
        from tui_chat.companions.jokes import has_kind
        from tui_chat.companions.poems import has_form

        if wish.companion == "joke":
            return shelf.jokes()[0].knows(wish.topic, lambda joke: has_kind(joke, wish.form))
        return shelf.poems()[0].knows(wish.topic, lambda poem: has_form(poem, wish.form))

    def _from_collection(self, wish: Wish) -> str:
        from tui_chat.companions import shelf
        from tui_chat.companions.jokes import JokeInProgress, has_kind
        from tui_chat.companions.poems import as_markdown, has_form

        if wish.companion == "joke":
            jokes, problem = shelf.jokes()
            tell = partial(jokes.more, wish.like) if wish.like else partial(jokes.about, wish.topic)
            joke = tell(lambda joke: has_kind(joke, wish.form))
            text, fit = JokeInProgress(joke.entry).opening, joke.fit
        else:
            poems, problem = shelf.poems()
            recite = partial(poems.more, wish.like) if wish.like else partial(poems.about, wish.topic)
            poem = recite(lambda poem: has_form(poem, wish.form))
            text, fit = as_markdown(poem.entry).strip(), poem.fit
        self._tell_of(problem)
        return "\n\n".join(filter(None, (_WORDS_OF_FIT.get(fit, ""), text)))

    def _tell_of(self, problem: str) -> None:
        if problem and problem not in self._problems:
            self._problems.add(problem)
            self._on_problem(problem)

    # ---- what a companion waits for

    async def _continued(self, text: str, last: StoredMessage) -> Turn | None:
        if _last_part(last) == _ASK_FOR_A_TOPIC:
            return await self._about(text)
        joke = await asyncio.to_thread(self._waiting_joke, last)
        line = joke.answer(text) if joke else None
        return Turn(text=line[0]) if line else None

    async def _about(self, text: str) -> Turn | None:
        if _STOP.fullmatch(text):
            return Turn(text="As you like. Another time.")
        if len(text.split()) > _LONGEST_TOPIC or (_QUESTION.match(text) and not _ANYTHING.fullmatch(text)):
            return None  # another subject
        from tui_chat.companions.wishes import Wish

        topic = "" if _ANYTHING.fullmatch(text) else text.strip(" .!\n")
        wish = Wish(companion="poem", topic=topic, is_another=True)
        turn = await self._turn(wish)
        if turn.text or turn.teller:
            return turn
        return Turn(teller=await asyncio.to_thread(self._teller, self._model(), wish))

    def _rest_of(self, last: StoredMessage) -> str:
        joke = self._waiting_joke(last)
        return joke.rest if joke else ""

    def _waiting_joke(self, last: StoredMessage) -> JokeInProgress | None:
        from tui_chat.companions import shelf
        from tui_chat.companions.jokes import joke_waiting_at
        from tui_chat.companions.told import key_of

        jokes, _ = shelf.jokes()
        told = shelf.told()
        known, keys = [*jokes.entries, *reversed(told.heard())], told.keys("joke")
        newest = next((joke for joke in known if keys and key_of(joke) == keys[-1]), None)
        return joke_waiting_at(_last_part(last), known, newest)


async def _wish_in(text: str, after: Companion | None) -> Wish | None:
    if len(text) > _LONGEST_WISH or not (after or _HINT.search(text)):
        return None  # as most messages are, at no cost

    def find() -> Wish | None:
        from tui_chat.companions.wishes import wish_in

        return wish_in(text, after)

    return await asyncio.to_thread(find)


def _like_before(wish: Wish, messages: Sequence[StoredMessage]) -> Wish:
    """ "Another one", as what was told last was wished for; only as far back as companions spoke."""
    from tui_chat.companions.wishes import like_before

    of_the_model = [
        place for place, said in enumerate(messages) if said.role == "assistant" and not is_told(said)
    ]
    since = messages[of_the_model[-1] + 1 if of_the_model else 0 :][-_LOOKS_BACK:]
    return like_before(wish, [said.content for said in reversed(since) if said.role == "user"])


def literal(text: str) -> str | None:
    r"""What `\tell me a joke` says to the model; None for a text that is no wish behind a backslash."""
    if not text.startswith("\\"):
        return None
    from tui_chat.companions import wishes

    return wishes.literal(text)


def _told_by(last: StoredMessage) -> Companion:
    """Who said a companion's turn: a poem has a title, or asked for its topic."""
    return "poem" if "**" in last.content or _last_part(last) == _ASK_FOR_A_TOPIC else "joke"


def _last_part(message: StoredMessage) -> str:
    """What was said last, after any excuse for it."""
    return message.content.strip().rpartition("\n\n")[2]
