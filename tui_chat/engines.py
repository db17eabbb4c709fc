"""One engine per model reference, shared by all panes that chat with it.

The app's only door to models. Tests and the rest of the app see engines as `AppEngine`; the real ones are a
`ProcessEngine` for a model of this machine and a `RemoteEngine` for one behind a server.
The one rule: an engine that no pane uses any more is closed, and all are closed at the end.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationEvent, GenerationSettings
from engine.remote.provider import is_remote
from engine.wire import Load, LoadedModel, Loading

if TYPE_CHECKING:
    from tui_chat.config_schema import AppConfig, EngineSection

OnProgress = Callable[[Loading], None]


class AppEngine(Protocol):
    """An engine that can be loaded ahead of the first question, and tells how far it is."""

    model: LoadedModel | None

    @property
    def state(self) -> Literal["stopped", "loading", "ready", "answering"]: ...

    async def load(self) -> LoadedModel: ...

    def stream(
        self, messages: Sequence[ChatMessage], settings: GenerationSettings, reference: str = ""
    ) -> AsyncIterator[GenerationEvent]: ...

    async def close(self) -> None: ...


EngineFactory = Callable[[str, OnProgress], AppEngine]


class Engines:
    """The engines in use, by model reference."""

    def __init__(self, factory: EngineFactory, on_change: Callable[[str], None]) -> None:
        """`on_change` hears the reference of an engine that made progress with loading."""
        self._factory = factory
        self._on_change = on_change
        self._engines: dict[str, AppEngine] = {}
        self._loading: dict[str, Loading] = {}
        self._held: Counter[str] = Counter()  # by a reply that no pane's settings speak of

    def engine_for(self, reference: str) -> AppEngine:
        """The engine of a model; made when there is none yet, loaded when it is first asked."""
        if reference not in self._engines:

            def progress(loading: Loading) -> None:
                self._loading[reference] = loading
                self._on_change(reference)

            self._engines[reference] = self._factory(reference, progress)
        return self._engines[reference]

    def not_taken(self, reference: str) -> tuple[str, ...]:
        """The settings of replies that do not reach a model; known once it is loaded."""
        engine = self._engines.get(reference)
        return engine.model.not_taken if engine and engine.model else ()

    def progress_of(self, reference: str) -> Loading | None:
        """How far loading is, as last told; None before the first word."""
        return self._loading.get(reference)

    def waits_for(self, reference: str) -> str:
        """What a model behind a server waits for, in its own words; empty when nothing is to be told."""
        loading = self._loading.get(reference)
        return loading.stage if loading and is_remote(reference) else ""

    @contextmanager
    def in_use(self, reference: str) -> Iterator[None]:
        """While it lasts, the engine is not closed for want of a pane."""
        self._held[reference] += 1
        try:
            yield
        finally:
            self._held[reference] -= 1

    async def keep_only(self, references: Collection[str]) -> None:
        """Close every engine but those of `references`, and those in use."""
        unused = [name for name in self._engines if name not in references and not self._held[name]]
        engines = [self._engines.pop(reference) for reference in unused]
        for reference in unused:
            self._loading.pop(reference, None)
        await asyncio.gather(*(engine.close() for engine in engines))

    async def close_all(self) -> None:
        """Close every engine."""
        self._held.clear()
        await self.keep_only(())


def app_engines(config: Callable[[], AppConfig]) -> EngineFactory:
    """A factory of every kind of engine, as the settings say when one is made."""
    local = process_engines(lambda: config().engine)

    def make(reference: str, on_progress: OnProgress) -> AppEngine:
        if not is_remote(reference):
            return local(reference, on_progress)
        from engine.remote.remote_engine import remote_engine  # here: only who has servers needs it

        try:
            return remote_engine(reference, config().providers, on_progress)
        except UserError as error:
            return ImpossibleEngine(error)

    return make


class ImpossibleEngine:
    """Stands for a model that the settings cannot reach; says so when it is asked."""

    model: LoadedModel | None = None
    state: Literal["stopped"] = "stopped"

    def __init__(self, reason: UserError) -> None:
        self._reason = str(reason)

    async def load(self) -> LoadedModel:
        raise UserError(self._reason)

    async def stream(
        self, messages: Sequence[ChatMessage], settings: GenerationSettings, reference: str = ""
    ) -> AsyncIterator[GenerationEvent]:
        await self.load()
        yield  # type: ignore[misc]  # never reached; makes this a generator

    async def close(self) -> None:
        """There is nothing to close."""


def process_engines(settings: Callable[[], EngineSection]) -> EngineFactory:
    """A factory of engines that run in processes of their own, as the settings say when one is made."""

    def make(reference: str, on_progress: OnProgress) -> AppEngine:
        # Imported here: the first engine is made after the first paint.
        from engine.paths import logs_path
        from engine.process import ProcessEngine

        section = settings()
        load = Load(
            reference=reference,
            backend=section.backend,
            device=section.device,
            precision=section.precision,
            threads=section.threads,
        )
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", reference)[-80:].strip("-.")
        return ProcessEngine(load, logs_path() / f"engine-{name}.log", on_progress)

    return make
