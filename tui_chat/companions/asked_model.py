"""A joke or a poem from another model than the pane's, told as a companion's turn.

    engine.stream(...)    "Why did the kettle blush?"        and the punchline waits until it is asked for

It is asked for the wish alone: nothing of the conversation goes to it.
The one rule: whoever asked hears something. When the model does not answer, that is said, and the collection
goes on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Literal, cast

from msgspec.structs import replace

from engine import chat
from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationEvent, GenerationSettings, TextChunk
from engine.remote.provider import is_remote
from engine.wire import LoadedModel
from tui_chat.asked_messages import APP_NAME, TOLD_BY
from tui_chat.chat_settings import short_reference
from tui_chat.companions.jokes import Joke
from tui_chat.companions.poems import escaped
from tui_chat.companions.wishes import Wish
from tui_chat.engines import Engines

_LATELY = 12  # jokes of models that another one should not repeat
_LABEL = re.compile(
    r"^\W*(?:q|a|question|answer|setup|punch ?line|joke|name)\s*:\s*|^[*_\"“ ]+|[*_\"” ]+$", re.I
)


class AskedModel:
    """The pane's engine for one reply. Its `model` is unknown: the turn is the companion's."""

    model: LoadedModel | None = None

    def __init__(
        self,
        engines: Engines,
        reference: str,
        wish: Wish,
        heard: Sequence[Joke],
        on_joke: Callable[[Joke], None],
        otherwise: Callable[[], str],
    ) -> None:
        """`on_joke` hears a joke whose punchline is due; `otherwise` tells something of the collection."""
        self.reference = reference
        self.name = f"{APP_NAME}{TOLD_BY}{short_reference(reference)}"  # who is shown to have told it
        self._engines = engines
        self._wish = wish
        self._heard = heard
        self._on_joke = on_joke
        self._otherwise = otherwise

    @property
    def state(self) -> Literal["stopped", "loading", "ready", "answering"]:
        return self._engines.engine_for(self.reference).state

    async def load(self) -> LoadedModel:
        return await self._engines.engine_for(self.reference).load()

    async def stream(
        self, messages: Sequence[ChatMessage], settings: GenerationSettings, reference: str = ""
    ) -> AsyncIterator[GenerationEvent]:
        """What the model tells; `messages` are not passed on."""
        lines = JokeLines(self._wish) if self._wish.companion == "joke" else PoemLines()
        said, done = (
            "",
            GenerationDone(finish_reason="end_of_text", prompt_tokens=0, completion_tokens=0, seed=0),
        )
        trouble = ""
        far = is_remote(self.reference)  # a small model of this machine understands plain words only
        question = chat.user(prompt_for(self._wish, self._heard) if far else self._wish.in_words())
        sampling = replace(settings, stop=(), seed=None)  # with a fixed seed every joke would be the same one
        try:
            with self._engines.in_use(self.reference):
                answer = self._engines.engine_for(self.reference).stream([question], sampling)
                async with aclosing(cast(AsyncGenerator[GenerationEvent, None], answer)) as events:
                    async for event in events:
                        if isinstance(event, GenerationDone):
                            done = replace(event, end_token_id=None, prompt_token_ids=(), step=None)
                        elif text := lines.feed(event.text):
                            said += text
                            yield TextChunk(text=text)
        except UserError as error:
            trouble = str(error)
        if not trouble and (rest := lines.finish()):
            said += rest
            yield TextChunk(text=rest)
        if lines.joke is not None and not trouble:
            await asyncio.to_thread(self._on_joke, lines.joke)
        elif trouble or not is_something(said):
            yield TextChunk(text=await asyncio.to_thread(self._instead, said, trouble))
        yield done

    def _instead(self, said: str, trouble: str) -> str:
        name = escaped(self.reference)
        why = f"{name} did not answer: {escaped(trouble)}" if trouble else f"{name} had nothing to tell."
        gap = "\n\n" if said else ""
        return f"{gap}*{why.strip()} From the collection, then:*\n\n{self._otherwise()}"

    async def close(self) -> None:
        """The engine is closed by those who hold it."""


def prompt_for(wish: Wish, heard: Sequence[Joke] = ()) -> str:
    """What a model behind a server is asked, so that the punchline can be kept back."""
    if wish.companion == "poem":
        return f"{wish.in_words()} At most 16 lines, and nothing but the poem."
    asked = wish.in_words().replace("Tell me a ", "Tell me a short, clean and friendly ")
    if wish.form:
        lines = "the first is only the name of who knocks, the second is the punchline."
    else:
        lines = "the first is a question, the second is its punchline."
    known = "; ".join(joke.setup for joke in heard[-_LATELY:])
    return f"{asked} Two lines and nothing else: {lines}" + (f" None of these: {known}" if known else "")


def is_something(text: str) -> bool:
    """Whether a reply has words at all, more than one over and over: what they mean is not judged."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    letters = sum(map(len, words))
    return letters >= 8 and (len(words) < 8 or len(set(words)) > len(words) / 6)


class PoemLines:
    """A poem as it comes, its lines kept apart in Markdown."""

    joke: Joke | None = None

    def feed(self, text: str) -> str:
        return text.replace("\r", "").replace("\n", "  \n")

    def finish(self) -> str:
        return ""


class JokeLines:
    """Lets the question through, and keeps the punchline back.

    A reply of another shape is let through as a whole: then nothing waits.
    """

    def __init__(self, wish: Wish) -> None:
        self.joke: Joke | None = None
        self._knocks = wish.form == "knock-knock"
        self._all = ""
        self._passed = 0  # characters of the setup that were let through

    def feed(self, text: str) -> str:
        """What of the reply may be seen."""
        self._all += text.replace("\r", "")
        if self._knocks:
            return ""
        setup = _setup_of(self._all.lstrip())
        shown, self._passed = setup[self._passed :], max(self._passed, len(setup))
        return shown

    def finish(self) -> str:
        """The reply has ended: what else is to be seen."""
        text = self._all.strip()
        if self._knocks:
            self.joke = _knocking(text)
            return "Knock, knock." if self.joke else text.replace("\n", "  \n")
        setup = _setup_of(self._all.lstrip())
        punchline = _LABEL.sub("", self._all.lstrip()[len(setup) :].strip())
        if setup.strip().endswith("?") and punchline:
            self.joke = Joke(kind="why", setup=setup.strip(), punchline=_LABEL.sub("", punchline))
            return ""
        return self._all.lstrip()[self._passed :].replace("\n", "  \n").rstrip()


def _setup_of(text: str) -> str:
    """Up to the first question mark, or the first line."""
    end = re.search(r"\?|\n", text)
    return text[: end.start() + (end[0] == "?")] if end else text


def _knocking(text: str) -> Joke | None:
    """The joke in two lines, or in the five that are said."""
    lines = [_LABEL.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not re.match(r"(?i)knock|who.?s there|.*\bwho ?\?$", line)]
    if len(told) != 2 or len(told[0].split()) > 4:
        return None
    return Joke(kind="knock", setup=told[0].strip(" .!,"), punchline=told[1])
