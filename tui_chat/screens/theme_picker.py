"""Choosing a theme: the app is seen in each as the cursor comes to it; Escape brings back the one there was.

The one rule: nothing is saved here; whoever asked gets the name, or None.
"""

from __future__ import annotations

from textual import on
from textual.await_complete import AwaitComplete
from textual.widgets import OptionList

from tui_chat.screens.choose_one import Choice, ChooseOne


class ThemePicker(ChooseOne):
    """Gives the name of the chosen theme, or None."""

    CSS = """
    ThemePicker {
        align: right middle;
        background: transparent;
        .dialog { width: 36; height: 100%; max-height: 100%; }
        OptionList { height: 1fr; max-height: 100%; }
    }
    """  # beside the app, which is not shaded: it is what there is to look at

    def __init__(self, names: list[str], now: str) -> None:
        """`now` is the theme in use; it stands first, so that nothing changes by looking."""
        others = [Choice(name) for name in names if name != now]
        super().__init__("Theme", [Choice(now, "in use"), *others])
        self._before = now
        self._is_left = False

    @on(OptionList.OptionHighlighted)
    def preview(self, event: OptionList.OptionHighlighted) -> None:
        """Show the app as it would look; not when the news of the cursor comes after the end of the dialog."""
        if not self._is_left and event.option_index < len(self._values):
            self.app.theme = self._values[event.option_index]

    def dismiss(self, result: str | None = None) -> AwaitComplete:
        """Leave, in the chosen colours or, without a choice, in those there were."""
        self._is_left = True
        self.app.theme = self._before if result is None else result
        return super().dismiss(result)
