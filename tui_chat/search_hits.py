"""Which of the messages that a search found in a conversation is shown when the conversation is opened.

    hit_to_show(conversations, 7, "camellia")      Hit(message=31, version=Place(1, 2))

The one rule: the version on show stays on show wherever it holds the words too.
"""

from __future__ import annotations

from dataclasses import dataclass

from tui_chat.conversation_shelf import Shelf
from tui_chat.conversation_tree import Place
from tui_chat.conversations import Conversations


@dataclass(frozen=True)
class Hit:
    """A message that holds the words."""

    message: int
    version: Place | None = None  # where it leads away from the version on show: which of them it is in


def hit_to_show(conversations: Conversations, conversation: int, query: str) -> Hit | None:
    """The newest hit of the version on show, else of any; None where no message has the words. Waits for a disk."""
    tree = conversations.tree(conversation)
    hits = [hit for hit in Shelf(conversations.file).hits(conversation, query) if hit in tree]
    shown = {message.id for message in tree.path}
    if in_sight := shown & set(hits):
        return Hit(max(in_sight))
    for message in tree.path_to(max(hits, default=None)):
        if message.id not in shown:
            return Hit(max(hits), tree.place_of(message.id))
    return None
