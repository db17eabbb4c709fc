"""A conversation as a tree: every message follows another one, and one branch of it is on show.

    tree = ConversationTree(messages, leaf)
    tree.path                       # the branch on show, oldest first
    tree.place_of(7)                # Place(number=2, count=3): the second of three siblings
    tree.show(9)                    # its branch; below it what was shown there last, else what is newest

Nothing here waits for a disk or knows of a screen. The one rule: messages are added or said further, never taken out.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tui_chat.conversation_records import StoredMessage


@dataclass(frozen=True)
class Place:
    """Which of its siblings a message is."""

    number: int = 1
    count: int = 1


class ConversationTree:
    """All messages of a conversation. Damage is borne: a message whose parent is missing is a first one."""

    def __init__(self, messages: Iterable[StoredMessage] = (), leaf: int | None = None) -> None:
        """`leaf` is a message of the branch on show; without one, that is the branch of the newest message."""
        self._messages: dict[int, StoredMessage] = {}
        self._following: dict[int | None, list[int]] = {None: []}  # in the order in which they were made
        self._shown: dict[int | None, int] = {}  # which of them was on show last
        self._path: list[StoredMessage] | None = None
        for message in sorted(messages, key=lambda message: message.id):
            self.put(message)
        if self._messages:
            self.show(leaf if leaf in self._messages else max(self._messages))

    def __contains__(self, message: int) -> bool:
        return message in self._messages

    def __getitem__(self, message: int) -> StoredMessage:
        return self._messages[message]

    def __iter__(self) -> Iterator[StoredMessage]:
        """All messages, of every branch."""
        return iter(list(self._messages.values()))

    # ---- looking

    @property
    def path(self) -> Sequence[StoredMessage]:
        """The branch on show, oldest first."""
        if self._path is None:
            self._path, at = [], None
            while following := self._following[at]:
                at = self._shown.get(at, following[-1])
                self._path.append(self._messages[at])
        return self._path

    @property
    def leaf(self) -> int | None:
        """The last message on show."""
        return self.path[-1].id if self.path else None

    def parent_of(self, message: int) -> int | None:
        """What a message follows; None for a first one."""
        parent = self._messages[message].parent
        # Ids only grow, so that a parent that is not smaller can be nothing but damage, and no circle is possible.
        return parent if parent in self._messages and parent < message else None

    def path_to(self, message: int | None) -> list[StoredMessage]:
        """From the first message to this one; nothing for None."""
        path = []
        while message is not None:
            path.append(self._messages[message])
            message = self.parent_of(message)
        return path[::-1]

    def siblings_of(self, message: int) -> list[StoredMessage]:
        """All that follow the same message as this one, with it, oldest first."""
        return [self._messages[sibling] for sibling in self._siblings(message)]

    def place_of(self, message: int) -> Place:
        """The place among its siblings; alone where it is unknown."""
        if message not in self._messages:
            return Place()
        siblings = self._siblings(message)
        return Place(siblings.index(message) + 1, len(siblings))

    def neighbour_of(self, message: int, by: int) -> StoredMessage | None:
        """The sibling before (-1) or after (1); None past the first and the last."""
        siblings = self._siblings(message)
        place = siblings.index(message) + by
        return self._messages[siblings[place]] if 0 <= place < len(siblings) else None

    def _siblings(self, message: int) -> list[int]:
        return self._following[self.parent_of(message)]

    # ---- changing

    def put(self, message: StoredMessage) -> None:
        """Take in a message, or what has become of one; the branch on show stays as far as it goes."""
        is_new = message.id not in self._messages
        self._messages[message.id] = message
        if is_new:
            self._following[message.id] = []
            insort(self._siblings(message.id), message.id)
        self._path = None

    def add(self, message: StoredMessage) -> None:
        """Take in a message, and show its branch."""
        self.put(message)
        self.show(message.id)

    def show(self, message: int) -> None:
        """Show the branch of a message; below it what was on show there last, else what is newest."""
        for each in self.path_to(message):
            self._shown[self.parent_of(each.id)] = each.id
        self._path = None
        for each in self.path:  # so that what is new elsewhere changes nothing here
            self._shown[self.parent_of(each.id)] = each.id
