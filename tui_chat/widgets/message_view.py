"""One message on the screen: who said it, what it took, and the words.

A growing reply collects what arrives and draws it ten times a second, or less often when drawing is slow, so
that 500 tokens a second cost no more than ten. The one rule: what is shown went through `text` or
`markdown_text`; copying gives the message as it was said.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from tui_chat.chat_settings import weights_in_words
from tui_chat.conversations import StoredMessage
from tui_chat.text import one_line, plain

if TYPE_CHECKING:
    from tui_chat.markdown_text import GrowingMarkdown, Segment
    from tui_chat.widgets.prose import Prose

_DRAW_SECONDS = 0.1
_DRAW_SECONDS_AT_MOST = 0.5
_TO_THE_PROMPT = 10**6
_ENDINGS = {
    "max_new_tokens": "cut at the longest reply allowed",
    "context_full": "cut: the context is full",
}


class MessageView(Vertical, can_focus=True):
    """A message that can be focused, copied and, as the last reply, said again."""

    FOCUS_ON_CLICK = False  # a click begins a selection; typing stays in the prompt
    BINDING_GROUP_TITLE = "Message"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy message", id="message.copy"),
        Binding("c", "copy_code", "Copy code", id="message.copy_code"),
        Binding(
            "i", "look", "Token by token", id="message.look", tooltip="What the model thought at each token"
        ),
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
    class MoveRequested(Message):
        """The user wants to go to the message above (-1) or below (1)."""

        view: MessageView
        by: int

    def __init__(self, message: StoredMessage, show_statistics: bool = True) -> None:
        super().__init__(classes=f"-{message.role} -{message.status}")
        self.message = message
        self._show_statistics = show_statistics
        self._heading = Static(markup=False, classes="heading")
        self._bodies: list[Prose] = []
        self._shown: list[Segment] = []
        self._pending = ""
        self._said: list[str] = []  # while growing
        self._growing = None if message.status != "streaming" else _growing_markdown()
        self._draw_is_due = False
        self._draw_seconds = _DRAW_SECONDS

    def compose(self) -> ComposeResult:
        self._heading.update(self._heading_text())
        yield self._heading
        if self._growing is None:
            yield from self._finished_bodies()

    @property
    def text_so_far(self) -> str:
        """The message as it was said, as far as it is."""
        return self.message.content if self._growing is None else "".join(self._said)

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

    def tell(self, status: str) -> None:
        """What is going on, beside the name."""
        self._heading.update(self._heading_text(status))

    def finish(self, message: StoredMessage) -> None:
        """The reply has ended, one way or another."""
        self._draw()
        self.message, self._growing = message, None
        self.set_classes(f"-{message.role} -{message.status}")
        self._heading.update(self._heading_text())
        # Rendered once more as a whole: a reference may be defined further down than it is used.
        self._show(self._segments())
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

        content = self.message.content.replace("\r\n", "\n").strip("\n")
        if not content:
            return []
        if self.message.role == "user":  # people's words are shown as they were typed
            return [markdown_text.Segment(plain(content))]
        return markdown_text.segments_of(content)

    def _notes(self) -> list[Static]:
        """Below the words: what went wrong, and which weights of a run answered."""
        notes = [Static(plain(self.message.error), classes="error")] if self.message.error else []
        weights = weights_in_words(self.message.step, self.message.val_loss)
        if weights and self.message.model.startswith("run:"):
            notes.append(Static(plain(weights), classes="answered-by"))
        return notes

    # ---- heading

    def _heading_text(self, status: str = "") -> Content:
        said_by = "You" if self.message.role == "user" else one_line(self.message.model_name, 40) or "Model"
        facts = [status] if status else self._facts()
        return Content.assemble(
            plain(said_by).stylize(
                "bold $text-primary" if self.message.role == "user" else "bold $text-accent"
            ),
            plain("".join(f"  ·  {fact}" for fact in facts)).stylize("dim"),
        )

    def _facts(self) -> list[str]:
        """What is worth knowing about a finished reply, quietly."""
        message = self.message
        facts = ["stopped"] if message.status == "stopped" else []
        facts += ["failed"] if message.status == "error" else []
        facts += [_ENDINGS[message.finish_reason]] if message.finish_reason in _ENDINGS else []
        if self._show_statistics and message.completion_tokens:
            facts.append(
                f"{message.completion_tokens:,} token{'s' if message.completion_tokens != 1 else ''}"
            )
            facts += [f"{message.tokens_per_second:,.0f}/s"] if message.tokens_per_second else []
        if dropped := message.dropped_messages:
            facts.append(f"{dropped} older message{'s' if dropped != 1 else ''} did not fit")
        if message.dropped_tokens:
            facts.append(f"the first {message.dropped_tokens:,} tokens of the text did not fit")
        return facts

    # ---- actions

    def action_copy(self) -> None:
        self.post_message(self.CopyRequested(self, code_only=False))

    def action_copy_code(self) -> None:
        self.post_message(self.CopyRequested(self, code_only=True))

    def action_look(self) -> None:
        self.post_message(self.LookRequested(self))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "look" or self.message.role == "assistant"

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
