"""How long until something can be seen: tui-chat against a bare Textual app, by turns, in a real pseudo-terminal.

    python -m benchmarks.first_paint                        # 10 runs each
    python -m benchmarks.first_paint --runs 20 --marker builtin -- python -m tui_chat

Measured from just before the process is started to the moment the marker text has been written to a terminal of
120 x 40 that answers what a modern terminal answers. The bare app has a Markdown with a fence and a TextArea.
The one rule: both are run by turns, so that a busy moment of the machine hits both.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path

COLUMNS, ROWS = 120, 40
TIME_LIMIT = 60.0  # seconds until the marker has to be there
BARE_MARKER = "Barely"
BARE_APP = f"""
from textual.app import App
from textual.widgets import Footer, Header, Markdown, TextArea

class Bare(App):
    BINDINGS = [("ctrl+q", "quit", "Quit")]

    def compose(self):
        yield Header()
        yield Markdown("# {BARE_MARKER}\\n\\n```python\\nprint(1)\\n```")
        yield TextArea()
        yield Footer()

Bare().run()
"""
ANSWERS = (  # what is asked, and what a modern terminal says to it
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),  # synchronised output: known
    (re.compile(rb"\x1b\[\?2048\$p"), b"\x1b[?2048;0$y"),  # resize messages: unknown
    (re.compile(rb"\x1b\[\?u"), b"\x1b[?0u"),  # keyboard protocol
    (re.compile(rb"\x1b\[c"), b"\x1b[?62;22c"),  # device attributes
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),  # cursor position
)
ESCAPES = re.compile(
    rb"\x1b(\[[0-9;?<>=$ ]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[P_^][^\x1b]*\x1b\\|[()][0-9A-Z]|[=>])"
)


@dataclass(frozen=True)
class Paint:
    """One start of a program."""

    seconds: float  # until the marker was there
    cpu_seconds: float  # of the process and its children that ended, over its whole life
    memory_bytes: int  # at most


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10, metavar="N")
    parser.add_argument("--marker", default="builtin", help="text that shows the first frame is there")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("command", nargs="*", default=[sys.executable, "-m", "tui_chat"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        ours, bare = measure(options.command, options.marker, options.runs, home)
    report(ours, bare, options.json)


def measure(command: list[str], marker: str, runs: int, home: str) -> tuple[list[Paint], list[Paint]]:
    """Both programs, by turns, after one unmeasured start of each (byte code, page cache)."""
    bare_command = [sys.executable, "-c", BARE_APP]
    ours, bare = [], []
    for run in range(runs + 1):
        pair = paint(command, marker, home), paint(bare_command, BARE_MARKER, home)
        if run:
            ours.append(pair[0])
            bare.append(pair[1])
    return ours, bare


def paint(command: list[str], marker: str, home: str) -> Paint:
    """Start `command` in a pseudo-terminal, wait for the marker, and end it."""
    environment = os.environ | {"TUI_CHAT_HOME": home, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parent.parent)
    start = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execvpe(command[0], command, environment)
    try:
        seconds = wait_for(terminal, marker.encode(), start)
    finally:
        usage = end(pid, terminal)
    return Paint(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def wait_for(terminal: int, marker: bytes, start: float) -> float:
    """Seconds until the marker was written; answers the program's questions meanwhile."""
    written = b""
    answered = 0
    while time.perf_counter() - start < TIME_LIMIT:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            written += os.read(terminal, 65536)
        except OSError:  # the program has ended
            break
        if marker in ESCAPES.sub(b"", written):
            return time.perf_counter() - start
        answered = answer(terminal, written, answered)
    shown = ESCAPES.sub(b"", written)[-500:].decode(errors="replace")
    raise SystemExit(f"'{marker.decode()}' was never painted. The program wrote:\n{shown}")


def answer(terminal: int, written: bytes, answered: int) -> int:
    """Reply to every question after position `answered`; returns the position after the last one."""
    asked = [(match, reply) for question, reply in ANSWERS for match in question.finditer(written, answered)]
    for match, reply in sorted(asked, key=lambda pair: pair[0].start()):
        os.write(terminal, reply)
        answered = max(answered, match.end())
    return answered


def end(pid: int, terminal: int) -> resource.struct_rusage:
    """Quit as a person would, with Ctrl+Q; after five seconds by force."""
    with contextlib.suppress(OSError):
        os.write(terminal, b"\x11")
    deadline = time.perf_counter() + 5
    while True:
        done, _, usage = os.wait4(pid, os.WNOHANG)
        if done:
            os.close(terminal)
            return usage
        if time.perf_counter() > deadline:
            os.kill(pid, signal.SIGKILL)
        if select.select([terminal], [], [], 0.05)[0]:  # a full terminal would block the program's end
            with contextlib.suppress(OSError):
                os.read(terminal, 65536)


def report(ours: list[Paint], bare: list[Paint], as_json: bool) -> None:
    """Medians, extremes, and the ratio."""
    ratio = median(ours) / median(bare)
    if as_json:
        seconds = {
            name: [paint.seconds for paint in paints] for name, paints in (("ours", ours), ("bare", bare))
        }
        print(json.dumps({**seconds, "median": median(ours), "bare_median": median(bare), "ratio": ratio}))
        return
    for name, paints in (("tui-chat", ours), ("bare Textual app", bare)):
        times = [paint.seconds for paint in paints]
        memory = max(paint.memory_bytes for paint in paints) / 1e6
        cpu = statistics.median(paint.cpu_seconds for paint in paints)
        print(
            f"{name:<18} first paint {median(paints):.3f} s [{min(times):.3f}-{max(times):.3f}, n = {len(times)}]"
            f"   {cpu:.2f} CPU s   {memory:.0f} MB"
        )
    print(f"ratio {ratio:.2f}")


def median(paints: list[Paint]) -> float:
    """The median time to the first paint."""
    return statistics.median(paint.seconds for paint in paints)


if __name__ == "__main__":
    main()
