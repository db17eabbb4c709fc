"""A persona in a form; what is left empty is left to the settings.

    key = await app.push_screen_wait(PersonaForm("New persona", persona, save))     None = thought better of it

The one rule: the form closes when `save` has taken the persona; until then what was typed stays in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.records import explanation_of
from tui_chat.config import LoadedConfig, parse_value
from tui_chat.model_references import problem_of_model
from tui_chat.personas.persona import TEXTS, Persona, check_persona, problem_of_text
from tui_chat.screens.question import Question
from tui_chat.text import plain, visible
from tui_chat.value_scales import LABELS, digits
from tui_chat.widgets.dialog_keys import DialogKeys
from tui_chat.widgets.form_scroll import FormScroll

_LABELS = {
    "name": "Name",
    "description": "Description",
    "system_prompt": "System prompt",
    "greeting": "Greeting",
    "model": "Model",
    **LABELS,
}
_OF_SEVERAL_LINES = ("system_prompt", "greeting")


class PersonaForm(ModalScreen[str | None]):
    """Gives what `save` gives, the key of the saved persona; or None."""

    CSS = """
    PersonaForm {
        .dialog { width: 100; height: 90%; max-height: 50; }
        VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-background: $surface; }
        .field { height: auto; margin-bottom: 1; }
        .field Input { width: 24; }
        .field.-wide Input, .field TextArea { width: 1fr; }
        .field TextArea { height: auto; min-height: 3; max-height: 8; padding: 0; border: none; background: $panel; }
        .field TextArea:focus { border: none; }
        .field .side { width: 1fr; height: auto; }
        .side .field-note { padding-left: 0; }
        &.-short .field, &.-short .dialog-title { margin-bottom: 0; }
        &.-short .dialog-keys { margin-top: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="persona_form.cancel"),
        Binding("ctrl+s", "accept", "Save", id="persona_form.save", priority=True),
        Binding("down", "app.focus_next", "Next", show=False, id="persona_form.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="persona_form.previous"),
    ]

    def __init__(self, title: str, persona: Persona, save: Callable[[Persona], str]) -> None:
        super().__init__()
        self._title = title
        self._persona = persona
        self._save = save

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="dialog-title")
            with FormScroll():
                for name, label in _LABELS.items():
                    yield from self._field(name, label)
            yield DialogKeys(
                "Tab next field", ("persona_form.save", "saves"), ("persona_form.cancel", "cancels")
            )

    def _field(self, name: str, label: str) -> ComposeResult:
        with Horizontal(classes="field -wide" if name in TEXTS else "field"):
            yield Static(label, classes="field-name", markup=False)
            note = Static(plain(_explanation(name)), classes="field-note", id=f"{name}-note")
            if name in TEXTS:
                with Vertical(classes="side"):
                    yield self._control(name)
                    yield note
            else:
                yield self._control(name)
                yield note

    def _control(self, name: str) -> Widget:
        if name in _OF_SEVERAL_LINES:
            text = visible(getattr(self._persona, name))
            return TextArea(text, compact=True, highlight_cursor_line=False, id=name)
        if name in TEXTS:
            return Input(visible(getattr(self._persona, name)), compact=True, id=name)
        value = digits(self._persona.generation.get(name))
        return Input(value, compact=True, id=name, placeholder="as the settings say")

    @on(Input.Changed)
    @on(TextArea.Changed)
    def check(self, event: Input.Changed | TextArea.Changed) -> None:
        """Say at once what is wrong with a field."""
        name = event.control.id or ""
        self._tell(name, self._problem_of(name))

    def _tell(self, name: str, problem: str) -> None:
        note = self.query_one(f"#{name}-note", Static)
        note.update(plain(problem or _explanation(name)))
        note.set_class(bool(problem), "-problem")

    def _problem_of(self, name: str) -> str:
        try:
            return problem_of_text(name, self._typed(name)) if name in TEXTS else self._sampling(name)[1]
        except UserError as error:
            return str(error)

    def _problem_of_model(self, name: str) -> str:
        """Why a model that was typed cannot be had; asked when all is typed, and not of one that was there before."""
        reference = self._typed(name) if name == "model" else ""
        if not reference or reference == self._persona.model:
            return ""
        loaded: LoadedConfig = self.app.loaded  # type: ignore[attr-defined]
        return problem_of_model(reference, loaded.config.providers)

    def _typed(self, name: str) -> str:
        """What stands in a field; as it was, where it was not touched: what is shown has no control characters."""
        if name in _OF_SEVERAL_LINES:
            text = self.query_one(f"#{name}", TextArea).text
        else:
            text = self.query_one(f"#{name}", Input).value
        before: str = getattr(self._persona, name, "")
        return before if text == visible(before) else text.strip()

    def _sampling(self, name: str) -> tuple[Any, str]:
        """The value of a setting, None when it is left to the settings; and what is wrong with it."""
        text = self.query_one(f"#{name}", Input).value.strip()
        if not text or text.casefold() in ("none", "random"):
            return None, ""
        try:
            return parse_value(f"generation.{name}", text), ""
        except UserError as error:
            return None, str(error).removeprefix(f"generation.{name}: ").replace(name, _LABELS[name], 1)

    def _given(self) -> Persona:
        generation = dict(self._persona.generation)  # also what has no field here
        for name in _LABELS.keys() - set(TEXTS):
            value, _ = self._sampling(name)
            generation = {key: given for key, given in generation.items() if key != name}
            generation |= {} if value is None else {name: value}
        ordered = {
            name: generation[name] for name in GenerationSettings.__struct_fields__ if name in generation
        }
        return Persona(**{name: self._typed(name) for name in TEXTS}, generation=ordered)

    def action_accept(self) -> None:
        """Save, once the letters typed before the key are in their field: the key overtakes them."""
        (self.focused or self).call_later(self.call_later, self._accept)

    @on(Input.Submitted)
    async def _accept(self) -> None:
        """Save it, or go to the first field that is wrong."""
        if not self.is_current:  # the key was pressed twice
            return
        for name in _LABELS:
            if problem := self._problem_of(name) or self._problem_of_model(name):
                self._tell(name, problem)
                self.query_one(f"#{name}").focus()
                return
        try:
            key = await asyncio.to_thread(self._save, check_persona(self._given()))
        except UserError as error:
            self._tell("name", str(error))
            self.query_one("#name").focus()
            return
        self.dismiss(key)

    def action_cancel(self) -> None:
        """Leave, after a question when something was typed."""
        is_changed = any(self._problem_of(name) for name in _LABELS) or self._given() != _ordered(
            self._persona
        )
        if not is_changed:
            self.dismiss(None)
            return

        def leave(agreed: bool | None) -> None:
            if agreed:
                self.dismiss(None)

        question = Question("Leave the form?", "What you typed is not saved.", yes="Leave", no="Stay")
        self.app.push_screen(question, leave)


def _ordered(persona: Persona) -> Persona:
    given = persona.generation
    generation = {name: given[name] for name in GenerationSettings.__struct_fields__ if name in given}
    return Persona(**{name: getattr(persona, name) for name in TEXTS}, generation=generation)


def _explanation(name: str) -> str:
    return explanation_of(Persona, name) or explanation_of(GenerationSettings, name)
