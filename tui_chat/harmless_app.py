"""An app that foreign text cannot harm: in what it tells, pastes, copies, and prints after a crash, nothing is obeyed.

The one rule: Textual's markup is never read in a text that the app was given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import App

from tui_chat.text import visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.notifications import SeverityLevel


class HarmlessApp(App[None]):
    """What every text passes on its way in and out."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notice as plain text, `markup` or not: whatever it quotes stays harmless."""
        super().notify(
            visible(message), title=visible(title), severity=severity, timeout=timeout, markup=False
        )

    @property
    def clipboard(self) -> str:
        """What Ctrl+V inserts: what was copied, control characters made visible."""
        return visible(super().clipboard)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Paste):  # what is shown in a field is what is sent
            event.text = visible(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        elif isinstance(event, events.Key) and event.key.startswith("alt+"):
            event.character = None  # most terminals send it with its letter, which a text box would take
        await super().on_event(event)

    def _print_error_renderables(self) -> None:
        """Textual prints the traceback of an unforeseen error with the variables of each function, foreign text too."""
        self._exit_renderables = [_harmless(one) for one in self._exit_renderables]
        super()._print_error_renderables()


def _harmless(renderable: RenderableType) -> RenderableType:
    from rich.segment import Segment, Segments  # here: for a crash only

    if not isinstance(renderable, Segments):
        return renderable
    return Segments([Segment(visible(text), style, control) for text, style, control in renderable.segments])
