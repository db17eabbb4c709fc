"""Which run the training screen begins with, and talking to one that has no checkpoint yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App
from textual.widgets import Button

from engine.paths import runs_path
from tests.tui_chat.fake_engine import until
from tests.tui_chat.fake_run import FakeRun
from tests.tui_chat.test_training_screen import TrainingApp, settle, training_screen
from tests.tui_chat.test_workspace import app_in
from tui_chat.screens.question import Question
from tui_chat.screens.training import TrainingScreen


def three_runs(active: str = "") -> dict[str, FakeRun]:
    runs = {name: FakeRun(runs_path(), name) for name in ("old", "middle", "new")}
    for name, run in runs.items():
        run.train_until(250)
        if name != active:
            run.status(state="stopped", step=250)
    return runs


class Watching(App[None]):
    def __init__(self, last_watched: str) -> None:
        super().__init__()
        self.last_watched = last_watched
        self.watched: list[str] = []

    def on_mount(self) -> None:
        self.push_screen(TrainingScreen(None, self.last_watched, self.watched.append))


@pytest.mark.parametrize(
    ("active", "last", "begins_with"),
    [("old", "", "old"), ("old", "middle", "old"), ("", "middle", "middle"), ("", "gone", None)],
)
async def test_the_screen_begins_with_the_run_that_is_active_or_was_watched_last(
    active: str, last: str, begins_with: str | None
) -> None:
    three_runs(active)
    app = Watching(last)
    async with app.run_test(size=(140, 45)) as pilot:
        screen = await settle(pilot)
        chosen = screen.chosen
        assert chosen is not None
        assert begins_with in (None, chosen.run.name)
        assert app.watched[-1] == chosen.run.name


async def test_the_run_watched_last_is_known_when_the_app_is_opened_again(tmp_path: Path) -> None:
    three_runs()
    app = app_in(tmp_path)
    async with app.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: app.chat.keeper._is_restored)
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.screen.chosen)
        training_screen(pilot).show_run("middle")
        await until(pilot, lambda: app.chat.keeper.run == "middle")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    again = app_in(tmp_path)
    async with again.run_test(size=(140, 45)) as pilot:
        await until(pilot, lambda: again.chat.keeper.run == "middle")


async def test_c_before_the_first_checkpoint_offers_to_save_one_and_opens_the_chat_when_it_is_there() -> None:
    runs = three_runs("new")
    app = TrainingApp()
    async with app.run_test(size=(140, 45)) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert app.screen.query_one("#yes", Button).label.plain.startswith("Save one and chat")
        await pilot.press("y")
        await until(pilot, lambda: runs["new"].run.has_wish("save"))
        assert app.chats == []
        runs["new"].checkpoint(251)
        await until(pilot, lambda: app.chats == ["run:new@latest"])


async def test_a_run_that_ends_without_a_checkpoint_says_so() -> None:
    runs = three_runs("new")
    app = TrainingApp()
    async with app.run_test(size=(140, 45)) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: runs["new"].run.has_wish("save"))
        runs["new"].status(state="failed", step=260, error="out of memory")
        await until(pilot, lambda: any("without a checkpoint" in n.message for n in app._notifications))
        assert app.chats == []


async def test_saying_not_now_asks_the_run_for_nothing() -> None:
    runs = three_runs("new")
    app = TrainingApp()
    async with app.run_test(size=(140, 45)) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert not runs["new"].run.has_wish("save")


@pytest.mark.parametrize(
    ("state", "words"),
    [("starting", "has not begun to learn yet"), ("stopped", "has no checkpoint to chat with")],
)
async def test_without_anything_to_chat_with_it_is_said_whether_there_will_be(state: str, words: str) -> None:
    FakeRun(runs_path(), "only").status(state=state)
    app = TrainingApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await until(pilot, lambda: any(words in notice.message for notice in app._notifications))
