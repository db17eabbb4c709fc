"""The last question again at every checkpoint of a run: what it said at loss 3.3, 2.5, 1.9.

    Left, Right    the checkpoint before, the one after       Enter    take its reply into the chat

All replies come from one seed, so that only the weights differ, and from the engine of the pane, one at a time.
The one rule: nothing said here is saved; the conversation changes only when a reply is taken.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationEvent, GenerationSettings
from engine.model_library import ModelEntry, list_checkpoints, run_of
from tui_chat.chat_session import ChatSession
from tui_chat.chat_settings import weights_in_words, with_seed
from tui_chat.conversation_records import StoredMessage, completed
from tui_chat.engines import AppEngine
from tui_chat.text import one_line, plain
from tui_chat.widgets.dialog_keys import DialogKeys
from tui_chat.widgets.message_view import MessageView

_MOST_MARKS = 40  # of the row that shows where we are
_KEYS = (
    ("steps.before", "before"),
    ("steps.after", "after"),
    ("steps.take", "takes this reply into the chat"),
    ("steps.back", "back"),
)
_KEEP_MORE = "A run keeps its best and its two newest checkpoints; train with keep_every = 100 to keep more."
_FEW = 4  # checkpoints; with fewer it is worth saying how to keep more


@dataclass(frozen=True)
class Question:
    """What is asked of every checkpoint, and how."""

    run: str
    messages: tuple[ChatMessage, ...]  # up to the question itself
    generation: GenerationSettings  # with a fixed seed
    begin_at: int | None = None  # step


class CheckpointSteps(ModalScreen[StoredMessage | None]):
    """Gives the reply that is to be taken into the conversation, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="steps.back"),
        Binding("left,h", "move(-1)", "Checkpoint before", id="steps.before"),
        Binding("right,l", "move(1)", "Checkpoint after", id="steps.after"),
        Binding("home", "move(-1000000)", "First checkpoint", id="steps.first", show=False),
        Binding("end", "move(1000000)", "Newest checkpoint", id="steps.last", show=False),
        Binding("enter", "take", "Take this reply", id="steps.take"),
        Binding("up", "scroll(-1)", "Scroll up", show=False, id="steps.up"),
        Binding("down", "scroll(1)", "Scroll down", show=False, id="steps.down"),
    ]

    def __init__(self, question: Question, checkpoints: list[ModelEntry], engine: AppEngine) -> None:
        """`checkpoints` are those of the run, oldest first; there is at least one."""
        super().__init__()
        self._question = question
        self._checkpoints = checkpoints
        self._engine = engine
        steps = [entry.card.step for entry in checkpoints]
        self._place = steps.index(question.begin_at) if question.begin_at in steps else len(steps) - 1
        self._replies: dict[str, StoredMessage] = {}  # by reference; complete ones
        self._where, self._marks = Static(markup=False, classes="where"), Static(markup=False)
        self._body = VerticalScroll(can_focus=False)

    def compose(self) -> ComposeResult:
        title = f"The same question as {one_line(self._question.run, 40)} learns"
        with Vertical(classes="dialog"):
            yield Static(plain(title), classes="dialog-title")
            yield Static(plain(one_line(self._question.messages[-1].content, 200)), classes="question")
            yield self._where
            yield self._marks
            yield self._body
            if len(self._checkpoints) < _FEW:
                yield Static(_KEEP_MORE, classes="dialog-keys", markup=False)
            yield DialogKeys(*_KEYS)

    def on_mount(self) -> None:
        self._answer()

    @property
    def entry(self) -> ModelEntry:
        """The checkpoint on show."""
        return self._checkpoints[self._place]

    # ---- moving

    async def action_move(self, by: int) -> None:
        """To a neighbour. A run that goes on saves and prunes meanwhile, so it is looked at again."""
        shown = self.entry
        self._checkpoints = await asyncio.to_thread(self._kept)
        here = next(
            place for place, entry in enumerate(self._checkpoints) if entry.reference == shown.reference
        )
        self._place = min(max(here + by, 0), len(self._checkpoints) - 1)
        if self.entry.reference != shown.reference:
            self._answer()
        else:
            self._tell_where()

    def _kept(self) -> list[ModelEntry]:
        """What the run has, and what was shown already, oldest first."""
        known = {entry.reference: entry for entry in self._checkpoints if self._is_known(entry)}
        known |= {entry.reference: entry for entry in list_checkpoints(self._question.run)}
        return sorted(known.values(), key=_step)

    def _is_known(self, entry: ModelEntry) -> bool:
        return entry.reference in self._replies or entry is self.entry

    def action_scroll(self, by: int) -> None:
        self._body.scroll_relative(y=by, animate=False)

    def _tell_where(self) -> None:
        card, total = self.entry.card, len(self._checkpoints)
        weights = weights_in_words(card.step, card.val_loss).replace("  ·  ", ", ") or self.entry.reference
        count = Content.styled(f"   ({self._place + 1} of {total})", "dim")
        self._where.update(Content.assemble(plain(weights).stylize("bold $text-accent"), count))
        marks = "".join("●" if place == self._place else "○" for place in range(total))
        self._marks.update(" ".join(marks) if 1 < total <= _MOST_MARKS else "")

    # ---- answering

    @work(exclusive=True, group="answer")
    async def _answer(self) -> None:
        """Show the reply of the checkpoint; ask it when it has not been asked, or was left before its end."""
        self._tell_where()
        entry = self.entry
        message = self._replies.get(entry.reference)
        view = MessageView(message or self._empty_reply(entry))
        view.can_focus = False
        await self._body.remove_children()
        await self._body.mount(view)
        if message is None:
            message = await self._ask(entry, view)
            if message.status == "complete":  # else it is asked again when it is shown again
                self._replies[entry.reference] = message

    async def _ask(self, entry: ModelEntry, view: MessageView) -> StoredMessage:
        view.tell("loading" if self._engine.state in ("stopped", "loading") else "thinking…")
        said: list[str] = []
        ending = view.message
        question = self._question
        stream = self._engine.stream(question.messages, question.generation, entry.reference)
        try:
            async with aclosing(cast(AsyncGenerator[GenerationEvent, None], stream)) as events:
                async for event in events:
                    if isinstance(event, GenerationDone):
                        ending = completed(ending, event)
                    else:
                        said.append(event.text)
                        view.feed(event.text)
                        view.tell(f"{len(said):,} tokens")
        except UserError as error:
            ending = replace(ending, status="error", error=str(error))
        ending = replace(ending, content="".join(said))
        view.finish(ending)
        return ending

    def _empty_reply(self, entry: ModelEntry) -> StoredMessage:
        return StoredMessage(
            0,
            0,
            "assistant",
            "",
            model=entry.reference,
            model_name=entry.card.name,
            settings=self._question.generation.to_json().decode(),
            step=entry.card.step,
            val_loss=entry.card.val_loss,
            status="streaming",
        )

    def action_take(self) -> None:
        """Close with the reply on show, once it is complete."""
        reply = self._replies.get(self.entry.reference)
        if reply is None:
            self.notify("This reply is not complete.", markup=False)
        else:
            self.dismiss(reply)

    @on(MessageView.CopyRequested)
    @on(MessageView.MoveRequested)
    @on(MessageView.BranchRequested)
    def ignore(self, event: Message) -> None:
        """Nothing but the reply on show can be reached by key here."""
        event.stop()


