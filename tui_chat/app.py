"""The app: its modes, what they share, and how it ends.

    mode "chat"      ChatScreen         mode "training"   TrainingScreen
    above either     SettingsScreen, HelpScreen, the command palette

The one rule: nothing is imported or read before the first paint that the first paint does not need.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Iterable, Mapping
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import Monochrome
from textual.screen import Screen

from engine.errors import UserError
from engine.paths import conversations_path, workspace_path
from tui_chat import moves, reading, themes
from tui_chat.config import LoadedConfig, save_setting
from tui_chat.conversations import Conversations
from tui_chat.engines import EngineFactory, Engines, app_engines
from tui_chat.hang_up import end_at_the_latest, terminal_is_gone, write_nowhere
from tui_chat.key_bindings import key_hint
from tui_chat.key_sets import keys_in_force
from tui_chat.screens.chat import ChatScreen
from tui_chat.terminal_keys import let_alt_be_alt
from tui_chat.terminal_looks import AsciiOnly, NoColours, has_utf8, is_ascii
from tui_chat.text import visible
from tui_chat.workers import start_worker
from tui_chat.workspace import WorkspaceFile

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.command import Provider
    from textual.notifications import SeverityLevel
    from textual.theme import Theme

    from tui_chat.chat_settings import ChatSettings
    from tui_chat.screens.settings import SettingsScreen
    from tui_chat.widgets.prose import Prose


def _poem_provider() -> type[Provider]:
    from tui_chat.commands import PoemAboutProvider  # here: when the palette is opened

    return PoemAboutProvider


_LONGEST_END_SECONDS = 15.0  # after a signal: saving what was said takes two at most


class TuiChatApp(App[None]):
    """Chat with GPTs, train them, and talk to them while they learn."""

    TITLE = "tui-chat"
    CSS_PATH = ["app.tcss", "no_colours.tcss"]  # noqa: RUF012 - typed by its base
    DEFAULT_MODE = "chat"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]  # noqa: RUF012 - typed by its base
    COMMANDS = App.COMMANDS | {_poem_provider}
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
        self._is_looking = False  # at themes
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
        self._theme_problem = themes.use_theme(self, loaded.config.ui.theme)
        self._kept_theme = self.theme
        self._suit_the_terminal(loaded.config.ui.characters)
        self._use_keys()

    @property
    def remapped_keys(self) -> Mapping[str, str]:
        """The keys of the chosen set and of the settings, by the id of their action."""
        return keys_in_force(self.loaded.config.ui.key_set, self.loaded.config.keys)

    def _use_keys(self) -> None:
        self.set_keymap(dict(self.remapped_keys))
        # Textual's footer asks for the palette by its key.
        self.COMMAND_PALETTE_BINDING = self.remapped_keys.get("app.palette", "ctrl+p").partition(",")[0]  # type: ignore[misc]

    def _suit_the_terminal(self, characters: str) -> None:
        """Draw with what it has; Textual makes greys of NO_COLOR, and box drawing where there is none."""
        let_alt_be_alt()
        if self.no_color:
            page = lambda: Color.parse(self.current_theme.background or "#121212")  # noqa: E731
            self._filters = [NoColours(page) if isinstance(one, Monochrome) else one for one in self._filters]
        if is_ascii(characters, os.environ):
            self._filters.append(AsciiOnly(letters_too=not has_utf8(os.environ)))
            self.add_class("-ascii")

    def on_mount(self) -> None:
        self._leave_when_told_to()
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self.call_after_refresh(self._begin_work)

    async def _begin_work(self) -> None:
        """What can wait for the first paint."""
        if not gc.isenabled():  # as `start_app` left it
            gc.freeze()  # what has been made until now stays: no later collection looks through it, a pause each
            gc.enable()
        for problem in self.loaded.problems:
            self.notify(problem, title="Settings", severity="warning", timeout=20, markup=False)
        self.chat.begin_work()
        self._learn_own_themes()
        start_worker(self, partial(self._look_at_keys, tells=True))
        if self._run_name is not None:
            await self.switch_mode("training")

    async def _look_at_keys(self, tells: bool = False) -> None:
        """Remapped keys beside all others that there are."""
        if not self.remapped_keys:
            return
        from tui_chat.key_checks import problems_of, with_neighbours  # here: they import every screen

        self.set_keymap(await asyncio.to_thread(with_neighbours, self.remapped_keys))
        if not tells:
            return
        for problem in await asyncio.to_thread(problems_of, self.loaded.config.keys, self.remapped_keys):
            self.notify(problem, title="Settings", severity="warning", timeout=20)

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
        self._use_keys()
        start_worker(self, self._look_at_keys)

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

    def _print_error_renderables(self) -> None:
        """Textual prints the traceback of an unforeseen error with the variables of each function, foreign text too."""
        self._exit_renderables = [_harmless(one) for one in self._exit_renderables]
        super()._print_error_renderables()

    # ---- pasting

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

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        from tui_chat.commands import commands_of  # here: when the palette is opened

        return commands_of(self, screen)

    def _learn_own_themes(self) -> None:
        found, problems = themes.own_themes()
        for theme in found:
            self.register_theme(theme)
        for problem in dict.fromkeys(filter(None, [self._theme_problem, *problems])):
            self.notify(problem, title="Theme", severity="warning", timeout=20)

    def action_change_theme(self) -> None:
        """Choose colours by looking at them."""
        start_worker(self, self._choose_theme)

    async def _choose_theme(self) -> None:
        from tui_chat.screens.theme_picker import ThemePicker  # here: after the first paint

        self._learn_own_themes()
        self._is_looking = True
        try:
            names = [*themes.BUILT_IN, *sorted(self.available_themes.keys() - set(themes.BUILT_IN))]
            chosen = await self.push_screen_wait(ThemePicker(names, self.theme))
        finally:
            self._is_looking = False
        if chosen is not None:
            self._keep_theme(self.current_theme)

    def _keep_theme(self, theme: Theme) -> None:
        """Colours chosen anywhere are kept like any other setting; those only looked at are not."""
        if theme.name == self._kept_theme or self._is_looking:
            return
        self._kept_theme = theme.name
        try:
            save_setting(self.loaded.path, "ui.theme", theme.name)
        except UserError as error:
            self.notify(visible(str(error)), severity="warning", markup=False)
        else:
            self.loaded = self.loaded.reloaded()

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


def _harmless(renderable: RenderableType) -> RenderableType:
    from rich.segment import Segment, Segments  # here: for a crash only

    if not isinstance(renderable, Segments):
        return renderable
    return Segments([Segment(visible(text), style, control) for text, style, control in renderable.segments])
