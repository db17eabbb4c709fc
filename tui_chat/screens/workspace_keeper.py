"""Lets the panes stand at the next start as they stood at the end, unsent text and files included.

    await keeper.restore()     once, at the start
    keeper.go_on()             from then on it keeps them now and then
    await keeper.keep()        at the end

The one rule: nothing is kept before the panes of last time were restored, so that none of it is overwritten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from engine.errors import UserError
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversation, Conversations, storable
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.pane_elsewhere import follow_elsewhere
from tui_chat.widgets.pane_row import PaneRow
from tui_chat.workers import start_worker
from tui_chat.workspace import PaneState, Workspace, WorkspaceFile

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
        if states and _is_untouched(self._row):
            await self._stand_as(states, talks)
            self._row.link.is_on = workspace.linked
            self._row.focus_pane(workspace.focused)
        self._is_restored = True

    async def _stand_as(self, states: Sequence[PaneState], talks: Sequence[Conversation | None]) -> None:
        """A pane for each state; a conversation that is gone is None."""
        row = self._row
        for place, (state, talk) in enumerate(zip(states, talks, strict=True)):
            pane = await row.mount_pane(state.settings or self._default()) if place else row.panes[0]
            await _restore(pane, state, talk)
        row.lines.take_shares(state.share for state in states)

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
            try:
                await asyncio.to_thread(self._file.save, self._workspace())
            except UserError as error:
                return str(error)
        return ""

    def _workspace(self) -> Workspace:
        """How everything stands now."""
        row, default = self._row, self._default()
        panes = zip(row.panes, row.lines.shares, strict=True)
        states = tuple(replace(state_of(pane, default), share=share) for pane, share in panes)
        return Workspace(panes=states, focused=row.place, linked=row.link.is_on, run=self.run)


def state_of(pane: ChatPane, default: ChatSettings) -> PaneState:
    """How a pane stands; `default` is what a new chat starts with."""
    conversation = pane.session.conversation
    return PaneState(
        settings=None if pane.settings == default else pane.settings,
        conversation=conversation.id if conversation else None,
        draft=storable(pane.branches.unsent),
        files=pane.box.attached.to_keep(),
    )


async def _restore(pane: ChatPane, state: PaneState, conversation: Conversation | None) -> None:
    """What was typed meanwhile comes after what was typed then."""
    if state.settings is not None:
        pane.session.settings = state.settings
    if conversation is not None:
        await pane.session.open(conversation)
        await pane.transcript.show(pane.session.messages)
        follow_elsewhere(pane)
    if state.draft:
        pane.prompt.put(state.draft + pane.prompt.text)
    pane.box.attached.take_kept(state.files)


def _is_untouched(row: PaneRow) -> bool:
    """Whether nothing was done yet but typing."""
    return len(row.panes) == 1 and not row.pane.session.messages and not row.pane.is_replying
