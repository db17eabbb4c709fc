"""One streamed reply: its pieces in time and in bounds, and what it took.

The one rule: every wait has an end and every sum a limit, whatever the server sends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from engine.errors import UserError
from engine.generation import FinishReason, GenerationDone
from engine.remote.events import EventLines, GarbledError, Piece, SaidError, TextJoiner, read_payload
from engine.remote.refusals import RefusalError, explained, no_api
from engine.remote.transport import Transport, too_slow

if TYPE_CHECKING:
    import httpx2

WIRE_LIMIT = 64 * 1024 * 1024  # bytes of one answer
WHOLE_LIMIT = 4 * 1024 * 1024  # bytes of an answer that is not streamed
_CHARACTERS_PER_TOKEN = 64  # more than any token has on the average of a reply
_AFTER_THE_END_SECONDS = 3.0  # for the token counts that follow the last word
_BURST_SECONDS = 0.02
_FINISHES: dict[str, FinishReason] = {"stop": "end_of_text", "length": "max_new_tokens"}


@dataclass
class Reply:
    """A reply under way."""

    transport: Transport
    model: str
    max_new_tokens: int
    on_thinking: Callable[[], None] = lambda: None
    asked_at: float = field(default_factory=time.monotonic)
    first_at: float = 0.0  # when its first token came
    last_at: float = 0.0
    characters: int = 0
    pieces: int = 0
    finish: str = ""
    stopped_at: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def has_text(self) -> bool:
        """Whether a part of it was passed on, so that it cannot be asked for anew."""
        return self.characters > 0

    async def texts(self, response: httpx2.Response) -> AsyncIterator[str]:
        """The words of an answer as they come.

        Raises:
            RefusalError: when it breaks off, stalls, never ends, or is no reply.
        """
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = response.headers.get("content-encoding", "identity").lower()
        if kind in ("text/html", "application/xhtml+xml") or encoding not in ("", "identity"):
            raise no_api(self.transport.provider, kind if encoding in ("", "identity") else encoding)
        joiner = TextJoiner()
        try:
            pieces = self._whole(response) if kind == "application/json" else self._streamed(response)
            async with aclosing(cast(AsyncGenerator[Piece, None], pieces)) as read:
                async for piece in read:
                    self._count(piece)
                    if text := joiner.feed(piece.text):
                        yield self._measured(text)
        except SaidError as error:
            transport = self.transport
            raise explained(transport.provider, self.model, transport.key, 0, error.payload) from None
        except GarbledError as error:
            raise RefusalError(f"{self._who} sent {error}.") from None
        if text := joiner.end():
            yield self._measured(text)

    def done(self, seed: int, dropped_messages: int = 0) -> GenerationDone:
        """The end, with what it took.

        Raises:
            UserError: when the server did not let the model say all it would have.
        """
        if self.finish == "content_filter":
            raise UserError(f"{self._who} ended the reply: its content filter objects.")
        if self.finish in ("tool_calls", "function_call"):
            raise UserError(
                f"{self.model} wants to use a tool, and there are none here. Ask it in other words."
            )
        tokens = self.pieces if self.completion_tokens is None else self.completion_tokens
        seconds = self.last_at - self.first_at
        if seconds < _BURST_SECONDS:  # all at once: how long the words took, nobody saw
            seconds = self.last_at - self.asked_at
        return GenerationDone(
            finish_reason="stop_string" if self.stopped_at else _FINISHES.get(self.finish, "end_of_text"),
            prompt_tokens=self.prompt_tokens or 0,
            completion_tokens=tokens,
            seed=seed,
            dropped_messages=dropped_messages,
            seconds_to_first_token=max(0.0, self.first_at - self.asked_at) if self.first_at else 0.0,
            tokens_per_second=(tokens - 1) / seconds if tokens > 1 and seconds > 0 else 0.0,
        )

    @property
    def _who(self) -> str:
        provider = self.transport.provider
        return f"{provider.name} ({provider.address.shown})"

    async def _whole(self, response: httpx2.Response) -> AsyncIterator[Piece]:
        """A server that does not stream."""
        body = await self.transport.read_whole(response, WHOLE_LIMIT)
        piece = read_payload(body.decode("utf-8", "replace").strip())
        if not piece.text and not piece.finish:
            raise GarbledError("JSON that is no reply")
        yield piece

    async def _streamed(self, response: httpx2.Response) -> AsyncIterator[Piece]:
        lines, received = EventLines(), 0
        parts = response.aiter_raw()
        while (part := await self._next(parts)) is not None:
            received += len(part)
            if received > WIRE_LIMIT:
                raise GarbledError(f"more than {WIRE_LIMIT >> 20} MB for one reply")
            for payload in lines.feed(part):
                piece = read_payload(payload)
                if piece.is_end:
                    return
                yield piece
        for payload in lines.end():
            yield read_payload(payload)
        if not self.finish:
            raise RefusalError(
                f"{self._who} broke the reply off.",
                may_help_to_wait=True,
                what="the connection broke",
                is_empty=not self.has_text,
            )

    async def _next(self, parts: AsyncIterator[bytes]) -> bytes | None:
        """The next bytes; None at the end. Comments and empty events do not count as progress."""
        limits = self.transport.provider.settings
        if self.finish:
            limit, since = _AFTER_THE_END_SECONDS, self.last_at
        elif self.first_at:
            limit, since = limits.between_tokens_seconds, self.last_at
        else:
            limit, since = limits.first_token_seconds, self.asked_at
        try:
            async with asyncio.timeout(max(0.0, since + limit - time.monotonic())):
                return await anext(parts, None)
        except TimeoutError:
            if self.finish:
                return None  # all was said; only the connection stays open
            raise too_slow(self.transport.provider, limit, bool(self.first_at)) from None

    def _count(self, piece: Piece) -> None:
        self.finish = self.finish or piece.finish
        self.stopped_at = self.stopped_at or piece.stopped_at
        if piece.prompt_tokens is not None:
            self.prompt_tokens = piece.prompt_tokens
        if piece.completion_tokens is not None:
            self.completion_tokens = piece.completion_tokens
        if piece.text or piece.is_thinking or piece.finish:
            self.last_at = time.monotonic()
        if piece.text or piece.is_thinking:
            self.first_at = self.first_at or self.last_at
            self.pieces += 1
        if piece.is_thinking and not self.has_text:
            self.on_thinking()

    def _measured(self, text: str) -> str:
        self.characters += len(text)
        if self.characters > _CHARACTERS_PER_TOKEN * self.max_new_tokens + 4096:
            raise RefusalError(
                f"{self._who} does not stop: more came than {self.max_new_tokens} tokens can be."
            )
        return text
