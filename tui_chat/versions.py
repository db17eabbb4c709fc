"""Messages and their versions, as a person names them in a command.

    message_named(session, "3")                    the third message of the branch on show
    version_named(session, "next")                 of the last message that has versions
    version_named(session, "2 of message 1")

Nothing here waits for a disk or knows of a screen. The one rule: what is named is there, or a `UserError` says what is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.errors import UserError
from tui_chat.asked_messages import is_told
from tui_chat.attachments import parts_of, without_attachments
from tui_chat.conversation_records import StoredMessage
from tui_chat.slash_commands import Suggestion
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.chat_session import ChatSession

_WISH = re.compile(
    r"(?:version\s+)?(?P<which>next|after|previous|before|\d{1,6})?\s*(?:(?:of\s+)?message\s+(?P<message>\d+))?",
    re.IGNORECASE,
)
_STEPS = {"next": 1, "after": 1, "previous": -1, "before": -1}
_EMPTY = "This chat is still empty."


# ---- messages by their numbers


def number_of(session: ChatSession, message: StoredMessage) -> int:
    """Which message of the branch on show it is, from 1."""
    return [said.id for said in session.messages].index(message.id) + 1


def message_named(session: ChatSession, typed: str) -> StoredMessage:
    """The message with this number; the last one when nothing was typed.

    Raises:
        UserError: when there is none.
    """
    if not session.messages:
        raise UserError(_EMPTY)
    count = len(session.messages)
    number = int(typed) if typed.isdecimal() and len(typed) < 7 else 0
    if not typed:
        return session.messages[-1]
    if not 1 <= number <= count:
        raise UserError(f"There is no message {one_line(typed, 20)}. They have the numbers 1 to {count}.")
    return session.messages[number - 1]


def my_message_named(session: ChatSession, typed: str) -> StoredMessage:
    """The same of what the user said.

    Raises:
        UserError: when there is none, or somebody else said it.
    """
    last = session.last_question()
    if not typed and last is None:
        raise UserError("You have not said anything yet.")
    message = message_named(session, typed) if typed or last is None else last
    if message.role == "user":
        return message
    mine = [str(number) for number, said in enumerate(session.messages, 1) if said.role == "user"]
    yours = f"Yours are {', '.join(mine)}." if mine else "You have not said anything yet."
    raise UserError(f"Message {typed} is a reply. {yours}")


def to_edit(session: ChatSession, typed: str) -> tuple[StoredMessage, str]:
    """What `/edit` means: a message of the user's, and its new text where that was typed behind the command.

    Raises:
        UserError: when there is no such message.
    """
    text = "" if typed.isdecimal() else typed
    message = my_message_named(session, "" if text else typed)
    return message, parts_of(message.content)[0] + text if text else ""


def messages_listed(session: ChatSession, only_mine: bool = False) -> list[Suggestion]:
    """The numbers of the messages, the last one first, with the first words of each."""
    rows = [
        Suggestion(str(number), beginning(said))
        for number, said in enumerate(session.messages, 1)
        if said.role == "user" or not only_mine
    ]
    return rows[::-1]


def beginning(message: StoredMessage) -> str:
    """The first words of a message, without the files it came with."""
    text = without_attachments(message.content)
    if is_told(message):
        from tui_chat.companions.poems import as_plain  # here: read when somebody was told something

        text = as_plain(text)
    return one_line(text, 60) or "(empty)"


# ---- versions


def versions_of(session: ChatSession, message: StoredMessage) -> list[StoredMessage]:
    """All versions of a message, with it, oldest first."""
    return session.tree.siblings_of(message.id)


def with_versions(session: ChatSession) -> list[StoredMessage]:
    """The messages on show of which there are several versions."""
    return [said for said in session.messages if session.tree.place_of(said.id).count > 1]


def message_meant(session: ChatSession, typed: str) -> StoredMessage:
    """The message whose versions are spoken of: the one that is named, else the last that has several.

    Raises:
        UserError: when there is none.
    """
    match = _WISH.fullmatch(typed.strip())
    if match and match["message"]:
        return message_named(session, match["message"])
    if several := with_versions(session):
        return several[-1]
    raise UserError("Nothing here has versions yet. /retry and /edit make them.")


def version_named(session: ChatSession, typed: str) -> StoredMessage:
    """The version that is meant by "2", "next" or "previous", also "of message 3".

    Raises:
        UserError: when there is none.
    """
    match = _WISH.fullmatch(typed.strip())
    if match is None or not match["which"]:
        raise UserError(f"'{one_line(typed, 30)}' names no version. Try: /version 2, next, 2 of message 1.")
    message = message_meant(session, typed)
    place, which = session.tree.place_of(message.id), match["which"].lower()
    number = place.number + _STEPS[which] if which in _STEPS else int(which)
    if not 1 <= number <= place.count:
        of_it = f"Message {number_of(session, message)} has {place.count} versions"
        alone = f"Message {number_of(session, message)} has no other version"
        told = f"{of_it}, and version {place.number} is on show." if place.count > 1 else f"{alone}."
        raise UserError(
            f"There is no version {number}. {told}" if number > 0 else f"There is none before. {told}"
        )
    return versions_of(session, message)[number - 1]


def versions_listed(session: ChatSession) -> list[Suggestion]:
    """What can be typed for a version: those of the last message that has several, then of the others."""
    rows: list[Suggestion] = []
    for message in reversed(with_versions(session)):
        ending = f" of message {number_of(session, message)}" if rows else ""
        place = session.tree.place_of(message.id)
        for number, version in enumerate(versions_of(session, message), 1):
            shown = " (on show)" if number == place.number else ""
            rows.append(Suggestion(f"{number}{ending}", beginning(version) + shown))
    return rows
