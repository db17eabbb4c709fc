"""RemoteEngine: a model behind a server as an `Engine`, in the app's own process.

    load()    finds the key, asks for the list of models        (no model is loaded anywhere for it)
    stream()  asks, tries again while nothing was said yet, and passes the words on

Closing a stream closes its connection, which is what makes a server stop.
The one rule: a reply whose first word was passed on is never asked for a second time.
"""

from __future__ import annotations

import asyncio
import math
import random
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Literal, cast

import msgspec

from engine import wire
from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationEvent, GenerationSettings, TextChunk
from engine.remote import dialects
from engine.remote.fitting import Fitting
from engine.remote.listing import ListedModel, ask_for_models
from engine.remote.provider import (
    Kind,
    Provider,
    ProviderSettings,
    find_provider,
    reference_of,
    split_reference,
)
from engine.remote.refusals import RefusalError
from engine.remote.reply import Reply
from engine.remote.transport import Transport

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
_NAMES_SHOWN = 8


class RemoteEngine:
    """An `Engine` at the other end of a connection. Several replies at a time, as the server allows."""

    def __init__(
        self, provider: Provider, model: str, on_progress: Callable[[wire.Loading], None] | None = None
    ) -> None:
        self.model: wire.LoadedModel | None = None
        self.on_progress = on_progress
        self._name = model
        self._transport = Transport(provider)
        self._listed: list[ListedModel] = []
        self._refused: set[str] = set()  # fields of a question that the server does not take
        self._too_long: dict[int, int] = {}  # longest reply asked for -> characters the server found too long
        self._replies: set[object] = set()
        self._opening = asyncio.Lock()
        self._told = ""

    @property
    def state(self) -> Literal["stopped", "loading", "ready", "answering"]:
        """What the engine is doing."""
        if self._opening.locked():
            return "loading"
        return "answering" if self._replies else "ready" if self.model else "stopped"

    async def load(self) -> wire.LoadedModel:
        """Find the key, and ask whether the server is there.

        Raises:
            UserError: when there is no key where the settings say, no server, or it says no.
        """
        async with self._opening:
            if self.model is None:
                started = time.monotonic()
                await self._transport.open()
                try:
                    self._listed = await self._ask_for_models()
                finally:
                    self._tell("")
                self.model = self._described(time.monotonic() - started)
        return self.model

    async def stream(
        self, messages: Sequence[ChatMessage], settings: GenerationSettings, reference: str = ""
    ) -> AsyncIterator[GenerationEvent]:
        """The reply to `messages`; closing the generator closes the connection. `reference` is not used here.

        Raises:
            UserError: when the server cannot answer; what was said before stays said.
        """
        async with aclosing(self._ask(tuple(messages), settings)) as events:
            async for event in events:
                yield event

    async def complete(self, prompt: str, settings: GenerationSettings) -> AsyncIterator[GenerationEvent]:
        """Like `stream`, but continues `prompt` as it is, where the server offers that."""
        async with aclosing(self._ask(prompt, settings)) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Close the connections. A closed engine may be used again, and then looks for its key anew."""
        self.model = None
        await self._transport.close()

    # ---- asking

    async def _ask(
        self, messages: tuple[ChatMessage, ...] | str, settings: GenerationSettings
    ) -> AsyncGenerator[GenerationEvent, None]:
        await self.load()
        seed = secrets.randbelow(2**31) if settings.seed is None else settings.seed
        path = "/completions" if isinstance(messages, str) else "/chat/completions"
        kind, attempt, streams = self._kind(), 1, True
        fitting = Fitting(messages, self._too_long.get(settings.max_new_tokens))
        self._replies.add(turn := object())
        try:
            while True:
                question = dialects.question(
                    kind, self._name, fitting.sent, settings, seed, self._refused, streams
                )
                self._note(question.left_out)
                reply = Reply(self._transport, self._name, settings.max_new_tokens, self._tell_of_thinking)
                try:
                    async with aclosing(self._texts(path, question, reply)) as texts:
                        async for text in texts:
                            yield TextChunk(text=text)
                    break
                except RefusalError as refusal:
                    if reply.has_text:
                        raise UserError(refusal.sentence) from None
                    if not self._learn(refusal, question, fitting, settings.max_new_tokens):
                        await self._wait(refusal, attempt)
                        attempt += 1
                        streams = streams and not refusal.is_empty  # a whole answer may say what is wrong
            yield reply.done(seed, fitting.dropped)
        finally:
            self._replies.discard(turn)
            self._tell("")

    async def _texts(self, path: str, question: dialects.Question, reply: Reply) -> AsyncGenerator[str, None]:
        limit = self._transport.provider.settings.first_token_seconds
        async with self._transport.answer(path, question.body, limit, self._name) as response:
            texts = cast(AsyncGenerator[str, None], reply.texts(response))
            async with aclosing(texts):
                async for text in texts:
                    self._tell("")
                    yield text

    def _learn(
        self, refusal: RefusalError, question: dialects.Question, fitting: Fitting, longest: int
    ) -> bool:
        """Leave out what the server does not take, or what is too much; False when it complains of neither."""
        if refusal.is_too_long:
            refused = fitting.characters
            if fitting.shorten():
                self._too_long[longest] = min(refused, self._too_long.get(longest, refused))
                return True
            self._too_long.pop(longest, None)  # even a question alone: the reply it is to leave room for is
            return False
        field = next((field for field in refusal.fields if field in question.body), None)
        if field is not None:
            self._refused.add(field)
        return field is not None

    async def _wait(self, refusal: RefusalError, attempt: int) -> None:
        """Wait before another attempt, telling how long.

        Raises:
            UserError: when another attempt would not help, or was the last.
        """
        after = refusal.after or 0.0
        if not refusal.may_help_to_wait or attempt >= self._transport.provider.settings.attempts:
            raise UserError(self._in_full(refusal)) from None
        if after > LONGEST_WAIT_SECONDS:
            raise UserError(f"{refusal.sentence} It asks to wait {after:,.0f} s.") from None
        backoff = FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # not all at once
        until = time.monotonic() + max(after, backoff)
        while (left := until - time.monotonic()) > 0:
            self._tell(f"{refusal.what}, trying again in {math.ceil(left)} s")
            await asyncio.sleep(min(left, 1.0))
        self._tell(f"asking {self._transport.provider.address.shown} again")

    def _in_full(self, refusal: RefusalError) -> str:
        """The sentence, with the models there are when this one is not among them."""
        names = [model.name for model in self._listed]
        if refusal.status != 404 or not names or self._name in names:
            return refusal.sentence
        more = ", ..." if len(names) > _NAMES_SHOWN else ""
        return (
            f"{self._transport.provider.name} has no model '{self._name}'. "
            f"It has: {', '.join(names[:_NAMES_SHOWN])}{more}"
        )

    # ---- what is known

    async def _ask_for_models(self) -> list[ListedModel]:
        """What the server lists; nothing where it keeps no list."""
        provider, attempt = self._transport.provider, 1
        if provider.settings.models:
            return [ListedModel(name) for name in provider.settings.models]
        self._tell(f"asking {provider.address.shown}")
        while True:
            try:
                return await ask_for_models(self._transport)
            except RefusalError as refusal:
                if refusal.status not in (0, 401, 403):
                    return []  # whoever keeps no list may answer nevertheless
                await self._wait(refusal, attempt)
                attempt += 1

    def _kind(self) -> Kind:
        return dialects.kind_of(self._transport.provider, [model.owner for model in self._listed])

    def _described(self, seconds: float) -> wire.LoadedModel:
        provider = self._transport.provider
        listed = next((model for model in self._listed if model.name == self._name), ListedModel(self._name))
        return wire.LoadedModel(
            reference=reference_of(provider.name, self._name),
            name=self._name,
            directory="",
            backend="api",
            device=provider.address.shown,
            precision="",
            chat_format="",
            context_length=listed.context_length,
            vocab_size=0,
            num_parameters=0,
            seconds_to_load=seconds,
            not_taken=dialects.not_taken(self._kind(), self._refused),
        )

    def _note(self, left_out: Sequence[str]) -> None:
        """Say on the model which wishes do not reach it."""
        if self.model is not None:
            notes = (f"without {', '.join(left_out)}",) if left_out else ()
            not_taken = dialects.not_taken(self._kind(), self._refused)
            self.model = msgspec.structs.replace(self.model, warnings=notes, not_taken=not_taken)

    def _tell_of_thinking(self) -> None:
        self._tell("the model is thinking")

    def _tell(self, stage: str) -> None:
        if self.on_progress is not None and stage != self._told:
            self.on_progress(wire.Loading(stage=stage))
        self._told = stage


def remote_engine(
    reference: str,
    providers: Mapping[str, ProviderSettings],
    on_progress: Callable[[wire.Loading], None] | None = None,
) -> RemoteEngine:
    """The engine of `api:PROVIDER/MODEL`; nothing is asked yet.

    Raises:
        UserError: when the reference is no such thing, or the settings have no such provider.
    """
    name, model = split_reference(reference)
    return RemoteEngine(find_provider(name, providers), model, on_progress)
