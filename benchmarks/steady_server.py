"""A server of the OpenAI kind on loopback that says the same Markdown at a steady pace: no model, no waiting.

    python -m benchmarks.steady_server --port 8123 --tokens 2000 --per-second 500

The last token of every reply is the mark `END`. Each reply's end is printed as a line: the time (perf_counter) when
its last token was sent. The one rule: a token is sent when it is due, however late the client reads.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

END = "¶"
MODEL = "steady"
_PIECES = (
    "## A heading\n\n",
    *(f"word{number} and *emphasis* here, " for number in range(6)),
    "so it goes.\n\n",
    "* a point\n",
    "* another `one`\n\n",
    "```python\n",
    "def area(radius):\n",
    "    return 3.14159 * radius ** 2\n",
    "```\n\n",
)


def text_of(tokens: int) -> list[str]:
    """Markdown in so many pieces, each about a token."""
    words = [word for piece in _PIECES for word in _cut(piece)]
    return [words[number % len(words)] for number in range(tokens - 2)] + ["\n\nlast ", END]


def _cut(piece: str) -> list[str]:
    return [piece] if piece.startswith(("`", "#", "*", " ")) else [f"{word} " for word in piece.split(" ")]


class SteadyServer:
    """Answers every request with the same reply."""

    def __init__(self, tokens: int, per_second: float) -> None:
        self._pieces = text_of(tokens)
        self._per_second = per_second

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; the connection is closed after it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
        length = next(
            (int(line[15:]) for line in head.lower().split("\r\n") if line[:15] == "content-length:"), 0
        )
        asked = json.loads(await reader.readexactly(length) or b"{}")
        if "/chat/completions" not in head:
            models = {"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 100_000}]}
            writer.write(_response("application/json") + json.dumps(models).encode())
        elif not asked.get("stream"):
            said = {
                "message": {"role": "assistant", "content": "A title"},
                "index": 0,
                "finish_reason": "stop",
            }
            writer.write(_response("application/json") + json.dumps(_chunk(said)).encode())
        else:
            writer.write(_response("text/event-stream"))
            await self._stream(writer)
        await writer.drain()
        writer.close()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        began = time.perf_counter()
        for number, piece in enumerate(self._pieces):
            await asyncio.sleep(max(0.0, began + number / self._per_second - time.perf_counter()))
            delta = {"role": "assistant", "content": piece}
            writer.write(_event({"delta": delta, "index": 0, "finish_reason": None}))
        print(time.perf_counter(), flush=True)
        writer.write(_event({"delta": {}, "index": 0, "finish_reason": "stop"}) + b"data: [DONE]\n\n")


def _response(kind: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()


def _event(choice: dict[str, object]) -> bytes:
    return b"data: " + json.dumps(_chunk(choice)).encode() + b"\n\n"


def _chunk(choice: dict[str, object]) -> dict[str, object]:
    kind = "chat.completion.chunk" if "delta" in choice else "chat.completion"
    return {"id": "1", "object": kind, "created": 1, "model": MODEL, "choices": [choice]}


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--per-second", type=float, default=500)
    options = parser.parse_args()
    server = await asyncio.start_server(
        SteadyServer(options.tokens, options.per_second).answer, "127.0.0.1", options.port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
