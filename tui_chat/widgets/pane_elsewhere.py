"""Replies in a pane's conversation that another window writes: they are taken in as they grow, until they end.

The one rule: whoever shows a conversation calls `follow_elsewhere`; where nothing is written it costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import UserError
from tui_chat.workers import start_worker

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane

LOOK_SECONDS = 1.0  # as often as a growing reply is saved


def follow_elsewhere(pane: ChatPane) -> None:
    """Look again and again, for as long as something is being written."""
    if _is_written_elsewhere(pane):
        start_worker(pane, partial(_follow, pane), group="elsewhere", exclusive=True)


async def _follow(pane: ChatPane) -> None:
    session, tree = pane.session, pane.session.tree
    while session.tree is tree and _is_written_elsewhere(pane):
        await asyncio.sleep(LOOK_SECONDS)
        with contextlib.suppress(UserError):  # a file in use: the next look may succeed
            await session.refresh()
        if session.tree is tree:
            await pane.transcript.renew(session.messages)


def _is_written_elsewhere(pane: ChatPane) -> bool:
    return any(said.status == "elsewhere" for said in pane.session.tree)
