"""How one pane samples, and what its model is told first; checked while it is typed."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.records import explanation_of
from tui_chat.chat_settings import ChatSettings
from tui_chat.config import parse_value
from tui_chat.text import one_line, plain, visible
from tui_chat.widgets.dialog_keys import DialogKeys

_FIELDS = {
    "temperature": "Temperature",
    "top_k": "Top-k",
    "top_p": "Top-p",
    "repetition_penalty": "Repetition penalty",
    "max_new_tokens": "Longest reply",
    "seed": "Seed",
}


class PaneSettings(ModalScreen[ChatSettings | None]):
    """Gives the changed settings, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="pane_settings.cancel"),
        Binding("ctrl+s", "accept", "Accept", id="pane_settings.accept", priority=True),
        Binding("enter", "accept", "Accept", show=False, id="pane_settings.enter"),
        Binding("down", "app.focus_next", "Next", show=False, id="pane_settings.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="pane_settings.previous"),
    ]

    def __init__(self, settings: ChatSettings, model_name: str) -> None:
        super().__init__()
        self._settings = settings
        self._model_name = model_name

    def compose(self) -> ComposeResult:
        values = self._settings.generation.to_dict()
        with Vertical(classes="dialog"):
            yield Static(plain(f"How {one_line(self._model_name, 40)} answers here"), classes="dialog-title")
            with VerticalScroll(can_focus=False):
                for name, label in _FIELDS.items():
                    with Horizontal(classes="field"):
                        yield Static(label, classes="field-name", markup=False)
                        value = (
                            ""
                            if values[name] is None
                            else f"{values[name]:g}"
                            if isinstance(values[name], float)
                            else str(values[name])
                        )
                        yield Input(
                            value, compact=True, id=name, placeholder="random" if name == "seed" else ""
                        )
                        yield Static(
                            explanation_of(GenerationSettings, name),
                            classes="field-note",
                            markup=False,
                            id=f"{name}-note",
                        )
                yield Static(
                    "System prompt: what the model is told first", classes="field-name -wide", markup=False
                )
                yield TextArea(visible(self._settings.system_prompt), compact=True, id="system_prompt")
            yield DialogKeys(
                "Tab next field", ("pane_settings.accept", "accepts"), ("pane_settings.cancel", "cancels")
            )

    @on(Input.Changed)
    def check(self, event: Input.Changed) -> None:
        """Say at once what is wrong with a field."""
        name = event.input.id or ""
        problem = ""
        try:
            self._value(name)
        except UserError as error:
            problem = str(error)
        note = self.query_one(f"#{name}-note", Static)
        note.update(plain(problem or explanation_of(GenerationSettings, name)))
        note.set_class(bool(problem), "-problem")

    def _value(self, name: str) -> object:
        text = self.query_one(f"#{name}", Input).value.strip()
        try:
            return parse_value(f"generation.{name}", text)
        except UserError as error:
            raise UserError(str(error).removeprefix(f"generation.{name}: ")) from None

    def action_accept(self) -> None:
        """Accept, once the letters typed before Ctrl+S are in their field: the key overtakes them."""
        (self.focused or self).call_later(self._accept)

    @on(Input.Submitted)
    def _accept(self) -> None:
        """Take the settings, or go to the first field that is wrong."""
        changes: dict[str, object] = {}
        for name in _FIELDS:
            try:
                changes[name] = self._value(name)
            except UserError:
                self.query_one(f"#{name}", Input).focus()
                return
        generation = {**self._settings.generation.to_dict(), **changes}
        checked = GenerationSettings.from_dict(generation, "settings of this pane")
        system_prompt = self.query_one("#system_prompt", TextArea).text.strip()
        self.dismiss(
            ChatSettings(model=self._settings.model, generation=checked, system_prompt=system_prompt)
        )
