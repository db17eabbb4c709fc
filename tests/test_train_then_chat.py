"""The whole way once, with real processes: chat, train, watch, chat with what is being trained, come back later.

The app runs headless, everything behind it is real: an engine per model, a detached training process, SQLite.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from engine.paths import config_path, runs_path
from trainers.run_directory import RunDirectory, find_run
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config
from tui_chat.screens.new_run import NewRunScreen
from tui_chat.screens.training import TrainingScreen
from tui_chat.widgets.message_view import MessageView

PATIENCE = 60  # seconds; a laptop needs about five
TEXT = "the quick brown fox jumps over the lazy dog. " * 400


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "fox.txt"
    path.write_text(TEXT)
    return path


async def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something that happens in another process or on the screen."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"waited {PATIENCE} s in vain: {what}")


def app_with(model: Path | str) -> TuiChatApp:
    return TuiChatApp(load_config(config_path(), flags={"chat.model": str(model)}))


async def say(app: TuiChatApp, pilot: Pilot[None], text: str) -> str:
    """Type into the focused pane, press Enter, and read the reply."""
    pane = app.chat.pane
    before = len(pane.query(MessageView))
    await pilot.press(*[{" ": "space", ".": "full_stop"}.get(letter, letter) for letter in text], "enter")
    await until(
        lambda: len(pane.query(MessageView)) >= before + 2 and not pane.is_replying, f"a reply to {text!r}"
    )
    return app.conversations.messages(pane.session.conversation.id)[-1].content


def tui_chat(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tui_chat", *arguments, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def start_from_the_form(app: TuiChatApp, pilot: Pilot[None], data: Path, name: str) -> RunDirectory:
    await pilot.press("f3")
    await until(lambda: isinstance(app.screen, TrainingScreen), "the training screen")
    await pilot.press("n")
    await until(lambda: isinstance(app.screen, NewRunScreen), "the form")
    form = app.screen
    form.query_one("#data-path", Input).value = str(data)
    form.query_one("#recipe", Select).value = "quick-start"
    await pilot.pause()
    form.query_one("#field-name", Input).value = name
    form.query_one("#field-max_steps", Input).value = "100000"
    await pilot.pause()
    await pilot.press("ctrl+s")
    await until(lambda: isinstance(app.screen, TrainingScreen), "the form to start the run")
    return find_run(runs_path(), name)


async def test_the_whole_way_once(tiny_model: Path, data: Path) -> None:
    app = app_with(tiny_model)
    async with app.run_test(size=(120, 40)) as pilot:
        await say(app, pilot, "hello")
        run = await start_from_the_form(app, pilot, data, "fox")
        await until(lambda: run.status().step > 20, "the run to make steps")
        run.wish("save")
        await until(lambda: bool(run.checkpoints()), "a checkpoint")
        await pilot.press("c")
        await until(lambda: len(app.chat.panes) == 2, "a second pane")
        assert app.chat.pane.settings.model.startswith("run:fox")
        reply = await say(app, pilot, "the quick")
        assert reply
        assert run.status().state == "running"
        await pilot.press("ctrl+q")
    pid, step = run.status().pid, run.status().step
    os.kill(pid, 0)  # the trainer is still there
    await until(lambda: run.status().step > step, "the run to go on without the app")

    again = app_with(tiny_model)
    async with again.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        found = again.conversations.search("quick")
        assert [hit.title for hit in found]
        run.wish("stop")
        await until(lambda: run.status().state == "stopped", "the run to stop")
        await pilot.press("ctrl+q")
    assert run.checkpoints()[-1].step == run.status().step


async def test_the_same_way_from_the_command_line(data: Path) -> None:
    flags = [
        f"--set=dataset={data}",
        "--set=max_steps=100000",
        "--set=checkpoint_interval=20",
        "--name",
        "fox",
    ]
    started = tui_chat("train", "quick-start", *flags)
    run = RunDirectory(Path(started["directory"]))
    assert started["name"] == "fox" and started["pid"]
    await until(lambda: bool(run.checkpoints()), "a checkpoint")
    reply = tui_chat("ask", "the quick", "--raw", "--model", "run:fox@latest", "--max-new-tokens", "8")
    assert reply["completion_tokens"] == 8 and reply["step"] >= 20
    assert tui_chat("runs", "show", "fox")["state"] == "running"
    tui_chat("runs", "stop", "fox")
    await until(lambda: run.status().state == "stopped", "the run to stop")
    last = run.status().step
    tui_chat("runs", "resume", "fox")
    await until(lambda: run.status().step > last, "the run to go on after its last step")
    tui_chat("runs", "stop", "fox")
    await until(lambda: run.status().state == "stopped", "the run to stop again")
