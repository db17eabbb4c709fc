"""Who speaks when in a pane: the user, a companion or the model; one at a time.

    replies.send("Hello")      saved -> a companion's answer, or the model's reply -> Transcript
    await replies.stop()       the text so far is kept

The one rule: a pane is busy exactly while its worker runs; no flag says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.widget import Widget
from textual.worker import Worker, WorkerError

from engine.errors import UserError
from tui_chat.chat_session import ChatSession, whole
from tui_chat.companions_in_chat import Turn, companions_of, literal
from tui_chat.conversations import StoredMessage
from tui_chat.engines import AppEngine, Engines
from tui_chat.key_bindings import key_in_words
from tui_chat.reply_tokens import Fork
from tui_chat.widgets.pane_model import STATUS_SECONDS, PaneModel
from tui_chat.widgets.transcript import Transcript
from tui_chat.workers import start_worker

if TYPE_CHECKING:
    from tui_chat.companions.asked_model import AskedModel as Teller


class Replies:
    """The turns of one pane, as they come about."""

    def __init__(
        self,
        pane: Widget,
        session: ChatSession,
        transcript: Transcript,
        model: PaneModel,
        engines: Engines,
        on_state: Callable[[], None],
        on_turn: Callable[[], None],
    ) -> None:
        """`on_state` hears that the pane became busy or idle, `on_turn` that something was said."""
        self._pane = pane
        self._session = session
        self._transcript = transcript
        self._model = model
        self._engines = engines
        self._on_state = on_state
        self._on_turn = on_turn
        self._companions = companions_of(pane, engines, session)
        self._worker: Worker[None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether a reply is being said, or waits for its model."""
        return self._worker is not None and not self._worker.is_finished

    def is_free(self) -> bool:
        """Whether something can be said now; tells the user when not."""
        if self.is_under_way:
            self._pane.notify(self._what_is_under_way(), markup=False)
        return not self.is_under_way

    def _what_is_under_way(self) -> str:
        key, engine = key_in_words(self._pane, "pane.stop"), self._model.engine
        if engine.state in ("loading", "stopped"):
            words = "What you type stays in the box: send it when the answer is there."
            name = self._transcript.mask.name or self._model.name
            return f"{name} is still being loaded, and answers then; {key} stops it. {words}"
        return f"The reply is still being written. {key} stops it."

    # ---- beginning and stopping

    def send(
        self,
        text: str,
        accept: Callable[[str], None] | None = None,
        seed: int | None = None,
        beside: int | None = None,
    ) -> None:
        """What the user says, at the end or as another wording `beside` a message; `accept` hears that it is safe."""
        self._begin(partial(self._converse, text, accept, seed, beside))

    def tell(self, companion: str, topic: str = "") -> None:
        """Let a companion begin: with a "joke", or a "poem"."""
        if self.is_free():
            self._begin(partial(self._tell_of, companion, topic))

    def another(self) -> None:
        """Another reply to what was said last, beside the one there is; of a joke or a poem, the next one."""
        question = self._session.last_question()
        if self.is_under_way:
            self._pane.notify(self._what_is_under_way(), markup=False)
        elif not self._session.messages:
            self._pane.notify("There is no reply to say again.", markup=False)
        else:
            self._begin(partial(self._another, question.id if question else None))

    def again(self, after: int, seed: int | None = None) -> None:
        """Another reply to a message; those before stay, as its siblings."""
        self._begin(partial(self._say_again, after, seed))

    def take(self, reply: StoredMessage) -> None:
        """Another reply to the last question, that was made elsewhere; nothing while one is being said."""
        if not self.is_under_way:
            self._begin(lambda: whole(self._take(reply)))

    def fork(self, fork: Fork) -> None:
        """A reply that begins with another one's tokens, beside it."""
        self._begin(partial(self._reply, fork=fork))

    def _begin(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._worker = start_worker(self._pane, partial(self._guarded, what), group="reply", exclusive=True)
        self._on_state()

    async def _guarded(self, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await what()
        except UserError as error:
            self._pane.notify(str(error), severity="error", markup=False)
        finally:
            self._on_turn()

    def worker_changed(self, worker: Worker[Any]) -> None:
        """A worker of the pane began or ended."""
        if worker is self._worker:
            self._on_state()

    async def stop(self) -> None:
        """Stop the reply and wait until what was said is saved."""
        worker = self._worker
        if worker is not None and not worker.is_finished:
            worker.cancel()
            with contextlib.suppress(WorkerError):  # cancelled, as we asked
                await worker.wait()
            self._on_state()

    # ---- the turns themselves

    async def _converse(
        self, text: str, accept: Callable[[str], None] | None, seed: int | None, beside: int | None
    ) -> None:
        plain = literal(text)
        await whole(self._say(text, accept, beside, plain))
        before = self._session.messages[:-1]
        turn = None if plain else await self._companions.answer(text, before, to_all=seed is not None)
        await self._take_turn(turn, seed)

    async def _tell_of(self, companion: str, topic: str) -> None:
        await self._begin_turn(await self._companions.begin(companion, topic))

    async def _begin_turn(self, turn: Turn) -> None:
        if turn.question:
            await whole(self._say(turn.question, None, None))
        await self._take_turn(turn)

    async def _another(self, question: int | None) -> None:
        turn = await self._companions.another(self._session.messages)
        if turn is not None:
            await self._begin_turn(turn)
        elif question is not None:
            await self._say_again(question, None)

    async def _take_turn(self, turn: Turn | None, seed: int | None = None) -> None:
        if turn is not None and turn.text:
            await self._tell(turn.text, turn.after)
            return
        await self._reply(seed, after=turn.after if turn else None, teller=turn.teller if turn else None)
        if turn is not None and (told := await self._companions.instead(turn, self._session.messages[-1])):
            await self._tell(told)

    async def _say(
        self, text: str, accept: Callable[[str], None] | None, beside: int | None, plain: str | None = None
    ) -> None:
        """`plain` is what is said where it differs from what was typed."""
        await self._session.say(plain or text, beside)
        if accept is not None:
            accept(text)
        await self._transcript.add(self._session.messages)
        self._on_turn()

    async def _tell(self, text: str, after: int | None = None) -> None:
        await whole(self._add_told(text, after))

    async def _add_told(self, text: str, after: int | None) -> None:
        await self._session.told(text, after)
        await self._transcript.add(self._session.messages)

    async def _reply(
        self,
        seed: int | None = None,
        fork: Fork | None = None,
        after: int | None = None,
        teller: Teller | None = None,
    ) -> None:
        """The pane's model speaks, or a `teller` in a companion's name."""
        engine, reference = (
            (teller, teller.reference) if teller else (self._model.engine, self._session.settings.model)
        )
        try:
            await whole(self._begin_reply(seed, fork, after, teller))
            progress = partial(self._tell_progress, engine, reference)
            ticking = self._pane.set_interval(STATUS_SECONDS, progress)
            progress()
            try:
                await self._session.reply(engine, self._transcript.feed)
            finally:
                ticking.stop()
        finally:
            try:
                await self._session.end_unbegun()
            finally:
                self._transcript.finish(self._session.messages[-1])

    async def _begin_reply(
        self, seed: int | None, fork: Fork | None, after: int | None, teller: Teller | None
    ) -> None:
        name, model = (teller.name, "") if teller else (self._model.name, None)
        await self._session.begin_reply(name, seed, fork, after, model)
        await self._transcript.add(self._session.messages)

    def _tell_progress(self, engine: AppEngine, reference: str) -> None:
        """While nothing is said yet, what is waited for; then how fast it goes."""
        if self._session.chunks:
            self._transcript.tell(
                f"{self._session.chunks:,} tokens  ·  {self._session.tokens_per_second:,.0f}/s"
            )
            return
        self._on_state()
        waits = {"loading": "waiting for the model to load", "stopped": "starting"}
        said = self._engines.waits_for(reference)
        self._transcript.tell(said or waits.get(engine.state, "thinking…"))

    async def _say_again(self, after: int, seed: int | None) -> None:
        await self._model.engine.load()  # a model that is not there leaves the reply on show
        await self._reply(seed, after=after)

    async def _take(self, reply: StoredMessage) -> None:
        await self._session.take(reply)
        await self._transcript.add(self._session.messages)
