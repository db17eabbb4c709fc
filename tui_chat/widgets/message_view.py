"""One message on the screen: who said it, what it took, and the words.

A growing reply collects what arrives and draws it ten times a second, or less often when drawing is slow, so
that 500 tokens a second cost no more than ten. The one rule: what is shown went through `text` or
`markdown_text`; copying gives the message as it was said.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from tui_chat.chat_settings import weights_in_words
from tui_chat.conversation_records import StoredMessage
from tui_chat.conversation_tree import Place
from tui_chat.feedback import Judgement, Word
from tui_chat.text import plain
from tui_chat.widgets.judgement_marks import marks_of
from tui_chat.widgets.message_heading import BranchDeed, deed_at, heading_of

if TYPE_CHECKING:
    from tui_chat.markdown_text import GrowingMarkdown, Segment
    from tui_chat.widgets.prose import Prose

_DRAW_SECONDS = 0.1
_DRAW_SECONDS_AT_MOST = 0.5
_TO_THE_PROMPT = 10**6


class MessageView(Vertical, can_focus=True):
    """A message that can be focused, copied, said again or otherwise, and exchanged for one of its siblings."""

    FOCUS_ON_CLICK = False  # a click begins a selection; typing stays in the prompt
    BINDING_GROUP_TITLE = "Message"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "branch('again')", "Another reply", id="message.again", tooltip="Beside this one"),
        Binding(
            "e", "branch('edit')", "Edit", id="message.edit", tooltip="Send it otherwise, beside this one"
        ),
        Binding("left,h", "branch('before')", "Version before", id="message.before"),
        Binding("right,l", "branch('after')", "Version after", id="message.after"),
        Binding("y", "copy", "Copy message", id="message.copy"),
        Binding(
            "i", "look", "Token by token", id="message.look", tooltip="What the model thought at each token"
        ),
        Binding("c", "copy_code", "Copy code", id="message.copy_code"),
        Binding(
            "n", "branch('new_chat')", "New chat from here", id="message.new_chat", tooltip="With all above"
        ),
        Binding(
            "v", "judge('better')", "Better", id="message.better", tooltip="Than the other panes' replies"
        ),
        Binding("equals_sign", "judge('tie')", "As good as the others", id="message.tie", show=False),
        Binding("plus", "judge('up')", "Good reply", id="message.good", show=False),
        Binding("minus", "judge('down')", "Poor reply", id="message.poor", show=False),
        Binding("x", "judge('correct')", "Correct", id="message.correct", tooltip="How it should have been"),
        Binding("w", "original", "Original or corrected", id="message.original", show=False),
        Binding("escape", "leave", "Back", id="message.leave"),
        Binding("up,k", "move(-1)", "Message above", id="message.up", show=False),
        Binding("down,j", "move(1)", "Message below", id="message.down", show=False),
    ]

    @dataclass
    class CopyRequested(Message):
        """The user wants this message, or the code in it, on the clipboard."""

        view: MessageView
        code_only: bool

    @dataclass
    class LookRequested(Message):
        """The user wants to see this reply token by token."""

        view: MessageView

    @dataclass
    class BranchRequested(Message):
        """The user wants the sibling before or after, another reply, another wording, or a new chat from here."""

        view: MessageView
        deed: BranchDeed

    @dataclass
    class JudgeRequested(Message):
        """The user has something to say of this reply."""

        view: MessageView
        word: Word

    @dataclass
    class MoveRequested(Message):
        """The user wants to go to the message above (-1) or below (1)."""

        view: MessageView
        by: int

    def __init__(
        self,
        message: StoredMessage,
        show_statistics: bool = True,
        place: Place | None = None,
        judgement_of: Callable[[int], Judgement] = lambda _: Judgement(),
        hidden_as: Callable[[StoredMessage], str] = lambda _: "",
    ) -> None:
        """`place` is that among its siblings: other replies to the same, or other wordings.

        `hidden_as` gives a letter where nobody is to know who said a message.
        """
        super().__init__(classes=f"-{message.role} -{message.status}")
        self.message = message
        self._place = place or Place()
        self._judgement_of = judgement_of
        self._hidden_as = hidden_as
        self._shows_original = False  # of a corrected reply
        self._show_statistics = show_statistics
        self._heading = Static(markup=False, classes="heading")
        self._bodies: list[Prose] = []
        self._shown: list[Segment] = []
        self._read_text = ""  # that the segments of a finished message were made of
        self._pending = ""
        self._said: list[str] = []  # while growing
        self._growing = None if message.status != "streaming" else _growing_markdown()
        self._draw_is_due = False
        self._draw_seconds = _DRAW_SECONDS

    def compose(self) -> ComposeResult:
        self.tell()
        yield self._heading
        if self._growing is None:
            yield from self._finished_bodies()

    @property
    def text_so_far(self) -> str:
        """The message as it is shown: as it was said, as far as it is, or as it was corrected."""
        if self._growing is not None:
            return "".join(self._said)
        correction = self._judgement_of(self.message.id).correction
        return self.message.content if self._shows_original or correction is None else correction

    def show_judgement(self) -> None:
        """Something else may be said of it now, or its name be hidden; words that are the same are not read anew."""
        if self._growing is None:
            if self.text_so_far != self._read_text:
                self._show(self._segments())
            if len(self.query(".note")) != len(self._notes()):
                self._renew_notes()
            self.tell()

    def become(self, message: StoredMessage, place: Place) -> None:
        """Show a sibling in the same spot, or this message as it is now."""
        is_other, self._place = message != self.message, place
        if is_other:
            self.message, self._shows_original = message, False
            self._growing = _growing_markdown() if message.status == "streaming" else None
            self._said, self._pending = [], ""
            self.set_classes(f"-{message.role} -{message.status}")
            self._show([] if self._growing else self._segments())
            self._renew_notes()
            self.refresh_bindings()
        self.tell()

    # ---- growing

    @property
    def is_growing(self) -> bool:
        """Whether more may come."""
        return self._growing is not None

    def feed(self, text: str) -> None:
        """More of the reply; drawn soon."""
        self._pending += text
        self._said.append(text)
        if not self._draw_is_due:
            self._draw_is_due = True
            self.set_timer(self._draw_seconds, self._draw)

    def tell(self, status: str = "") -> None:
        """What is going on, beside the name; else what is worth knowing about the finished message."""
        judgement, name = self._judgement_of(self.message.id), self._hidden_as(self.message)
        is_own = self._shows_original or judgement.correction is None  # else the figures are of other words
        marks, has_figures = marks_of(judgement, self._shows_original), self._show_statistics and is_own
        heading = heading_of(self.message, self._place, status, has_figures, marks, name)
        self._heading.update(heading)

    def finish(self, message: StoredMessage) -> None:
        """The reply has ended, one way or another."""
        self._draw()
        self.message, self._growing = message, None
        self.set_classes(f"-{message.role} -{message.status}")
        self.tell()
        # Rendered once more as a whole: a reference may be defined further down than it is used.
        self._show(self._segments())
        self._renew_notes()

    def _renew_notes(self) -> None:
        self.query(".note").remove()
        self.mount_all(self._notes())

    def _draw(self) -> None:
        self._draw_is_due = False
        if self._growing is None or not self._pending:
            return
        began = time.perf_counter()
        pending, self._pending = self._pending, ""
        self._show(self._growing.feed(pending))
        self._draw_seconds = min(max(_DRAW_SECONDS, 8 * (time.perf_counter() - began)), _DRAW_SECONDS_AT_MOST)

    def _show(self, segments: list[Segment]) -> None:
        for place, segment in enumerate(segments):
            if place >= len(self._bodies):
                self._bodies.append(_body(segment))
                self.mount(self._bodies[place])
            elif not segment.looks_like(self._shown[place]):
                self._bodies[place].show(segment.content)
                self._bodies[place].set_class(segment.is_code, "code")
        for body in self._bodies[len(segments) :]:
            body.remove()
        del self._bodies[len(segments) :]
        self._shown = segments

    # ---- finished

    def _finished_bodies(self) -> ComposeResult:
        self._shown = self._segments()
        self._bodies = [_body(segment) for segment in self._shown]
        yield from self._bodies
        yield from self._notes()

    def _segments(self) -> list[Segment]:
        from tui_chat import markdown_text  # here: a Markdown parser is not needed for the first paint

        self._read_text = self.text_so_far
        content = self._read_text.replace("\r\n", "\n").strip("\n")
        if not content:
            return []
        if self.message.role == "user":  # people's words are shown as they were typed
            pieces = markdown_text.pieces_of(content)
            return [markdown_text.Segment(plain(piece)) for piece in pieces]
        return markdown_text.segments_of(content)

    def _notes(self) -> list[Static]:
        """Below the words: what went wrong, and which weights of a run answered."""
        notes = [Static(plain(self.message.error), classes="note error")] if self.message.error else []
        weights = weights_in_words(self.message.step, self.message.val_loss)
        if weights and self.message.model.startswith("run:") and not self._hidden_as(self.message):
            notes.append(Static(plain(weights), classes="note answered-by"))
        return notes

    # ---- actions

    def action_copy(self) -> None:
        self.post_message(self.CopyRequested(self, code_only=False))

    def action_copy_code(self) -> None:
        self.post_message(self.CopyRequested(self, code_only=True))

    def action_look(self) -> None:
        self.post_message(self.LookRequested(self))

    def action_branch(self, deed: BranchDeed) -> None:
        self.post_message(self.BranchRequested(self, deed))

    def action_judge(self, word: Word) -> None:
        self.post_message(self.JudgeRequested(self, word))

    def action_original(self) -> None:
        """The reply as it was said, or as it was corrected."""
        self._shows_original = not self._shows_original
        self.show_judgement()

    def on_click(self, event: events.Click) -> None:
        if deed := deed_at(event):
            event.stop()
            self.action_branch(deed)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done with this message."""
        is_mine = self.message.role == "user"
        match parameters[0] if action == "branch" else action:
            case "look":
                return not is_mine
            case "edit":
                return is_mine
            case "again" | "judge":
                return bool(self.message.model)
            case "original":
                return self._judgement_of(self.message.id).correction is not None
            case "before":
                return self._place.number > 1
            case "after":
                return self._place.number < self._place.count
        return True

    def action_leave(self) -> None:
        self.post_message(self.MoveRequested(self, _TO_THE_PROMPT))

    def action_move(self, by: int) -> None:
        self.post_message(self.MoveRequested(self, by))


def _growing_markdown() -> GrowingMarkdown:
    from tui_chat.markdown_text import GrowingMarkdown  # here: not needed for the first paint

    return GrowingMarkdown()


def _body(segment: Segment) -> Prose:
    from tui_chat.widgets.prose import Prose  # here: it needs the Markdown parser

    return Prose(segment.content, classes="body code" if segment.is_code else "body")
