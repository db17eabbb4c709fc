"""The message that is typed next in the plain chat: the files that go out with it, and the one that it is to replace.

    outgoing.edit(message, 3)         asked for as "You, message 3: ", with its words to begin from
    outgoing.whole("Hello")           what is sent: the files, then what was typed

The one rule: what was attached or begun is there until it was sent, or a sentence says that it was left.
"""

from __future__ import annotations

from tui_chat.attachments import Attachment, message_with, parts_of
from tui_chat.conversation_records import StoredMessage


class Outgoing:
    """What is known of the next message before it is typed."""

    def __init__(self) -> None:
        self.files: list[Attachment] = []
        self.edited: StoredMessage | None = None  # stands beside it, and is left as it is
        self.draft = ""  # that typing begins from
        self._number = 0  # of the edited one
        self._kept_files = ""  # of the edited one, as they were sent

    @property
    def prompt(self) -> str:
        """What a person is asked with."""
        return "You: " if self.edited is None else f"You, message {self._number}: "

    @property
    def beside(self) -> int | None:
        """The id of the message that it stands beside."""
        return self.edited.id if self.edited else None

    def edit(self, message: StoredMessage, number: int) -> None:
        """Let what is typed next stand beside this message; the files it came with stay."""
        self._kept_files, self.draft = parts_of(message.content)
        self.edited, self._number = message, number

    def attach(self, file: Attachment) -> None:
        """Send a file with it; one of the same name is attached anew."""
        self.files = [other for other in self.files if other.name != file.name] + [file]

    def whole(self, typed: str) -> str:
        """The message as it is sent."""
        return self._kept_files + message_with(typed, self.files)

    def sent(self) -> None:
        """It is safe."""
        self.files = []
        self._forget_edit()

    def leave(self) -> str:
        """Edit no message; says so where one was edited."""
        words = f"Message {self._number} stays as it is." if self.edited else ""
        self._forget_edit()
        return words

    def _forget_edit(self) -> None:
        self.edited, self.draft, self._kept_files = None, "", ""
