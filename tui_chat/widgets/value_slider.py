"""One number as a slider: Left and Right step, Shift makes the steps larger, Enter or a digit types it.

    Temperature                       ● 0.85
    ━━━━━━━━━━━━━━━●────────────────────────
    0 always takes the likeliest token; ...

It wants a value by `Changed` and shows what it is told to. The one rule: what is typed is taken only when the
setting takes it; otherwise the range is named and the text stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from engine.errors import UserError
from tui_chat.config import parse_value, setting_of
from tui_chat.text import plain
from tui_chat.value_scales import SCALES, Seeds, Value, digits

_DIGITS = {**{digit: digit for digit in "0123456789"}, "full_stop": "."}  # they begin to type
CHANGED_MARK = "● "  # before what is not as the settings say


class Track(Static):
    """The line with the handle; tells where it was pressed."""

    ALLOW_SELECT = False

    @dataclass
    class Pressed(Message):
        """The person points at a place on the line, from 0 to 1."""

        share: float
        is_drag: bool

    def __init__(self) -> None:
        super().__init__(markup=False, classes="track")
        self._words: str | None = None
        self._share = 0.0

    def show(self, share: float | None, words: str) -> None:
        """A handle at `share`; without one, words between two arrows."""
        self._words, self._share = (words, 0.0) if share is None else (None, share)
        self.refresh()

    def render(self) -> Content:
        width = max(self.size.width, 3)
        if self._words is not None:
            return Content.assemble(
                ("◂", "$primary"), (self._words.center(width - 2), "dim"), ("▸", "$primary")
            )
        place = round(self._share * (width - 1))
        return Content.assemble(
            ("━" * place, "$primary"), ("●", "bold $primary"), ("─" * (width - 1 - place), "$foreground 30%")
        )

    def _point(self, x: int, is_drag: bool) -> None:
        width = max(self.size.width - 1, 1)
        self.post_message(self.Pressed(min(max(x / width, 0.0), 1.0), is_drag))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        event.stop()
        self.capture_mouse()
        self._point(event.x, is_drag=False)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            event.stop()
            self._point(event.x, is_drag=True)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self.app.mouse_captured is self:
            self.release_mouse()


class ValueSlider(Vertical, can_focus=True):
    """A setting of `GenerationSettings`, changed by key, mouse or hand."""

    DEFAULT_CSS = """
    ValueSlider { height: auto; padding: 0 1; }
    ValueSlider:focus-within { background: $primary 15%; }
    ValueSlider Horizontal { height: 1; }
    ValueSlider .label { width: 1fr; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ValueSlider .value { width: auto; height: 1; text-style: bold; }
    ValueSlider Input { width: 22; display: none; background: $panel; }
    ValueSlider.-typing Input { display: block; }
    ValueSlider.-typing .value { display: none; }
    ValueSlider .track { height: 1; width: 1fr; }
    ValueSlider .note { height: auto; color: $text-muted; display: none; }
    ValueSlider .note.-problem { color: $text-error; }
    ValueSlider:focus-within .note { display: block; }
    ValueSlider:focus .label { text-style: bold; }
    ValueSlider.-not-taken { .label, .value, .track { color: $text-muted; text-style: none; } }
    """
    BINDING_GROUP_TITLE = "Slider"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "step(1)", "More", id="slider.more", key_display="→"),
        Binding("left", "step(-1)", "Less", id="slider.less", key_display="←"),
        Binding("shift+right", "step(1, True)", "Much more", id="slider.much_more", show=False),
        Binding("shift+left", "step(-1, True)", "Much less", id="slider.much_less", show=False),
        Binding("enter", "type", "Type it", id="slider.type"),
        Binding("escape", "cancel", "Cancel", id="slider.cancel", show=False),
        Binding("backspace,delete", "default", "Default", id="slider.default"),
        *(
            Binding(key, f"digit('{digit}')", "", id="slider.digit", show=False)
            for key, digit in _DIGITS.items()
        ),
    ]

    @dataclass
    class Changed(Message):
        """The person wants this value."""

        slider: ValueSlider
        value: Value

    def __init__(self, name: str, label: str) -> None:
        super().__init__(id=name)
        self.setting = setting_of("generation", name)
        self._scale = SCALES[name]
        self._label = label
        self.value: Value = self.setting.default
        self._default: Value = self.setting.default
        self.is_taken = True  # by the model; else it is only kept
        self._track = Track()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(plain(self._label), classes="label")
            yield Static(classes="value", markup=False)
            yield Input(compact=True, select_on_focus=False)
        yield self._track
        yield Static(classes="note", markup=False)

    def on_mount(self) -> None:
        self.show(self.value, self._default)

    def show(self, value: Value, default: Value, is_taken: bool | None = None) -> None:
        """What holds now, what would hold without a change here, and whether the model takes it."""
        self.value, self._default = value, default
        self.is_taken = self.is_taken if is_taken is None else is_taken
        self.set_class(not self.is_taken, "-not-taken")
        if not self.is_mounted:
            return
        words = self._scale.words(value) if self.is_taken else "not sent"
        is_changed = value != default
        mark = (CHANGED_MARK, "$text-accent") if is_changed else ("", "")
        self.query_one(".value", Static).update(Content.assemble(mark, words))
        self._track.show(self._scale.share(value), self._between_arrows(value))
        if not self.is_typing:
            self._say(self._explanation())

    def _between_arrows(self, value: Value) -> str:
        return "another reply each time" if value is None else "the same reply each time"

    def _explanation(self) -> str:
        setting, default = self.setting, self._scale.words(self._default)
        low, high = setting.limits
        is_open = high is None or high >= 2**31
        most = f"{high:,.0f}" if high and float(high).is_integer() else digits(high)
        limits = f"{digits(low)} or more" if is_open else f"From {digits(low)} to {most}"
        if not self.is_taken:
            return f"This model does not take it: {self._scale.words(self.value)} is kept for others."
        return f"{setting.explanation} {limits}; default {default}."

    # ---- stepping

    def action_step(self, by: int, is_large: bool = False) -> None:
        if not self.is_typing:
            self._want(self._scale.moved(self.value, by, is_large))

    def action_default(self) -> None:
        self._want(self._default)

    @on(Track.Pressed)
    def _pressed(self, event: Track.Pressed) -> None:
        event.stop()
        self.focus()
        if not isinstance(self._scale, Seeds):
            self._want(self._scale.at(event.share))
        elif not event.is_drag:
            self._want(self._scale.moved(self.value, 1 if event.share > 0.5 else -1))

    def _want(self, value: Value) -> None:
        if value != self.value:
            self.show(value, self._default)  # at once: the next step goes on from here
            self.post_message(self.Changed(self, value))

    # ---- typing

    @property
    def is_typing(self) -> bool:
        """Whether the value is being typed."""
        return self.has_class("-typing")

    def action_type(self, begin: str | None = None) -> None:
        """Let the value be typed; `begin` is what was typed already, else what holds. Again: take it."""
        if self.is_typing:
            self._accept()
            return
        box = self.query_one(Input)
        box.value = self._scale.words(self.value) if begin is None else begin
        self.add_class("-typing")
        box.focus()
        box.cursor_position = len(box.value)
        if begin is None:
            box.action_select_all()

    def action_cancel(self) -> None:
        self._end_typing()
        self.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action in ("digit", "type") or self.is_typing == (action == "cancel")

    def action_digit(self, digit: str) -> None:
        """Begin to type; as a key like the others, so that it cannot overtake the one that came before."""
        if self.is_typing:
            self.query_one(Input).insert_text_at_cursor(digit)
        else:
            self.action_type(digit)

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.has_class("value"):
            self.action_type()

    @on(Input.Changed)
    def _check(self, event: Input.Changed) -> None:
        event.stop()
        try:
            self._typed()
        except UserError as error:
            self._say(str(error), is_problem=True)
        else:
            self._say(self._explanation())

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        self._accept()

    def _accept(self) -> None:
        """Take what was typed, or say what is wrong with it."""
        try:
            value = self._typed()
        except UserError as error:
            self._say(str(error), is_problem=True)
            return
        self._end_typing()
        self.focus()
        self._want(value)

    @on(Input.Blurred)
    def _left(self, event: Input.Blurred) -> None:
        """Leaving the box takes what is right, and drops what is not."""
        event.stop()
        if not self.is_typing:
            return
        try:
            value = self._typed()
        except UserError:
            value = self.value
        self._end_typing()
        self._want(value)

    def _typed(self) -> Value:
        text = self.query_one(Input).value.strip()
        for named in (0, None):  # "all", "random"
            if text and text.casefold() == self._scale.words(named) and not text.isdigit():
                return named
        try:
            value: Value = parse_value(self.setting.key, text)
        except UserError as error:
            problem = str(error).removeprefix(f"{self.setting.key}: ")
            raise UserError(problem.replace(self.setting.name, self._label, 1)) from None
        return value

    def _end_typing(self) -> None:
        self.remove_class("-typing")
        self._say(self._explanation())

    def _say(self, words: str, is_problem: bool = False) -> None:
        note = self.query_one(".note", Static)
        note.update(plain(words))
        note.set_class(is_problem, "-problem")
