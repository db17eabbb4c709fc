"""A server on loopback that speaks the OpenAI protocol as well, or as badly, as a test wants.

async with FakeServer(says("Hel", "lo")) as server:
    provider(server.base_url)
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from engine.remote.provider import Provider, ProviderSettings, find_provider


@dataclass
class Request:
    """What a client asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Behaviour = Callable[[Request, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class FakeServer:
    """Answers every question by its behaviours in turn, the last one again and again; lists `models`."""

    def __init__(
        self,
        *behaviours: Behaviour,
        models: list[dict[str, Any]] | None = None,
        certificate: ssl.SSLContext | None = None,
    ) -> None:
        self.behaviours = list(behaviours)
        self.certificate = certificate
        self.models = [{"id": "tiny", "owned_by": "nobody"}] if models is None else models
        self.requests: list[Request] = []
        self.closed_by_client = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._connections: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.certificate)
        self.port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def questions(self) -> list[Request]:
        """The requests but those for the list of models."""
        return [request for request in self.requests if request.method == "POST"]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                request = await _read(reader)
                self.requests.append(request)
                await self._until_closed(self._behaviour_for(request)(request, writer), reader)
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    def _behaviour_for(self, request: Request) -> Behaviour:
        if request.method == "GET":
            return answers(200, {"object": "list", "data": self.models})
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]

    async def _until_closed(self, work: Coroutine[Any, Any, None], reader: asyncio.StreamReader) -> None:
        """Do `work`; a client that closes meanwhile ends it, as it does in real servers."""
        task, closed = asyncio.create_task(work), asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait([task, closed], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self.closed_by_client.set()
        finally:
            task.cancel()
            closed.cancel()
            await asyncio.gather(task, closed, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
    method, path, _ = first.split()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, json.loads(body) if body else {})


# ---- behaviours


def head(status: int, content_type: str, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-type: {content_type}", "connection: close", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def event(text: str = "", finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}\n\n'
DONE = b"data: [DONE]\n\n"
STREAM = head(200, "text/event-stream")


def sends(*parts: bytes, pause: float = 0.0) -> Behaviour:
    """Exactly these bytes."""

    async def behave(_: Request, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


def says(*texts: str, finish: str = "stop", usage: bool = True) -> Behaviour:
    """A well-behaved reply."""
    return sends(STREAM, *map(event, texts), event(finish=finish), *([USAGE] if usage else []), DONE)


def answers(status: int, payload: object, *more: str) -> Behaviour:
    """Plain JSON."""
    body = json.dumps(payload).encode()
    return sends(head(status, "application/json", f"content-length: {len(body)}", *more) + body)


def fails(status: int, message: str = "", *more: str, **fields: Any) -> Behaviour:
    """An error as OpenAI words it."""
    return answers(status, {"error": {"message": message, **fields}}, *more)


def stalls(*parts: bytes) -> Behaviour:
    """These bytes, and then nothing, with the connection open."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        await sends(*parts)(request, writer)
        await asyncio.Event().wait()

    return behave


def floods(first: bytes, repeated: bytes, pause: float = 0.0) -> Behaviour:
    """The same bytes for ever."""

    async def behave(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(repeated)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


def provider(base_url: str, **settings: Any) -> Provider:
    """A provider called "local" with short limits."""
    limits = {"first_token_seconds": 1.0, "between_tokens_seconds": 0.3, "connect_seconds": 2.0}
    checked = ProviderSettings.from_dict({"base_url": base_url, **limits, **settings}, "test")
    return find_provider("local", {"local": checked})
