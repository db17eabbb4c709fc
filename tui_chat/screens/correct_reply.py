"""Writing a reply as it should have been.

    text = await app.push_screen_wait(CorrectReply(question, reply, correction))

The one rule: what was typed is only thrown away by somebody who said so twice.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from tui_chat.key_bindings import key_in_words
from tui_chat.text import one_line, plain, visible
from tui_chat.widgets.dialog_keys import DialogKeys

_WHAT_FOLLOWS = (
    "The reply is kept as it was said, and yours stands in its place: the model is asked with yours from now on, "
    "and it is a row of the data set my-corrections. Without a change, or empty, there is no correction."
)


class CorrectReply(ModalScreen[str | None]):
    """Gives the text, "" for no correction, or None when everything is to stay as it was."""

    BINDING_GROUP_TITLE = "Correct a reply"
    CSS = """
    CorrectReply TextArea { height: 1fr; min-height: 3; margin-top: 1; background: $panel; }
    CorrectReply .dialog { height: 80%; width: 100; }
    CorrectReply .what-follows { color: $text-muted; margin-top: 1; }
    CorrectReply.-tiny .what-follows { display: none; }
    """
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-tiny"), (20, "-short"), (32, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="correct.cancel"),
        Binding("ctrl+s", "accept", "Save", id="correct.save", priority=True),
        Binding("f6", "original", "First wording", id="correct.original", priority=True),
    ]

    def __init__(self, question: str, reply: str, correction: str | None = None) -> None:
        super().__init__()
        self._question = question
        self._reply = visible(reply)
        self._begun = self._reply if correction is None else visible(correction)
        self._is_warned = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("How should this reply have been?", classes="dialog-title")
            yield Static(plain(one_line(self._question, 200)), classes="question")
            yield TextArea(self._begun, compact=True, soft_wrap=True)
            yield Static(_WHAT_FOLLOWS, markup=False, classes="what-follows")
            yield DialogKeys(
                ("correct.save", "saves"),
                ("correct.original", "the first wording"),
                ("correct.cancel", "cancels"),
            )

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.focus()
        area.move_cursor(area.document.end)

    @property
    def _text(self) -> str:
        return self.query_one(TextArea).text

    def action_original(self) -> None:
        """Begin from what the model said; pressed again, from the correction that there is."""
        area = self.query_one(TextArea)
        area.load_text(self._begun if self._text == self._reply else self._reply)
        area.move_cursor(area.document.end)

    def action_accept(self) -> None:
        """Accept, once the letters typed before Ctrl+S are in their field: the key overtakes them."""
        (self.focused or self).call_later(self._accept)

    def _accept(self) -> None:
        text = self._text.strip("\n")
        self.dismiss(text if text.strip() and text != self._reply.strip("\n") else "")

    def action_leave(self) -> None:
        """Close without a change."""
        if self._text in (self._begun, self._reply) or self._is_warned:
            self.dismiss(None)
            return
        self._is_warned = True
        save, leave = key_in_words(self, "correct.save"), key_in_words(self, "correct.cancel")
        self.notify(f"{save} saves what you wrote; {leave} again throws it away.", markup=False)
