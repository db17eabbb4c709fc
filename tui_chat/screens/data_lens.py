"""The data lens: rows as the model will see them, before an hour is spent on them.

    Left, Right    the row before, the one after          Tab    rows, rejected lines, repetitions

The one rule: it only looks; nothing is written, and a model that is not here is not fetched for it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static, TabbedContent, TabPane, Tabs

from engine.errors import UserError
from trainers.config import TrainingConfig
from tui_chat.run_form import look_limit
from tui_chat.text import plain
from tui_chat.widgets import lens_row
from tui_chat.widgets.app_header import AppHeader
from tui_chat.widgets.key_hints import KeyHints

if TYPE_CHECKING:  # it loads numpy, and the app starts without
    from trainers.data_lens_report import LensReport

_VIEWS = ("rows", "rejected", "repeated")


class DataLensScreen(Screen[None]):
    """What training with this configuration would see in its data."""

    CSS_PATH = "data_lens.tcss"
    BINDING_GROUP_TITLE = "Data lens"
    HELP = "Green is learnt, grey is only read, struck out is beyond the context. Nothing is changed here."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Row before", id="lens.previous", priority=True),
        Binding("right", "step(1)", "Next row", id="lens.next", priority=True),
        Binding("tab", "view(1)", "Rejected, repeated", id="lens.view", priority=True),
        Binding(
            "shift+tab", "view(-1)", "The view before", show=False, id="lens.previous_view", priority=True
        ),
        Binding("escape,q", "dismiss", "Back", id="lens.close"),
    ]

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self._config = config
        self._report: LensReport | None = None
        self._number = 0  # of the row that is shown

    def compose(self) -> ComposeResult:
        """Facts above, three views below."""
        yield AppHeader("training")
        with Vertical(id="lens-head"):
            yield Static("Looking at the data …", id="lens-facts", markup=False)
            yield Static(id="lens-counts", markup=False)
        with TabbedContent(id="lens-views"):
            with TabPane("Rows", id="rows"):
                yield Static(id="lens-heading", markup=False)
                with VerticalScroll(id="lens-row-scroll"):
                    yield Static(id="lens-row", markup=False)
            with TabPane("Rejected", id="rejected"), VerticalScroll(id="lens-rejected-scroll"):
                yield Static(id="lens-rejected", markup=False)
            with TabPane("Repeated", id="repeated"), VerticalScroll(id="lens-repeated-scroll"):
                yield Static(id="lens-repeated", markup=False)
        yield KeyHints()

    def on_mount(self) -> None:
        """The arrow keys are for the rows; the tabs take clicks."""
        self.query_one(Tabs).can_focus = False
        self._focus_view()
        self._look()

    @work(exclusive=True, group="lens")
    async def _look(self) -> None:
        try:
            self._report = await asyncio.to_thread(_look_at, self._config)
        except (UserError, OSError) as error:
            self._say(plain(str(error)).stylize("$text-error"))
            return
        self._show(self._report)

    def _say(self, words: Content) -> None:
        self.query_one("#lens-facts", Static).update(words)

    def _show(self, report: LensReport) -> None:
        has_colours = not self.app.no_color
        self._say(lens_row.facts_words(report, Path(self._config.dataset).name))
        self.query_one("#lens-counts", Static).update(lens_row.counts_words(report, has_colours))
        rejected, repeated = report.data.rejected_count, report.duplicates
        self._update("rejected", lens_row.rejected_words(report.data.rejected, rejected), rejected)
        self._update("repeated", lens_row.repetition_words(report.repetitions, repeated), repeated)
        self._show_row()

    def _update(self, view: str, words: Content, count: int) -> None:
        self.query_one(f"#lens-{view}", Static).update(words)
        title = view.capitalize() + (f" ({count:,})" if count else "")
        self.query_one(TabbedContent).get_tab(view).label = Content(title)

    def _show_row(self) -> None:
        report = self._report
        heading, tokens = self.query_one("#lens-heading", Static), self.query_one("#lens-row", Static)
        if report is None or not report.samples:
            heading.update("There is no row to show." if report else "")
            return
        row = report.samples[self._number]
        heading.update(lens_row.row_heading(row, self._number, report))
        tokens.update(lens_row.token_words(row.tokens, has_colours=not self.app.no_color))
        self.query_one("#lens-row-scroll").scroll_home(animate=False)

    def action_step(self, by: int) -> None:
        """Go to another row; over the end to the first."""
        if self._report and self._report.samples:
            self._number = (self._number + by) % len(self._report.samples)
            self.query_one(TabbedContent).active = "rows"
            self._show_row()

    def action_view(self, by: int) -> None:
        """Go to the next view."""
        views = self.query_one(TabbedContent)
        views.active = _VIEWS[(_VIEWS.index(views.active) + by) % len(_VIEWS)]

    @on(TabbedContent.TabActivated)
    def _focus_view(self) -> None:
        """Up and down scroll what is shown."""
        view = self.query_one(TabbedContent).active or "rows"
        self.query_one("#lens-row-scroll" if view == "rows" else f"#lens-{view}-scroll").focus()


def _look_at(config: TrainingConfig) -> LensReport:
    # Here, for it loads numpy, and the app starts without.
    from trainers.base_models import is_here
    from trainers.data_lens import look_at

    if not is_here(config.base_model):
        raise UserError(
            f"{config.base_model} is downloaded when the run starts; without it nobody knows its tokens. "
            f"Fetch it first: tui-chat models pull {config.base_model}"
        )
    return look_at(config, limit=look_limit(Path(config.dataset)))
