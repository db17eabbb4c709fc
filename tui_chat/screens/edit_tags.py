"""The tags of a conversation, typed into one line; those that are used already are offered while one types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, Static

from tui_chat.conversation_shelf import clean_tag, clean_tags
from tui_chat.text import one_line, plain, visible
from tui_chat.widgets.dialog_keys import DialogKeys

_TAGS_SHOWN = 20


class EditTags(ModalScreen[list[str] | None]):
    """Gives all tags the conversation is to have, or None when the user thought better of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel", id="tags.cancel")]

    def __init__(self, title: str, tags: Sequence[str], known: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self._title, self._tags, self._known = title, tags, known

    def compose(self) -> ComposeResult:
        """The line, and the tags there are."""
        text = visible("".join(f"#{tag} " for tag in self._tags))
        used = "   ".join(f"#{tag} {count}" for tag, count in self._known[:_TAGS_SHOWN])
        with Vertical(classes="dialog -small"):
            yield Static(plain(f"Tags of “{one_line(self._title, 40)}”"), classes="dialog-title")
            suggester = KnownTags([tag for tag, _ in self._known])
            yield Input(
                text, placeholder="#work #tea", compact=True, suggester=suggester, select_on_focus=False
            )
            if used:
                yield Static(plain(f"In use:  {used}"), classes="field-note")
            yield DialogKeys("Enter accepts", "Right completes", ("tags.cancel", "cancels"))

    @on(Input.Submitted)
    def accept(self, event: Input.Submitted) -> None:
        """The words of the line are the tags."""
        self.dismiss(clean_tags(event.value.replace(",", " ").split()))


class KnownTags(Suggester):
    """Completes the last word of the line to a tag that is in use."""

    def __init__(self, tags: Sequence[str]) -> None:
        super().__init__(case_sensitive=True)
        self._known = tags

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last word completed; None where no tag fits."""
        word = value.rpartition(" ")[2]
        begun = clean_tag(word)
        fitting = [tag for tag in self._known if begun and tag.startswith(begun) and tag != begun]
        # What is typed must stay as it is: only its end is suggested.
        return value + fitting[0].removeprefix(begun) if fitting and word.endswith(begun) else None
