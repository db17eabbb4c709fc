"""A pane bound to a run: newest weights for each reply, and which of them answered."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

from textual.widgets import Input, OptionList

from engine.errors import UserError
from engine.manifest import write_manifest
from engine.paths import runs_path
from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngine, FakeEngines, fake_app, until
from tui_chat import conversation_schema
from tui_chat.conversations import Conversations
from tui_chat.screens.model_picker import ModelPicker

RUN = "run:poet@latest"
ON_A_RUN = f"TUI_CHAT_CHAT__MODEL={RUN}"


def poet(engines: FakeEngines, step: int, val_loss: float) -> FakeEngine:
    """The engine of the run, which has reached a step."""
    engine = engines(RUN, lambda loading: None)
    engine.step, engine.val_loss = step, val_loss
    return engine


async def test_each_reply_says_which_weights_of_the_run_gave_it() -> None:
    engines = FakeEngines()
    poet(engines, 500, 2.51)
    app = fake_app(engines, settings=ON_A_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        poet(engines, 1500, 1.9)
        await send(pilot, "again")
        await until(pilot, lambda: settled(app.chat.pane, 4))
        await pilot.pause(0.2)
        text = screen_text(app)
        assert text.index("step 500  ·  validation loss 2.510") < text.index(
            "step 1,500  ·  validation loss 1.900"
        )
        conversation = app.chat.pane.session.conversation
        assert conversation is not None
        saved = app.conversations.messages(conversation.id)
        assert [(message.step, message.val_loss) for message in saved] == [
            (None, None),
            (500, 2.51),
            (None, None),
            (1500, 1.9),
        ]


async def test_a_reply_that_was_stopped_or_failed_says_so_too() -> None:
    engines = FakeEngines()
    engine = poet(engines, 500, 2.51)
    engine.script = ["Half", asyncio.Event()]
    app = fake_app(engines, settings=ON_A_RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: app.chat.pane.session.chunks)
        await pilot.press("escape")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        engine.script = ["Hm", UserError("The engine stopped unexpectedly.")]
        await send(pilot, "again")
        await until(pilot, lambda: settled(app.chat.pane, 4))
        assert [message.step for message in app.chat.pane.session.messages] == [None, 500, None, 500]


async def test_a_model_that_learns_no_more_answers_without_a_step() -> None:
    engines = FakeEngines()
    engines("builtin", lambda loading: None).step = 500
    app = fake_app(engines)
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hi")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        assert not app.chat.query(".answered-by")


def run_with_checkpoints(**losses: float) -> None:
    """Checkpoints of the run "poet", as far as a reader can see; `step_500=2.51`."""
    run = runs_path() / "poet"
    for name, loss in losses.items():
        folder = run / "checkpoints" / f"step_{int(name.removeprefix('step_')):06d}"
        folder.mkdir(parents=True)
        step = int(name.removeprefix("step_"))
        (folder / "model_card.json").write_text(json.dumps({"name": "poet", "step": step, "val_loss": loss}))
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
        write_manifest(folder)
    (run / "config.json").write_text("{}")


async def test_the_checkpoints_of_a_run_are_chosen_from_a_list_of_their_own() -> None:
    run_with_checkpoints(step_250=3.3, step_500=1.9, step_750=2.51)
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "run:poet" in screen_text(app))
        await pilot.press(*"poet", "right")
        await until(pilot, lambda: "run:poet@best" in screen_text(app))
        picker = app.screen
        assert isinstance(picker, ModelPicker)
        assert picker._references == [
            "run:poet@latest",
            "run:poet@best",
            "run:poet@step-750",
            "run:poet@step-500",
            "run:poet@step-250",
        ]
        rows = [str(option.prompt) for option in picker.query_one(OptionList).options]
        assert "validation loss 1.900" in rows[1] and "validation loss 3.300" in rows[4]
        await pilot.press("left")
        await until(pilot, lambda: picker.query_one(Input).value == "")
        await until(pilot, lambda: "builtin" in picker._references)
        await pilot.press(*"poet", "right", "down", "enter")
        await until(pilot, lambda: app.chat.pane.settings.model == "run:poet@best")


async def test_the_arrows_still_move_over_what_is_typed() -> None:
    run_with_checkpoints(step_250=3.3)
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+o", *"pot", "left", "e", "right")
        box = app.screen.query_one(Input)
        assert (box.value, box.cursor_position) == ("poet", 4)


def test_conversations_of_the_first_version_are_kept_and_get_the_loss(tmp_path: Path) -> None:
    file = tmp_path / "conversations.db"
    with sqlite3.connect(file) as old:
        for statement in conversation_schema.MIGRATIONS[0]:
            old.execute(statement)
        old.execute("PRAGMA user_version = 1")
        old.execute("INSERT INTO conversations VALUES (1, 'Tea', 'builtin', '', 1, 1, NULL)")
        old.execute(
            "INSERT INTO messages VALUES (1, 1, 'user', 'hello', '', '', '', NULL, NULL, NULL, 0, '', NULL, NULL, "
            "'', 'complete', 1)"
        )
    old.close()
    conversations = Conversations.open(file)
    (message,) = conversations.messages(1)
    assert (message.content, message.status, message.val_loss) == ("hello", "complete", None)
    conversations.close()
    assert (tmp_path / "conversations.db.version-1").is_file()
