"""The theme the app is seen in: the one of the settings, chosen anew by looking at others.

    choice = ThemeChoice(app); choice.begin()      once it is mounted
    await choice.choose()                          shows each as the cursor comes to it

The one rule: colours chosen anywhere are kept like any other setting; those only looked at are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import UserError
from tui_chat import themes
from tui_chat.config import save_setting

if TYPE_CHECKING:
    from textual.theme import Theme

    from tui_chat.app import TuiChatApp


class ThemeChoice:
    """Knows which theme is kept, and whether others are only looked at."""

    def __init__(self, app: TuiChatApp) -> None:
        """Show the app in the theme of the settings."""
        self._app = app
        self._problem = themes.use_theme(app, app.loaded.config.ui.theme)
        self._kept = app.theme
        self._is_looking = False

    def begin(self) -> None:
        """Keep what is chosen from now on."""
        self._app.theme_changed_signal.subscribe(self._app, self._keep)

    def learn_own(self) -> None:
        """Offer the user's themes; tells what is wrong with them."""
        found, problems = themes.own_themes()
        for theme in found:
            self._app.register_theme(theme)
        for problem in dict.fromkeys(filter(None, [self._problem, *problems])):
            self._app.notify(problem, title="Theme", severity="warning", timeout=20)

    async def choose(self) -> None:
        """Let the user choose by looking."""
        from tui_chat.screens.theme_picker import ThemePicker  # here: after the first paint

        app = self._app
        self.learn_own()
        self._is_looking = True
        try:
            names = [*themes.BUILT_IN, *sorted(app.available_themes.keys() - set(themes.BUILT_IN))]
            chosen = await app.push_screen_wait(ThemePicker(names, app.theme))
        finally:
            self._is_looking = False
        if chosen is not None:
            self._keep(app.current_theme)

    def _keep(self, theme: Theme) -> None:
        is_passed_over = theme.name != self._app.theme  # told late, of a theme that was only looked at
        if theme.name == self._kept or self._is_looking or is_passed_over:
            return
        self._kept = theme.name
        try:
            save_setting(self._app.loaded.path, "ui.theme", theme.name)
        except UserError as error:
            self._app.notify(str(error), severity="warning", markup=False)
        else:
            self._app.loaded = self._app.loaded.reloaded()