def question_of(session: ChatSession) -> Question:
    """The last question of a conversation with a run.

    Raises:
        UserError: when the pane chats with no run, or nothing was asked yet.
    """
    run = run_of(session.settings.model)
    if run is None:
        raise UserError("This pane does not chat with a run. Choose one as its model to ask its checkpoints.")
    asked = session.last_question()
    if asked is None:
        raise UserError(
            "Nothing was asked yet. Send a message first; then its checkpoints can be asked the same."
        )
    replies = [reply for reply in session.answers() if run_of(reply.model) == run]
    seeds = [reply.seed for reply in replies] + [session.settings.generation.seed]
    seed = next((seed for seed in seeds if seed is not None), secrets.randbelow(2**31))
    generation = with_seed(session.settings.generation, seed)
    return Question(
        run, tuple(session.asked_with(asked.id)), generation, replies[-1].step if replies else None
    )


def kept_checkpoints(run: str) -> list[ModelEntry]:
    """What a run has kept, oldest first.

    Raises:
        UserError: when that is nothing.
    """
    checkpoints = list_checkpoints(run)
    if not checkpoints:
        raise UserError(
            f"The run '{run}' has no checkpoint yet. It saves the first one soon; try again then."
        )
    return checkpoints


def _step(entry: ModelEntry) -> int:
    return int(entry.reference.rpartition("-")[2])
