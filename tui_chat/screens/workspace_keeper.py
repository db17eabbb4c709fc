"""Lets the panes stand at the next start as they stood at the end, unsent text and files included.

    await keeper.restore()     once, at the start
    keeper.go_on()             from then on it keeps them now and then
    await keeper.keep()        at the end

The one rule: nothing is kept before the panes of last time were restored, so that none of it is overwritten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from engine.errors import UserError
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversation, Conversations
from tui_chat.widgets.pane_row import PaneRow
from tui_chat.workers import start_worker
from tui_chat.workspace import PaneState, WorkspaceFile

_SECONDS = 1.0  # from keeping them to keeping them again


class WorkspaceKeeper:
    """Between the panes and their file. `begins_anew` leaves the first conversation, for a model asked for."""

    def __init__(
        self,
        file: WorkspaceFile,
        row: PaneRow,
        conversations: Conversations,
        default: Callable[[], ChatSettings],
        begins_anew: bool,
    ) -> None:
        self._file = file
        self._row = row
        self._conversations = conversations
        self._default = default  # what a new chat starts with
        self._begins_anew = begins_anew
        self._is_restored = False
        self._trouble = ""  # with keeping, as last told
        self.run = ""  # the training run that was watched last

    async def restore(self) -> None:
        """Let the panes stand as they did last time.

        Raises:
            UserError: when the conversations cannot be read.
        """
        workspace = await asyncio.to_thread(self._file.load)
        self.run = self.run or workspace.run
        states = list(workspace.panes)
        if states and self._begins_anew:
            states[0] = PaneState(draft=states[0].draft, files=states[0].files)
        try:
            talks = [await self._conversation(state) for state in states]
        except UserError:
            self._is_restored = True  # what is typed from now on is worth more than what stood there
            raise
        if states and self._row.is_untouched:
            await self._row.restore(states, talks, workspace.focused, workspace.linked, self._default())
        self._is_restored = True

    async def _conversation(self, state: PaneState) -> Conversation | None:
        if state.conversation is None:
            return None
        return await asyncio.to_thread(self._conversations.get, state.conversation)

    def watch(self, run: str) -> None:
        """A training run is on show."""
        self.run = run

    def go_on(self) -> None:
        """Keep them now and then, since an app that is killed has no time for it."""
        keep = partial(start_worker, self._row, self._keep_or_tell, group="keep", exclusive=True)
        self._row.set_interval(_SECONDS, keep)

    async def _keep_or_tell(self) -> None:
        trouble = await self.keep()
        if trouble != self._trouble:
            self._trouble = trouble
            self._row.notify(trouble or "The panes are kept again.", severity="warning", markup=False)

    async def keep(self) -> str:
        """Save how the panes stand now; what went wrong, in a sentence, or nothing."""
        if self._is_restored:
            workspace = replace(self._row.state(self._default()), run=self.run)
            try:
                await asyncio.to_thread(self._file.save, workspace)
            except UserError as error:
                return str(error)
        return ""
