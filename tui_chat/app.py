"""The app: its modes, what they share, and how it ends.

    mode "chat"      ChatScreen         mode "training"   TrainingScreen
    above either     SettingsScreen, HelpScreen, the command palette

The one rule: nothing is imported or read before the first paint that the first paint does not need.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Iterable, Mapping
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.paths import conversations_path, workspace_path
from tui_chat import moves, reading
from tui_chat.app_keys import AppKeys
from tui_chat.config import LoadedConfig
from tui_chat.conversations import Conversations
from tui_chat.engines import EngineFactory, Engines, app_engines
from tui_chat.hang_up import end_at_the_latest, terminal_is_gone, write_nowhere
from tui_chat.harmless_app import HarmlessApp
from tui_chat.key_bindings import key_hint
from tui_chat.screens.chat import ChatScreen
from tui_chat.terminal_keys import let_alt_be_alt
from tui_chat.terminal_looks import suit_the_terminal
from tui_chat.theme_choice import ThemeChoice
from tui_chat.workers import start_worker
from tui_chat.workspace import WorkspaceFile

if TYPE_CHECKING:
    from textual.command import Provider

    from tui_chat.chat_settings import ChatSettings
    from tui_chat.screens.settings import SettingsScreen
    from tui_chat.widgets.prose import Prose


def _poem_provider() -> type[Provider]:
    from tui_chat.commands import PoemAboutProvider  # here: when the palette is opened

    return PoemAboutProvider


def _palette_provider() -> type[Provider]:
    from tui_chat.palette_order import PaletteProvider  # as above

    return PaletteProvider


_LONGEST_END_SECONDS = 15.0  # after a signal: saving what was said takes two at most


class TuiChatApp(HarmlessApp):
    """Chat with GPTs, train them, and talk to them while they learn."""

    TITLE = "tui-chat"
    CSS_PATH = ["app.tcss", "no_colours.tcss"]  # noqa: RUF012 - typed by its base
    DEFAULT_MODE = "chat"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012 - typed by its base
    COMMANDS = {_palette_provider, _poem_provider}  # noqa: RUF012 - typed by its base
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "All commands", id="app.palette", priority=True, show=False),
        Binding("f1", "help", "Help", id="app.help"),
        Binding("f2", "settings", "Settings", id="app.settings", show=False),
        Binding("f3", "switch_modes", "Training", id="app.training", tooltip="Chat or training", show=False),
        Binding("ctrl+q", "quit", "Quit", id="app.quit", priority=True, show=False),
        *moves.MOVES,
        *reading.READING,
    ]

    def __init__(
        self,
        loaded: LoadedConfig,
        run_name: str | None = None,
        engine_factory: EngineFactory | None = None,
        conversations: Conversations | None = None,
        workspace: WorkspaceFile | None = None,
        begins_with: ChatSettings | None = None,
    ) -> None:
        """`run_name` opens the app on that run's monitor, `begins_with` a chat; the three between are for tests."""
        super().__init__()
        self.loaded = loaded
        self._own_keys = AppKeys(self)
        self._run_name = run_name
        self.conversations = conversations or Conversations.at(conversations_path())
        factory = app_engines(lambda: self.loaded.config) if engine_factory is None else engine_factory
        self.engines = Engines(factory, lambda reference: self.chat.engine_changed(reference))
        if workspace is None and conversations is None:
            workspace = WorkspaceFile(workspace_path())
        begins_anew = loaded.origin_of("chat.model") == "flag" or begins_with is not None
        self.chat = ChatScreen(loaded.config, self.conversations, self.engines, workspace, begins_anew)
        if begins_with is not None:
            self.chat.pane.session.settings = begins_with
        self.add_mode("chat", lambda: self.chat)
        self.add_mode("training", self._training_screen)
        self._theme_choice = ThemeChoice(self)
        let_alt_be_alt()
        suit_the_terminal(self, loaded.config.ui.characters)
        self._own_keys.use()

    @property
    def remapped_keys(self) -> Mapping[str, str]:
        """The keys of the chosen set and of the settings, by the id of their action."""
        return self._own_keys.remapped

    def on_mount(self) -> None:
        self._leave_when_told_to()
        self._theme_choice.begin()
        self.call_after_refresh(self._begin_work)

    async def _begin_work(self) -> None:
        """What can wait for the first paint."""
        if not gc.isenabled():  # as `start_app` left it
            gc.freeze()  # what has been made until now stays: no later collection looks through it, a pause each
            gc.enable()
        for problem in self.loaded.problems:
            self.notify(problem, title="Settings", severity="warning", timeout=20, markup=False)
        self.chat.begin_work()
        self._theme_choice.learn_own()
        start_worker(self, partial(self._own_keys.keep_neighbours, tells=True))
        if self._run_name is not None:
            await self.switch_mode("training")

    def _training_screen(self) -> Screen[Any]:
        from tui_chat.screens.training import TrainingScreen  # here: after the first paint

        return TrainingScreen(self._run_name, self.chat.keeper.run, self.chat.keeper.watch)

    # ---- from one screen to another

    async def chat_with(self, reference: str) -> None:
        """Show the chat screen with a pane that chats with this model."""
        await self.switch_mode("chat")
        await self.chat.chat_with(reference)

    async def action_switch_modes(self) -> None:
        """To training, or back to the chat; what lies over either stays there."""
        if not self.screen.is_modal:
            await self.switch_mode("training" if self.current_mode == "chat" else "chat")

    def get_key_display(self, binding: Binding) -> str:
        """As hints at the foot name it: like everywhere else, but ^ for Ctrl."""
        return binding.key_display or key_hint(self, binding.key)

    def action_help(self) -> None:
        from tui_chat.screens.help import HelpScreen  # here: after the first paint

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.remapped_keys, self.loaded.config.ui.key_set))

    def action_move(self, where: moves.Where) -> None:
        moves.move(self.screen.focused, where)

    def action_find(self) -> None:
        moves.find(self.screen)

    def action_to_messages(self) -> None:
        moves.to_messages(self.screen.focused)

    def action_open_link(self) -> None:
        start_worker(self, partial(reading.choose_link, self))

    def on_prose_link_clicked(self, event: Prose.LinkClicked) -> None:
        """Where it leads is shown first."""
        start_worker(self, partial(reading.open_link, self, event.address))

    async def action_copy_conversation(self) -> None:
        await reading.copy_conversation(self)

    def action_settings(self) -> None:
        from tui_chat.screens.settings import SettingsScreen  # here: after the first paint

        if not isinstance(self.screen, SettingsScreen):
            self.push_screen(SettingsScreen(self.loaded))

    def on_settings_screen_changed(self, event: SettingsScreen.Changed) -> None:
        """A setting was saved: use it from now on."""
        self.loaded = event.loaded
        self.chat.take_config(event.loaded.config)
        self._own_keys.use()
        start_worker(self, self._own_keys.keep_neighbours)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        from tui_chat.commands import commands_of  # here: when the palette is opened

        return commands_of(self, screen)

    def action_change_theme(self) -> None:
        """Choose colours by looking at them."""
        start_worker(self, self._theme_choice.choose)

    # ---- the end

    def _leave_when_told_to(self) -> None:
        """A `kill`, or a terminal that closes, ends the app as Ctrl+Q does; a second one ends it at once."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()

        def leave(number: int, frame: FrameType | None) -> None:
            signal.signal(number, signal.SIG_DFL)
            end_at_the_latest(_LONGEST_END_SECONDS, 128 + number)
            if terminal_is_gone():
                write_nowhere()
            loop.call_soon_threadsafe(self.call_later, self.action_quit)

        for name in ("SIGTERM", "SIGHUP"):
            # Not on Windows, and not where the app is run by another program's thread. No handler of the loop: that
            # would wait for a loop that waits for a terminal that is gone.
            with contextlib.suppress(AttributeError, ValueError):
                signal.signal(getattr(signal, name), leave)

    async def action_quit(self) -> None:
        """Stop and save every reply, keep what was not sent, close the engines, and leave. Runs go on."""
        await self.chat.settle()
        await self.engines.close_all()
        self.exit()

    async def on_unmount(self) -> None:
        await self.engines.close_all()
        await asyncio.to_thread(self.conversations.close)  # it waits for what is being saved
