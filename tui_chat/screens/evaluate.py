"""Measuring a model on data, in the app: which model, which data, and the table that comes out.

    Enter starts  ·  PgUp and PgDn turn the pages of a long table  ·  Esc stops what is being measured, or closes

The one rule: the work is done by a child process; closing the dialog ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from engine.errors import UserError
from engine.paths import logs_path
from trainers.evaluation import Evaluation, EvaluationProcess, EvaluationProgress, EvaluationRequest
from trainers.run_directory import RunDirectory
from tui_chat.commands_evaluate import in_words
from tui_chat.text import plain, visible
from tui_chat.widgets.data_tree import DataSuggester
from tui_chat.widgets.dialog_keys import DialogKeys
from tui_chat.widgets.file_input import FileInput

_SPLITS = (
    ("all of it", "all"),
    ("validation: what a run holds out", "validation"),
    ("test: a second part held out", "test"),
    ("train: what a run learns from", "train"),
)


def new_process() -> EvaluationProcess:
    """A child that has not been started."""
    return EvaluationProcess(logs_path() / "evaluation.log")


def evaluation_of_run(run: RunDirectory) -> EvaluateScreen:
    """The best weights of a run, on what it held out."""
    reference = f"run:{run.name}@best" if run.status().best_step is not None else f"run:{run.name}"
    try:
        config = run.config()
    except UserError:  # the training screen tells of it
        return EvaluateScreen(reference)
    if config.validation_dataset:
        return EvaluateScreen(reference, data=config.validation_dataset)
    split = "validation" if config.validation_share else "all"
    return EvaluateScreen(reference, data=config.dataset, split=split)


class EvaluateScreen(ModalScreen[None]):
    """Asks, measures, shows."""

    CSS = """
    EvaluateScreen .dialog { width: 90; }
    EvaluateScreen Horizontal { height: auto; }
    EvaluateScreen Label { width: 16; }
    EvaluateScreen Select { width: 1fr; }
    EvaluateScreen Button { margin-left: 2; }
    EvaluateScreen #outcome { height: auto; max-height: 60vh; margin-top: 1; scrollbar-size-vertical: 1; }
    EvaluateScreen.-short #outcome { max-height: 40vh; }
    EvaluateScreen #outcome Static { height: auto; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop or close", id="evaluate.leave"),
        Binding("pagedown", "read_on(1)", "Read on", show=False, id="evaluate.down"),
        Binding("pageup", "read_on(-1)", "Read above", show=False, id="evaluate.up"),
    ]

    def __init__(
        self,
        model: str,
        start: Callable[[], EvaluationProcess] = new_process,
        data: str = "",
        split: str = "all",
    ) -> None:
        super().__init__()
        self._model, self._data, self._split = model, data, split
        self._start = start
        self._process: EvaluationProcess | None = None

    def compose(self) -> ComposeResult:
        """What to measure above, what came out below."""
        with Vertical(classes="dialog"):
            yield Static("Evaluate a model", classes="dialog-title", markup=False)
            with Horizontal():
                yield Label("Model")
                yield Input(visible(self._model), id="model", compact=True)
            with Horizontal():
                yield Label("Against")
                yield Input(placeholder="a second model, or nothing", id="against", compact=True)
            with Horizontal():
                yield Label("Data")
                yield FileInput(
                    self._data,
                    placeholder="a file or folder of text or conversations",
                    suggester=DataSuggester(),
                    select_on_focus=True,
                    id="data",
                )
            with Horizontal():
                yield Label("Part of it")
                yield Select(_SPLITS, value=self._split, allow_blank=False, compact=True, id="split")
                yield Button("Evaluate", variant="primary", compact=True)
            with VerticalScroll(id="outcome"):
                yield Static(markup=False)
            yield DialogKeys(
                "Enter starts",
                ("evaluate.up", "above"),
                ("evaluate.down", "below"),
                ("evaluate.leave", "stops or closes"),
            )

    def on_mount(self) -> None:
        """The data is what nobody can guess."""
        self.query_one("#data").focus()

    def on_unmount(self) -> None:
        """Nobody sees the result any more."""
        self._end()

    def action_leave(self) -> None:
        """Stop what is being measured; with nothing to stop, close."""
        if self._process is None:
            self.dismiss()
        else:
            self._end()

    def action_read_on(self, pages: int) -> None:
        """Turn the pages of what came out, wherever the focus is."""
        outcome = self.query_one("#outcome")
        outcome.scroll_relative(y=pages * outcome.size.height, animate=False)

    @on(Input.Submitted)
    @on(Button.Pressed)
    def begin(self) -> None:
        """Measure what the fields say, unless something is being measured already."""
        if self._process is None:
            self._process = self._start()
            self._measure(self._process)

    @work
    async def _measure(self, process: EvaluationProcess) -> None:
        loop = asyncio.get_running_loop()

        def show_from_thread(progress: EvaluationProgress) -> None:
            loop.call_soon_threadsafe(self._show, progress)

        try:
            request = self._request()
            self._say("starting ...")
            evaluation = await asyncio.to_thread(process.run, request, show_from_thread)
            self._show(evaluation)
        except UserError as error:
            self._say(str(error))
        finally:
            process.cancel()
            self._process = None

    def _request(self) -> EvaluationRequest:
        model, against, data = (
            self.query_one(f"#{name}", Input).value.strip() for name in ("model", "against", "data")
        )
        if not data:
            raise UserError("Which data? Name a file or folder of text or conversations.")
        split = self.query_one("#split", Select).value
        references = [model, against] if against else [model]
        return EvaluationRequest.from_dict(
            {"references": references, "data": data, "split": split}, "evaluate"
        )

    def _show(self, news: EvaluationProgress | Evaluation) -> None:
        if isinstance(news, Evaluation):
            self._say(in_words(news))
        elif self._process is not None:  # a last word may arrive after the end
            share = "" if news.share is None else f" {news.share:.0%}"
            self._say(f"{news.stage}{share} ...")

    def _say(self, text: str) -> None:
        if self.is_mounted:
            self.query_one("#outcome Static", Static).update(plain(text))

    def _end(self) -> None:
        if self._process is not None:
            self._process.cancel()
