"""A conversation as one pane holds it: what was said, what is being said, and how it is saved.

    messages                  the branch on show; all branches are in `tree`
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
from tui_chat.asked_messages import APP_NAME, GREETING, asked_messages
from tui_chat.attachments import without_attachments
from tui_chat.chat_settings import ChatSettings, restored, with_seed
from tui_chat.conversation_records import completed
from tui_chat.conversation_tree import ConversationTree
from tui_chat.conversations import Conversation, Conversations, StoredMessage
from tui_chat.engines import AppEngine
from tui_chat.feedback import Judgements
from tui_chat.reply_tokens import Fork, ReplyTokens, TokenLog
from tui_chat.text import one_line
from tui_chat.token_engine import token_engine

SAVE_EVERY_SECONDS = 1.0
T = TypeVar("T")


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
        self.tree = ConversationTree()
        self.chunks = 0  # pieces of the reply under way
        self._began = 0.0  # when its first piece came
        self._generation = settings.generation  # of the reply under way
        self._fork: Fork | None = None  # where the reply under way begins, if with another one's tokens
        self._begun: StoredMessage | None = None  # the reply under way
        self.judgements = Judgements(conversations.file)

    @property
    def messages(self) -> Sequence[StoredMessage]:
        """The branch on show, oldest first: what the model is asked with."""
        return self.tree.path

    # ---- which conversation

    async def open(self, conversation: Conversation) -> None:
        """Go on with a conversation, with its model and settings.

        Raises:
            UserError: when it cannot be read.
        """
        tree = await asyncio.to_thread(self._conversations.tree, conversation.id)
        for message in tree:
            tree.put(_cut_off(message))
        await asyncio.to_thread(self.judgements.read, conversation.id)
        self.tree = tree
        self.settings = restored(conversation.settings, conversation.model, self.settings)
        self.conversation = conversation

    def begin_anew(self) -> None:
        """Leave the conversation; the next message begins another."""
        self.conversation, self.tree = None, ConversationTree()

    async def change_settings(self, settings: ChatSettings) -> None:
        """Go on with other settings, also the next time this conversation is opened."""
        self.settings = settings
        if self.conversation:
            await asyncio.to_thread(
                self._conversations.choose, self.conversation.id, settings.model, settings.to_json().decode()
            )

    # ---- branches

    async def refresh(self) -> None:
        """Take in what another app has added to the conversation.

        Raises:
            UserError: when it cannot be read.
        """
        if self.conversation is None:
            return
        tree = self.tree  # another one may be opened meanwhile
        for message in await asyncio.to_thread(self._conversations.messages, self.conversation.id):
            is_ours = message.id in tree and tree[message.id].status != "elsewhere"
            if not (is_ours and message.is_being_written):  # else we know more of it
                tree.put(_cut_off(message))

    async def show(self, message: int) -> None:
        """Show the branch of a message, also the next time this conversation is opened.

        Raises:
            UserError: when that cannot be saved; it is shown now all the same.
        """
        assert self.conversation is not None
        self.tree.show(message)
        await asyncio.to_thread(self._conversations.keep_leaf, self.conversation.id, self.tree.leaf)

    async def copied_until(self, message: int, settings: ChatSettings | None = None) -> Conversation:
        """A new conversation with what leads to a message, and with it; this one stays as it is.

        It goes on with `settings`, or with those of this one.

        Raises:
            UserError: when it cannot be saved.
        """
        assert self.conversation is not None
        title = one_line(f"Branch of {self.conversation.title}", 60)
        kept, copy = settings or self.settings, self._conversations.copy_branch
        return await asyncio.to_thread(copy, message, title, kept.model, kept.to_json().decode())

    # ---- turns

    async def say(self, text: str, beside: int | None = None) -> StoredMessage:
        """Save the user's turn: at the end of the branch, or as another wording `beside` an earlier message.

        Raises:
            UserError: when it cannot be saved; nothing has changed then.
        """
        parent = self.tree.leaf if beside is None else self.tree.parent_of(beside)
        return await self._add("user", text, parent)

    async def told(self, text: str, after: int | None = None) -> StoredMessage:
        """Save a turn of the app itself: at the end of the branch, or as another reply to the message `after`.

        Raises:
            UserError: when it cannot be saved.
        """
        return await self._add("assistant", text, self.tree.leaf if after is None else after, APP_NAME)

    async def _add(self, role: chat.Role, text: str, parent: int | None, name: str = "") -> StoredMessage:
        message = StoredMessage(0, 0, role, text, model_name=name, parent=parent)
        if self.conversation is None:
            return await self._begin(message)
        return await self._save(replace(message, conversation=self.conversation.id))

    async def _begin(self, message: StoredMessage) -> StoredMessage:
        """A conversation with its first message: both are saved, or neither."""
        title = one_line(without_attachments(message.content), 60) or "Conversation"
        settings = self.settings.to_json().decode()
        said = [*(self._hello() if message.role == "user" else ()), message]
        self.conversation, saved = await asyncio.to_thread(
            self._conversations.begin, title, self.settings.model, settings, said
        )
        for each in saved:
            self.tree.add(each)
        return saved[-1]

    def _hello(self) -> list[StoredMessage]:
        """What the persona says first; kept once the user has said something, so that no empty chat is."""
        hello, who = self.settings.greeting.strip(), self.settings.persona
        said = StoredMessage(0, 0, "assistant", hello, model_name=who, finish_reason=GREETING)
        return [said] if hello else []

    async def _save(self, message: StoredMessage) -> StoredMessage:
        message = await asyncio.to_thread(self._conversations.add, message)
        self.tree.add(message)
        return message

    async def begin_reply(
        self,
        model_name: str,
        seed: int | None = None,
        fork: Fork | None = None,
        after: int | None = None,
        model: str | None = None,
    ) -> StoredMessage:
        """An empty turn of the model, saved, for `reply` to fill; `seed` goes before that of the settings.

        It follows the message `after`, or else the end of the branch. A `fork` is a sibling of the reply that is
        forked; it brings its own settings, and the tokens that the reply begins with. A `model` other than the
        pane's is "" for a companion.

        Raises:
            UserError: when it cannot be saved.
        """
        assert self.conversation is not None
        if fork:
            after = self.tree.parent_of(fork.message)
        self.chunks = 0
        self._fork = fork
        self._generation = fork.generation if fork else with_seed(self.settings.generation, seed)
        message = StoredMessage(
            0,
            self.conversation.id,
            "assistant",
            "",
            model=self.settings.model if model is None else model,
            model_name=model_name,
            settings=self._generation.to_json().decode(),
            status="streaming",
            step=fork.step if fork else None,
            val_loss=fork.val_loss if fork else None,
            parent=self.tree.leaf if after is None else after,
        )
        self._begun = await self._save(message)
        return self._begun

    async def reply(self, engine: AppEngine, on_text: Callable[[str], None]) -> None:
        """Fill the turn of `begin_reply`; an error of the engine ends up in it.

        Cancelling stops the reply and keeps its text.
        """
        begun = self._begun
        assert begun is not None
        messages = self.asked_before(begun.id)
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
                        ending = completed(begun, event)
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
        if self._begun is not None:
            await self._end(replace(self._begun, status="stopped"), "")

    def asked_before(self, reply: int) -> list[ChatMessage]:
        """What the model was given for the reply with this id, as far as the conversation still knows."""
        return self.asked_with(self.tree.parent_of(reply)) if reply in self.tree else []

    def asked_with(self, message: int | None) -> list[ChatMessage]:
        """What a model is given for a reply to this message: what leads to it, and it, as corrected."""
        said = self.judgements.corrected(self.tree.path_to(message))
        return asked_messages(said, self.settings.system_prompt)

    def last_question(self) -> StoredMessage | None:
        """What the user said last, in the branch on show."""
        return next((said for said in reversed(self.messages) if said.role == "user"), None)

    def answers(self) -> Sequence[StoredMessage]:
        """What was said to the last question, in the branch on show."""
        question = self.last_question()
        return self.messages[self.messages.index(question) + 1 :] if question else ()

    async def take(self, reply: StoredMessage) -> StoredMessage:
        """Save a reply that was made elsewhere as another one to the last question.

        Raises:
            UserError: when it cannot be saved.
        """
        question = self.last_question()
        assert self.conversation is not None and question is not None
        return await self._save(replace(reply, conversation=self.conversation.id, parent=question.id))

    @property
    def tokens_per_second(self) -> float:
        """Speed of the reply under way."""
        seconds = time.monotonic() - self._began
        return (self.chunks - 1) / seconds if self.chunks > 1 and seconds > 0 else 0.0

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
        self._begun = None
        self.tree.put(ending)
        try:  # whole: however often this is cancelled, and while the app is closing
            await whole(asyncio.to_thread(self._conversations.save_ending, ending))
            if said is not None:
                await whole(asyncio.to_thread(self._conversations.keep_tokens, ending.id, said))
        except UserError as error:
            self.tree.put(replace(ending, error=str(error)))


def _cut_off(message: StoredMessage) -> StoredMessage:
    """A reply that was being said when its app ended."""
    return replace(message, status="stopped") if message.status == "streaming" else message


def _signed(message: StoredMessage, said_by: LoadedModel | None) -> StoredMessage:
    """The message with who said it: a run's weights may be newer by the next one."""
    if said_by is None:
        return message
    return replace(message, model_name=said_by.name, step=said_by.step, val_loss=said_by.val_loss)
