"""The keys of the app: those of the chosen set and of the settings, in the place of the usual ones.

    keys = AppKeys(app); keys.use()           at the start, and when the settings have changed
    await keys.keep_neighbours(tells=True)    later, for it takes every screen

The one rule: an action whose key nobody moved keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tui_chat.key_sets import keys_in_force

if TYPE_CHECKING:
    from tui_chat.app import TuiChatApp


class AppKeys:
    """Which keys are not where they usually are."""

    def __init__(self, app: TuiChatApp) -> None:
        self._app = app

    @property
    def remapped(self) -> Mapping[str, str]:
        """The keys of the chosen set and of the settings, by the id of their action."""
        config = self._app.loaded.config
        return keys_in_force(config.ui.key_set, config.keys)

    def use(self) -> None:
        """Let them be pressed."""
        self._app.set_keymap(dict(self.remapped))
        # Textual's footer asks for the palette by its key.
        self._app.COMMAND_PALETTE_BINDING = self.remapped.get("app.palette", "ctrl+p").partition(",")[0]  # type: ignore[misc]

    async def keep_neighbours(self, tells: bool = False) -> None:
        """Let what shares a key with a moved one keep it; `tells` what is wrong with the keys."""
        if not self.remapped:
            return
        from tui_chat.key_checks import problems_of, with_neighbours  # here: they import every screen

        self._app.set_keymap(await asyncio.to_thread(with_neighbours, self.remapped))
        if not tells:
            return
        own = self._app.loaded.config.keys
        for problem in await asyncio.to_thread(problems_of, own, self.remapped):
            self._app.notify(problem, title="Settings", severity="warning", timeout=20)
