"""One chat: a title, what was said, and the prompt; with its own model, settings and conversation.

    PromptInput.Submitted -> say (saved) -> a companion's answer, or the model's reply -> Transcript

The one rule: a pane is busy exactly while its reply worker runs; no flag says so.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.worker import Worker, WorkerError

from engine.errors import UserError
from tui_chat.chat_session import ChatSession, whole
from tui_chat.chat_settings import ChatSettings, short_reference
from tui_chat.companions_in_chat import Companions
from tui_chat.conversations import Conversation, Conversations, StoredMessage
from tui_chat.engines import Engines
from tui_chat.key_bindings import key_in_words
from tui_chat.text import one_line
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.pane_title import PaneTitle, progress_bar
from tui_chat.widgets.prompt_input import PromptInput
from tui_chat.widgets.transcript import Transcript

_STATUS_SECONDS = 0.5


class ChatPane(Vertical):
    """A conversation with a model."""

    BINDING_GROUP_TITLE = "Chat pane"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="pane.stop", tooltip="Stop the reply and keep its text"),
        Binding("ctrl+r", "regenerate", "Again", id="pane.regenerate", tooltip="Another reply", show=False),
    ]

    @dataclass
    class ConversationChanged(Message):
        """The pane's conversation began, got a message, or another one was opened."""

        pane: ChatPane

    def __init__(
        self,
        conversations: Conversations,
        engines: Engines,
        settings: ChatSettings,
        enter_sends: bool = True,
        show_statistics: bool = True,
    ) -> None:
        super().__init__()
        self.session = ChatSession(conversations, settings)
        self.prompt = PromptInput(enter_sends)
        self.transcript = Transcript(show_statistics)
        self.place = ""  # "2/3" when there are several panes
        self.linked = False  # what is typed here goes to all panes: whoever holds them sends it
        self._title = PaneTitle()
        self._conversations = conversations
        self._engines = engines
        self._companions = Companions()
        self._reply: Worker[None] | None = None
        self._load_error = ""

    def compose(self) -> ComposeResult:
        yield self._title
        yield self.transcript
        yield self.prompt

    async def on_mount(self) -> None:
        await self.transcript.show(self.session.messages)
        self.refresh_title()

    # ---- state

    @property
    def is_replying(self) -> bool:
        """Whether a reply is under way, or waits for its model."""
        return self._reply is not None and not self._reply.is_finished

    @property
    def still_replying(self) -> str:
        """Why nothing else can be said now."""
        return f"The reply is still being written. {key_in_words(self, 'pane.stop')} stops it."

    @property
    def settings(self) -> ChatSettings:
        return self.session.settings

    @property
    def model_name(self) -> str:
        """The loaded model's own name, or how it is referred to."""
        model = self._engines.engine_for(self.settings.model).model
        return model.name if model else short_reference(self.settings.model)

    def refresh_title(self) -> None:
        """Show the model, what it is doing, and how it samples."""
        if not self.is_attached:
            return
        place = f"{self.place} linked" if self.linked else self.place
        self._title.show(self.model_name, self._status(), self.settings.summary, place)
        model = self._engines.engine_for(self.settings.model).model
        continues_text = model is not None and model.chat_format == "completion"
        self.transcript.invite(continues_text, self.prompt.enter_sends)
        who = "all panes" if self.linked else one_line(self.model_name, 30)
        self.prompt.placeholder = f"A text for {who} to continue" if continues_text else f"Message {who}"
        self.refresh_bindings()

    def _status(self) -> str:
        engine = self._engines.engine_for(self.settings.model)
        if engine.state == "loading":
            loading = self._engines.progress_of(self.settings.model)
            return f"{loading.stage}{progress_bar(loading.share)}" if loading else "loading…"
        if engine.model is None:
            return "cannot be loaded" if self._load_error else ""
        step = f"step {engine.model.step:,}" if engine.model.step is not None else ""
        context = f"context {engine.model.context_length:,}" if engine.model.context_length else ""
        notes = engine.model.warnings if engine.model.backend == "api" else ()
        return "  ·  ".join(part for part in (step, engine.model.device, context, *notes) if part)

    # ---- the conversation

    async def open(self, conversation: Conversation) -> None:
        """Show a conversation and go on with it."""
        await self.stop()
        await self.session.open(conversation)
        await self._show_session()

    async def begin_anew(self) -> None:
        """An empty conversation."""
        await self.stop()
        self.session.begin_anew()
        await self._show_session()

    async def _show_session(self) -> None:
        self._companions = Companions()
        await self.transcript.show(self.session.messages)
        self.post_message(self.ConversationChanged(self))
        self.load_model()

    async def change_settings(self, settings: ChatSettings) -> None:
        """Answer with another model or otherwise from now on."""
        other_model = settings.model != self.settings.model
        if other_model:
            await self.stop()
        await self.session.change_settings(settings)
        if other_model:
            self.load_model()
        self.refresh_title()

    @work(exclusive=True, group="load")
    async def load_model(self) -> None:
        """Load the model while the first message is being typed."""
        engine = self._engines.engine_for(self.settings.model)
        self._load_error = ""
        ticking = self.set_interval(_STATUS_SECONDS, self.refresh_title)
        try:
            await engine.load()
        except UserError as error:
            self._load_error = str(error)
            self.notify(str(error), title="The model cannot be loaded", severity="warning", markup=False)
        finally:
            ticking.stop()
            self.refresh_title()
            self.post_message(self.ConversationChanged(self))  # its model has a name now

    # ---- sending and replying

    @on(PromptInput.Submitted)
    def send(self, event: PromptInput.Submitted) -> None:
        """The user sent a message; it stays in the box when it cannot be taken now."""
        if self.linked:
            return
        event.stop()
        if self.is_replying:
            self.notify(self.still_replying, markup=False)
            return
        self._begin(self._converse(event.text, event.prompt))

    def ask(self, text: str, prompt: PromptInput | None = None, seed: int | None = None) -> None:
        """Send a message as if it had been typed, or because it was typed in `prompt`."""
        if not self.is_replying:
            self._begin(self._converse(text, prompt, seed))

    def tell(self, companion: str, topic: str = "") -> None:
        """Let a companion speak: a "joke", or a "poem"."""
        if self.is_replying:
            self.notify(self.still_replying, markup=False)
            return
        self._begin(self._tell(self._companions.begin(companion, topic)))

    def _begin(self, what: object) -> None:
        self._reply = self.run_worker(self._guarded(what), group="reply", exclusive=True)
        self.refresh_title()

    async def _guarded(self, what: object) -> None:
        try:
            await what  # type: ignore[misc]
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        finally:
            self.post_message(self.ConversationChanged(self))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.worker is self._reply:
            self.refresh_title()

    async def _converse(self, text: str, prompt: PromptInput | None, seed: int | None = None) -> None:
        await whole(self._say(text, prompt))
        answer = self._companions.answer(text)
        await (self._tell(answer) if answer else self._reply_once(seed))

    async def _say(self, text: str, prompt: PromptInput | None) -> None:
        message = await self.session.say(text)
        if prompt is not None:
            prompt.accept(text)
        await self.transcript.add(message)
        self.post_message(self.ConversationChanged(self))

    async def _tell(self, text: str) -> None:
        await whole(self._add_told(text))

    async def _add_told(self, text: str) -> None:
        await self.transcript.add(await self.session.told(text))

    async def _reply_once(self, seed: int | None = None) -> None:
        engine = self._engines.engine_for(self.settings.model)
        try:
            view = await whole(self._begin_reply(seed))
            ticking = self.set_interval(_STATUS_SECONDS, lambda: self._tell_progress(view))
            self._tell_progress(view)
            try:
                await self.session.reply(engine, view.feed)
            finally:
                ticking.stop()
        finally:
            self.session.end_unbegun()
            self.transcript.finish(self.session.messages[-1])

    async def _begin_reply(self, seed: int | None) -> MessageView:
        return await self.transcript.add(await self.session.begin_reply(self.model_name, seed))

    def _tell_progress(self, view: MessageView) -> None:
        """While nothing is said yet, what is waited for; then how fast it goes."""
        if self.session.chunks:
            view.tell(f"{self.session.chunks:,} tokens  ·  {self.session.tokens_per_second:,.0f}/s")
            return
        state = self._engines.engine_for(self.settings.model).state
        self.refresh_title()
        words = {"loading": "waiting for the model to load", "stopped": "starting"}.get(state, "thinking…")
        view.tell(self._engines.waits_for(self.settings.model) or words)

    # ---- actions

    async def stop(self) -> None:
        """Stop the reply and wait until what was said is saved."""
        worker = self._reply
        if worker is not None and not worker.is_finished:
            worker.cancel()
            await self._settled(worker)

    async def _settled(self, worker: Worker[None]) -> None:
        with contextlib.suppress(WorkerError):  # cancelled, as we asked
            await worker.wait()
        self.refresh_title()

    async def action_stop(self) -> None:
        await self.stop()

    def action_regenerate(self) -> None:
        """Take the last reply back and ask for another."""
        replaced = self.session.regenerated()
        if self.is_replying or not any(message.role == "user" for message in self.session.messages):
            self.notify("There is no reply to say again.", markup=False)
            return
        self._begin(self._again(replaced))

    async def _again(self, replaced: list[StoredMessage]) -> None:
        await self._engines.engine_for(self.settings.model).load()  # a model that is not there costs no reply
        await whole(self._take_back(replaced))
        await self._reply_once()

    def take(self, reply: StoredMessage) -> None:
        """Put a reply in the place of the one to the last question."""
        if not self.is_replying:
            self._begin(whole(self._replace_reply(reply)))

    async def _replace_reply(self, reply: StoredMessage) -> None:
        replaced = self.session.regenerated()
        await self.transcript.add(await self.session.take(reply))
        await self._take_back(replaced)

    async def _take_back(self, replaced: list[StoredMessage]) -> None:
        await self.session.forget(replaced)
        await self.transcript.remove_views(replaced)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "stop":
            return self.is_replying and not self.linked
        return True

    # ---- following

    @on(PromptInput.ScrollChat)
    def scroll_chat(self, event: PromptInput.ScrollChat) -> None:
        event.stop()
        if event.pages == 0:
            self.transcript.anchor()
        elif event.pages < 0:
            self.transcript.scroll_page_up()
        else:
            self.transcript.scroll_page_down()

    @on(MessageView.MoveRequested)
    def move_between_messages(self, event: MessageView.MoveRequested) -> None:
        event.stop()
        views = self.transcript.views
        place = views.index(event.view) + event.by
        if place >= len(views):
            self.prompt.focus()
        elif place >= 0:
            views[place].focus()

    def on_focus(self, event: events.Focus) -> None:
        self.prompt.focus()
