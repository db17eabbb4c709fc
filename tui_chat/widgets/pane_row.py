"""One to four chat panes beside each other, with lines between them that move.

Panes that do not fit are kept and hidden. The one rule: the focused pane is always on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message

from tui_chat.chat_settings import ChatSettings
from tui_chat.feedback import Word
from tui_chat.key_bindings import key_in_words
from tui_chat.pane_widths import how_many_fit
from tui_chat.widgets.blind_panes import BlindPanes
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.message_view import MessageView
from tui_chat.widgets.pane_divider import PaneDivider
from tui_chat.widgets.pane_lines import PaneLines
from tui_chat.widgets.pane_link import PaneLink
from tui_chat.widgets.prompt_input import PromptInput
from tui_chat.widgets.reply_feedback import ReplyFeedback

MOST_PANES = 4


class PaneRow(Horizontal):
    """The panes, and which of them has the focus or had it last."""

    BINDING_GROUP_TITLE = "Panes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("alt+shift+left", "move_line(-1)", "Line left", id="panes.line_left", show=False),
        Binding("alt+shift+right", "move_line(1)", "Line right", id="panes.line_right", show=False),
        Binding("alt+0", "even_out", "Panes of one width", id="panes.even", show=False),
        Binding("alt+k", "judge('better')", "This reply is better", id="panes.better", show=False),
        Binding("alt+z", "judge('tie')", "The replies are as good", id="panes.tie", show=False),
        Binding("alt+g", "judge('up')", "Thumb up for the last reply", id="panes.good", show=False),
        Binding("alt+d", "judge('down')", "Thumb down for the last reply", id="panes.poor", show=False),
        Binding("alt+x", "judge('correct')", "Correct the last reply", id="panes.correct", show=False),
    ]

    @dataclass
    class Arranged(Message):
        """Another pane has the focus, or there are more or fewer of them."""

        row: PaneRow
        shown: range  # the places of the panes on the screen

    def __init__(self, new_pane: Callable[[ChatSettings], ChatPane], settings: ChatSettings) -> None:
        super().__init__(id="panes")
        self._new_pane = new_pane
        self._panes = [new_pane(settings)]
        self.lines = PaneLines(self._panes)
        self._place = 0  # of the focused pane
        self.link = PaneLink(self)
        self.feedback = ReplyFeedback(self)
        self.blind = BlindPanes(self)

    def compose(self) -> ComposeResult:
        yield from self._panes

    @property
    def panes(self) -> Sequence[ChatPane]:
        return tuple(self._panes)

    @property
    def place(self) -> int:
        """Of the focused pane, from 0."""
        return self._place

    @property
    def pane(self) -> ChatPane:
        """The pane that has the focus, or had it last."""
        return self._panes[self._place]

    async def add(self, settings: ChatSettings) -> ChatPane | None:
        """One more pane, focused; None when there are as many as fit a mind."""
        if len(self._panes) >= MOST_PANES:
            key = key_in_words(self, "chat.close_pane")
            self.notify(f"There are {MOST_PANES} panes already. {key} closes one.", markup=False)
            return None
        sent = self.pane.prompt.sent
        pane = await self.mount_pane(settings)
        pane.prompt.remember(sent)
        pane.model.load()
        self.focus_pane(len(self._panes) - 1)
        return pane

    async def mount_pane(self, settings: ChatSettings) -> ChatPane:
        """One more pane, for now without anything to say."""
        pane = self._new_pane(settings)
        self._panes.append(pane)
        await self.mount(self.lines.add(), pane)
        return pane

    async def chat_with(self, settings: ChatSettings) -> None:
        """A pane with these settings: an empty one if there is, else a new one, else the focused one anew."""
        pane = next((pane for pane in self._panes if not pane.session.messages), None)
        if pane is None and len(self._panes) < MOST_PANES:
            await self.add(settings)
            return
        pane = pane or self.pane
        if pane.session.messages:
            await pane.begin_anew()
        await pane.change_settings(settings)
        self.focus_pane(self._panes.index(pane))

    @on(PromptInput.Submitted)
    def send_to_all(self, event: PromptInput.Submitted) -> None:
        """What no pane kept for itself goes to all."""
        event.stop()
        self.link.send(event.text, event.prompt)

    async def close(self) -> None:
        """Close the focused pane; the last one is emptied instead."""
        pane = self.pane
        await pane.begin_anew()
        if len(self._panes) > 1:
            place = self._panes.index(pane)
            self._panes.remove(pane)
            line = self.lines.take_away(place)
            self.focus_pane(min(self._place, len(self._panes) - 1))
            await line.remove()
            await pane.remove()

    def focus_pane(self, place: int) -> None:
        """Go to a pane; past the last one is the first."""
        self._place = place % len(self._panes)
        self.show_panes()
        self.pane.prompt.focus()

    def move_focus(self, by: int) -> None:
        """Go to a neighbour."""
        self.focus_pane(self._place + by)

    def show_panes(self) -> None:
        """Show as many panes as fit, among them the focused one."""
        total = len(self._panes)
        self.link.is_on = self.link.is_on and total > 1
        self.blind.check(self.link.is_on)
        count = how_many_fit(self.size.width, total)
        first = min(max(self._place - count + 1, 0), total - count)
        for place, pane in enumerate(self._panes):
            pane.display = first <= place < first + count
            pane.place = f"{place + 1}/{total}" if total > 1 else ""
            pane.linked = self.link.is_on
            pane.set_class(place == self._place and total > 1, "-current")
            pane.refresh_title()
        self.lines.show()
        self.post_message(self.Arranged(self, range(first, first + count)))

    @on(ChatPane.ConversationChanged)
    def check_names(self) -> None:
        """A pane may have another model now."""
        self.blind.check(self.link.is_on)

    # ---- what is said of replies

    @on(MessageView.JudgeRequested)
    def judge_message(self, event: MessageView.JudgeRequested) -> None:
        event.stop()
        for pane in self._panes:
            if pane in event.view.ancestors:  # of none, when it was left meanwhile
                self.feedback.begin(pane, event.view.message, event.word)

    def action_judge(self, word: Word) -> None:
        """Say something of the last reply of the focused pane."""
        self.feedback.judge_last(self.pane, word)

    # ---- how wide they are

    @on(PaneDivider.Dragged)
    def drag_line(self, event: PaneDivider.Dragged) -> None:
        event.stop()
        self.lines.drag(event.divider, event.by)

    def action_move_line(self, direction: int) -> None:
        """Move the line after the focused pane, or else the one before it."""
        self.lines.step(self._place, direction)

    @on(PaneDivider.EvenedOut)
    def action_even_out(self) -> None:
        """Make all panes as wide as each other."""
        self.lines.even_out()

    def on_resize(self) -> None:
        self.show_panes()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for place, pane in enumerate(self._panes):
            if place != self._place and pane in event.widget.ancestors_with_self:
                self._place = place
                self.show_panes()
