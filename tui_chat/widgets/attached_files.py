"""The files that go out with the next message, over the prompt; a click on one takes it away.

The one rule: what is shown here is sent, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from tui_chat.conversation_records import storable
from tui_chat.text import plain
from tui_chat.workspace import KeptFile

if TYPE_CHECKING:
    from tui_chat.attachments import Attachment


class _Chip(Static):
    """One file."""

    def __init__(self, file: Attachment) -> None:
        super().__init__(plain(f" {file.label}  x "), classes="chip")
        self.file = file
        self.tooltip = plain("Goes out with the next message; a click takes it away")

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if isinstance(self.parent, AttachedFiles):
            self.parent.take_away([self.file])


class AttachedFiles(Horizontal):
    """The files, in the order in which they were attached."""

    class Changed(Message):
        """There are more or fewer of them."""

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._files: list[Attachment] = []

    def compose(self) -> ComposeResult:
        for file in self._files:
            yield _Chip(file)

    @property
    def files(self) -> Sequence[Attachment]:
        return tuple(self._files)

    def attach(self, file: Attachment) -> None:
        """One more; a file of the same name is replaced, so that it can be attached anew."""
        self._show([*(other for other in self._files if other.name != file.name), file])

    def take_away(self, files: Sequence[Attachment]) -> None:
        """These are no longer to be sent, or were sent."""
        self._show([file for file in self._files if not any(file is gone for gone in files)])

    def to_keep(self) -> tuple[KeptFile, ...]:
        """The files, for the next start of the app."""
        return tuple(
            KeptFile(name=storable(file.name), text=storable(file.text), size=file.size)
            for file in self._files
        )

    def take_kept(self, files: Sequence[KeptFile]) -> None:
        """The files of an earlier session, before those of this one; the newer of two of one name stays."""
        if files:
            from tui_chat.attachments import Attachment  # here: nearly no start has any

            names = {file.name for file in self._files}
            kept = [Attachment(file.name, file.text, file.size) for file in files if file.name not in names]
            self._show([*kept, *self._files])

    def _show(self, files: list[Attachment]) -> None:
        self._files = files
        self.display = bool(files)
        self.refresh(recompose=True)
        self.post_message(self.Changed())
