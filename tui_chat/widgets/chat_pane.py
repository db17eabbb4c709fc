"""One chat: a title, what was said, and the prompt; with its own model, settings and conversation.

    PromptInput.Submitted -> Replies -> Transcript

The one rule: a pane holds its parts together; what is said, and when, is the business of `Replies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.worker import Worker

from engine.errors import UserError
from tui_chat.chat_session import ChatSession
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversation, Conversations, StoredMessage, storable
from tui_chat.engines import Engines
from tui_chat.reply_tokens import Fork
from tui_chat.text import one_line, plain
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.newest_hint import tell_of_newer
from tui_chat.widgets.pane_branches import Branches
from tui_chat.widgets.pane_elsewhere import follow_elsewhere
from tui_chat.widgets.pane_replies import STATUS_SECONDS, Replies
from tui_chat.widgets.pane_title import PaneTitle, progress_bar
from tui_chat.widgets.prompt_box import PromptBox
from tui_chat.widgets.prompt_input import PromptInput
from tui_chat.widgets.transcript import Transcript
from tui_chat.workspace import PaneState

if TYPE_CHECKING:
    from tui_chat.token_look import Look


class ChatPane(Vertical):
    """A conversation with a model."""

    BINDING_GROUP_TITLE = "Chat pane"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel_edit", "Cancel edit", id="pane.cancel_edit", tooltip="The message stays"),
        Binding("escape", "stop", "Stop", id="pane.stop", tooltip="Stop the reply and keep its text"),
        Binding("ctrl+r", "regenerate", "Again", id="pane.regenerate", tooltip="Another reply", show=False),
        Binding("alt+e", "edit_last", "Edit your last message", id="pane.edit_last", show=False),
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
        self.box = PromptBox(self, enter_sends)
        self.prompt = self.box.prompt
        self.transcript = Transcript(
            show_statistics,
            lambda message: self.session.tree.place_of(message),
            self.session.judgements.of,
        )
        self.place = ""  # "2/3" when there are several panes
        self.linked = False  # what is typed here goes to all panes: whoever holds them sends it
        self._title = PaneTitle()
        self._conversations = conversations
        self._engines = engines
        self._replies = Replies(
            self, self.session, self.transcript, engines, self.refresh_title, self._turned
        )
        self.branches = Branches(self, self._replies)
        self._load_error = ""

    def compose(self) -> ComposeResult:
        yield self._title
        yield self.transcript
        yield self.box

    async def on_mount(self) -> None:
        tell_of_newer(self.transcript, self.prompt)
        await self.transcript.show(self.session.messages)
        self.refresh_title()

    # ---- state

    @property
    def is_replying(self) -> bool:
        """Whether a reply is under way, or waits for its model."""
        return self._replies.is_under_way

    @property
    def settings(self) -> ChatSettings:
        return self.session.settings

    @property
    def model_name(self) -> str:
        """The loaded model's own name, or how it is referred to; a letter where it is hidden."""
        return self._title.hidden_as or self._replies.model_name

    @property
    def not_taken(self) -> tuple[str, ...]:
        """The settings of replies that do not reach this model; known once it is loaded."""
        return self._engines.not_taken(self.settings.model)

    def refresh_title(self) -> None:
        """Show the model, what it is doing, and how it samples."""
        if not self.is_attached:
            return
        place = f"{self.place} linked" if self.linked else self.place
        settings, model = self.settings, self._engines.engine_for(self.settings.model).model
        sampling = settings.summary_without(self.not_taken)
        self._title.show(self.model_name, self._status(), sampling, place, settings.persona)
        continues_text = model is not None and model.chat_format == "completion"
        self.transcript.invite(continues_text, self.prompt.enter_sends, settings.persona, settings.greeting)
        who = "all panes" if self.linked else one_line(settings.persona or self.model_name, 30)
        invitation = f"A text for {who} to continue" if continues_text else f"Message {who}"
        self.prompt.placeholder = plain(f"{invitation}; / for commands")
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

    def state(self, default: ChatSettings) -> PaneState:
        """How this pane stands, to be kept."""
        conversation = self.session.conversation
        return PaneState(
            settings=None if self.settings == default else self.settings,
            conversation=conversation.id if conversation else None,
            draft=storable(self.branches.unsent),
            files=self.box.attached.to_keep(),
        )

    async def restore(self, state: PaneState, conversation: Conversation | None) -> None:
        """Stand as in an earlier session; what was typed meanwhile comes after what was typed then."""
        if state.settings is not None:
            self.session.settings = state.settings
        if conversation is not None:
            await self.session.open(conversation)
            await self.transcript.show(self.session.messages)
            follow_elsewhere(self)
        if state.draft:
            self.prompt.put(state.draft + self.prompt.text)
        self.box.attached.take_kept(state.files)

    async def begin_anew(self) -> None:
        """An empty conversation."""
        await self.stop()
        self.session.begin_anew()
        await self._show_session()

    async def _show_session(self) -> None:
        self.branches.cancel_edit()
        await self.transcript.show(self.session.messages)
        self.post_message(self.ConversationChanged(self))
        follow_elsewhere(self)
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
        ticking = self.set_interval(STATUS_SECONDS, self.refresh_title)
        try:
            await engine.load()
        except UserError as error:
            self._load_error = str(error)
            self.notify(str(error), title="The model cannot be loaded", severity="warning", markup=False)
        finally:
            ticking.stop()
            self.refresh_title()
            self._turned()  # its model has a name now

    # ---- sending and replying

    @on(PromptInput.Submitted)
    async def send(self, event: PromptInput.Submitted) -> None:
        """The user sent a message; it stays in the box when it cannot be taken now."""
        if self.branches.edited is not None:  # another wording is of this pane alone
            event.stop()
            await self.branches.send(event.text)
        elif not self.linked:
            event.stop()
            if self._replies.is_free():
                self._replies.send(event.text, event.prompt.accept)

    def ask(self, text: str, prompt: PromptInput | None = None, seed: int | None = None) -> None:
        """Send a message as if it had been typed, or because it was typed in `prompt`."""
        if not self.is_replying:
            self._replies.send(text, prompt.accept if prompt else None, seed)

    def tell(self, companion: str, topic: str = "") -> None:
        """Let a companion speak: a "joke", or a "poem"."""
        if self._replies.is_free():
            self._replies.tell(companion, topic)

    def take(self, reply: StoredMessage) -> None:
        """Put a reply beside the one to the last question."""
        if not self.is_replying:
            self._replies.take(reply)

    async def fork(self, fork: Fork) -> None:
        """Go on with another token, in a reply beside the one that is forked; its model answers from now on.

        Raises:
            UserError: when the model cannot be remembered; nothing was said then.
        """
        await self.stop()
        if fork.model != self.settings.model:
            await self.change_settings(self.settings.with_changes("fork", model=fork.model))
        self._replies.fork(fork)

    async def stop(self) -> None:
        """Stop the reply and wait until what was said is saved."""
        await self._replies.stop()

    def is_free(self) -> bool:
        """Whether something can be said now; tells the user when not."""
        return self._replies.is_free()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        self._replies.worker_changed(event.worker)

    async def action_stop(self) -> None:
        await self.stop()

    def action_cancel_edit(self) -> None:
        self.branches.cancel_edit()

    def action_regenerate(self) -> None:
        self._replies.another()

    def action_edit_last(self) -> None:
        self.branches.of_last("edit")

    @on(MessageView.BranchRequested)
    async def change_branch(self, event: MessageView.BranchRequested) -> None:
        event.stop()
        await self.branches.do(event.deed, event.view.message)

    async def look_at(self, reply: StoredMessage) -> Look:
        """What the token microscope needs for a reply.

        Raises:
            UserError: when no model that runs here said it.
        """
        from tui_chat.token_look import look_at  # here: the first paint does not need it

        return await look_at(self.session, reply, self._engines, self._conversations)

    @on(MessageView.LookRequested)
    @work(exclusive=True, group="look")
    async def show_tokens(self, event: MessageView.LookRequested) -> None:
        """A reply token by token."""
        event.stop()
        from tui_chat.screens import pane_dialogs  # here: a dialog knows its pane, not the other way round

        await pane_dialogs.look_at_tokens(self, event.view.message)
        self._turned()  # an engine that was only looked with is closed

    def look_at_last_reply(self) -> None:
        """The last reply of a model, token by token."""
        views = [view for view in self.transcript.views if view.message.model]
        if views:
            self.post_message(MessageView.LookRequested(views[-1]))
        else:
            self.notify("There is no reply of a model yet.", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "cancel_edit":  # before a reply is stopped: its key is named in the box
            return self.branches.edited is not None
        if action == "stop":
            return self.is_replying and not self.linked
        return True

    def _turned(self) -> None:
        self.post_message(self.ConversationChanged(self))

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
        if event.view not in views:  # another conversation was opened meanwhile
            return
        place = views.index(event.view) + event.by
        if place >= len(views):
            self.prompt.focus()
        elif place >= 0:
            views[place].focus()

    def on_focus(self, event: events.Focus) -> None:
        self.prompt.focus()
