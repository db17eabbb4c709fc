"""The branches of one pane's conversation: another wording, another reply, from sibling to sibling, and back.

    branches.edit(message)           its text in the prompt; sent, it stands beside the first wording
    branches.again(reply)            another reply beside this one
    await branches.step(message, 1)  the sibling after it, with what was last shown below
    await branches.show(7)           the branch of a message

The one rule: what was said stays; a reply under way is stopped, and kept, before another branch is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import UserError
from tui_chat.conversation_records import StoredMessage
from tui_chat.key_bindings import key_in_words
from tui_chat.text import one_line, plain, visible
from tui_chat.widgets.message_heading import BranchDeed
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.pane_elsewhere import follow_elsewhere
from tui_chat.widgets.pane_replies import Replies

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane


class Branches:
    """What a person does with them."""

    def __init__(self, pane: ChatPane, replies: Replies) -> None:
        self._pane = pane
        self._replies = replies
        self.edited: StoredMessage | None = None  # the message whose new wording is in the prompt
        self._draft = ""  # what was in the prompt before

    async def do(self, deed: BranchDeed, message: StoredMessage) -> None:
        """What a key or a click on a message asks for; what cannot be done is told."""
        try:
            if message.id not in self._pane.session.tree:
                return  # it was left meanwhile
            if deed == "edit":
                self.edit(message)
            elif deed == "again":
                await self.again(message)
            elif deed == "new_chat":
                await self.new_chat(message)
            else:
                await self.step(message, -1 if deed == "before" else 1)
        except UserError as error:
            self._pane.notify(str(error), severity="error", markup=False)

    def of_last(self, deed: BranchDeed) -> None:
        """The same with the last message, or the last one that this can be done with."""
        views = [view for view in self._pane.transcript.views if can_do(view, deed)]
        if views:
            views[-1].action_branch(deed)
        else:
            self._pane.notify(_NOTHING[deed], markup=False)

    # ---- siblings

    async def step(self, message: StoredMessage, by: int) -> None:
        """To a sibling; nothing where there is none.

        Raises:
            UserError: when it cannot be remembered that this branch is shown; it is shown all the same.
        """
        session = self._pane.session
        await session.refresh()
        if other := session.tree.neighbour_of(message.id, by):
            await self.show(other.id)

    async def show(self, message: int) -> None:
        """Bring a message of the conversation into sight, with its branch.

        Raises:
            UserError: when that cannot be remembered; it is shown all the same.
        """
        session, transcript = self._pane.session, self._pane.transcript
        if any(said.id == message for said in session.messages):
            await transcript.go_to(session.messages, message)
            return
        await self._replies.stop()
        self.cancel_edit()
        try:
            await session.show(message)
        finally:
            await transcript.go_to(session.messages, message)
            self._pane.post_message(self._pane.ConversationChanged(self._pane))
        follow_elsewhere(self._pane)

    async def again(self, reply: StoredMessage) -> None:
        """Another reply beside this one."""
        parent = self._pane.session.tree.parent_of(reply.id)
        if parent is None:
            raise UserError("This reply answers no message, so there is nothing to answer again.")
        await self._replies.stop()
        self._replies.again(parent)

    def answer(self, question: StoredMessage, seed: int | None) -> None:
        """A reply to a message, with this seed."""
        self._replies.again(question.id, seed)

    async def new_chat(self, message: StoredMessage) -> None:
        """Go on in a new conversation that begins with what leads to this message.

        Raises:
            UserError: when it cannot be saved; nothing has changed then.
        """
        await self._replies.stop()
        await self._pane.open(await self._pane.session.copied_until(message.id))
        self._pane.prompt.focus()
        words = "A new chat that begins like the other one, which stays in the list as it was."
        self._pane.notify(words, markup=False)

    # ---- another wording

    def edit(self, message: StoredMessage) -> None:
        """Put a message into the prompt; what is sent from there stands beside it."""
        prompt = self._pane.prompt
        if self.edited is None:
            self._draft = prompt.text
        self.edited = message
        prompt.put_message(message.content)
        words = one_line(message.content, 24)
        cancel = key_in_words(self._pane, "pane.cancel_edit")
        prompt.border_title = plain(f" Editing “{words}”, {cancel} cancels ")
        prompt.focus()
        self._pane.refresh_bindings()

    def cancel_edit(self) -> None:
        """Leave the message as it is; what was in the prompt before is there again."""
        if self.edited is not None:
            self._end_edit()
            self._pane.prompt.put(self._draft)

    async def send(self, text: str) -> None:
        """Send the other wording; it stays in the prompt until it is saved."""
        edited = self.edited
        assert edited is not None
        await self._replies.stop()
        self._replies.send(text, self._accept, beside=edited.id)

    def _accept(self, text: str) -> None:
        prompt = self._pane.prompt
        prompt.accept(text)
        if self.edited is not None:
            self._end_edit()
            prompt.put(self._draft + prompt.text)

    def _end_edit(self) -> None:
        self.edited = None
        self._pane.prompt.border_title = ""
        self._pane.refresh_bindings()

    @property
    def unsent(self) -> str:
        """What is in the prompt, and was in it before a message was edited."""
        typed = self._pane.prompt.text
        if self.edited is None:
            return typed
        is_changed = typed != visible(self.edited.content)
        return "\n".join(text for text in (typed if is_changed else "", self._draft) if text)


def can_do(view: MessageView, deed: BranchDeed) -> bool:
    """Whether that can be done with a message."""
    return bool(view.check_action("branch", (deed,)))


_NOTHING: dict[BranchDeed, str] = {
    "before": "There is no version before this one.",
    "after": "There is no version after this one.",
    "again": "There is no reply of a model yet.",
    "edit": "You have not said anything yet.",
    "new_chat": "This chat is still empty.",
}
