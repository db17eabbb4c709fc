"""Which conversations were open last, so that one key goes back and forth between two.

    recent.note(7); recent.note(9)
    recent.read(shelf, current=9)      [7, ...]: those opened before, then those that were spoken in last

The one rule: the one that is open now is never among them.
"""

from __future__ import annotations

from tui_chat.conversation_shelf import Shelf, Shelved

_OFFERED = 9  # one for each digit


class RecentConversations:
    """The order of this session; what was open before it is told by the file."""

    def __init__(self) -> None:
        self._ids: list[int] = []  # the last one first

    def note(self, conversation: int | None) -> None:
        """A conversation is in front of the user; None = an empty one."""
        if conversation is None:
            return
        self._ids = [conversation, *(id for id in self._ids if id != conversation)][: _OFFERED + 1]

    def read(self, shelf: Shelf, current: int | None) -> list[Shelved]:
        """Where one may want to go, the likeliest first; without those that are gone."""
        opened = [talk for id in self._ids if id != current and (talk := shelf.get(id))]
        known = {current, *(talk.id for talk in opened)}
        latest = sorted(shelf.page(limit=50), key=lambda talk: -talk.updated)
        return [*opened, *(talk for talk in latest if talk.id not in known)][:_OFFERED]
