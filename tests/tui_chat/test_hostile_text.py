"""Nothing that a model, a file or a server wrote controls the terminal, wherever it is shown.

The app itself runs on a terminal of its own, with hostile text on one screen after another (`hostile_gallery`).
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
import time

import pytest
from rich.segment import Segment, Segments

from tests.tui_chat.fake_engine import fake_app
from tests.tui_chat.hostile_gallery import CONTROLS, HOSTILE, MARK, SEQUENCES, STEPS
from tui_chat import key_checks

pty = pytest.importorskip("pty", reason="terminals of POSIX")

ELSEWHERE = {  # what is not in the gallery, and why that is right
    "CheckpointSteps": "shows messages as MessageView does; test_checkpoint_steps",
    "CompareRuns": "test_training_screen compares runs with hostile names",
    "ExplainNumbers": "shows only our own words",
    "HelpScreen": "shows only our own words and the names of keys",
    "ListedChat": "a base of ChatScreen, which is in the gallery",
    "PanedChat": "a base of ChatScreen, which is in the gallery",
    "RunSteering": "a base of TrainingScreen, which is in the gallery",
    "TokenMicroscope": "test_token_microscope has tokens of control characters",
    "TokenChoices": "test_token_microscope",
    "TokenFlow": "test_token_microscope",
    "TokenStrip": "shows bars",
    "_Chip": "test_prompt_box attaches files",
    "Comparisons": "test_comparisons",
}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, list[str]]]:
    """What reached the terminal, and which widgets were on it."""
    folder = tmp_path_factory.mktemp("gallery")
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "TUI_CHAT_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "tests.tui_chat.hostile_gallery", str(folder / "seen.json")]
    process = subprocess.Popen(
        command, stdin=there, stdout=there, stderr=there, env=environment, start_new_session=True
    )
    os.close(there)
    written, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            more = os.read(here, 65536)
        except OSError:  # the app has ended
            break
        written += more
    process.kill()
    process.wait()
    os.close(here)
    seen = json.loads((folder / "seen.json").read_text())
    assert "error" not in seen, "".join(seen["error"])
    return written, seen


def test_every_step_of_the_gallery_was_shown(gallery: tuple[bytes, dict[str, list[str]]]) -> None:
    written, seen = gallery
    assert list(seen) == list(STEPS)
    assert written.count(MARK.encode()) > 1000


@pytest.mark.parametrize("control", CONTROLS, ids=lambda one: f"U+{ord(one):04X}")
def test_no_control_character_of_foreign_text_reaches_the_terminal(
    control: str, gallery: tuple[bytes, dict[str, list[str]]]
) -> None:
    assert f"{control}{MARK}".encode() not in gallery[0]


@pytest.mark.parametrize("sequence", SEQUENCES, ids=ascii)
def test_no_sequence_of_foreign_text_reaches_the_terminal(
    sequence: str, gallery: tuple[bytes, dict[str, list[str]]]
) -> None:
    assert sequence.encode() not in gallery[0]


def test_a_traceback_that_quotes_foreign_text_is_harmless_too(capfd: pytest.CaptureFixture[str]) -> None:
    app = fake_app()
    app._exit_renderables.append(Segments([Segment(HOSTILE)]))
    app._print_error_renderables()
    printed = capfd.readouterr().err
    assert MARK in printed
    assert not [control for control in CONTROLS if f"{control}{MARK}" in printed]


def test_every_widget_and_screen_of_the_app_is_in_the_gallery_or_told_of(
    gallery: tuple[bytes, dict[str, list[str]]],
) -> None:
    """Whoever makes a new one adds a step that shows it, or says here where its foreign text is tested."""
    known = {cls.__name__ for module in key_checks._modules() for cls in key_checks._own_classes(module)}
    shown = {name for names in gallery[1].values() for name in names}
    assert sorted(known - shown - ELSEWHERE.keys()) == []
    assert sorted(shown & ELSEWHERE.keys()) == []
