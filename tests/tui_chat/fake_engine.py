"""An engine whose words are scripted, and an app that uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Literal

from textual.pilot import Pilot

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationEvent, GenerationSettings, TextChunk
from engine.wire import LoadedModel, Loading
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config
from tui_chat.conversations import Conversations
from tui_chat.engines import OnProgress


class FakeEngine:
    """Says the pieces of `script`; a `UserError` in it is raised, an `asyncio.Event` waited for."""

    def __init__(self, reference: str = "builtin", on_progress: OnProgress | None = None) -> None:
        self.reference = reference
        self.on_progress = on_progress
        self.script: list[str | UserError | asyncio.Event] = ["Hel", "lo ", "there."]
        self.asked: list[tuple[ChatMessage, ...]] = []
        self.settings: list[GenerationSettings] = []
        self.references: list[str] = []  # of other models that were to answer; "" = this one
        self.may_load = asyncio.Event()
        self.may_load.set()
        self.load_error: UserError | None = None
        self.model: LoadedModel | None = None
        self.step: int | None = None
        self.val_loss: float | None = None
        self.dropped_messages = 0
        self.dropped_tokens = 0
        self.closed = 0
        self.cancelled = 0

    @property
    def state(self) -> Literal["stopped", "loading", "ready", "answering"]:
        return "ready" if self.model else "loading"

    async def load(self) -> LoadedModel:
        if self.on_progress:
            self.on_progress(Loading(stage="reading weights", share=0.4))
        await self.may_load.wait()
        if self.load_error:
            raise self.load_error
        self.model = LoadedModel(
            reference=self.reference,
            name=f"fake {self.reference}",
            directory="/",
            backend="scratch",
            device="cpu",
            precision="float32",
            chat_format="plain",
            context_length=512,
            vocab_size=65,
            num_parameters=1000,
            seconds_to_load=0.1,
            step=self.step,
            val_loss=self.val_loss,
        )
        return self.model

    async def stream(
        self, messages: Sequence[ChatMessage], settings: GenerationSettings, reference: str = ""
    ) -> AsyncIterator[GenerationEvent]:
        self.asked.append(tuple(messages))
        self.settings.append(settings)
        self.references.append(reference)
        await self.load()
        try:
            for piece in list(self.script):
                if isinstance(piece, UserError):
                    raise piece
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                else:
                    yield TextChunk(text=piece)
        except (GeneratorExit, asyncio.CancelledError):
            self.cancelled += 1
            raise
        yield GenerationDone(
            finish_reason="end_of_text",
            prompt_tokens=7,
            completion_tokens=len(self.script),
            seed=1,
            tokens_per_second=42.0,
            dropped_messages=self.dropped_messages,
            dropped_tokens=self.dropped_tokens,
            step=self.step,
        )

    async def close(self) -> None:
        self.closed += 1
        self.model = None


class FakeEngines(dict[str, FakeEngine]):
    """A factory that keeps what it made."""

    def __call__(self, reference: str, on_progress: OnProgress) -> FakeEngine:
        engine = self.get(reference) or FakeEngine(reference)
        engine.on_progress = on_progress
        self[reference] = engine
        return engine


def fake_app(
    engines: FakeEngines | None = None, conversations: Conversations | None = None, settings: str = ""
) -> TuiChatApp:
    """The app without disk or processes; `settings` is the text of its settings file."""
    path = Path("/proc/nothing/config.toml")
    environment = dict(line.split("=", 1) for line in settings.split())
    loaded = load_config(path, environment=environment)
    return TuiChatApp(
        loaded,
        engine_factory=engines if engines is not None else FakeEngines(),
        conversations=conversations or Conversations.in_memory(),
    )


async def until(pilot: Pilot[None], condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await pilot.pause(0.01)
