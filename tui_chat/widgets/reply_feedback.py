"""Takes what a person says of replies in the panes: keeps it, and has it shown.

    feedback = ReplyFeedback(row)
    await feedback.take(pane, message, "better")      also "worse", "tie", "none", "up", "down", "correct"

What is kept, `judging` says. The one rule: nothing is shown that was not saved.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import UserError
from tui_chat import judging
from tui_chat.conversations import StoredMessage
from tui_chat.feedback import Word
from tui_chat.key_bindings import key_in_words
from tui_chat.workers import start_worker

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane
    from tui_chat.widgets.pane_row import PaneRow

_THUMBS: dict[Word, int] = {"up": 1, "down": -1}


class ReplyFeedback:
    """What is said of the replies in a row of panes."""

    def __init__(self, row: PaneRow) -> None:
        self._row = row
        self._turn = asyncio.Lock()  # a key pressed twice takes back what it said

    def judge_last(self, pane: ChatPane, word: Word, text: str | None = None) -> None:
        """Begin with the last reply of a pane."""
        self.begin(pane, judging.last_reply(pane.session), word, text)

    def begin(
        self, pane: ChatPane, message: StoredMessage | None, word: Word, text: str | None = None
    ) -> None:
        """The same as `take`, beside the screen: a person may be asked for more."""
        start_worker(self._row, partial(self.take, pane, message, word, text))

    async def take(
        self, pane: ChatPane, message: StoredMessage | None, word: Word, text: str | None = None
    ) -> None:
        """Do what was said of a reply of a pane; tells the person what cannot be done.

        A correction is asked for unless its `text` is given; empty, it takes back the one there is.
        """
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
                await self._keep(pane, message, word, text)
            except UserError as error:
                self._row.notify(str(error), severity="error", markup=False)
            await self._show()

    async def _keep(self, pane: ChatPane, message: StoredMessage, word: Word, text: str | None) -> None:
        match word:
            case "up" | "down":
                await asyncio.to_thread(judging.thumb, pane.session, message, _THUMBS[word])
            case "correct":
                text = await self._correction(pane, message) if text is None else text
                if text is not None:
                    await asyncio.to_thread(judging.correct, pane.session, message, text or None)
            case _:
                await self._vote(pane, message, word)

    async def _correction(self, pane: ChatPane, message: StoredMessage) -> str | None:
        from tui_chat.screens.correct_reply import CorrectReply  # here: the first paint does not need it

        session = pane.session
        question = judging.question_of(session, message)
        old = session.judgements.of(message.id).correction
        screen = CorrectReply(question.content if question else "", message.content, old)
        return await pane.app.push_screen_wait(screen)

    async def _vote(self, pane: ChatPane, message: StoredMessage, verdict: judging.Verdict) -> None:
        session = pane.session
        rivals = judging.rivals_of([other.session for other in self._row.panes], session, message)
        if not rivals:
            link, again = key_in_words(pane, "chat.link_panes"), key_in_words(pane, "pane.regenerate")
            self._row.notify(
                f"There is no other reply to this question. {link} sends one to all panes, {again} asks again.",
                markup=False,
            )
        elif verdict in ("better", "worse") and judging.are_the_same(message, rivals):
            tie = key_in_words(self._row, "panes.tie")
            settings = key_in_words(self._row, "chat.settings")
            words = "Another temperature, seed or model in one pane gives another reply"
            self._row.notify(
                f"The replies are the same, word for word: {tie} says so. {words}: {settings}.", markup=False
            )
        elif self._row.blind.hides(message) and any(other.is_replying for other in self._row.panes):
            self._row.notify("A reply is still being written. Vote when all are there.", markup=False)
        else:
            is_blind = self._row.blind.hides(message)
            held = await asyncio.to_thread(judging.vote, session, message, rivals, verdict, is_blind)
            if is_blind and held != "none":
                await self._row.blind.voted()

    async def _show(self) -> None:
        """What is saved now, in every pane: a vote is about several."""
        for pane in self._row.panes:
            try:
                if talk := pane.session.conversation:
                    await asyncio.to_thread(pane.session.judgements.read, talk.id)
            except UserError as error:
                self._row.notify(str(error), severity="error", markup=False)
            pane.transcript.show_judgements()
