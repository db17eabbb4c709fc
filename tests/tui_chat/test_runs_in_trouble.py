"""A run that waits for a decision, hangs, or is asked twice to stop: what the monitor says and offers."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, OptionList

from engine.paths import runs_path
from tests.tui_chat.fake_run import FakeRun
from tests.tui_chat.test_training_screen import TrainingApp, settle
from trainers import launcher
from trainers.interventions import Intervention, Interventions
from trainers.ownership import owned
from trainers.run_directory import RunDirectory
from tui_chat.cli import main
from tui_chat.run_watch import look_at
from tui_chat.screens.bad_step import BadStepChoice
from tui_chat.screens.question import Question
from tui_chat.start import runs_that_go_on
from tui_chat.widgets.run_facts import RunFacts
from tui_chat.widgets.run_words import state_words

SENTENCE = (
    "At step 41 the loss became nan. That step was not applied. Leave it out, go back to the last checkpoint with a "
    "lower learning rate, or stop."
)


def waiting(name: str = "plays") -> FakeRun:
    """A run that paused because of a bad step."""
    run = FakeRun(runs_path(), name)
    run.train_until(40)
    run.status(state="paused", step=40, error=SENTENCE, paused_for="bad_step")
    return run


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the run was told."""
    said: list[Any] = []
    monkeypatch.setattr(launcher, "resume_run", lambda run, max_steps=None, **how: said.append(how))
    monkeypatch.setattr(launcher, "stop_run", lambda run: said.append("stop"))
    monkeypatch.setattr(launcher, "stop_run_now", lambda run: said.append("stop now"))
    return said


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["enter"], [{"skip_step": True}]),
        (["down", "down", "enter"], ["stop"]),
        (["escape"], []),
        (["down", "enter", "enter"], [{"learning_rate": 0.00033}]),
    ],
)
async def test_resume_asks_what_to_do_about_a_step_that_was_not_a_number(
    told: list[Any], keys: list[str], expected: list[Any], size: tuple[int, int]
) -> None:
    waiting()
    async with TrainingApp().run_test(size=size) as pilot:
        await settle(pilot)
        facts = str(pilot.app.screen.query_one(RunFacts).render())
        assert "paused: loss not a number" in facts
        assert "At step 41 the loss became nan" in facts
        await pilot.press("r")
        assert isinstance(pilot.app.screen, BadStepChoice)
        choices = pilot.app.screen.query_one(OptionList)
        assert choices.option_count == 3 and choices.region.bottom <= size[1]
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await settle(pilot)  # every question is answered
        assert told == expected


async def test_a_learning_rate_that_is_no_number_decides_nothing(told: list[Any]) -> None:
    waiting()
    async with TrainingApp().run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("r", "down", "enter")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "low"
        await pilot.press("enter")
        await settle(pilot)
        assert told == []
        assert ["is not a number" in notice.message for notice in pilot.app._notifications] == [True]


async def test_stop_asked_a_second_time_asks_whether_to_end_without_saving(told: list[Any]) -> None:
    run = FakeRun(runs_path(), "plays")
    run.train_until(40)
    run.run.wish("stop")
    async with TrainingApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("s")
        assert isinstance(pilot.app.screen, Question)
        await pilot.press("n")
        await settle(pilot)
        assert told == []
        await pilot.press("s")
        await pilot.press("y")
        await settle(pilot)
        assert told == ["stop now"]


def test_a_run_without_a_sign_of_life_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun(runs_path(), "plays")
    run.train_until(40)
    with owned(run.path):
        long_ago = time.time() - 30
        os.utime(run.path / "owner.lock", (long_ago, long_ago))
        if run.run.status().silent:  # unless it has just beaten
            assert state_words(look_at(run.run)).startswith("silent: no sign of life for 3")
        os.utime(run.path / "owner.lock", (long_ago, long_ago))
        with pytest.raises(SystemExit):
            main(["runs"])
    assert "plays" in capsys.readouterr().out


def test_what_was_done_to_a_run_is_in_its_report(capsys: pytest.CaptureFixture[str]) -> None:
    run = FakeRun(runs_path(), "plays")
    reason = "the loss became nan; the step is left out"
    Interventions(run.run).add(Intervention(step=41, kind="skip_step", reason=reason))
    with pytest.raises(SystemExit) as ended:
        main(["runs", "show", "plays"])
    assert ended.value.code == 0
    assert f"step 41: {reason}" in capsys.readouterr().out


def test_the_command_line_takes_the_same_decisions(
    told: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    waiting().status(state="finished")
    for arguments in (["resume", "plays", "--learning-rate", "1e-4"], ["stop", "plays", "--now"]):
        with pytest.raises(SystemExit) as ended:
            main(["runs", *arguments])
        assert ended.value.code == 0
    assert told == [{"skip_step": False, "learning_rate": 1e-4}, "stop now"]


def test_a_resume_without_a_decision_names_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    run = waiting()
    with owned(run.path), pytest.raises(SystemExit) as ended:
        main(["runs", "resume", "plays"])
    assert ended.value.code == 1
    words = capsys.readouterr().err
    assert "At step 41 the loss became nan" in words
    assert "--skip-step, --learning-rate X, or tui-chat runs stop plays" in words


def test_runs_that_go_on_are_named_when_the_app_is_closed(tmp_path: Path) -> None:
    assert runs_that_go_on() == []
    FakeRun(runs_path(), "plays").train_until(1240)
    FakeRun(runs_path(), "done").status(state="finished")
    waiting("stuck")
    assert sorted(runs_that_go_on()) == [
        "Run plays goes on at step 1,240; `tui-chat runs` shows it.",
        "Run stuck waits at step 40; `tui-chat runs` shows it.",
    ]
    assert RunDirectory(runs_path() / "plays").status().state == "running"
