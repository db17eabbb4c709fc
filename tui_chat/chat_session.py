"""A conversation as one pane holds it: what was said, what is being said, and how it is saved.

    say("Hello")              the user's turn, saved at once
    begin_reply(), reply()    the model's turn, saved while it grows and however it ends
    told("Knock, knock.")     a turn of the app itself: a joke, a poem

Knows nothing about screens. The one rule: the text of a reply is never lost; success, Escape and an error go
through the same `finally`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar, cast

from engine import chat
from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationEvent
from engine.wire import LoadedModel
from tui_chat.chat_settings import ChatSettings, restored, with_seed
from tui_chat.conversations import Conversation, Conversations, StoredMessage
from tui_chat.engines import AppEngine
from tui_chat.reply_tokens import Fork, ReplyTokens, TokenLog
from tui_chat.text import one_line
from tui_chat.token_engine import token_engine

SAVE_EVERY_SECONDS = 1.0
T = TypeVar("T")
APP_NAME = "tui-chat"  # who tells jokes and poems


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """Do all of `work`, also when it is cancelled meanwhile; the cancelling takes effect after it."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class ChatSession:
    """The conversation of a pane."""

    def __init__(self, conversations: Conversations, settings: ChatSettings) -> None:
        self._conversations = conversations
        self.settings = settings
        self.conversation: Conversation | None = None  # None until something was said
        self.messages: list[StoredMessage] = []
        self.chunks = 0  # pieces of the reply under way
        self._began = 0.0  # when its first piece came
        self._generation = settings.generation  # of the reply under way
        self._fork: Fork | None = None  # where the reply under way begins, if with another one's tokens

    # ---- which conversation

    async def open(self, conversation: Conversation) -> None:
        """Go on with a conversation, with its model and settings.

        Raises:
            UserError: when it cannot be read.
        """
        messages = await asyncio.to_thread(self._conversations.messages, conversation.id)
        # A reply that still counts as being said was cut off when its app ended.
        self.messages = [replace(m, status="stopped") if m.status == "streaming" else m for m in messages]
        self.settings = restored(conversation.settings, conversation.model, self.settings)
        self.conversation = conversation

    def begin_anew(self) -> None:
        """Leave the conversation; the next message begins another."""
        self.conversation, self.messages = None, []

    async def change_settings(self, settings: ChatSettings) -> None:
        """Go on with other settings, also the next time this conversation is opened."""
        self.settings = settings
        if self.conversation:
            await asyncio.to_thread(
                self._conversations.choose, self.conversation.id, settings.model, settings.to_json().decode()
            )

    async def forked(self, fork: Fork) -> Conversation:
        """A new conversation with all that was said before the reply that is forked; this one stays as it is.

        Raises:
            UserError: when it cannot be saved.
        """
        assert self.conversation is not None
        settings = self.settings.with_changes("fork", model=fork.model)
        title = one_line(f"Fork at {fork.word}: {self.conversation.title}", 60)
        copy, saved = self._conversations.copy_branch, settings.to_json().decode()
        before = [message.id for message in self.messages if message.id < fork.message]
        return await asyncio.to_thread(copy, before[-1], title, fork.model, saved)

    # ---- turns

    async def say(self, text: str) -> StoredMessage:
        """Save the user's turn.

        Raises:
            UserError: when it cannot be saved; nothing has changed then.
        """
        return await self._add("user", text)

    async def told(self, text: str) -> StoredMessage:
        """Save a turn of the app itself.

        Raises:
            UserError: when it cannot be saved.
        """
        return await self._add("assistant", text, model_name=APP_NAME)

    async def _add(self, role: chat.Role, text: str, model_name: str = "") -> StoredMessage:
        if self.conversation is None:
            settings = self.settings.to_json().decode()
            title = one_line(text, 60) or "Conversation"
            self.conversation = await asyncio.to_thread(
                self._conversations.create, title, self.settings.model, settings
            )
        message = StoredMessage(0, self.conversation.id, role, text, model_name=model_name)
        message = await asyncio.to_thread(self._conversations.add, message)
        self.messages.append(message)
        return message

    async def begin_reply(
        self, model_name: str, seed: int | None = None, fork: Fork | None = None
    ) -> StoredMessage:
        """An empty turn of the model, saved, for `reply` to fill; `seed` goes before that of the settings.

        A `fork` brings its own settings, and the tokens that the reply begins with.

        Raises:
            UserError: when it cannot be saved.
        """
        assert self.conversation is not None
        self.chunks = 0
        self._fork = fork
        self._generation = fork.generation if fork else with_seed(self.settings.generation, seed)
        message = StoredMessage(
            0,
            self.conversation.id,
            "assistant",
            "",
            model=self.settings.model,
            model_name=model_name,
            settings=self._generation.to_json().decode(),
            status="streaming",
            step=fork.step if fork else None,
            val_loss=fork.val_loss if fork else None,
        )
        message = await asyncio.to_thread(self._conversations.add, message)
        self.messages.append(message)
        return message

    async def reply(self, engine: AppEngine, on_text: Callable[[str], None]) -> None:
        """Fill the turn of `begin_reply`; an error of the engine ends up in it.

        Cancelling stops the reply and keeps its text.
        """
        messages, begun = self._asked(self.messages[:-1]), self.messages[-1]
        ending = replace(begun, status="stopped")  # unless it ends in another way
        said_by: LoadedModel | None = None  # known once something is said
        pieces: list[str] = []
        log = TokenLog()
        saving = asyncio.create_task(self._save_now_and_then(begun, pieces))
        try:
            # Engines are async generators; closing one early is what cancels a reply.
            stream = cast(AsyncGenerator[GenerationEvent, None], self._stream(engine, messages))
            async with aclosing(stream) as events:
                async for event in events:
                    if not (self._fork and self._fork.reference):  # else other weights say it
                        said_by = said_by or engine.model
                    log.take(event)
                    if isinstance(event, GenerationDone):
                        ending = _completed(begun, event)
                    else:
                        self._count_chunk()
                        pieces.append(event.text)
                        on_text(event.text)
        except UserError as error:
            ending = replace(begun, status="error", error=str(error))
        finally:
            saving.cancel()
            await self._end(_signed(ending, said_by), "".join(pieces), log.tokens)

    def _stream(self, engine: AppEngine, messages: list[ChatMessage]) -> AsyncIterator[GenerationEvent]:
        if self._fork is None:
            return engine.stream(messages, self._generation)
        fork = self._fork
        return token_engine(engine).stream(messages, self._generation, fork.reference, prefix=fork.prefix)

    async def end_unbegun(self) -> None:
        """Close a reply that was stopped before `reply` began, if there is one."""
        if self.messages and self.messages[-1].status == "streaming":
            await self._end(replace(self.messages[-1], status="stopped"), "")

    def asked_before(self, message: int) -> list[ChatMessage]:
        """What the model was given for the reply with this id, as far as the conversation still knows."""
        return self._asked([said for said in self.messages if said.id < message])

    def regenerated(self) -> list[StoredMessage]:
        """The turns that a new reply to the last question replaces; empty when there is no question."""
        questions = [place for place, message in enumerate(self.messages) if message.role == "user"]
        return self.messages[questions[-1] + 1 :] if questions else []

    def last_question(self) -> list[ChatMessage]:
        """What a model is given for another reply to the last question; empty when there is none."""
        end = len(self.messages) - len(self.regenerated())
        return self._asked(self.messages[:end]) if any(m.role == "user" for m in self.messages) else []

    async def take(self, reply: StoredMessage) -> StoredMessage:
        """Save a reply that was made elsewhere as the next turn.

        Raises:
            UserError: when it cannot be saved.
        """
        assert self.conversation is not None
        reply = replace(reply, conversation=self.conversation.id)
        reply = await asyncio.to_thread(self._conversations.add, reply)
        self.messages.append(reply)
        return reply

    async def forget(self, messages: list[StoredMessage]) -> None:
        """Take turns out of the conversation.

        Raises:
            UserError: when that cannot be saved.
        """
        for message in messages:
            await asyncio.to_thread(self._conversations.remove_message, message.id)
            self.messages.remove(message)

    @property
    def tokens_per_second(self) -> float:
        """Speed of the reply under way."""
        seconds = time.monotonic() - self._began
        return (self.chunks - 1) / seconds if self.chunks > 1 and seconds > 0 else 0.0

    def _asked(self, messages: Sequence[StoredMessage]) -> list[ChatMessage]:
        """What the model is given: every turn that has words, but for those between the user and the app."""
        instructions = (
            [chat.system(self.settings.system_prompt)] if self.settings.system_prompt.strip() else []
        )
        turns = [ChatMessage(role=m.role, content=m.content) for m in _without_companions(messages)]
        return [*instructions, *turns]

    def _count_chunk(self) -> None:
        if self.chunks == 0:
            self._began = time.monotonic()
        self.chunks += 1

    async def _save_now_and_then(self, begun: StoredMessage, pieces: list[str]) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_SECONDS)
            with contextlib.suppress(UserError):  # the save at the end tells
                await asyncio.to_thread(self._conversations.save_growing, begun.id, "".join(pieces))

    async def _end(self, ending: StoredMessage, text: str, said: ReplyTokens | None = None) -> None:
        tokens = ending.completion_tokens if ending.completion_tokens is not None else self.chunks
        ending = replace(ending, content=text, completion_tokens=tokens)
        self.messages[-1] = ending
        try:  # whole: however often this is cancelled, and while the app is closing
            await whole(asyncio.to_thread(self._conversations.save_ending, ending))
            if said is not None:
                await whole(asyncio.to_thread(self._conversations.keep_tokens, ending.id, said))
        except UserError as error:
            self.messages[-1] = replace(ending, error=str(error))


