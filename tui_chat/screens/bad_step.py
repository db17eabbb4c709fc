"""A run waits because the loss of a step was not a number: leave the step out, lower the learning rate, or stop.

The one rule: Escape decides nothing, and the run goes on waiting.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_chat.text import plain

Choice = Literal["skip_step", "learning_rate", "stop"]
_CHOICES: dict[str, str] = {
    "skip_step": "Leave the step out, and go on with the next batch",
    "learning_rate": "Lower the learning rate, from the last checkpoint on",
    "stop": "Stop the run; its last checkpoint is kept",
}


class BadStepChoice(ModalScreen[Choice | None]):
    """Gives what was chosen, or None."""

    DEFAULT_CSS = """
    BadStepChoice { align: center middle; }
    BadStepChoice OptionList { height: auto; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Decide later", id="bad_step.later")
    ]

    def __init__(self, run_name: str, what: str) -> None:
        super().__init__()
        self._run_name, self._what = run_name, what

    def compose(self) -> ComposeResult:
        """What happened, and the three ways on."""
        with Vertical(classes="dialog -small"):
            yield Static(plain(f"“{self._run_name}” waits for you"), classes="dialog-title")
            yield Static(plain(self._what))
            yield OptionList(
                *(Option(words, id=name) for name, words in _CHOICES.items()), markup=False, compact=True
            )
            yield Static("Enter chooses  ·  Esc decides later", classes="dialog-keys", markup=False)

    @on(OptionList.OptionSelected)
    def choose(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on one."""
        event.stop()
        self.dismiss(event.option_id)  # type: ignore[arg-type]
