"""Measuring a model in the app: fields, progress, the table, and how it ends."""

from __future__ import annotations

import threading
from pathlib import Path

from textual.widgets import Input, Select, Static

from engine.errors import UserError
from engine.paths import runs_path
from tests.tui_chat.chat_pilot import screen_text
from tests.tui_chat.fake_engine import fake_app, until
from tests.tui_chat.fake_run import FakeRun
from trainers.evaluation import (
    Evaluation,
    EvaluationProcess,
    EvaluationProgress,
    EvaluationRequest,
    ModelFigures,
    OnProgress,
)
from trainers.run_directory import RunDirectory
from tui_chat.screens.evaluate import EvaluateScreen
from tui_chat.screens.training import TrainingScreen


def figures(model: str, loss: float) -> ModelFigures:
    return ModelFigures(
        model=model,
        name=model,
        backend="scratch",
        device="cpu",
        chat_format="chat",
        context_length=128,
        loss={"all": loss},
        perplexity={"all": 7.4},
        bits_per_byte={"all": 2.9},
        accuracy={"all": 0.25},
        tokens={"all": 1000, "padding": 3},
    )


class FakeProcess(EvaluationProcess):
    """Waits until it may answer; the outcome is scripted."""

    def __init__(self, outcome: Evaluation | UserError | None = None) -> None:
        super().__init__(Path("unused.log"))
        self.outcome = outcome
        self.requests: list[EvaluationRequest] = []
        self.cancelled = threading.Event()
        self.may_answer = threading.Event()

    def run(self, request: EvaluationRequest, on_progress: OnProgress) -> Evaluation:
        self.requests.append(request)
        on_progress(EvaluationProgress(stage="measuring [b]x", share=0.5))
        while not self.may_answer.wait(0.01):
            if self.cancelled.is_set():
                raise UserError("The evaluation was cancelled.")
        if isinstance(self.outcome, Evaluation):
            return self.outcome
        raise self.outcome or UserError("The evaluation was cancelled.")

    def cancel(self) -> None:
        self.cancelled.set()


def said(screen: EvaluateScreen) -> str:
    return str(screen.query_one("#outcome Static", Static).content)


async def test_two_models_are_measured_and_stand_side_by_side() -> None:
    outcome = Evaluation(
        data="text.txt",
        split="validation",
        rows=1,
        rejected=0,
        left_out=0,
        models=(figures("builtin", 2.0), figures("run:[b]", 1.5)),
        warnings=("run:[b] has learnt from this.",),
    )
    process = FakeProcess(outcome)
    screen = EvaluateScreen("builtin", lambda: process)
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await app.push_screen(screen)
        assert screen.query_one("#model", Input).value == "builtin"
        screen.query_one("#against", Input).value = " run:[b] "
        screen.query_one("#split", Select).value = "validation"
        await pilot.press(*"text.txt", "enter")
        await until(pilot, lambda: "measuring [b]x 50%" in said(screen))
        await pilot.press("enter")  # once is enough
        process.may_answer.set()
        await until(pilot, lambda: "perplexity" in said(screen))
        [request] = process.requests
        assert request.references == ("builtin", "run:[b]")
        assert (request.data, request.split) == ("text.txt", "validation")
        [losses] = [line for line in said(screen).splitlines() if "loss" in line]
        assert losses.split() == ["loss", "2.0000", "1.5000"]
        assert "has learnt from this" in said(screen)
        await pilot.press("escape")
        assert app.screen is not screen


async def test_escape_stops_the_measuring_first_and_then_closes() -> None:
    process = FakeProcess()
    screen = EvaluateScreen("builtin", lambda: process)
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await app.push_screen(screen)
        await pilot.press(*"text.txt", "enter")
        await until(pilot, lambda: "measuring" in said(screen))
        await pilot.press("escape")
        await until(pilot, lambda: "was cancelled" in said(screen))
        assert process.cancelled.is_set() and app.screen is screen
        await pilot.press("escape")
        assert app.screen is not screen


async def test_a_long_table_can_be_read_to_its_end_on_a_small_terminal() -> None:
    warnings = tuple(f"Warning {number}." for number in range(30))
    outcome = Evaluation(
        data="a", split="all", rows=1, rejected=0, left_out=0, models=(figures("x", 2.0),), warnings=warnings
    )
    process = FakeProcess(outcome)
    process.may_answer.set()
    screen = EvaluateScreen("x", lambda: process)
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(screen)
        await pilot.press("a", "enter")
        await until(pilot, lambda: "Warning 29" in said(screen))
        assert "Warning 29" not in screen_text(app) and "Esc stops or closes" in screen_text(app)
        for _ in range(5):
            await pilot.press("pagedown")
        await until(pilot, lambda: "Warning 29" in screen_text(app))
        await pilot.press("pageup")
        await until(pilot, lambda: "Warning 29" not in screen_text(app))


async def test_leaving_the_app_ends_the_child() -> None:
    process = FakeProcess()
    screen = EvaluateScreen("builtin", lambda: process)
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await app.push_screen(screen)
        await pilot.press(*"text.txt", "enter")
        await until(pilot, lambda: process.requests)
    assert process.cancelled.wait(5)


async def test_what_goes_wrong_is_said_in_the_dialog_and_can_be_mended() -> None:
    processes = [FakeProcess(), FakeProcess(UserError("There is no model 'x'."))]
    screen = EvaluateScreen("x", iter(processes).__next__)
    app = fake_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(screen)
        await pilot.press("enter")
        await until(pilot, lambda: "Which data?" in said(screen))
        processes[1].may_answer.set()
        await pilot.press(*"a.txt", "enter")
        await until(pilot, lambda: "There is no model 'x'." in said(screen))


async def test_the_palette_opens_it_with_the_model_of_the_pane() -> None:
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+p", *"evaluate")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EvaluateScreen))
        assert app.screen.query_one("#model", Input).value == app.chat.pane.settings.model


async def test_from_the_training_screen_the_chosen_run_is_measured_on_what_it_held_out() -> None:
    FakeRun(runs_path(), "plays").train_until(500)
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen) and app.screen.chosen is not None)
        await pilot.press("ctrl+p", *"evaluate")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, EvaluateScreen))
        assert app.screen.query_one("#model", Input).value == "run:plays@best"
        assert (
            app.screen.query_one("#data", Input).value == RunDirectory(runs_path() / "plays").config().dataset
        )
        assert app.screen.query_one("#split", Select).value == "validation"
