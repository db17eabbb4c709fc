"""What goes wrong around the training screen: runs that vanish, full disks, odd answers."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from engine.paths import runs_path
from tests.tui_chat.fake_run import FakeRun
from tests.tui_chat.test_training_screen import TrainingApp, settle
from trainers import launcher
from trainers.run_directory import RunDirectory
from tui_chat.run_watch import RunHistory
from tui_chat.screens.question import Question


async def test_a_run_that_went_away_during_a_question_is_not_confused_with_another(
    monkeypatch: pytest.MonkeyPatch,
):
    deleted: list[str] = []
    monkeypatch.setattr(launcher, "delete_run", lambda run: deleted.append(run.name))
    FakeRun(runs_path(), "kept").status(state="stopped")
    gone = FakeRun(runs_path(), "gone")
    gone.status(state="stopped")
    async with TrainingApp("gone").run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        assert isinstance(pilot.app.screen, Question)
        shutil.rmtree(gone.path)
        await pilot.press("y")
        await settle(pilot)
        assert deleted == ["gone"]


@pytest.mark.parametrize("answer", ["²", "many", "10"])
async def test_a_wrong_number_of_further_steps_starts_nothing(monkeypatch: pytest.MonkeyPatch, answer: str):
    monkeypatch.setattr(launcher, "resume_run", lambda run, max_steps=None: pytest.fail("started"))
    FakeRun(runs_path(), "done").status(state="finished", step=2000)
    async with TrainingApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        pilot.app.screen.query_one(Input).value = answer
        await pilot.press("enter")
        await settle(pilot)
        assert pilot.app.is_running


@pytest.mark.parametrize(("schedule", "is_told"), [("cosine", True), ("constant", False)])
async def test_who_trains_a_finished_run_further_is_told_what_becomes_of_its_learning_rate(
    schedule: str, is_told: bool
):
    FakeRun(runs_path(), "done", schedule=schedule).status(state="finished", step=2000)
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        asked = " ".join(str(part.render()) for part in pilot.app.screen.query(Static))
        assert "finished after 2,000 steps" in asked
        assert ("learning rate rises again" in asked) == is_told


async def test_a_wish_that_meets_a_full_disk_is_a_notice(monkeypatch: pytest.MonkeyPatch):
    def fail(run: RunDirectory) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(launcher, "pause_run", fail)
    FakeRun(runs_path(), "plays").train_until(100)
    async with TrainingApp().run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert ["No space left" in notice.message for notice in pilot.app._notifications] == [True]


def test_a_log_that_grows_while_it_is_read_is_shown_once(monkeypatch: pytest.MonkeyPatch):
    class Growing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            place = self.tell()
            self.seek(0, io.SEEK_END)
            self.write(b"b")
            self.seek(place)
            return super().read(size)

    class Log:
        file = Growing(b"a")

        def stat(self) -> None:
            raise OSError

        @contextmanager
        def open(self, mode: str) -> Iterator[Growing]:
            yield self.file

    monkeypatch.setattr(RunDirectory, "log_path", Log())
    history = RunHistory(RunDirectory(Path("run")))
    history._read_log()
    Growing.read = io.BytesIO.read  # type: ignore[method-assign]
    history._read_log()
    assert history.log == "ab"
