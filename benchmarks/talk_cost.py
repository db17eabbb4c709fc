"""What a chat costs the run it talks to: tokens per second of training with and without replies beside it.

    python -m benchmarks.talk_cost [--data FILE] [--recipe shakespeare-char-cpu] [--seconds 20] [--pairs 5]

A real run trains on every core, as recipes do. Windows of --seconds alternate: left alone, then with an engine that
answers without a pause. Both windows of a pair see the same machine, so what else it does cancels out as well as it
can; still, measure on a quiet one. Printed: each pair, and over all pairs the median share of its speed that the run
lost and the median speed of the replies. --niceness lowers the engine's claim further, to try what it would change.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import cast

from engine.chat import user
from engine.generation import GenerationEvent, GenerationSettings, TextChunk
from engine.process import ProcessEngine
from engine.wire import Load
from trainers.config import read_recipe
from trainers.launcher import start_run, stop_run
from trainers.run_directory import RunDirectory

_TEXT = "The tide comes in and the tide goes out, and nobody has ever asked it why. "
_SETTLE_SECONDS = 2.0


class Progress:
    """Steps of a run, read from its metrics as they grow."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._offset = 0
        self._trained = (0, 0.0)  # step, seconds

    def look(self) -> tuple[int, float]:
        """The newest step, and the seconds that were trained until it."""
        rows, self._offset = self._run.metrics(self._offset)
        if rows:
            self._trained = (rows[-1].step, rows[-1].seconds)
        return self._trained


class Chat:
    """Asks one question after another."""

    def __init__(self, engine: ProcessEngine) -> None:
        self._engine = engine
        self.tokens = 0

    async def go_on(self) -> None:
        """Ask until cancelled."""
        settings = GenerationSettings(max_new_tokens=200)
        while True:
            stream = cast(
                AsyncGenerator[GenerationEvent, None], self._engine.stream([user("Tell me more.")], settings)
            )
            async with aclosing(stream) as events:
                async for event in events:
                    self.tokens += isinstance(event, TextChunk)


async def measure(run: RunDirectory, tokens_per_step: int, options: argparse.Namespace) -> dict[str, object]:
    """Alternate, and tell every pair."""
    progress = Progress(run)
    await _until_checkpoint(run)
    load = Load(reference=f"run:{run.name}@latest", threads=options.threads, device="cpu")
    engine = ProcessEngine(load, run.path / "engine.log")
    await engine.load()
    _lower(engine, options.niceness)
    pairs = []
    try:
        for _ in range(options.pairs):
            alone = await _speed(progress, options.seconds)
            chat = Chat(engine)
            talking = asyncio.create_task(chat.go_on())
            beside = await _speed(progress, options.seconds)
            talking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await talking
            pair = {
                "alone": round(alone * tokens_per_step),
                "beside_a_chat": round(beside * tokens_per_step),
                "lost": round(1 - beside / alone, 3),
                "reply_tokens_per_second": round(chat.tokens / (options.seconds + _SETTLE_SECONDS), 1),
            }
            print(json.dumps(pair), flush=True)
            pairs.append(pair)
    finally:
        await engine.close()
    return {
        "median_lost": statistics.median(cast(float, pair["lost"]) for pair in pairs),
        "median_reply_tokens_per_second": statistics.median(
            cast(float, pair["reply_tokens_per_second"]) for pair in pairs
        ),
    }


async def _speed(progress: Progress, seconds: float) -> float:
    """Steps per second of wall time, between the first and the last step logged in a window."""
    await asyncio.sleep(_SETTLE_SECONDS)
    first, last, began = progress.look(), progress.look(), time.perf_counter()
    while time.perf_counter() - began < seconds:
        await asyncio.sleep(0.2)
        last = progress.look()
    if last[0] == first[0]:
        raise SystemExit(f"The run made no step in {seconds:g} s; take a longer window (--seconds).")
    return (last[0] - first[0]) / (last[1] - first[1])


async def _until_checkpoint(run: RunDirectory) -> None:
    while not run.checkpoints():
        status = run.status()
        if status.state not in ("starting", "running"):
            raise SystemExit(f"The run is {status.state}: {status.error}")
        await asyncio.sleep(0.2)


def _lower(engine: ProcessEngine, niceness: int | None) -> None:
    if niceness is None:
        return
    assert engine._process is not None
    pid = engine._process.pid
    os.setpriority(os.PRIO_PROCESS, pid, niceness)
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(thread.name), niceness)
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(niceness), encoding="ascii")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="text to train on; without it, a text that repeats itself")
    parser.add_argument("--recipe", default="shakespeare-char-cpu")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="of the engine; 0 = as the app does")
    parser.add_argument("--niceness", type=int, help="of the engine; without it, as the app does")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["TUI_CHAT_HOME"] = home
        data = options.data or Path(home) / "text.txt"
        if options.data is None:
            data.write_text(_TEXT * 20_000)
        often = {
            "log_interval": 1,
            "checkpoint_interval": 50,
            "eval_interval": 1_000_000,
            "sample_interval": 0,
        }
        config = read_recipe(options.recipe).with_changes(
            "benchmark", dataset=str(data), max_steps=1_000_000, device="cpu", eval_windows=1, **often
        )
        from engine.paths import runs_path  # here: it follows the variable that was just set

        run = start_run(config, runs_path(), "talk-cost")
        try:
            print(json.dumps(asyncio.run(measure(run, config.batch_size * config.context_length, options))))
        finally:
            stop_run(run)
            while run.status().state in ("starting", "running"):
                time.sleep(0.1)


if __name__ == "__main__":
    main()