def _without_companions(messages: Sequence[StoredMessage]) -> list[StoredMessage]:
    """Without jokes and poems, and what the user said to them: they would fill a small context."""
    answers = [*messages[1:], None]
    return [
        message
        for message, answer in zip(messages, answers, strict=True)
        if message.content.strip()
        and not _is_told(message)
        and not (message.role == "user" and answer is not None and _is_told(answer))
    ]


def _is_told(message: StoredMessage) -> bool:
    return message.role == "assistant" and message.model_name == APP_NAME and not message.model


def _completed(begun: StoredMessage, done: GenerationDone) -> StoredMessage:
    return replace(
        begun,
        status="stopped" if done.finish_reason == "cancelled" else "complete",
        prompt_tokens=done.prompt_tokens,
        completion_tokens=done.completion_tokens,
        tokens_per_second=done.tokens_per_second,
        dropped_messages=done.dropped_messages,
        dropped_tokens=done.dropped_tokens,
        finish_reason=done.finish_reason,
        seed=done.seed,
    )


def _signed(message: StoredMessage, said_by: LoadedModel | None) -> StoredMessage:
    """The message with who said it: a run's weights may be newer by the next one."""
    if said_by is None:
        return message
    return replace(message, model_name=said_by.name, step=said_by.step, val_loss=said_by.val_loss)
