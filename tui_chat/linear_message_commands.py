"""Commands of the plain chat about single messages: other wordings, versions, branches, files, what is said of replies.

    /messages    /edit 1    /version next    /branch 2    /attach notes.txt    /vote better    /correct TEXT

Messages go by their numbers, from 1. The one rule: whatever is shown now is told, so that nobody has to guess.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import UserError
from tui_chat import judging, versions
from tui_chat.attachments import named, parts_of, read_attachment
from tui_chat.conversation_records import StoredMessage
from tui_chat.linear_token_commands import tell_tokens
from tui_chat.prompt_templates import prompt_templates, template_named
from tui_chat.quantities import counted
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.chat_session import ChatSession
    from tui_chat.linear_chat import LinearChat

_VOTED = {
    "better": "The last reply is better than the others.",
    "worse": "The other reply is better than the last one.",
    "tie": "The replies are as good as each other.",
    "none": "There is no vote on these replies any more.",
}
_THUMBS = {1: "Thumb up for the last reply.", -1: "Thumb down for the last reply.", 0: "No thumb any more."}


class LinearMessageCommands:
    """Those of one plain chat."""

    def __init__(self, chat: LinearChat) -> None:
        self._chat = chat
        self._tell = chat.lines.tell

    @property
    def runs(self) -> dict[str, Callable[[str], Awaitable[None]]]:
        """What each does with what stands after its name."""
        return {
            "retry": self._retry,
            "messages": self._messages,
            "edit": self._edit,
            "version": self._version,
            "branch": self._branch,
            "attach": self._attach,
            "detach": self._detach,
            "template": self._template,
            "vote": self._vote,
            "good": partial(self._thumb, 1),
            "poor": partial(self._thumb, -1),
            "correct": self._correct,
            "tokens": partial(tell_tokens, self._chat),
        }

    @property
    def _session(self) -> ChatSession:
        return self._chat.session

    async def _retry(self, _: str) -> None:
        await self._chat.another()

    # ---- what was said

    async def _messages(self, typed: str) -> None:
        if typed:
            self._chat.hear(versions.message_named(self._session, typed))
            return
        if not self._session.messages:
            self._tell("This chat is still empty.")
        for number, message in enumerate(self._session.messages, 1):
            self._tell(f"{number}, {speaker(message)}{self._versions_in_words(message)}: {_short(message)}")

    def _versions_in_words(self, message: StoredMessage) -> str:
        place = self._session.tree.place_of(message.id)
        return f", version {place.number} of {place.count}" if place.count > 1 else ""

    async def _edit(self, typed: str) -> None:
        message, text = versions.to_edit(self._session, typed)
        number = versions.number_of(self._session, message)
        self._chat.outgoing.edit(message, number)
        if text:
            self._tell(f"Message {number}, sent otherwise. /version previous shows the other one.")
            await self._chat.converse(parts_of(text)[1])
            return
        shown = "Change it" if self._chat.lines.shows_drafts else f"It is: {_short(message)} Type it anew"
        self._tell(f"Message {number}, to be sent otherwise. {shown}; an empty line leaves it as it is.")

    async def _version(self, typed: str) -> None:
        await self._session.refresh()
        if not typed or typed.lower().startswith(("of ", "message ")):
            self._tell_versions(versions.message_meant(self._session, typed))
            return
        version = versions.version_named(self._session, typed)
        await self._session.show(version.id)
        number = versions.number_of(self._session, version)
        after = len(self._session.messages) - number
        follows = f" {counted(after, 'message')} after it: /messages lists them." if after else ""
        self._tell(f"Message {number}{self._versions_in_words(version)}.{follows}")
        self._chat.hear(version)

    def _tell_versions(self, message: StoredMessage) -> None:
        place = self._session.tree.place_of(message.id)
        number = versions.number_of(self._session, message)
        whose = "Your" if message.role == "user" else "The model's"
        self._tell(f"{whose} message {number} has {counted(place.count, 'version')}.")
        for place_of_it, version in enumerate(versions.versions_of(self._session, message), 1):
            shown = ", on show" if place_of_it == place.number else ""
            self._tell(f"Version {place_of_it}{shown}: {_short(version)}")
        others = [said for said in versions.with_versions(self._session) if said.id != message.id]
        if others:
            numbers = ", ".join(str(versions.number_of(self._session, said)) for said in others)
            first = versions.number_of(self._session, others[0])
            self._tell(f"Also with versions: message {numbers}. As in: /version 2 of message {first}")

    async def _branch(self, typed: str) -> None:
        message = versions.message_named(self._session, typed)
        number = versions.number_of(self._session, message)
        await self._session.open(await self._session.copied_until(message.id))
        conversation = self._session.conversation
        assert conversation is not None
        self._tell(
            f"A new chat, conversation {conversation.id}, that begins like the other one up to message {number}. "
            "The other stays as it was."
        )

    # ---- files

    async def _attach(self, typed: str) -> None:
        file = await asyncio.to_thread(read_attachment, typed)
        self._chat.outgoing.attach(file)
        self._tell(f"Attached: {file.label}. It goes out with the next message; /detach takes it away.")

    async def _detach(self, typed: str) -> None:
        outgoing = self._chat.outgoing
        gone = named(outgoing.files, typed)
        outgoing.files = [file for file in outgoing.files if file not in gone]
        self._tell(f"No longer attached: {', '.join(one_line(file.name, 30) for file in gone)}.")

    async def _template(self, typed: str) -> None:
        templates, problems = await asyncio.to_thread(prompt_templates)
        for problem in problems:
            self._tell(problem)
        if not typed:
            for template in templates:
                self._tell(f"{template.name}: {template.what}")
            return
        chosen = template_named(typed, templates)
        if not self._chat.lines.shows_drafts:
            raise UserError("A template is filled in on the line where you type, which needs a terminal.")
        self._chat.outgoing.draft = chosen.prompt
        blanks = (
            f" Fill in: {', '.join(blank.strip('{}') for blank in chosen.blanks)}." if chosen.blanks else ""
        )
        self._tell(f"Your message begins with the template {chosen.name}.{blanks}")

    # ---- what is said of replies

    def _last_reply(self) -> StoredMessage:
        reply = judging.last_reply(self._session)
        if reply is None:
            raise UserError("There is no reply of a model yet.")
        return reply

    async def _read_judgements(self) -> None:
        if conversation := self._session.conversation:
            await asyncio.to_thread(self._session.judgements.read, conversation.id)

    async def _thumb(self, thumb: int, _: str) -> None:
        now = await asyncio.to_thread(judging.thumb, self._session, self._last_reply(), thumb)
        await self._read_judgements()
        self._tell(_THUMBS[now])

    async def _vote(self, typed: str) -> None:
        verdict, reply = judging.verdict_named(typed), self._last_reply()
        rivals = judging.rivals_of((), self._session, reply)
        if not rivals:
            raise UserError("There is no other reply to this question. /retry asks again.")
        now = await asyncio.to_thread(judging.vote, self._session, reply, rivals, verdict)
        await self._read_judgements()
        self._tell(_VOTED[now])

    async def _correct(self, typed: str) -> None:
        text = None if typed.lower() == "none" else typed
        await asyncio.to_thread(judging.correct, self._session, self._last_reply(), text)
        await self._read_judgements()
        done = (
            "It is as it was said"
            if text is None
            else "Corrected. The model is asked with your words from now on"
        )
        self._tell(f"{done}.")


def speaker(message: StoredMessage) -> str:
    """Who said it."""
    return "You" if message.role == "user" else "Model"


def _short(message: StoredMessage) -> str:
    return versions.beginning(message)
