"""Tokens as running text, each with its shade, and a cursor that goes from token to token.

Only the lines on the screen are drawn, so a reply of thousands of tokens moves as fast as a short one.
The one rule: what stands here went through `token_words`; nothing of it is markup or reaches the terminal raw.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from tui_chat.widgets import token_shades
from tui_chat.widgets.token_layout import NOTE, Line, Span, lay_out

_SURPRISE = 2  # the step from which on a token is worth a stop


class TokenFlow(ScrollView, can_focus=True):
    """The text under the microscope."""

    BINDING_GROUP_TITLE = "Tokens"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Token before", id="tokens.left", show=False),
        Binding("right,l", "move(1)", "Next token", id="tokens.right", show=False),
        Binding("up,k", "line(-1)", "Line above", id="tokens.up", show=False),
        Binding("down,j", "line(1)", "Line below", id="tokens.down", show=False),
        Binding("home,g", "move(-1000000000)", "First token", id="tokens.first", show=False),
        Binding("end,G", "move(1000000000)", "Last token", id="tokens.last", show=False),
        Binding("pageup", "page(-1)", "Page up", id="tokens.page_up", show=False),
        Binding("pagedown", "page(1)", "Page down", id="tokens.page_down", show=False),
        Binding(
            "n",
            "surprise(1)",
            "Surprise",
            id="tokens.next_surprise",
            tooltip="The next token it did not expect",
        ),
        Binding("N,b", "surprise(-1)", "Surprise before", id="tokens.previous_surprise", show=False),
    ]

    @dataclass
    class Moved(Message):
        """The cursor stands on another token."""

        token: int

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self._pieces: Sequence[tuple[int, str]] = ()
        self._numbers: list[int] = []  # of the tokens, in order
        self._steps: Sequence[int | None] = ()
        self._special: Collection[int] = ()
        self._lines: list[Line] = []
        self._line_of: dict[int, int] = {}  # token -> its first line
        self._laid_out_for = 0  # cells

    # ---- what is shown

    def show(
        self,
        pieces: Sequence[tuple[int, str]],
        steps: Sequence[int | None],
        special: Collection[int],
        cursor: int,
    ) -> None:
        """Show (number of the token, text), the step of each token by its number, and the cursor on one.

        The `special` ones are italic: a text may hold the same letters, and is not the same.
        """
        self._special = special
        self._pieces, self._steps, self.cursor = pieces, steps, cursor
        self._numbers = [token for token, _ in pieces if token != NOTE]
        self._lay_out()
        self._bring_into_sight()

    def shade(self, steps: Sequence[int | None]) -> None:
        """The same tokens in other shades."""
        self._steps = steps
        self.refresh()

    def on_resize(self) -> None:
        if self._width != self._laid_out_for:
            self._lay_out()
            self._bring_into_sight()

    @property
    def _width(self) -> int:
        return max(8, self.scrollable_content_region.width)

    def _lay_out(self) -> None:
        self._laid_out_for = self._width
        self._lines = lay_out(self._pieces, self._width)
        self._line_of = {}
        for number, line in enumerate(self._lines):
            for span in line:
                self._line_of.setdefault(span.token, number)
        self.virtual_size = Size(self._width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        number = y + self.scroll_offset.y
        line = self._lines[number] if number < len(self._lines) else []
        content = Content.assemble(*(self._look(span) for span in line))
        strips = Visual.to_strips(self, content, self.size.width, 1, self.visual_style, apply_selection=False)
        strip = strips[0] if strips else Strip.blank(self.size.width)
        return strip.adjust_cell_length(self.size.width, self.rich_style)

    def _look(self, span: Span) -> tuple[str, str]:
        if span.token == NOTE:
            words = f"── {span.text} "
            return words + "─" * max(0, self._width - len(words)), "$foreground 50%"
        palette = token_shades.palette_of(self.app)
        if span.token == self.cursor:
            return span.text, token_shades.cursor_style(palette)
        style = token_shades.style_of(self._steps[span.token], span.token, palette)
        return span.text, f"italic {style}" if span.token in self._special and palette != "marks" else style

    # ---- moving

    def go_to(self, token: int) -> None:
        """Put the cursor on a token."""
        if token != self.cursor:
            self.cursor = token
            self.refresh()
            self.post_message(self.Moved(token))
        self._bring_into_sight()

    def _bring_into_sight(self) -> None:
        line = self._line_of.get(self.cursor, 0)
        before, after = (
            max(0, line - 1),
            min(len(self._lines), line + 2),
        )  # a line around it, where there is one
        self.scroll_to_region(Region(0, before, 1, after - before), animate=False)

    def action_move(self, by: int) -> None:
        """Some tokens on."""
        if self._numbers:
            place = self._numbers.index(self.cursor) + by
            self.go_to(self._numbers[min(max(place, 0), len(self._numbers) - 1)])

    def action_line(self, by: int) -> None:
        """To the token above or below."""
        line = self._line_of.get(self.cursor, 0)
        span = next((span for span in self._lines[line] if span.token == self.cursor), None)
        middle = span.start + span.cells // 2 if span else 0
        while 0 <= line + by < len(self._lines):
            line += by
            if (token := self._token_at(line, middle)) is not None:
                self.go_to(token)
                return

    def action_page(self, by: int) -> None:
        """A screen of tokens on."""
        for _ in range(max(1, self.size.height - 2)):
            self.action_line(by)

    def action_surprise(self, by: int) -> None:
        """To the next token that the model did not expect."""
        place = self._numbers.index(self.cursor) if self._numbers else 0
        others = self._numbers[place + 1 :] if by > 0 else self._numbers[:place][::-1]
        found = next((token for token in others if (self._steps[token] or 0) >= _SURPRISE), None)
        if found is None:
            self.notify(f"No surprise {'after' if by > 0 else 'before'} this token.", markup=False, timeout=2)
        else:
            self.go_to(found)

    def _token_at(self, line: int, cell: int) -> int | None:
        """The token at a cell of a line, or its last one where the line is shorter."""
        spans = [span for span in self._lines[line] if span.token != NOTE]
        found = next(
            (span for span in spans if cell < span.start + max(1, span.cells)), spans[-1] if spans else None
        )
        return found.token if found else None

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        line = offset.y + self.scroll_offset.y
        if line < len(self._lines) and (token := self._token_at(line, offset.x)) is not None:
            self.go_to(token)
