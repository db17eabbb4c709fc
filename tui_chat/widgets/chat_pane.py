"""One chat: a title, what was said, and the prompt; with its own model, settings and conversation.

    PromptInput.Submitted -> Replies -> Transcript

    PaneModel      who answers             Branches     other wordings, other replies
    Replies        what is said, and when  Transcript   what is on the screen

The one rule: a pane holds its parts together; whoever wants one of them goes to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.worker import Worker

from tui_chat.chat_session import ChatSession
from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversation, Conversations
from tui_chat.engines import Engines
from tui_chat.text import one_line, plain
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.newest_hint import tell_of_newer
from tui_chat.widgets.pane_branches import Branches
from tui_chat.widgets.pane_elsewhere import follow_elsewhere
from tui_chat.widgets.pane_model import PaneModel
from tui_chat.widgets.pane_replies import Replies
from tui_chat.widgets.pane_title import PaneTitle
from tui_chat.widgets.prompt_box import PromptBox
from tui_chat.widgets.prompt_input import PromptInput
from tui_chat.widgets.transcript import Transcript


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
        self.model = PaneModel(self, self.session, engines, self.refresh_title, self._turned)
        self.replies = Replies(
            self, self.session, self.transcript, self.model, engines, self.refresh_title, self._turned
        )
        self.branches = Branches(self, self.replies)

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
        return self.replies.is_under_way

    @property
    def settings(self) -> ChatSettings:
        return self.session.settings

    @property
    def model_name(self) -> str:
        """The loaded model's own name, or how it is referred to; a letter where it is hidden."""
        return self._title.hidden_as or self.model.name

    def refresh_title(self) -> None:
        """Show the model, what it is doing, and how it samples."""
        if not self.is_attached:
            return
        place = f"{self.place} linked" if self.linked else self.place
        settings, model = self.settings, self.model
        sampling = settings.summary_without(model.not_taken)
        self._title.show(self.model_name, model.status, sampling, place, settings.persona)
        self.transcript.invite(
            model.continues_text, self.prompt.enter_sends, settings.persona, settings.greeting
        )
        who = "all panes" if self.linked else one_line(settings.persona or self.model_name, 30)
        invitation = f"A text for {who} to continue" if model.continues_text else f"Message {who}"
        self.prompt.placeholder = plain(f"{invitation}; / for commands")
        self.refresh_bindings()

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
        self.branches.cancel_edit()
        await self.transcript.show(self.session.messages)
        self.post_message(self.ConversationChanged(self))
        follow_elsewhere(self)
        self.model.load()

    async def change_settings(self, settings: ChatSettings) -> None:
        """Answer with another model or otherwise from now on."""
        other_model = settings.model != self.settings.model
        if other_model:
            await self.stop()
        await self.session.change_settings(settings)
        if other_model:
            self.model.load()
        self.refresh_title()

    # ---- sending and replying

    @on(PromptInput.Submitted)
    async def send(self, event: PromptInput.Submitted) -> None:
        """The user sent a message; it stays in the box when it cannot be taken now."""
        if self.branches.edited is not None:  # another wording is of this pane alone
            event.stop()
            await self.branches.send(event.text)
        elif not self.linked:
            event.stop()
            if self.replies.is_free():
                self.replies.send(event.text, event.prompt.accept)

    def ask(self, text: str, prompt: PromptInput | None = None, seed: int | None = None) -> None:
        """Send a message as if it had been typed, or because it was typed in `prompt`."""
        if not self.is_replying:
            self.replies.send(text, prompt.accept if prompt else None, seed)

    async def stop(self) -> None:
        """Stop the reply and wait until what was said is saved."""
        await self.replies.stop()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        self.replies.worker_changed(event.worker)

    async def action_stop(self) -> None:
        await self.stop()

    def action_cancel_edit(self) -> None:
        self.branches.cancel_edit()

    def action_regenerate(self) -> None:
        self.replies.another()

    def action_edit_last(self) -> None:
        self.branches.of_last("edit")

    @on(MessageView.BranchRequested)
    async def change_branch(self, event: MessageView.BranchRequested) -> None:
        event.stop()
        await self.branches.do(event.deed, event.view.message)

    @on(MessageView.LookRequested)
    @work(exclusive=True, group="look")
    async def show_tokens(self, event: MessageView.LookRequested) -> None:
        """A reply token by token."""
        event.stop()
        from tui_chat.screens import pane_dialogs  # here: a dialog knows its pane, not the other way round

        await pane_dialogs.look_at_tokens(self, event.view.message)
        self._turned()  # an engine that was only looked with is closed

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
