"""A pane bound to a run, with real processes: newer weights for the next reply, and the question at each checkpoint."""

from __future__ import annotations

from pathlib import Path

from engine.paths import config_path, runs_path
from tests.test_train_then_chat import TEXT, until
from tests.tui_chat.chat_pilot import said, send, settled
from trainers.config import read_recipe
from trainers.launcher import start_run, stop_run
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config
from tui_chat.screens.checkpoint_steps import CheckpointSteps

OFTEN = {
    "max_steps": 100_000,
    "checkpoint_interval": 20,
    "keep_every": 20,
    "eval_interval": 20,
    "eval_windows": 4,
}


async def test_each_reply_comes_from_newer_weights_and_the_checkpoints_can_be_asked_again(
    tmp_path: Path,
) -> None:
    data = tmp_path / "fox.txt"
    data.write_text(TEXT)
    small = {"num_layers": 2, "num_heads": 2, "embedding_size": 32, "threads": 1, "dataset": str(data)}
    config = read_recipe("quick-start").with_changes("test", **OFTEN, **small)
    run = start_run(config, runs_path(), "fox")
    await until(lambda: bool(run.checkpoints()), "a checkpoint")
    app = TuiChatApp(
        load_config(config_path(), flags={"chat.model": "run:fox@latest", "generation.max_new_tokens": 8})
    )
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.chat.pane
        await send(pilot, "the quick")
        await until(lambda: settled(pane, 2), "a reply")
        before = len(run.checkpoints())
        await until(lambda: len(run.checkpoints()) > before + 1, "another checkpoint")
        stop_run(run)
        await until(lambda: run.status().state == "stopped", "the run to stop")
        await send(pilot, "the quick")
        await until(lambda: settled(pane, 4), "another reply")
        early, late = pane.session.messages[1], pane.session.messages[3]
        assert early.step is not None and late.step == run.checkpoints()[-1].step > early.step
        assert late.val_loss == run.checkpoints()[-1].val_loss

        await pilot.press("f5")
        await until(lambda: isinstance(app.screen, CheckpointSteps), "the checkpoints")
        steps = app.screen
        assert isinstance(steps, CheckpointSteps)
        await until(lambda: steps.entry.reference in steps._replies, "the reply of the newest")
        assert steps._replies[steps.entry.reference].content == late.content  # same weights, same seed
        await pilot.press("home")
        first = run.checkpoints()[0]
        await until(lambda: f"run:fox@step-{first.step}" in steps._replies, "the reply of the first")
        assert steps._replies[f"run:fox@step-{first.step}"].val_loss == first.val_loss
        await pilot.press("escape")
        assert len(said(pane)) == 4
        await pilot.press("ctrl+q")
