"""How fast a chat feels: tui-chat beside oterm and elia, by turns, each in a real pseudo-terminal.

    python -m venv peers/oterm && peers/oterm/bin/pip install oterm          # likewise elia-chat into peers/elia
    python -m benchmarks.chat_speed --peers peers --rounds 5
    python -m benchmarks.chat_speed --rounds 5 --busy DATASET.txt             # a run trains on all cores meanwhile

All three talk to one server on loopback that says 2,000 tokens of Markdown at 500 tokens/s (`steady_server`).
    paint     from the start of the process to its first screen
    echo      from a key to the letter on the screen, while the reply streams: 50th and 99th percentile
    behind    from the server's last token to that token on the screen
    open      from the key that opens a conversation of 1,000 messages to its last message on the screen
`--busy` measures ours alone, with the built-in model generating and a run training on the same cores.
The one rule: what was not on the screen within a minute is said to be so, and not left out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from benchmarks.steady_server import END
from benchmarks.terminal import Terminal
from benchmarks.terminal_peers import LAST, QUESTION, Elia, Oterm, Program, Setting, TuiChat

LETTERS = [chr(code) for code in range(0x0410, 0x0450)]  # none of them is in a reply, so an echo is an echo
SECONDS_BETWEEN_KEYS = 0.05
NEVER = float("inf")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, help="folder with the virtual environments oterm and elia")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument(
        "--busy", metavar="DATASET", help="ours alone, beside a run that learns from this text"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with _server() as (port, ends):
        if options.busy:
            for _ in range(options.rounds):
                _measure_busy(options.busy, found)
        else:
            programs: list[Program] = [TuiChat()]
            if options.peers:
                programs += [Oterm(options.peers / "oterm"), Elia(options.peers / "elia")]
            for _ in range(options.rounds):
                for program in programs:
                    _measure(program, port, ends, found[program.name])
    print(json.dumps(found) if options.json else "\n".join(_lines(found)))


def _measure(program: Program, port: int, ends: IO[str], found: dict[str, list[float]]) -> None:
    """One round of one program."""
    with _terminal(program, port, messages=0) as terminal:
        found["paint"].append(terminal.wait_for(program.painted) - terminal.started)
        terminal.rest(2)
        program.to_prompt(terminal)
        terminal.type(QUESTION)
        terminal.rest(0.5)
        terminal.watch(END)
        terminal.type(program.send)
        terminal.rest(1)  # the reply is under way
        found["echo"] += _echoes(terminal, 40)
        shown = terminal.wait_for_watched()
        sent = float(ends.readline())
        found["behind"].append(NEVER if shown is None else max(0.0, shown - sent))
    with _terminal(program, port, messages=1000) as terminal:
        terminal.wait_for(program.painted)
        terminal.rest(3)
        pressed = program.open_long(terminal)
        found["open"].append(_when(terminal, LAST) - pressed)


def _measure_busy(dataset: str, found: dict[str, dict[str, list[float]]]) -> None:
    """Keys into the prompt of tui-chat while the built-in model replies and a run trains."""
    program = TuiChat("builtin")
    with _terminal(program, port=1, messages=0) as terminal:
        terminal.wait_for(program.painted)
        found["nothing else"]["echo"] += _after_rest(terminal)
    with _terminal(program, port=1, messages=0, dataset=dataset) as terminal:
        terminal.wait_for(program.painted)
        terminal.rest(5)
        terminal.type("Tell me a long story about a dog and a cat.\r")
        terminal.rest(1)
        found["a reply and a training run"]["echo"] += _echoes(terminal, 60)


def _after_rest(terminal: Terminal) -> list[float]:
    terminal.rest(3)
    return _echoes(terminal, 60)


def _echoes(terminal: Terminal, count: int) -> list[float]:
    """Seconds from a key to its letter, key after key."""
    found = []
    for number in range(count):
        letter = LETTERS[number % len(LETTERS)]
        pressed = terminal.type(letter)
        found.append(_when(terminal, letter) - pressed)
        if found[-1] == NEVER:
            break
        terminal.rest(SECONDS_BETWEEN_KEYS)
    return found


def _when(terminal: Terminal, marker: str) -> float:
    """When the marker is painted."""
    try:
        return terminal.wait_for(marker)
    except SystemExit:
        return NEVER


@contextlib.contextmanager
def _terminal(program: Program, port: int, messages: int, dataset: str = "") -> Iterator[Terminal]:
    """The program in folders of its own; with `dataset` beside a run that ends with it."""
    with tempfile.TemporaryDirectory() as folder:
        own = program.prepare(Setting(Path(folder), port, messages))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **own}
        with contextlib.ExitStack() as ending:
            if dataset:
                ending.enter_context(_training(dataset, environment))
            yield ending.enter_context(Terminal(program.command(), environment))


@contextlib.contextmanager
def _training(dataset: str, environment: dict[str, str]) -> Iterator[None]:
    """A run on all cores, under way."""
    train = [sys.executable, "-m", "tui_chat", "train", "shakespeare-char-cpu", "--name", "beside"]
    train += ["--set", f"dataset={Path(dataset).absolute()}", "--set", "max_steps=1000000"]
    subprocess.run(train, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    status = Path(environment["TUI_CHAT_HOME"]) / "data" / "runs" / "beside" / "status.json"
    try:
        while json.loads(status.read_bytes())["step"] < 20:
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(["sleep", "0.2"], check=True)
        yield
    finally:
        stop = [sys.executable, "-m", "tui_chat", "runs", "stop", "beside"]
        subprocess.run(stop, env=environment, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def _server() -> Iterator[tuple[int, IO[str]]]:
    """The steady server; its port, and what it prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.steady_server", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield port, server.stdout
        finally:
            server.kill()


def _lines(found: dict[str, dict[str, list[float]]]) -> Iterator[str]:
    for name, figures in found.items():
        words = []
        for what, times in figures.items():
            if what == "echo":
                ordered = sorted(times)
                words.append(
                    f"echo {_seconds(statistics.median(times))}, p99 {_seconds(ordered[int(len(ordered) * 0.99)])} "
                    f"(n = {len(times)})"
                )
            else:
                words.append(f"{what} {_seconds(statistics.median(times))}")
        yield f"{name:<28} " + "   ".join(words)


def _seconds(time: float) -> str:
    return "over 60 s" if time == NEVER else f"{time * 1000:.0f} ms" if time < 1 else f"{time:.1f} s"


if __name__ == "__main__":
    main()
