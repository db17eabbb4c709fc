"""The real app on a terminal of its own: however it ends, the terminal is given back."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from select import select

import pytest

ALTERNATE_SCREEN, NORMAL_SCREEN, CURSOR_ON, MOUSE_OFF = (
    b"\x1b[?1049h",
    b"\x1b[?1049l",
    b"\x1b[?25h",
    b"\x1b[?1000l",
)
App = tuple[subprocess.Popen[bytes], int]


@pytest.fixture
def app(tiny_model: Path) -> Iterator[App]:
    """The app, and the other end of its terminal."""
    here, there = pty.openpty()
    command = [sys.executable, "-m", "tui_chat", "--model", str(tiny_model)]
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, stdin=there, stdout=there, stderr=there, env=environment, start_new_session=True
    )
    os.close(there)
    yield process, here
    process.kill()
    process.wait()
    os.close(here)


def read_until(terminal: int, wanted: bytes, seconds: float = 20.0) -> bytes:
    """What the app writes, up to what is wanted, or to its end."""
    seen, deadline = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < deadline:
        if select([terminal], [], [], 0.1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # closed by the app
                break
    return seen


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_an_app_that_is_told_to_end_gives_the_terminal_back(app: App, name: str):
    process, terminal = app
    assert b"Good to see you" in read_until(terminal, b"Good to see you")
    process.send_signal(getattr(signal, name))
    last = read_until(terminal, b"never written")
    assert process.wait(10) == 0
    for sequence in (NORMAL_SCREEN, CURSOR_ON, MOUSE_OFF):
        assert sequence in last


def test_an_app_whose_terminal_is_gone_ends(app: App):
    process, terminal = app
    assert b"Good to see you" in read_until(terminal, b"Good to see you")
    spare = os.open(os.devnull, os.O_RDONLY)
    os.dup2(spare, terminal)  # the terminal's other end is closed: nobody can be written to any more
    os.close(spare)
    process.send_signal(signal.SIGHUP)
    process.wait(10)


def test_an_app_whose_terminal_is_closed_ends_also_when_it_writes_meanwhile(tiny_model: Path, tmp_path: Path):
    pid, terminal = pty.fork()  # a session of its own: closing the terminal sends the hang-up
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(sys.executable, [sys.executable, "-m", "tui_chat", "--model", str(tiny_model)])
    assert b"Good to see you" in read_until(terminal, b"Good to see you")
    os.write(terminal, b"Tell me a lot\r")
    read_until(terminal, b"tokens")
    os.close(terminal)
    deadline = time.monotonic() + 30
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


def test_what_hangs_at_the_end_is_ended():
    code = "import time; from tui_chat.hang_up import end_at_the_latest as e; e(0.2, 129); time.sleep(60)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 129


def test_with_the_flag_for_ascii_nothing_else_is_written(tiny_model: Path) -> None:
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tui_chat", "--ascii", "--model", str(tiny_model)],
        stdin=there,
        stdout=there,
        stderr=there,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(there)
    try:
        seen = read_until(here, b"Good to see you")
        assert b"Good to see you" in seen and seen.isascii()
    finally:
        process.kill()
        process.wait()
        os.close(here)
