"""What a person says of replies, wherever it is said: in panes, or in the plain chat.

    rivals_of(sessions, session, reply)       what it is compared with
    thumb(session, reply, 1)                  up; said again: no longer
    vote(session, reply, rivals, "better")    also "tie", "worse" and "none"; blind where no name was to be seen

A vote is between the replies of all chats to the same question; where one alone was asked, between its tries.
Calls that keep something may wait for a disk. The one rule: nothing is said of a reply that is still being written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from engine.errors import UserError
from tui_chat.conversation_records import StoredMessage
from tui_chat.feedback import Reply
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.chat_session import ChatSession

Verdict = Literal["better", "worse", "tie", "none"]
VERDICTS: dict[Verdict, str] = {  # with what each says of the reply
    "better": "than the others",
    "worse": "than the other one",
    "tie": "as good as the others",
    "none": "takes a vote back",
}


def reply_of(session: ChatSession, message: StoredMessage) -> Reply:
    """A reply with what was said before it."""
    return Reply(message.id, session.asked_before(message.id), message.content, message.model)


def last_reply(session: ChatSession) -> StoredMessage | None:
    """What a model said last, in the branch on show."""
    return next((said for said in reversed(session.messages) if is_of_a_model(said)), None)


def is_of_a_model(message: StoredMessage) -> bool:
    """Whether a model said it, rather than a person or the app."""
    return message.role == "assistant" and bool(message.model)


def question_of(session: ChatSession, message: StoredMessage) -> StoredMessage | None:
    """What the user had said when this was replied."""
    before = session.tree.path_to(session.tree.parent_of(message.id))
    return next((said for said in reversed(before) if said.role == "user"), None)


def rivals_of(sessions: Sequence[ChatSession], session: ChatSession, message: StoredMessage) -> list[Reply]:
    """The replies that a reply is compared with: one of each other chat, or else the other tries of its own."""
    question = question_of(session, message)
    if question is None:
        return []
    found = []
    for other in sessions:
        answers = [
            said
            for said in other.messages
            if other is not session and _answers(other, said, question.content)
        ]
        if answers:
            nearest = min(answers, key=lambda said: abs(said.created - message.created))
            found.append(reply_of(other, nearest))
    if found:
        return found
    tries = session.tree.siblings_of(message.id)
    return [reply_of(session, said) for said in tries if said.id != message.id and is_of_a_model(said)]


def _answers(session: ChatSession, said: StoredMessage, question: str) -> bool:
    """Whether this is a finished reply of a model to that very question."""
    if not is_of_a_model(said) or said.is_being_written:
        return False
    asked = question_of(session, said)
    return asked is not None and asked.content == question


def are_the_same(message: StoredMessage, rivals: Sequence[Reply]) -> bool:
    """Whether all of them say the same, so that none can be better."""
    return all(rival.text == message.content for rival in rivals)


# ---- kept


def thumb(session: ChatSession, message: StoredMessage, thumb: int) -> int:
    """Up (1) or down (-1); said twice, neither. What holds now."""
    now = 0 if session.judgements.of(message.id).thumb == thumb else thumb
    session.judgements.feedback.thumb(reply_of(session, message), now)
    return now


def correct(session: ChatSession, message: StoredMessage, text: str | None) -> None:
    """How it should have been; None takes that back."""
    session.judgements.feedback.correct(reply_of(session, message), text)


def verdict_named(typed: str) -> Verdict:
    """The verdict that a person types.

    Raises:
        UserError: when it is none.
    """
    word = typed.strip().lower()
    if word in VERDICTS:
        return word
    raise UserError(f"'{one_line(typed, 30)}' is no vote. The last reply is better, worse, tie or none.")


def vote(
    session: ChatSession,
    message: StoredMessage,
    rivals: Sequence[Reply],
    verdict: Verdict,
    is_blind: bool = False,
) -> Verdict:
    """Better than its rivals, worse, or as good; said twice, none of it. What holds now.

    Raises:
        UserError: when nothing can be better: the words are the same; or it is not said what is.
    """
    feedback, reply = session.judgements.feedback, reply_of(session, message)
    if verdict in ("better", "worse") and are_the_same(message, rivals):
        raise UserError("The replies are the same, word for word. A tie says so.")
    if verdict == "worse" and len(rivals) > 1:
        raise UserError(f"There are {len(rivals)} other replies. Say it of the best one: it is better.")
    if verdict in ("none", session.judgements.of(message.id).vote):
        feedback.take_back(reply, rivals)
        return "none"
    if verdict == "worse":
        feedback.prefer(rivals[0], [reply], is_blind=is_blind)
    else:
        feedback.prefer(reply, rivals, verdict == "tie", is_blind)
    return verdict
