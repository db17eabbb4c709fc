"""A 2,000-token reply at a given rate through the chat screen: does the screen keep up, and does it stall?

    python -m benchmarks.streaming [--rate 500] [--tokens 2000] [--kind mixed|fence|table|plain]

The app runs headless at 120x40 with an engine that says prepared text on time. Printed: seconds from the first
token to the last shown against the ideal, processor seconds, and how long the event loop was away (p50, p95, max of
a 10 ms ticker), which is what a key would have waited. Nothing of a terminal is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from engine.chat import ChatMessage
from engine.generation import GenerationDone, GenerationEvent, GenerationSettings, TextChunk
from engine.process import State
from engine.wire import LoadedModel
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config
from tui_chat.conversations import Conversations

PARTS = {
    "plain": "The tide comes in and the tide goes out, and nobody has ever asked it why. ",
    "fence": "```python\n" + "def f(x: int) -> int:\n    return x * x  # squares\n" * 400,
    "table": "| name | value |\n|---|---|\n" + "| alpha | 1 |\n" * 400,
    "mixed": "# A heading\n\nSome **bold** prose with `code` in it, and more.\n\n- one\n- two\n\n"
    "```python\nfor i in range(3):\n    print(i)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n",
}


class TimedEngine:
    """Says four characters per token, each token when it is due."""

    state: State = "ready"

    def __init__(self, text: str, tokens: int, rate: float) -> None:
        characters = itertools.islice(itertools.cycle(text), 4 * tokens)
        joined = "".join(characters)
        self.pieces = [joined[i : i + 4] for i in range(0, len(joined), 4)]
        self.rate = rate
        self.model: LoadedModel | None = LoadedModel(
            reference="timed",
            name="timed",
            directory="",
            backend="",
            device="",
            precision="",
            chat_format="chat",
            context_length=0,
            vocab_size=0,
            num_parameters=0,
            seconds_to_load=0,
        )

    async def load(self) -> LoadedModel:
        """There is nothing to load."""
        assert self.model is not None
        return self.model

    async def stream(
        self, messages: Sequence[ChatMessage], settings: GenerationSettings, reference: str = ""
    ) -> AsyncIterator[GenerationEvent]:
        """The prepared text."""
        started = time.perf_counter()
        for number, piece in enumerate(self.pieces):
            await asyncio.sleep(max(0.0, started + number / self.rate - time.perf_counter()))
            yield TextChunk(text=piece)
        yield GenerationDone(
            finish_reason="end_of_text", prompt_tokens=1, completion_tokens=len(self.pieces), seed=0
        )

    async def close(self) -> None:
        """There is nothing to close."""


async def measure(engine: TimedEngine, home: Path) -> dict[str, float]:
    """One reply; times in seconds, lags in milliseconds."""
    loaded = load_config(home / "config.toml")
    app = TuiChatApp(loaded, engine_factory=lambda *_: engine, conversations=Conversations.at(home / "db"))
    lags: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.5)
        ticker = asyncio.create_task(_tick(lags))
        cpu, wall = resource.getrusage(resource.RUSAGE_SELF).ru_utime, time.perf_counter()
        app.chat.pane.ask("go")
        await asyncio.sleep(0.1)
        while app.chat.pane.is_replying:
            await asyncio.sleep(0.02)
        wall, cpu = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF).ru_utime - cpu
        ticker.cancel()
    quantiles = statistics.quantiles(lags, n=100)
    return {
        "seconds": round(wall, 2),
        "ideal_seconds": round(len(engine.pieces) / engine.rate, 2),
        "processor_seconds": round(cpu, 2),
        "loop_away_p50_ms": round(1000 * quantiles[49], 1),
        "loop_away_p95_ms": round(1000 * quantiles[94], 1),
        "loop_away_max_ms": round(1000 * max(lags), 1),
    }


async def _tick(lags: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append(time.perf_counter() - before - 0.01)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=500, help="tokens per second")
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--kind", choices=list(PARTS), default="mixed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        engine = TimedEngine(PARTS[options.kind], options.tokens, options.rate)
        print(json.dumps(vars(options) | asyncio.run(measure(engine, Path(home)))))


if __name__ == "__main__":
    main()
