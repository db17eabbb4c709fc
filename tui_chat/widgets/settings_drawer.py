"""How the focused pane answers, beside the chat: sliders for its numbers, and its system prompt.

    Ctrl+G    opens it, goes to it, closes it        Escape    closes it, back to the prompt

Whatever is changed here holds from the next reply on; a reply under way goes on as it began. The drawer follows the
focused pane, and what changes its settings elsewhere. Going back to the defaults can be undone until something else
is changed. The one rule: what it shows are the settings of the pane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static, TextArea

from engine.errors import UserError
from tui_chat.chat_settings import ChatSettings
from tui_chat.text import one_line, plain, visible
from tui_chat.value_scales import LABELS, SCALES
from tui_chat.widgets.dialog_keys import with_keys
from tui_chat.widgets.value_slider import CHANGED_MARK, ValueSlider
from tui_chat.workers import start_worker

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane

_DEFAULTS = ("Back to defaults", "drawer.defaults")
_FOLLOW_SECONDS = 0.2
_ROOMY = 46  # lines; from here on every sentence is shown, below it that of the slider in use
_TIGHT = 28  # lines; below it there are no empty ones


class Rows(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The settings below each other; Up and Down go from one to the next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Next setting", id="drawer.next", show=False),
        Binding("up", "move(-1)", "Setting before", id="drawer.previous", show=False),
    ]

    def action_move(self, by: int) -> None:
        (self.screen.focus_next if by > 0 else self.screen.focus_previous)("SettingsDrawer *")


class SettingsDrawer(Vertical):
    """The settings of whichever pane has the focus, or had it last."""

    DEFAULT_CSS = """
    SettingsDrawer {
        width: 26%; min-width: 38; max-width: 52; padding-top: 1; background: $surface;
        .title { height: auto; padding: 0 1; margin-bottom: 1; }
        Rows { height: 1fr; scrollbar-size-vertical: 1; scrollbar-background: $surface; }
        .prompt-label { height: auto; padding: 0 1; margin-top: 1; }
        TextArea {
            height: auto; min-height: 3; max-height: 12; margin: 0 1; padding: 0; border: none; background: $panel;
        }
        TextArea:focus { background: $boost; border: none; }
        Button { margin: 1; }
        &.-roomy ValueSlider { margin-bottom: 1; }
        &.-roomy ValueSlider .note { display: block; }
        &.-tight { padding-top: 0; }
        &.-tight .title, &.-tight .prompt-label { margin: 0; }
        &.-tight Button { margin: 0 1; }
    }
    """
    BINDING_GROUP_TITLE = "Settings of the pane"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="drawer.close"),
        Binding("ctrl+r", "bring_back", "Undo defaults", id="drawer.bring_back"),
        Binding("ctrl+r", "defaults", "All defaults", id="drawer.defaults"),
    ]

    def __init__(
        self, pane: Callable[[], ChatPane], default: Callable[[], ChatSettings], leave: Callable[[], object]
    ) -> None:
        """`pane` is the one to show, `default` what a new chat has, `leave` where the focus goes afterwards."""
        super().__init__()
        self._focused_pane = pane
        self._default = default
        self._leave = leave
        self._pane = pane()
        self._shown: ChatSettings | None = None
        self._not_taken: tuple[str, ...] = ()
        self._undo: tuple[ChatPane, ChatSettings, ChatSettings] | None = None  # defaults, and what was before
        self._saving = asyncio.Lock()

    def compose(self) -> ComposeResult:
        yield Static(classes="title", markup=False)
        with Rows():
            for name in SCALES:
                yield ValueSlider(name, LABELS[name])
            yield Static(classes="prompt-label", markup=False)
            area = TextArea(compact=True, highlight_cursor_line=False, placeholder="nothing")
            area.tooltip = "Taken when you leave the box"
            yield area
        yield Button(compact=True)  # in sight however far the rows are scrolled: it undoes, too

    def on_mount(self) -> None:
        self._follow()
        self.set_interval(_FOLLOW_SECONDS, self._follow)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height >= _ROOMY, "-roomy")
        self.set_class(event.size.height < _TIGHT, "-tight")

    def focus_first(self) -> None:
        """Go to the first slider."""
        self.query(ValueSlider).first().focus()

    # ---- showing

    def _follow(self) -> None:
        """Show the focused pane as it is; what was written for the one before is taken first."""
        pane = self._focused_pane()
        if pane is not self._pane:
            self._take_prompt()
            self._pane, self._shown = pane, None
        if pane.settings is not self._shown or pane.model.not_taken != self._not_taken:
            self._show(pane.settings)

    def _show(self, settings: ChatSettings) -> None:
        before, self._shown, self._not_taken = self._shown, settings, self._pane.model.not_taken
        default = self._default()
        who, number = settings.persona or self._pane.model_name, self._pane.place.partition("/")[0]
        title = (
            f"Pane {number}: how {one_line(who, 20)} answers"
            if number
            else f"How {one_line(who, 28)} answers"
        )
        self.query_one(".title", Static).update(plain(title).stylize("bold $text-primary"))
        now, usual = settings.generation.to_dict(), default.generation.to_dict()
        for slider in self.query(ValueSlider):
            name = slider.setting.name
            slider.show(now[name], usual[name], name not in self._not_taken)
        mark = CHANGED_MARK if settings.system_prompt != default.system_prompt else ""
        self.query_one(".prompt-label", Static).update(
            Content.assemble((mark, "$text-accent"), "System prompt: what the model is told first")
        )
        area = self.query_one(TextArea)
        is_other = before is None or before.system_prompt != settings.system_prompt
        if is_other or not area.has_focus:  # else it is being written
            area.text = visible(settings.system_prompt)
        button = self.query_one(Button)
        deed = ("Undo: as before", "drawer.bring_back") if self._can_undo else _DEFAULTS
        (button.label,) = with_keys(self, deed)
        button.disabled = not (self._can_undo or self._differs(default))
        self.refresh_bindings()

    @property
    def _can_undo(self) -> bool:
        """Whether nothing has changed since the pane went back to the defaults."""
        if self._undo is None:
            return False
        pane, defaults, _ = self._undo
        return pane is self._pane and pane.settings is defaults

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._can_undo if action == "bring_back" else True

    def _differs(self, default: ChatSettings) -> bool:
        now = self._pane.settings
        return (now.generation, now.system_prompt) != (default.generation, default.system_prompt)

    # ---- changing

    @on(ValueSlider.Changed)
    def _take_value(self, event: ValueSlider.Changed) -> None:
        event.stop()
        self._take_values()

    def _take_values(self) -> None:
        """What sliders show that was not shown to them; a message on its way may tell of an older value."""
        if self._shown is None:
            return
        shown = self._shown.generation.to_dict()
        changes = {
            slider.setting.name: slider.value
            for slider in self.query(ValueSlider)
            if slider.value != shown[slider.setting.name]
        }
        if changes:
            now = self._pane.settings
            generation = now.generation.with_changes("settings of this pane", **changes)
            self._apply(now.with_changes("settings of this pane", generation=generation.to_dict()))

    def on_descendant_blur(self) -> None:
        """A text of several lines is taken when the cursor leaves it: Enter is a new line there."""
        self._take_prompt()

    def _take_prompt(self) -> None:
        text = self.query_one(TextArea).text
        if self._shown is not None and text != visible(self._shown.system_prompt):
            self._apply(self._pane.settings.with_changes("settings of this pane", system_prompt=text.strip()))

    @on(Button.Pressed)
    def _press(self) -> None:
        (self.action_bring_back if self._can_undo else self.action_defaults)()

    def action_defaults(self) -> None:
        """All numbers and the system prompt as a new chat has them."""
        self._take_values()
        self._take_prompt()  # else what is being written there could not be brought back
        default, before = self._default(), self._pane.settings
        if self._differs(default):
            changes = {"generation": default.generation.to_dict(), "system_prompt": default.system_prompt}
            settings = before.with_changes("settings of this pane", **changes)
            self._undo = self._pane, settings, before
            self._apply(settings)

    def action_bring_back(self) -> None:
        """What was set before the defaults."""
        if self._undo is not None:
            self._apply(self._undo[2])

    def _apply(self, settings: ChatSettings) -> None:
        """Let it hold at once, and be saved as fast as the disk allows, the newest last."""
        self._pane.session.settings = settings
        self._pane.refresh_title()
        self._show(settings)
        # A worker of the pane: keys typed just before Escape may arrive while the drawer goes, and its workers with it.
        start_worker(self._pane, partial(self._save, self._pane, settings), group="save-settings")

    async def _save(self, pane: ChatPane, settings: ChatSettings) -> None:
        async with self._saving:
            if pane.settings is settings:  # else a newer one waits behind this one
                try:
                    await pane.change_settings(settings)
                except UserError as error:
                    self.notify(str(error), severity="error", markup=False)

    # ---- leaving

    async def action_close(self) -> None:
        """Take what was written, and go back to the prompt."""
        self._take_values()
        self._take_prompt()
        self._leave()
        async with self._saving:  # what is being saved is, before the drawer is seen to go
            self.remove()
