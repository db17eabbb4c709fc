"""The monitor of one run: figures, live curves, samples, checkpoints, log and configuration.

The one rule: it only shows. It reads the run's files through a `RunHistory` and tells its screen what was chosen.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.message import Message
from textual.widgets import Log, OptionList, Static, TabbedContent, TabPane
from textual.widgets.option_list import Option

from engine.errors import UserError
from trainers.compute import card_name, operations_per_second, share_of_peak
from trainers.floors import Floors, can_count, read_floors, start_counting
from trainers.run_directory import CheckpointInfo, RunDirectory
from tui_chat import quantities
from tui_chat.run_watch import RunHistory, WatchedRun, read_history
from tui_chat.screens.explain_numbers import ExplainNumbers, values_of
from tui_chat.text import plain, visible
from tui_chat.widgets.run_curves import RunCurves
from tui_chat.widgets.run_facts import RunFacts
from tui_chat.widgets.run_words import config_words, sample_words

_NEWEST_SAMPLES = 60
TABS = ("curves", "samples", "checkpoints", "log", "configuration")


class RunMonitor(Vertical):
    """Everything about the run it was last told to `open`."""

    @dataclass
    class CheckpointChosen(Message):
        """The person wants to chat with a checkpoint."""

        step: int

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.history: RunHistory | None = None
        self._watched: WatchedRun | None = None
        self._checkpoints: list[CheckpointInfo] = []
        self._log_shown = 0
        self._floors: Floors | None = None
        self._ghosts: dict[int, RunHistory] = {}  # number of the colour -> a marked run
        self._has_looked_for_floors = False
        self._card = card_name()

    def compose(self) -> ComposeResult:
        """Figures above, tabs below."""
        yield RunFacts(id="facts")
        with TabbedContent(id="tabs"):
            with TabPane(_tab_words(1, "Curves"), id="curves"):
                yield RunCurves(id="run-curves")
            with TabPane(_tab_words(2, "Samples"), id="samples"), VerticalScroll(id="samples-box"):
                yield Static(id="samples-text", markup=False)
            with TabPane(_tab_words(3, "Checkpoints"), id="checkpoints"):
                yield Static("Enter chats with a checkpoint, also while the run goes on.", classes="hint")
                yield OptionList(id="checkpoint-list", markup=False, compact=True)
            with TabPane(_tab_words(4, "Log"), id="log"):
                yield Log(id="log-text", max_lines=5000)
            with TabPane(_tab_words(5, "Configuration"), id="configuration"), VerticalScroll():
                yield Static(id="configuration-text", markup=False)

    def open(self, watched: WatchedRun) -> None:
        """Show another run; its history is read in the background."""
        self._watched = watched
        self.history = None
        self._checkpoints = []
        self._floors, self._has_looked_for_floors = None, False
        self.query_one("#log-text", Log).clear()
        self._log_shown = 0
        self.query_one("#checkpoint-list", OptionList).clear_options()
        self._show_configuration(watched.run)
        self._draw_charts()
        self._draw_ghosts()
        self._read_history(watched.run)
        self.show(watched)

    @work(exclusive=True, group="history")
    async def _read_history(self, run: RunDirectory) -> None:
        history = await asyncio.to_thread(read_history, run)
        if self._watched and self._watched.run.path == run.path:
            self.history = history
            self._show_changed({"metrics", "samples", "log"})

    @work(exclusive=True, group="ghosts")
    async def show_ghosts(self, runs: dict[int, RunDirectory]) -> None:
        """Draw marked runs behind the one on show; their histories are read in the background."""
        known = {history.run.path: history for history in self._ghosts.values()}
        ghosts: dict[int, RunHistory] = {}
        for colour, run in runs.items():
            is_known = run.path in known
            ghosts[colour] = known[run.path] if is_known else await asyncio.to_thread(read_history, run)
        self._ghosts = ghosts
        self._draw_ghosts()

    def _draw_ghosts(self) -> None:
        others = [
            (colour, history)
            for colour, history in sorted(self._ghosts.items())
            if self._watched is None or history.run.path != self._watched.run.path
        ]
        self.query_one(RunCurves).show_ghosts(others)

    def _catch_up_ghosts(self) -> None:
        changed = [colour for colour, history in self._ghosts.items() if "metrics" in history.catch_up()]
        if any(self._ghosts[colour].is_rewritten for colour in changed):
            runs = {colour: history.run for colour, history in self._ghosts.items()}
            self._ghosts = {}
            self.show_ghosts(runs)
        elif changed:
            self._draw_ghosts()

    def show(self, watched: WatchedRun) -> None:
        """Show the same run as it is now."""
        self._catch_up_ghosts()
        self._watched = watched
        self.query_one(RunFacts).show(watched, self._compute()[1])
        if self.history is None:
            return
        changed = self.history.catch_up()
        if self.history.is_rewritten:
            self.history.is_rewritten = False
            self.query_one("#log-text", Log).clear()
            self._log_shown = 0
            self._read_history(watched.run)
        else:
            self._show_changed(changed)

    def _compute(self) -> tuple[str, str]:
        """Arithmetic per second and its share of the card's peak, in words; empty where not known."""
        config = self.history.config if self.history else None
        if config is None or self._watched is None:
            return "", ""
        status = self._watched.status
        speed = operations_per_second(config, status)
        share = share_of_peak(speed, status, self._card)
        return quantities.operations(speed) if speed else "", f"{share:.0%}" if share else ""

    def explanation(self) -> ExplainNumbers | None:
        """The screen that explains the figures of the run on show."""
        if self._watched is None:
            return None
        names = ("val_accuracy", "gradient_norm")
        latest = {name: self.history.latest(name) if self.history else None for name in names}
        values = values_of(self._watched.status, latest, *self._compute())
        return ExplainNumbers(values, self.query_one(RunCurves).verdict)

    def _show_changed(self, changed: set[str]) -> None:
        if self._show_checkpoints() or "metrics" in changed:
            self._draw_charts()
        if not self._has_looked_for_floors and self.history and self.history.series["val_loss"].xs:
            self._has_looked_for_floors = True  # a run has its token files by its first validation
            assert self._watched is not None
            self._find_floors(self._watched.run)
        if "samples" in changed:
            self._show_samples()
        if "log" in changed:
            self._show_log()

    def _draw_charts(self) -> None:
        if self.history is None:
            empty_text = "Reading the measurements"
        elif self._watched and not self._watched.is_active:
            empty_text = "Nothing was measured"
        else:
            empty_text = "Waiting for the first measurement"
        curves = self.query_one(RunCurves)
        curves.show(self.history, self._checkpoints, self._floors, empty_text, self._watched)

    @work(exclusive=True, group="floors")
    async def _find_floors(self, run: RunDirectory) -> None:
        """Read what counting n-grams reaches on this run's data; the first time it is counted."""
        floors = await asyncio.to_thread(_floors_of, run)
        if self._watched and self._watched.run.path == run.path:
            self._floors = floors
            self._draw_charts()

    def _show_checkpoints(self) -> bool:
        """Whether there are other checkpoints than at the last look."""
        assert self._watched is not None
        found = self._watched.run.checkpoints()
        if found == self._checkpoints:
            return False
        self._checkpoints = found
        listing = self.query_one("#checkpoint-list", OptionList)
        chosen = (
            listing.get_option_at_index(listing.highlighted).id if listing.highlighted is not None else None
        )
        listing.clear_options()
        listing.add_options(
            [Option(_checkpoint_words(point), id=str(point.step)) for point in reversed(found)]
        )
        steps = [str(point.step) for point in reversed(found)]
        listing.highlighted = steps.index(chosen) if chosen in steps else (0 if steps else None)
        return True

    def _show_samples(self) -> None:
        assert self.history is not None
        box = self.query_one("#samples-text", Static)
        newest = self.query_one("#newest-sample", Static)
        if not self.history.samples:
            waiting = plain(
                "No samples yet. What the model writes at this stage will stand here, newest first."
            )
            box.update(waiting.stylize("$foreground 60%"))
            newest.update("")
            return
        width = max(20, self.query_one("#tabs").content_region.width - 4)
        words = [sample_words(sample, width) for sample in reversed(self.history.samples[-_NEWEST_SAMPLES:])]
        box.update(Content("\n").join(words))
        newest.update(words[0])

    def _show_log(self) -> None:
        assert self.history is not None
        self.query_one("#log-text", Log).write(visible(self.history.log[self._log_shown :]))
        self._log_shown = len(self.history.log)

    def _show_configuration(self, run: RunDirectory) -> None:
        width = max(40, self.content_region.width - 4)
        try:
            words = config_words(run.config(), width)
        except UserError as error:
            words = plain(str(error))
        self.query_one("#configuration-text", Static).update(words)

    def on_resize(self) -> None:
        """Text that was laid out for a width is laid out again."""
        if self._watched:
            self._show_configuration(self._watched.run)
        if self.history:
            self._show_samples()

    @property
    def chosen_step(self) -> int | None:
        """The checkpoint under the cursor while its list has the focus."""
        listing = self.query_one("#checkpoint-list", OptionList)
        if listing.has_focus and listing.highlighted is not None:
            return self._checkpoints[-1 - listing.highlighted].step
        return None

    @property
    def checkpoints(self) -> list[CheckpointInfo]:
        """Those of the run on show, oldest first."""
        return self._checkpoints

    def go_to_tab(self, name: str) -> None:
        """Go to a tab."""
        self.query_one(TabbedContent).active = name
        try:
            self.query_one(f"#{name}").query("MetricsChart, VerticalScroll, OptionList, Log").first().focus()
        except NoMatches:
            self.query_one(TabbedContent).focus()

    def next_view(self) -> None:
        """Draw the next measure that was taken in the large chart."""
        self.query_one(RunCurves).next_view()

    @on(OptionList.OptionSelected, "#checkpoint-list")
    def choose_checkpoint(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on a checkpoint."""
        event.stop()
        if event.option_id is not None:
            self.post_message(self.CheckpointChosen(int(event.option_id)))

    @on(OptionList.OptionHighlighted, "#checkpoint-list")
    def keep_to_itself(self, event: OptionList.OptionHighlighted) -> None:
        """The screen listens to the highlights of the list of runs only."""
        event.stop()


def _floors_of(run: RunDirectory) -> Floors | None:
    if can_count(run):
        with contextlib.suppress(OSError):  # the run is being deleted, or no process can be started
            start_counting(run).join()
    return read_floors(run)


def _tab_words(number: int, title: str) -> Content:
    return Content.assemble((f"{number} ", "$foreground 45%"), title)


def _checkpoint_words(point: CheckpointInfo) -> Content:
    loss = quantities.loss(point.val_loss)
    perplexity = quantities.perplexity(point.val_loss)
    return Content.assemble(
        (f"step {point.step:>9,}", "bold"),
        ("    validation ", "$foreground 60%"),
        (f"{loss:<8}", "bold"),
        ("  perplexity ", "$foreground 60%"),
        f"{perplexity:<8}",
        ("  ★ best" if point.is_best else "", "$text-success"),
    )
