"""Takes what a person says of replies in the panes: keeps it, and has it shown.

    judge = ReplyFeedback(row)
    await judge.take(pane, message, "better")      also "tie", "up", "down", "correct"

Said twice, a thumb or a vote is taken back. A vote is between the replies of all panes to the same question; where
this pane alone was asked, between its tries. The one rule: nothing is shown that was not saved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import UserError
from tui_chat.conversations import StoredMessage
from tui_chat.feedback import Reply, Vote, Word
from tui_chat.key_bindings import key_in_words

if TYPE_CHECKING:
    from tui_chat.chat_session import ChatSession
    from tui_chat.widgets.chat_pane import ChatPane
    from tui_chat.widgets.pane_row import PaneRow

_THUMBS: dict[Word, int] = {"up": 1, "down": -1}


class ReplyFeedback:
    """What is said of the replies in a row of panes."""

    def __init__(self, row: PaneRow) -> None:
        self._row = row
        self._turn = asyncio.Lock()  # a key pressed twice takes back what it said

    async def take(self, pane: ChatPane, message: StoredMessage | None, word: Word) -> None:
        """Do what was said of a reply of a pane; tells the person what cannot be done."""
        if message is None:
            self._row.notify("There is no reply of a model yet.", markup=False)
            return
        if message.is_being_written:
            key = key_in_words(pane, "pane.stop")
            how = f" {key} stops it." if message.status == "streaming" else ""
            self._row.notify(f"This reply is still being written.{how}", markup=False)
            return
        async with self._turn:
            try:
                await self._keep(pane, message, word)
            except UserError as error:
                self._row.notify(str(error), severity="error", markup=False)
            await self._show()

    async def _keep(self, pane: ChatPane, message: StoredMessage, word: Word) -> None:
        if word in _THUMBS:
            await self._thumb(pane, message, _THUMBS[word])
        elif word == "correct":
            await self._correct(pane, message)
        else:
            await self._vote(pane, message, word)

    async def _thumb(self, pane: ChatPane, message: StoredMessage, thumb: int) -> None:
        session = pane.session
        is_so = session.judgements.of(message.id).thumb == thumb
        reply = reply_of(session, message)
        await asyncio.to_thread(session.judgements.feedback.thumb, reply, 0 if is_so else thumb)

    async def _correct(self, pane: ChatPane, message: StoredMessage) -> None:
        from tui_chat.screens.correct_reply import CorrectReply  # here: the first paint does not need it

        session = pane.session
        question = question_of(session, message)
        old = session.judgements.of(message.id).correction
        screen = CorrectReply(question.content if question else "", message.content, old)
        text = await pane.app.push_screen_wait(screen)
        if text is not None:
            await asyncio.to_thread(
                session.judgements.feedback.correct, reply_of(session, message), text or None
            )

    async def _vote(self, pane: ChatPane, message: StoredMessage, word: Word) -> None:
        vote: Vote = "better" if word == "better" else "tie"
        session = pane.session
        rivals = rivals_of(self._row.panes, pane, message)
        if not rivals:
            link, again = key_in_words(pane, "chat.link_panes"), key_in_words(pane, "pane.regenerate")
            self._row.notify(
                f"There is no other reply to this question. {link} sends one to all panes, {again} asks again.",
                markup=False,
            )
            return
        reply = reply_of(session, message)
        if vote == "better" and all(rival.text == reply.text for rival in rivals):
            tie = key_in_words(self._row, "panes.tie")
            self._row.notify(f"The replies are the same, word for word. {tie} says so.", markup=False)
        elif session.judgements.of(message.id).vote == vote:
            await asyncio.to_thread(session.judgements.feedback.take_back, reply, rivals)
        else:
            await asyncio.to_thread(session.judgements.feedback.prefer, reply, rivals, vote == "tie")

    async def _show(self) -> None:
        """What is saved now, in every pane: a vote is about several."""
        for pane in self._row.panes:
            try:
                if talk := pane.session.conversation:
                    await asyncio.to_thread(pane.session.judgements.read, talk.id)
            except UserError as error:
                self._row.notify(str(error), severity="error", markup=False)
            pane.transcript.show_judgements()


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


def rivals_of(panes: Sequence[ChatPane], pane: ChatPane, message: StoredMessage) -> list[Reply]:
    """The replies that a reply is compared with: one of each other pane, or else the other tries of its own."""
    question = question_of(pane.session, message)
    if question is None:
        return []
    found = []
    for other in panes:
        answers = [
            said
            for said in other.session.messages
            if other is not pane and _answers(other.session, said, question.content)
        ]
        if answers:
            nearest = min(answers, key=lambda said: abs(said.created - message.created))
            found.append(reply_of(other.session, nearest))
    if found:
        return found
    tries = pane.session.tree.siblings_of(message.id)
    return [reply_of(pane.session, said) for said in tries if said.id != message.id and is_of_a_model(said)]


def _answers(session: ChatSession, said: StoredMessage, question: str) -> bool:
    """Whether this is a finished reply of a model to that very question."""
    if not is_of_a_model(said) or said.is_being_written:
        return False
    asked = question_of(session, said)
    return asked is not None and asked.content == question
