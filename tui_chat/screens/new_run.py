"""The form that starts a run: data, recipe, the few settings that matter, and what to expect.

Everything is checked while it is typed: settings at every key, the data and the model to start from in the background.
The one rule: what was typed stays until the run has started; what is wrong is said beside the field.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, DirectoryTree, Input, Select, Static
from textual.worker import WorkerCancelled

from engine.errors import UserError
from engine.paths import runs_path, typed_path
from trainers import launcher
from trainers.base_models import BaseModel, look_at_base_model
from trainers.config import TrainingConfig, recipe_names
from trainers.run_directory import list_runs
from tui_chat import run_fields, run_form
from tui_chat.run_form import CheckedData, Recipe
from tui_chat.screens.data_lens import DataLensScreen
from tui_chat.text import one_line, plain
from tui_chat.widgets.app_header import AppHeader
from tui_chat.widgets.data_tree import DataSuggester, DataTree, OwnData
from tui_chat.widgets.dialog_keys import with_keys
from tui_chat.widgets.file_input import FileInput
from tui_chat.widgets.form_scroll import FormScroll
from tui_chat.widgets.key_hints import KeyHints
from tui_chat.widgets.preflight_panel import PreflightPanel
from tui_chat.widgets.run_words import report_words

_READY = "Ready to start."
_SECONDS_AFTER_TYPING = 0.3


class NewRunScreen(Screen[str | None]):
    """Closes with the name of the run it started, or None."""

    CSS_PATH = "new_run.tcss"
    BINDING_GROUP_TITLE = "New run"
    HELP = "Choose data and a recipe. Ctrl+L shows the data, Ctrl+T times ten steps, Ctrl+S starts."
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "Start", id="new_run.start", priority=True),
        Binding("ctrl+l", "see_data", "See data", id="new_run.lens", priority=True),
        Binding("ctrl+t", "measure", "Time it", id="new_run.measure", priority=True),
        Binding("escape", "cancel", "Back", id="new_run.cancel"),
        Binding("down", "app.focus_next", "Next field", show=False, id="new_run.next"),
        Binding("up", "app.focus_previous", "Previous field", show=False, id="new_run.previous"),
    ]

    def __init__(self, data_path: str = "") -> None:
        super().__init__()
        self._first_data_path = data_path
        self._recipe: Recipe | None = None
        self._own_recipe = run_form.suited_recipe(None)  # the last that the form chose by itself
        self._data: CheckedData | None = None
        self._checked_path = ""  # of `_data`
        self._base: BaseModel | None = None
        self._base_problem = ""
        self._was_told: TrainingConfig | None = None  # of what does not fit; then it may start
        self._taken: list[str] = []
        self._is_starting = False
        self._config: TrainingConfig | None = None  # what was typed, if it is right

    def compose(self) -> ComposeResult:
        """Data on the left, the recipe and its settings on the right; below each other where it is narrow."""
        yield AppHeader("training")
        with FormScroll(id="form"), Horizontal(id="columns"):
            with Vertical(id="data-side"):
                yield Static("Learn from", classes="heading")
                with Horizontal(classes="field"):
                    yield FileInput(
                        self._first_data_path,
                        placeholder="path of a file (text, JSON, CSV, Parquet) or of a folder",
                        id="data-path",
                        suggester=DataSuggester(),
                        select_on_focus=True,
                    )
                yield Static(id="data-report", markup=False)
                yield OwnData()
                yield DataTree(Path.cwd(), id="data-tree")
            with Vertical(id="settings-side"):
                yield Static("Recipe", classes="heading")
                yield Select(
                    [(name, name) for name in recipe_names()],
                    id="recipe",
                    compact=True,
                    allow_blank=True,
                    prompt="Choose a recipe",
                )
                yield Static(id="recipe-note", markup=False)
                yield Static("Settings", classes="heading")
                yield from self._compose_field("name", "Name")
                for name, title in run_fields.FIELDS.items():
                    yield from self._compose_field(name, title)
                with Horizontal(classes="field", id="row-device"):
                    yield Static("Device", classes="field-name")
                    words = [(word, word) for word in run_form.device_words()]
                    yield Select(words, id="device", compact=True, allow_blank=False)
                    yield Static("auto: the GPU if any", classes="field-note")
                yield Static("What to expect", classes="heading")
                yield PreflightPanel(id="estimate")
        start, back = with_keys(self, ("Start", "new_run.start"), ("Back", "new_run.cancel"))
        with Horizontal(id="form-end"):
            yield Button(start, id="start", variant="primary", compact=True, action="screen.start")
            yield Button(back, id="back", compact=True, action="screen.cancel")
            yield Static(id="start-problem", markup=False)
        yield KeyHints()

    def _compose_field(self, name: str, title: str) -> ComposeResult:
        with Horizontal(classes="field", id=f"row-{name}"):
            yield Static(title, classes="field-name")
            yield Input(id=f"field-{name}", compact=True, classes="setting")
            yield Static(id=f"note-{name}", classes="field-note", markup=False)

    def on_mount(self) -> None:
        """Begin with a recipe for text; the machine's history is read in the background."""
        self._taken = [run.name for run in list_runs(runs_path())]
        self.query_one("#recipe", Select).value = self._own_recipe
        self.query_one("#data-path").focus()
        self._check_data_soon()

    # ---- recipe

    @on(Select.Changed, "#recipe")
    def take_recipe(self, event: Select.Changed) -> None:
        """Fill the fields from the recipe."""
        note = self.query_one("#recipe-note", Static)
        if event.value is Select.NULL:
            return
        try:
            recipe = run_form.load_recipe(str(event.value))
        except UserError as error:
            note.update(plain(str(error)).stylize("$text-error"))
            return
        note.update(plain(recipe.description))
        before, self._recipe = self._recipe, recipe
        for name, text in run_fields.prefilled(recipe.config).items():
            self._input(name).value = text
        self.query_one("#device", Select).value = recipe.config.device
        name_box = self._input("name")
        if not name_box.value or (before and name_box.value == run_form.free_name(before.name, self._taken)):
            name_box.value = run_form.free_name(recipe.name, self._taken)
        if recipe.config.dataset and not self._path_text():
            self.query_one("#data-path", Input).value = recipe.config.dataset
        self._check_base_model()
        self._check()

    def _input(self, name: str) -> Input:
        return self.query_one(f"#field-{name}", Input)

    # ---- data

    def _path_text(self) -> str:
        return self.query_one("#data-path", Input).value.strip()

    @on(Input.Changed, "#data-path")
    def path_was_typed(self) -> None:
        """Look at the data once the typing pauses."""
        self._check_data_soon()

    @on(DirectoryTree.FileSelected)
    @on(OwnData.Chosen)
    def file_was_chosen(self, event: DirectoryTree.FileSelected | OwnData.Chosen) -> None:
        """A file of the tree, or a data set by name."""
        self.query_one("#data-path", Input).value = str(event.path)

    @on(Input.Submitted, "#data-path")
    def show_folder_in_tree(self) -> None:
        """Enter on a folder shows what is in it."""
        path = typed_path(self._path_text())
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
            self.query_one(DataTree).path = path

    @work(exclusive=True, group="data")
    async def _check_data_soon(self) -> None:
        text = self._path_text()
        self._data, self._checked_path = None, ""
        if not text:
            self._say_about_data(Content.styled("Choose a file below, or type its path.", "$foreground 60%"))
            return
        self._say_about_data(Content.styled("Looking at it …", "$foreground 60%"))
        await asyncio.sleep(_SECONDS_AFTER_TYPING)
        try:
            self._data = await asyncio.to_thread(run_form.check_data, text)
        except UserError as error:
            self._say_about_data(plain(str(error)).stylize("$text-error"))
            self._check()
            return
        self._checked_path = text
        width = max(30, self.query_one("#data-report").content_region.width)
        self._say_about_data(report_words(self._data.report, width))
        self._take_suited_recipe()
        self._check()

    def _take_suited_recipe(self) -> None:
        """What suits the data, as long as nobody chose a recipe or changed a setting."""
        texts = {name: self._input(name).value for name in run_fields.FIELDS}
        first = run_form.load_recipe(self._own_recipe)
        if self._data and self._recipe == first and texts == run_fields.prefilled(first.config):
            self._own_recipe = run_form.suited_recipe(self._data.report)
            self.query_one("#recipe", Select).value = self._own_recipe

    def _say_about_data(self, words: Content) -> None:
        self.query_one("#data-report", Static).update(words)

    # ---- settings

    @on(Input.Changed, ".setting")
    def setting_was_typed(self, event: Input.Changed) -> None:
        """Check all of it again: one setting may contradict another."""
        if event.input.id == "field-base_model":
            self._check_base_model()
        self._check()

    @on(Select.Changed, "#device")
    def device_was_chosen(self) -> None:
        """The estimate depends on it."""
        self._check()

    @work(exclusive=True, group="base model")
    async def _check_base_model(self) -> None:
        reference = self._input("base_model").value.strip()
        self._base, self._base_problem = None, ""
        if reference:
            await asyncio.sleep(_SECONDS_AFTER_TYPING)
            try:
                self._base = await asyncio.to_thread(look_at_base_model, reference)
            except UserError as error:
                self._base_problem = str(error)
        self._check()

    def _check(self) -> TrainingConfig | None:
        """Say what is wrong and what to expect; the configuration when nothing is wrong."""
        if self._recipe is None:
            return None
        texts = {name: self._input(name).value for name in run_fields.FIELDS}
        shown = run_fields.shown_fields(self._recipe.config, texts["base_model"])
        config, problems = run_form.config_of(self._recipe.config, {name: texts[name] for name in shown})
        if self._base_problem and "base_model" in shown:
            config, problems = None, {"base_model": self._base_problem, **problems}
        for name in run_fields.FIELDS:
            self.query_one(f"#row-{name}").display = name in shown
            base_words = run_form.words_of_model(self._base) if name == "base_model" and self._base else ""
            self._note(name, problems.get(name) or base_words or run_fields.note_of(name), name in problems)
        name_problem = run_form.name_problem(self._input("name").value, self._taken)
        self._note("name", name_problem or "also of its folder", bool(name_problem))
        if config is not None:
            device = str(self.query_one("#device", Select).value)
            dataset = run_form.dataset_of(self._path_text())
            config = config.with_changes("device", device=device, dataset=dataset)
        words, is_problem = run_form.what_is_missing(config, problems, name_problem, self._data, self._base)
        self._say(words or _READY, is_problem)
        self._config = config
        self._panel.show(config, self._data, self._base)
        return config if not name_problem else None

    def _note(self, name: str, text: str, is_problem: bool = False) -> None:
        note = self.query_one(f"#note-{name}", Static)
        note.set_class(is_problem, "-problem").update(plain(one_line(text, 160)))

    def _say(self, words: str, is_problem: bool = True) -> None:
        line = self.query_one("#start-problem", Static).set_class(is_problem, "-problem")
        line.set_class(words == _READY, "-ready").update(plain(one_line(words, 300)))

    def action_measure(self) -> None:
        """Try the settings with ten steps of a throw-away model."""
        (self.focused or self).call_later(self._panel.measure)

    @property
    def _panel(self) -> PreflightPanel:
        return self.query_one(PreflightPanel)

    def action_see_data(self) -> None:
        """Show the data as the model will see it."""
        (self.focused or self).call_later(self._see_data)

    def _see_data(self) -> None:
        self._check()
        if self._config and self._data and not run_form.data_problem(self._config, self._data.report):
            self.app.push_screen(DataLensScreen(self._config))

    # ---- the end

    def action_start(self) -> None:
        """Start the run, once the letters typed before the key are in their field: it overtakes them."""
        (self.focused or self).call_later(self._start_if_right)

    def _start_if_right(self) -> None:
        """Start the run, if everything is right; else go to what is not."""
        self._taken = [run.name for run in list_runs(runs_path())]
        config = self._check()
        if self._is_starting:
            return
        if self._data is None or self._checked_path != self._path_text():
            self._start_after_check()
        elif config is None or run_form.data_problem(config, self._data.report):
            self._go_to_problem()
        elif (refusal := self._panel.refusal) and config != self._was_told:
            self._was_told = config
            self._say(f"{refusal} Once more starts it all the same.")
        else:
            self._start(config, self._input("name").value)

    @work(exclusive=True, group="start after check")
    async def _start_after_check(self) -> None:
        self._say("Checking the data first …", is_problem=False)
        while checks := [one for one in self.workers if one.group == "data" and not one.is_finished]:
            with suppress(WorkerCancelled):  # the path was changed meanwhile, and is being checked anew
                await checks[0].wait()
        if self._data is not None and self._checked_path == self._path_text():
            self._start_if_right()
        else:
            self._check()
            self.query_one("#data-path").focus()

    def _go_to_problem(self) -> None:
        if problems := self.query(".field-note.-problem"):
            field = problems.first().query_ancestor(Horizontal)
            field.query_one(Input).focus()
            field.scroll_visible(animate=False)  # also where it has the focus, out of sight

    @work(exclusive=True, group="launch")
    async def _start(self, config: TrainingConfig, name: str) -> None:
        self._is_starting = True
        self._say("Starting …", is_problem=False)
        try:
            run = await asyncio.to_thread(launcher.start_run, config, runs_path(), name)
        except (UserError, OSError) as error:  # a full disk, too
            self._say(str(error))
        else:
            self.dismiss(run.name)
        finally:
            self._is_starting = False

    def action_cancel(self) -> None:
        """Close the form without a run."""
        self.dismiss(None)
