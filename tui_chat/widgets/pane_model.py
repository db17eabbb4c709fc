"""The model of a pane: loaded while the first message is typed, and what can be said of it.

    model.load()
    model.name, model.status      "nano", "step 300  ·  cpu  ·  context 512"

The one rule: it is whichever the settings of the conversation name, asked anew each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.widget import Widget

from engine.errors import UserError
from tui_chat.chat_settings import short_reference
from tui_chat.engines import AppEngine, Engines
from tui_chat.widgets.pane_title import progress_bar
from tui_chat.workers import start_worker

if TYPE_CHECKING:
    from tui_chat.chat_session import ChatSession

STATUS_SECONDS = 0.5


class PaneModel:
    """Who answers in a pane."""

    def __init__(
        self,
        pane: Widget,
        session: ChatSession,
        engines: Engines,
        on_state: Callable[[], None],
        on_loaded: Callable[[], None],
    ) -> None:
        """`on_state` hears now and then while it loads, `on_loaded` once it has, or cannot be."""
        self._pane = pane
        self._session = session
        self._engines = engines
        self._on_state, self._on_loaded = on_state, on_loaded
        self._has_failed = False

    @property
    def engine(self) -> AppEngine:
        """What it runs in."""
        return self._engines.engine_for(self._session.settings.model)

    @property
    def name(self) -> str:
        """The loaded model's own name, or how it is referred to."""
        model = self.engine.model
        return model.name if model else short_reference(self._session.settings.model)

    @property
    def continues_text(self) -> bool:
        """Whether it was never taught to answer."""
        model = self.engine.model
        return model is not None and model.chat_format == "completion"

    @property
    def not_taken(self) -> tuple[str, ...]:
        """The settings of replies that do not reach it; known once it is loaded."""
        return self._engines.not_taken(self._session.settings.model)

    @property
    def status(self) -> str:
        """What it is doing, or what it is."""
        engine = self.engine
        if engine.state == "loading":
            loading = self._engines.progress_of(self._session.settings.model)
            return f"{loading.stage}{progress_bar(loading.share)}" if loading else "loading…"
        if engine.model is None:
            return "cannot be loaded" if self._has_failed else ""
        step = f"step {engine.model.step:,}" if engine.model.step is not None else ""
        context = f"context {engine.model.context_length:,}" if engine.model.context_length else ""
        notes = engine.model.warnings if engine.model.backend == "api" else ()
        return "  ·  ".join(part for part in (step, engine.model.device, context, *notes) if part)

    def load(self) -> None:
        """Load it beside the screen; another one that still loads is left."""
        start_worker(self._pane, self._load, group="load", exclusive=True)

    async def _load(self) -> None:
        engine = self.engine
        self._has_failed = False
        ticking = self._pane.set_interval(STATUS_SECONDS, self._on_state)
        try:
            await engine.load()
        except UserError as error:
            self._has_failed = True
            words = str(error)
            self._pane.notify(words, title="The model cannot be loaded", severity="warning", markup=False)
        finally:
            ticking.stop()
            self._on_state()
            self._on_loaded()  # it has a name now
