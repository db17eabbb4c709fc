"""The real app on a terminal of its own: however it ends, the terminal is given back."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from select import select

import psutil
import pytest

from tests.tui_chat.app_in_trouble import MARK

ALTERNATE_SCREEN, NORMAL_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
CURSOR_ON, MOUSE_OFF, HOME = b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[1;1H"
CTRL_Q = b"\x11"
App = tuple[subprocess.Popen[bytes], int]


@contextmanager
def opened(*command: str) -> Iterator[App]:
    """The app, and the other end of its terminal."""
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=there,
        stdout=there,
        stderr=there,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(there)
    try:
        yield process, here
    finally:
        process.kill()
        process.wait()
        os.close(here)


@pytest.fixture
def app(tiny_model: Path) -> Iterator[App]:
    with opened("tui_chat", "--model", str(tiny_model)) as app:
        yield app


def in_trouble(trouble: str, model: Path) -> AbstractContextManager[App]:
    """The app to which something happens once it is drawn."""
    return opened("tests.tui_chat.app_in_trouble", trouble, "--model", str(model))


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
    assert_given_back(read_until(terminal, b"never written"))
    assert process.wait(10) == 0


def assert_given_back(last: bytes) -> None:
    """The last that was sent to the terminal puts it in order, and no part of the app is drawn after it."""
    end = last.rindex(NORMAL_SCREEN)
    assert ALTERNATE_SCREEN not in last[end:]
    assert CURSOR_ON in last[end:] and MOUSE_OFF in last[end:]
    assert HOME not in last[end:]


@pytest.mark.parametrize(("trouble", "code"), [("crash", 1), ("crash_while_drawing", 1), ("exit_at_once", 3)])
def test_an_app_that_crashes_gives_the_terminal_back(tiny_model: Path, trouble: str, code: int):
    with in_trouble(trouble, tiny_model) as (process, terminal):
        last = read_until(terminal, b"never written")
        assert process.wait(10) == code
    assert_given_back(last)
    assert (b"out of order" in last[last.rindex(NORMAL_SCREEN) :]) is (code == 1)  # what went wrong is told


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("trouble", ["crash", "crash_in_a_worker", "crash_while_drawing", "exit_at_once"])
def test_an_app_that_crashes_gives_the_terminal_back_every_time(tiny_model: Path, trouble: str, number: int):
    test_an_app_that_crashes_gives_the_terminal_back(
        tiny_model, trouble, 3 if trouble == "exit_at_once" else 1
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_an_app_that_is_told_to_end_while_it_replies_gives_the_terminal_back(
    app: App, name: str, number: int
):
    process, terminal = app
    assert b"Good to see you" in read_until(terminal, b"Good to see you")
    os.write(terminal, b"Tell me a lot\r")
    time.sleep(0.3 * number)  # in the middle of whatever it does then
    process.send_signal(getattr(signal, name))
    assert_given_back(read_until(terminal, b"never written"))
    assert process.wait(10) == 0


def engine_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for child in psutil.Process(process.pid).children():
            if "engine" in child.cmdline():
                return child
        time.sleep(0.02)
    raise AssertionError("no engine was started")


def test_an_engine_that_is_killed_leaves_the_app_and_its_terminal_in_order(app: App):
    process, terminal = app
    assert b"Good to see you" in read_until(terminal, b"Good to see you")
    engine_of(process).kill()
    assert b"cannot be loaded" in read_until(terminal, b"cannot be loaded")
    os.write(terminal, CTRL_Q)
    assert_given_back(read_until(terminal, b"never written"))
    assert process.wait(10) == 0


@pytest.mark.slow
def test_an_engine_that_is_killed_while_it_answers_leaves_the_terminal_in_order(app: App):
    process, terminal = app
    assert b"context 128" in read_until(terminal, b"context 128")  # its model is loaded
    engine = engine_of(process)
    engine.suspend()  # else it may have answered before it is killed
    os.write(terminal, b"Tell me a lot\r")
    assert b"thinking" in read_until(terminal, b"thinking")
    engine.kill()
    assert b"failed" in read_until(terminal, b"failed")
    os.write(terminal, CTRL_Q)
    assert_given_back(read_until(terminal, b"never written"))
    assert process.wait(10) == 0


def test_nothing_but_textual_writes_to_the_terminal(tiny_model: Path, home: Path):
    with in_trouble("write_past_textual", tiny_model) as (process, terminal):
        seen = read_until(terminal, b"All was written")
        process.send_signal(signal.SIGTERM)
        seen += read_until(terminal, b"never written")
        assert process.wait(10) == 0
    assert b"All was written" in seen and MARK.encode() not in seen
    log = (home / "data" / "logs" / "app.log").read_text()
    assert [line.split()[1].strip(":") for line in log.splitlines() if MARK in line] == [
        *["write"] * 2,
        *["child"] * 2,
        "puts",
        "perror",
    ]


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
    with opened("tui_chat", "--ascii", "--model", str(tiny_model)) as (_, terminal):
        seen = read_until(terminal, b"Good to see you")
        assert b"Good to see you" in seen and seen.isascii()
