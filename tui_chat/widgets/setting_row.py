"""One setting as a row of the form: its name and what it means, a control, and what is to be said about it.

    temperature                                [ 0.9                ]
    0 always takes the likeliest token; ...    from the file, default 0.8

The one rule: a row checks what is typed and asks for it to be saved; it never saves by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Select, Static, Switch, TextArea

from engine.errors import UserError
from tui_chat.config import Setting, parse_value
from tui_chat.text import plain, visible

Control = Switch | Select[str] | Input | TextArea


class SettingRow(Horizontal):
    """A setting with the control its type asks for."""

    @dataclass
    class Changed(Message):
        """The user wants `value` to hold; None means the default."""

        row: SettingRow
        value: Any

    def __init__(self, setting: Setting, value: Any, note: str) -> None:
        super().__init__()
        self.setting = setting
        self._value = value  # what holds now
        self._note = note

    def compose(self) -> ComposeResult:
        explanation = (f"\n{visible(self.setting.explanation)}", "$foreground 65%")
        yield Static(Content.assemble((visible(self.setting.name), "bold"), explanation), classes="about")
        with Vertical(classes="value"):
            yield self._control()
            yield Static(plain(self._note), classes="note")

    @property
    def field(self) -> Control:
        """What the value is changed with."""
        return self.query_one(".control", Widget)  # type: ignore[return-value]

    def matches(self, search: str) -> bool:
        """Does every word of `search` occur in the setting's name, explanation or choices?"""
        text = " ".join([self.setting.key, self.setting.explanation, *self.setting.words]).lower()
        return all(part in text for part in search.lower().split())

    def show(self, value: Any, note: str) -> None:
        """Show what holds now, and where it comes from."""
        self._value, self._note = value, note
        self._say(note)
        match self.field:
            case Switch() as switch:
                switch.value = value
            case Select() as select:
                select.value = value
            case Input() as box:
                box.value = self._shown(value)
            case TextArea() as area:
                area.text = self._shown(value)

    def refuse(self, problem: str) -> None:
        """Say what is wrong beside the control; what was typed stays."""
        self._say(problem.removeprefix(f"{self.setting.key}: "), is_problem=True)

    def commit(self) -> None:
        """Ask for what was typed to be saved, unless it is wrong or what holds anyway."""
        if self.unsaved_problem:
            self.refuse(self.unsaved_problem)
        elif self.has_unsaved_text:
            self.post_message(self.Changed(self, self.typed_value))

    @property
    def unsaved_problem(self) -> str:
        """Why what stands in the field cannot be saved; empty when it can, or nothing was typed."""
        try:
            if self.has_unsaved_text:
                _ = self.typed_value
        except UserError as error:
            return str(error)
        return ""

    @property
    def has_unsaved_text(self) -> bool:
        """Does something else stand in the field than what holds?"""
        return self._typed() != self._shown(self._value)

    @property
    def typed_value(self) -> Any:
        """What stands in the field, checked.

        Raises:
            UserError: when it is not a value of this setting.
        """
        typed = self._typed()
        if self.setting.section == "keys":
            keys = typed.replace(" ", "")
            return None if keys in ("", self.setting.default) else parse_value(self.setting.key, keys)
        return parse_value(self.setting.key, typed)

    @on(Switch.Changed)
    @on(Select.Changed)
    def _chosen(self, event: Switch.Changed | Select.Changed) -> None:
        event.stop()
        if event.value != self._value:  # a Select also reports the value it starts with
            self.post_message(self.Changed(self, event.value))

    @on(Input.Changed)
    @on(TextArea.Changed)
    def _check(self, event: Input.Changed | TextArea.Changed) -> None:
        event.stop()
        if not self.has_unsaved_text:
            self._say(self._note)
        elif problem := self.unsaved_problem:
            self.refuse(problem)
        else:
            self._say("Enter saves" if isinstance(event, Input.Changed) else "saved when you leave the field")

    @on(Input.Submitted)
    @on(Input.Blurred)
    def _leave(self, event: Message) -> None:
        event.stop()
        self.commit()

    def on_descendant_blur(self) -> None:
        """A text of several lines is saved when the cursor leaves it: Enter is a new line there."""
        if isinstance(self.field, TextArea):
            self.commit()

    def _control(self) -> Control:
        setting, value = self.setting, self._value
        if setting.kind == "switch":
            return Switch(value, classes="control", animate=False)
        if setting.kind == "choice":
            options = [(word, word) for word in setting.words]
            return Select(options, value=value, allow_blank=False, compact=True, classes="control")
        if setting.kind == "lines":
            return TextArea(self._shown(value), compact=True, highlight_cursor_line=False, classes="control")
        placeholder = {"texts": 'such as ["User:"]', "text": ""}.get(setting.kind, "none")
        return Input(self._shown(value), placeholder=placeholder, compact=True, classes="control")

    def _typed(self) -> str:
        match self.field:
            case Input(value=text) | TextArea(text=text):
                return text
        return self._shown(self._value)

    def _shown(self, value: Any) -> str:
        if value is None or value == ():
            return "" if self.setting.section != "keys" else str(self.setting.default)
        return visible(
            json.dumps(value, ensure_ascii=False) if isinstance(value, (tuple, list)) else str(value)
        )

    def _say(self, note: str, is_problem: bool = False) -> None:
        self.set_class(is_problem, "-problem")
        self.query_one(".note", Static).update(plain(note))
