"""One engine per model reference, shared by all panes that chat with it.

The app's only door to models. Tests and the rest of the app see engines as `AppEngine`; the real one is a
`ProcessEngine`. The one rule: an engine that no pane uses any more is closed, and all are closed at the end.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from engine.chat import ChatMessage
from engine.generation import GenerationEvent, GenerationSettings
from engine.wire import Load, LoadedModel, Loading

if TYPE_CHECKING:
    from tui_chat.config_schema import EngineSection

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

    def engine_for(self, reference: str) -> AppEngine:
        """The engine of a model; made when there is none yet, loaded when it is first asked."""
        if reference not in self._engines:

            def progress(loading: Loading) -> None:
                self._loading[reference] = loading
                self._on_change(reference)

            self._engines[reference] = self._factory(reference, progress)
        return self._engines[reference]

    def progress_of(self, reference: str) -> Loading | None:
        """How far loading is, as last told; None before the first word."""
        return self._loading.get(reference)

    async def keep_only(self, references: Collection[str]) -> None:
        """Close every engine but those of `references`."""
        unused = [reference for reference in self._engines if reference not in references]
        engines = [self._engines.pop(reference) for reference in unused]
        for reference in unused:
            self._loading.pop(reference, None)
        await asyncio.gather(*(engine.close() for engine in engines))

    async def close_all(self) -> None:
        """Close every engine."""
        await self.keep_only(())


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
