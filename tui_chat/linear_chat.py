"""`tui-chat ask -i`: the chat in plain lines, with the conversations of the app.

    You: Hello
    Model: Good day to you.

Every turn is saved as in the app, by the same `ChatSession`; Ctrl+C stops a reply and keeps it, Ctrl+D leaves.
The one rule: what goes wrong is a sentence, and the conversation goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.remote.provider import ProviderSettings
from engine.wire import Loading
from tui_chat.asked_messages import is_told
from tui_chat.chat_session import ChatSession, whole
from tui_chat.chat_settings import ChatSettings, short_reference
from tui_chat.companions.settings import CompanionsSection
from tui_chat.companions_in_chat import Companions, Turn, literal
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.engines import AppEngine, EngineFactory, Engines
from tui_chat.linear_commands import LinearCommands
from tui_chat.linear_message_commands import speaker
from tui_chat.linear_outgoing import Outgoing
from tui_chat.plain_lines import PlainLines
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.companions.asked_model import AskedModel as Teller

_LETTING_GO_SECONDS = 2.0  # that a stopped reply may take to end in its engine
_ENDINGS = {
    "max_new_tokens": "The reply was cut at the longest reply allowed.",
    "context_full": "The reply was cut: the context is full.",
}


class LinearChat:
    """One conversation after another, from the first line to Ctrl+D."""

    def __init__(
        self,
        conversations: Conversations,
        settings: ChatSettings,
        factory: EngineFactory,
        lines: PlainLines,
        companions: CompanionsSection | None = None,
        usual: ChatSettings | None = None,
        providers: Mapping[str, ProviderSettings] | None = None,
    ) -> None:
        """`usual` is what a chat without a persona begins with."""
        self.conversations = conversations
        self.session = ChatSession(conversations, settings)
        self.usual = usual or settings
        self.providers = providers or {}
        self.lines = lines
        self.outgoing = Outgoing()
        self.engines = Engines(factory, self._engine_changed)
        chosen = companions or CompanionsSection()
        self._companions = Companions(
            lambda: chosen, self.engines, lambda: self.session.settings.model, self.lines.tell
        )
        self._commands = LinearCommands(self)
        self._told_of = ""  # what was last told about loading
        self._failed = False  # the last turn

    # ---- from beginning to end

    def run(
        self,
        opening: str = "",
        conversation: str = "",
        wished: Callable[[ChatSettings], ChatSettings] = lambda kept: kept,
    ) -> int:
        """Chat until there is no input any more; `opening` is said first. Returns the exit code.

        `wished` are the settings a kept `conversation` goes on with.

        Raises:
            UserError: when `conversation` ("last", or its number) is not there.
        """
        with asyncio.Runner() as runner:
            try:
                runner.run(self.begin(conversation, wished))
                if opening:
                    self.lines.say(f"You: {opening}")
                    self._do(runner, self._turn(opening))
                self._read_on(runner)
            finally:
                runner.run(self._close())
        return int(self._failed and not self.lines.reads_keyboard)

    async def begin(self, conversation: str, wished: Callable[[ChatSettings], ChatSettings]) -> None:
        """Open the conversation that was asked for, say what is here, and load the model."""
        if conversation:
            await self.open(conversation)
            await self.session.change_settings(wished(self.session.settings))
        sent = await asyncio.to_thread(self.conversations.prompts)
        if self.conversations.notice:
            self.lines.tell(self.conversations.notice)
        self.lines.remember(sent)
        if self.lines.reads_keyboard:
            self.lines.tell("Chat in plain lines. Ctrl+C stops a reply, Ctrl+D leaves, /help lists commands.")
        await self.load_model()
        self.greet()

    def greet(self) -> None:
        """What the persona says first in a new chat."""
        settings = self.session.settings
        if settings.greeting and self.session.conversation is None:
            self.lines.say(f"{settings.persona}: {settings.greeting.strip()}")

    def _read_on(self, runner: asyncio.Runner) -> None:
        while True:
            try:
                text = self.lines.ask(self.outgoing.prompt, self.outgoing.draft)
            except EOFError:
                break
            except KeyboardInterrupt:
                self.lines.say("")
                self.lines.tell(self.outgoing.leave() or "Nothing was sent. Ctrl+D leaves.")
                continue
            if self._commands.is_leaving(text):
                break
            if text.strip():
                self._do(runner, self._turn(text))
            elif left := self.outgoing.leave():
                self.lines.tell(left)
        self._say_goodbye()

    def _do(self, runner: asyncio.Runner, turn: Coroutine[Any, Any, None]) -> None:
        """A turn to its end, or to Ctrl+C."""
        self._failed = False
        try:
            runner.run(turn)
        except UserError as error:
            self._failed = True
            self.lines.tell(f"Error: {error}")
        except KeyboardInterrupt:
            runner.run(self._let_go())
            self.lines.tell("Stopped. What was said is kept.")

    async def _let_go(self) -> None:
        """Between turns nothing runs here, so that a stopped reply is told so before the next one is typed."""
        engine = self.engines.engine_for(self.session.settings.model)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LETTING_GO_SECONDS):
                while engine.state == "answering":
                    await asyncio.sleep(0.02)

    def _say_goodbye(self) -> None:
        if self.lines.reads_keyboard:
            self.lines.say("")
        if (conversation := self.session.conversation) is not None:
            self.lines.tell(
                f"The conversation is kept. To go on with it: tui-chat ask -i --conversation {conversation.id}"
            )

    async def _close(self) -> None:
        await self.engines.close_all()
        await asyncio.to_thread(self.conversations.close)

    # ---- turns

    async def _turn(self, text: str) -> None:
        begun = self.outgoing.edited, self.outgoing.draft
        if said := await self._commands.does(text):
            await self.converse(said)
        elif begun == (self.outgoing.edited, self.outgoing.draft) and (left := self.outgoing.leave()):
            self.lines.tell(left)  # another command was given

    async def converse(self, text: str) -> None:
        """The user says something, and somebody answers."""
        plain = literal(text)
        message = self.outgoing.whole(plain or text)
        await whole(self.session.say(message, self.outgoing.beside))
        self.outgoing.sent()
        turn = None if plain else await self._companions.answer(message, self.session.messages[:-1])
        await (self._take_turn(turn) if turn else self.reply())

    async def tell_of(self, companion: str, topic: str) -> None:
        """A companion begins: with a joke, or a poem."""
        await self._begin_turn(await self._companions.begin(companion, topic))

    async def another(self) -> None:
        """Another reply to what was said last, beside the one there is; of a joke or a poem, the next one.

        Raises:
            UserError: when nothing was said yet.
        """
        question = self.session.last_question()
        if turn := await self._companions.another(self.session.messages):
            await self._begin_turn(turn)
        elif question is None:
            raise UserError("There is no message to reply to yet.")
        else:
            await self.reply(after=question.id)

    async def _begin_turn(self, turn: Turn) -> None:
        if turn.question:
            await whole(self.session.say(turn.question))
            self.lines.say(f"You: {turn.question}")
        await self._take_turn(turn)

    async def _take_turn(self, turn: Turn) -> None:
        if turn.text:
            await self._tell(turn.text, turn.after)
            return
        try:
            await self.reply(turn.teller, turn.after)
        except UserError as error:
            if turn.wish is None:
                raise
            self.lines.tell(f"Error: {error}")
        if told := await self._companions.instead(turn, self.session.messages[-1]):
            await self._tell(told)

    async def _tell(self, text: str, after: int | None = None) -> None:
        await whole(self.session.told(text, after))
        self.lines.say(f"Model: {_plain(text)}")

    async def reply(self, teller: Teller | None = None, after: int | None = None) -> None:
        """The model's turn, or that of another one in a companion's name."""
        engine: AppEngine = teller or self.engines.engine_for(self.session.settings.model)
        try:
            name = teller.name if teller else (await engine.load()).name
            await whole(self.session.begin_reply(name, model="" if teller else None, after=after))
            with self.lines.reply("Model:") as words:
                await self.session.reply(engine, lambda text: words.feed(_plain(text) if teller else text))
        finally:
            await self.session.end_unbegun()
        self._tell_ending(self.session.messages[-1])

    def _tell_ending(self, reply: StoredMessage) -> None:
        """What is worth a sentence about a finished reply."""
        if reply.error:
            raise UserError(reply.error)
        if reply.dropped_messages:
            self.lines.tell(f"{reply.dropped_messages} older messages did not fit.")
        if reply.finish_reason in _ENDINGS:
            self.lines.tell(_ENDINGS[reply.finish_reason])
        elif not reply.content.strip():
            self.lines.tell("The reply is empty.")

    # ---- which conversation, which model

    async def open(self, which: str) -> None:
        """Go on with a conversation: "last", or its number.

        Raises:
            UserError: when there is no such conversation.
        """
        if which == "last":
            found = next(iter(await asyncio.to_thread(self.conversations.newest, 1)), None)
        else:
            number = int(which) if which.isdecimal() and len(which) < 19 else -1
            found = await asyncio.to_thread(self.conversations.get, number)
        if found is None:
            hint = "There is none yet." if which == "last" else "/conversations lists them."
            raise UserError(f"There is no conversation {one_line(which, 40)!r}. {hint}")
        await self.session.open(found)
        count = len(self.session.messages)
        self.lines.tell(
            f"Conversation {found.id}, {one_line(found.title, 60)}, {count} messages. The last of them:"
        )
        for message in self.session.messages[-2:]:
            self.hear(message)

    def hear(self, message: StoredMessage) -> None:
        """A message, whole, as it is to be read: corrected if it was."""
        (shown,) = self.session.judgements.corrected([message])
        self.lines.say(f"{speaker(shown)}: {_plain(shown.content) if is_told(shown) else shown.content}")

    def begin_anew(self) -> None:
        """The next message begins another conversation."""
        self.session.begin_anew()

    async def load_model(self) -> None:
        """Load the model of the settings; when that fails, say so: another one may be chosen."""
        reference = self.session.settings.model
        await self.engines.keep_only((reference,))
        try:
            engine = self.engines.engine_for(reference)
            if engine.model is not None:
                return
            model = await engine.load()
        except UserError as error:
            self.lines.tell(f"Error: {error}")
        else:
            weights = "" if model.step is None else f", step {model.step:,}"
            self.lines.tell(f"The model is {model.name}{weights}.")

    def _engine_changed(self, reference: str) -> None:
        """Loading and waiting are told once each, however the seconds count down."""
        loading: Loading | None = self.engines.progress_of(reference)
        said = f"{short_reference(reference)}: {loading.stage}" if loading and loading.stage else ""
        kind = re.sub(r"\d+", "", said)
        if said and kind != self._told_of and loading is not None and loading.share is None:
            self.lines.tell(f"{said}.")
        self._told_of = kind or self._told_of


def _plain(told: str) -> str:
    from tui_chat.companions.poems import as_plain  # here: read when somebody is told something

    return as_plain(told)
