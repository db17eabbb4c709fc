"""An engine whose tokens can be looked at and chosen: one that computes the model itself.

The one rule: what a server cannot tell is said in a sentence, never shown as zero.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, runtime_checkable

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationEvent, GenerationSettings
from engine.inspection import Inspection
from engine.wire import Inspect
from tui_chat.engines import AppEngine


@runtime_checkable
class TokenEngine(AppEngine, Protocol):
    """An `AppEngine` that also tells what the model thought, and begins replies with given tokens."""

    def stream(
        self,
        messages: Sequence[ChatMessage],
        settings: GenerationSettings,
        reference: str = "",
        prefix: Sequence[int] = (),
    ) -> AsyncIterator[GenerationEvent]: ...

    async def inspect(
        self, request: Inspect, on_tokens: Callable[[int], None] | None = None
    ) -> Inspection: ...


def token_engine(engine: AppEngine) -> TokenEngine:
    """The engine, as one whose tokens can be looked at.

    Raises:
        UserError: when it is a server, which tells its words only.
    """
    if isinstance(engine, TokenEngine):
        return engine
    raise UserError(
        "This model runs on a server, which tells its words but not what it thought of other tokens. "
        "Open a reply of a model that runs here."
    )
