"""How the panes stood when the app was left: models, conversations, and what was not sent yet.

    file = WorkspaceFile(workspace_path())
    file.load().panes[0].draft          # "Dear model, I"
    file.save(workspace)                # only when something has changed

The one rule: the file is a convenience. One that is missing or cannot be read is an empty workspace, and nothing
that was said is kept here alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from engine.errors import UserError
from engine.paths import private_directory
from engine.records import Record, between
from tui_chat.chat_settings import ChatSettings


class KeptFile(Record):
    """A file that goes out with the next message, as it was when it was attached."""

    name: str
    text: str
    size: int


class PaneState(Record):
    """One pane."""

    settings: ChatSettings | None = None  # None = what a new chat starts with
    conversation: int | None = None
    draft: str = ""  # in the prompt
    files: tuple[KeptFile, ...] = ()  # attached to it
    share: Annotated[float, between(0.01, 100)] = 1.0  # of the room; 1 = as much as an even one


class Workspace(Record):
    """All panes, and which of them had the focus."""

    panes: tuple[PaneState, ...] = ()
    focused: int = 0
    linked: bool = False  # one message goes to all panes
    run: str = ""  # the training run that was watched last


class WorkspaceFile:
    """Where it is kept; without a path nowhere, which is for tests."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._saved = Workspace()

    def load(self) -> Workspace:
        """What was kept."""
        if self._path is None:
            return Workspace()
        try:
            self._saved = Workspace.from_json(self._path.read_bytes(), self._path.name)
        except (OSError, UserError):  # the first start, or a file of another version
            return Workspace()
        return self._saved

    def save(self, workspace: Workspace) -> None:
        """Keep it.

        Raises:
            UserError: when the disk does not take it.
        """
        if self._path is None or workspace == self._saved:
            return
        from trainers.durable_files import PRIVATE, replace_file  # here: the first paint does not save

        try:
            private_directory(self._path.parent)
            replace_file(self._path, workspace.to_json(), PRIVATE)
        except OSError as error:
            raise UserError(f"{self._path}: the panes cannot be kept ({error.strerror}).") from error
        self._saved = workspace
