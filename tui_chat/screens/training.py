"""The training screen: all runs, and the monitor of the one that is chosen.

The one rule: runs are watched and steered through their directories alone, so it makes no difference who started
them, and leaving the screen or the app changes nothing for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center, Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, OptionList, Static

from engine.errors import UserError
from engine.paths import runs_path
from trainers import launcher
from trainers.run_comparison import compare
from trainers.run_directory import RunDirectory
from tui_chat.key_bindings import key_in_words
from tui_chat.plots import path_to_export, plot_in_child
from tui_chat.run_watch import RunWatch, WatchedRun, look_at
from tui_chat.screens.compare_runs import CompareRuns, beside
from tui_chat.screens.question import Question
from tui_chat.screens.run_steering import RunSteering
from tui_chat.text import one_line
from tui_chat.widgets.app_header import AppHeader
from tui_chat.widgets.key_hints import KeyHints
from tui_chat.widgets.run_curves import RunCurves
from tui_chat.widgets.run_facts import RunFacts
from tui_chat.widgets.run_list import RunList
from tui_chat.widgets.run_monitor import TABS, RunMonitor

LOOKS_PER_SECOND = 2
_STEERING = ("pause", "resume", "save", "stop", "delete")
_EMPTY_TEXT = Content.from_markup(
    "[b]Nothing has been trained yet.[/b]\n\n"
    "Choose a text or conversations, and a recipe. The model learns\n"
    "while you watch its curves, read what it writes and chat with it."
)


class TrainingScreen(RunSteering):
    """List of runs and monitor. `run_name` is the run to begin with."""

    CSS_PATH = "training.tcss"
    BINDING_GROUP_TITLE = "Training"
    HELP = "Runs go on when you leave this screen, and when you close the app."
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-narrow"), (110, "-wide"), (170, "-huge")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-short"), (32, "-tall"), (48, "-towering")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_run", "New run", id="training.new"),
        Binding("c", "chat", "Chat", id="training.chat"),
        Binding("b", "chat_best", "Chat with the best checkpoint", show=False, id="training.chat_best"),
        Binding("p", "pause", "Pause", id="training.pause"),
        Binding("r", "resume", "Resume", id="training.resume"),
        Binding("s", "stop", "Stop", id="training.stop"),
        Binding("w", "save", "Save a checkpoint now", show=False, id="training.save"),
        Binding("d,delete", "delete", "Delete", show=False, id="training.delete"),
        Binding("question_mark", "explain", "Explain", id="training.explain", key_display="?"),
        Binding("a", "compare", "Compare", show=False, id="training.compare"),
        Binding("e", "export", "Export the curves", show=False, id="training.export"),
        Binding("v", "next_view", "Curve", id="training.view"),
        *(
            Binding(str(number), f"tab('{name}')", f"Tab: {name}", show=False, id=f"training.{name}")
            for number, name in enumerate(TABS, 1)
        ),
    ]

    def __init__(
        self,
        run_name: str | None = None,
        last_watched: str = "",
        on_watch: Callable[[str], None] = lambda name: None,
    ) -> None:
        """Begins with `run_name`, else a run that is active, else `last_watched`; `on_watch` hears what is on show."""
        super().__init__()
        self._last_watched = last_watched
        self._on_watch = on_watch
        self._run_watch = RunWatch(runs_path())
        self._runs: list[WatchedRun] = []
        self._wanted = run_name  # to be chosen as soon as it is in the list
        self._monitored: str | None = None
        self._possible: dict[str, bool] = {}  # what can be done with the chosen run

    def compose(self) -> ComposeResult:
        """The list beside or above the monitor; a few words when there is nothing to list."""
        yield AppHeader("training")
        with Vertical(id="no-runs"):
            yield Static(_EMPTY_TEXT, id="no-runs-text")
            with Center():
                label = f"Start the first run ({key_in_words(self, 'training.new').lower()})"
                yield Button(label, id="first-run", variant="primary", action="screen.new_run")
        with Vertical(id="with-runs"):
            with Vertical(id="runs-side"):
                with Horizontal(id="runs-head"):
                    yield Static(id="runs-title", markup=False)
                    yield Button("New run", id="new", compact=True, action="screen.new_run")
                yield RunList(id="runs")
            with Vertical(id="run-side"):
                yield RunMonitor(id="monitor")
                with Horizontal(id="run-buttons"):
                    for name, label in (
                        ("chat", "Chat"),
                        ("pause", "Pause"),
                        ("resume", "Resume"),
                        ("save", "Save now"),
                        ("stop", "Stop"),
                        ("delete", "Delete"),
                    ):
                        yield Button(label, id=name, compact=True, action=f"screen.{name}")
        yield KeyHints()

    def on_mount(self) -> None:
        """Look at once, then twice a second while the screen is the one on show."""
        self.look()
        if self._runs:
            self.query_one(RunList).focus()
        self.set_interval(1 / LOOKS_PER_SECOND, self._look_if_shown)

    def on_screen_resume(self) -> None:
        """What happened meanwhile is shown at once."""
        self.look()

    def _look_if_shown(self) -> None:
        if self.is_current:
            self.look()

    def look(self) -> None:
        """Show all runs as they are now."""
        self._runs = self._run_watch.look()
        self.set_class(not self._runs, "-empty")
        runs = self.query_one(RunList)
        runs.set_class(not self.has_class("-wide") and not self.has_class("-huge"), "-one-line")
        runs.show(self._runs)
        self.query_one(RunFacts).set_class(self.has_class("-short"), "-inline")
        active = sum(watched.is_active for watched in self._runs)
        title = f"{len(self._runs)} run{'s' if len(self._runs) != 1 else ''}" + (
            f" · {active} active" if active else ""
        )
        self.query_one("#runs-title", Static).update(title)
        if self._monitored is None and self._wanted is None:
            self._wanted = self._worth_watching()
        if self._wanted and self._find(self._wanted):
            runs.select(self._wanted)
            self._wanted = None
        self._show_chosen()

    def _worth_watching(self) -> str | None:
        """A run that is active, or else the one that was watched last."""
        active = [watched.run.name for watched in self._runs if watched.is_active]
        return self._last_watched if self._last_watched in active or not active else active[0]

    def show_run(self, name: str) -> None:
        """Choose a run, now or as soon as it is there."""
        self._wanted = name
        self.look()

    @property
    def chosen(self) -> WatchedRun | None:
        """The run on show."""
        return self._find(self.query_one(RunList).selected_name)

    def _find(self, name: str | None) -> WatchedRun | None:
        return next((watched for watched in self._runs if watched.run.name == name), None)

    def _show_chosen(self) -> None:
        watched, monitor = self.chosen, self.query_one(RunMonitor)
        if watched is None:
            self._monitored, self._possible = None, {}
            return
        if self._monitored == watched.run.name:
            monitor.show(watched)
        else:
            self._monitored = watched.run.name
            self._on_watch(watched.run.name)
            monitor.open(watched)
        possible = {name: self._is_possible(name, watched) for name in _STEERING}
        for name, is_possible in possible.items():
            self.query_one(f"#{name}").display = is_possible
        # Not at every look: Textual keeps each hint it ever made (gigabytes after two hours of watching).
        if possible != self._possible:
            self._possible = possible
            self.refresh_bindings()

    def _is_possible(self, action: str, watched: WatchedRun) -> bool:
        is_pausing = "pause" in watched.wishes
        return {
            "pause": watched.status.state == "running" and not is_pausing,
            "resume": is_pausing or not watched.is_active or watched.status.state == "paused",
            "save": watched.status.state == "running",
            "stop": watched.is_active,
            "delete": not watched.is_active,
        }.get(action, True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done with the chosen run is in the footer."""
        if action in ("next_view", "tab", "compare", "explain", "export"):
            return bool(self._runs)
        if action in ("chat", "chat_best", "pause", "resume", "save", "stop", "delete"):
            return self.chosen is not None and self._is_possible(action, self.chosen)
        return True

    @on(OptionList.OptionHighlighted, "#runs")
    def run_was_chosen(self) -> None:
        """The cursor moved in the list."""
        self._show_chosen()

    @on(OptionList.OptionSelected, "#runs")
    def go_to_curves(self) -> None:
        """Enter on a run goes on to its curves."""
        self.query_one(RunMonitor).go_to_tab("curves")

    @on(RunList.MarksChanged)
    def draw_marked_runs(self, event: RunList.MarksChanged) -> None:
        """Marked runs are drawn behind the one on show."""
        marked = {colour: self._find(name) for colour, name in enumerate(event.names, 1)}
        ghosts = {colour: watched.run for colour, watched in marked.items() if watched}
        self.query_one(RunMonitor).show_ghosts(ghosts)

    def action_compare(self) -> None:
        """The chosen run beside the marked ones, or beside the next in the list."""
        names = beside(
            self.chosen.run.name if self.chosen else "",
            self.query_one(RunList).marked,
            [watched.run.name for watched in self._runs],
        )
        if len(names) < 2:
            self._say("There is no second run to compare with.")
            return
        try:
            self.app.push_screen(CompareRuns(compare([RunDirectory(runs_path() / name) for name in names])))
        except UserError as error:
            self._say(str(error), "error")

    @work(group="export")
    async def action_export(self) -> None:
        """Draw the curves of the chosen and the marked runs into a file in the chosen run's directory."""
        if self.chosen is None:
            return
        run, kind = self.chosen.run, self.query_one(RunCurves).plot_kind
        path = path_to_export(run, kind)
        others = [name for name in self.query_one(RunList).marked if name != run.name]
        try:
            await plot_in_child([run.name, *others], kind, path)
        except (UserError, OSError) as error:
            self._say(str(error), "error")
        else:
            more = ". For a picture: pip install 'tui-chat[plots]'" if path.suffix == ".csv" else ""
            self._say(f"The curves are in {path}{more}")

    def action_explain(self) -> None:
        """What the figures mean, in plain words."""
        if explanation := self.query_one(RunMonitor).explanation():
            self.app.push_screen(explanation)

    @on(RunMonitor.CheckpointChosen)
    async def chat_with_checkpoint(self, event: RunMonitor.CheckpointChosen) -> None:
        """Enter on a checkpoint."""
        await self._chat(f"step-{event.step}")

    def action_tab(self, name: str) -> None:
        """Go to a tab of the monitor."""
        self.query_one(RunMonitor).go_to_tab(name)

    def action_next_view(self) -> None:
        """Draw another measure in the large chart."""
        self.query_one(RunMonitor).go_to_tab("curves")
        self.query_one(RunMonitor).next_view()

    def action_new_run(self) -> None:
        """Open the form, then watch what it started."""
        from tui_chat.screens.new_run import NewRunScreen  # here: the form is not needed to watch

        def started(name: str | None) -> None:
            if name is not None:
                self.show_run(name)

        self.app.push_screen(NewRunScreen(), started)

    async def action_chat(self) -> None:
        """Chat with the checkpoint under the cursor, or else the newest."""
        step = self.query_one(RunMonitor).chosen_step
        await self._chat(f"step-{step}" if step is not None else "latest")

    async def action_chat_best(self) -> None:
        """Chat with the checkpoint of the lowest validation loss."""
        await self._chat("best")

    async def _chat(self, which: str) -> None:
        watched = self.chosen
        if watched is None:
            return
        if watched.run.checkpoints():
            # Not typed: the app is named by its screens' callers only, or each would import the other.
            await self.app.chat_with(f"run:{watched.run.name}@{which}")  # type: ignore[attr-defined]
        elif watched.status.state == "running":
            self._save_then_chat(watched.run)
        elif watched.status.state == "starting":
            self._say(
                "This run has not begun to learn yet. Once it has, it can save a checkpoint to chat with."
            )
        else:
            self._say("This run has no checkpoint to chat with.", "warning")

    @work(exclusive=True, group="first checkpoint")
    async def _save_then_chat(self, run: RunDirectory) -> None:
        """A run without a checkpoint can save one now; the chat opens when it is there."""
        question = Question(
            f"“{one_line(run.name)}” has no checkpoint yet",
            "It can save one after its current step; the chat opens when it is there.",
            yes="Save one and chat",
            no="Not now",
        )
        if not await self.app.push_screen_wait(question):
            return
        try:
            await asyncio.to_thread(launcher.save_run, run)
        except (UserError, OSError) as error:
            self._say(str(error), "error")
            return
        while not run.checkpoints():
            if not look_at(run).is_active:
                self._say(f"“{run.name}” has ended without a checkpoint.", "warning")
                return
            await asyncio.sleep(1 / LOOKS_PER_SECOND)  # a run tells by its files alone
        if self.app.screen.is_modal:
            self._say(f"“{run.name}” has saved a checkpoint: it can be talked to now.")
        else:
            await self.app.chat_with(f"run:{run.name}@latest")  # type: ignore[attr-defined]
