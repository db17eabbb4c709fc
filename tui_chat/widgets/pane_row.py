"""One to four chat panes beside each other.

Panes that do not fit are kept and hidden. The one rule: the focused pane is always on the screen.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from tui_chat.chat_settings import ChatSettings
from tui_chat.conversations import Conversation
from tui_chat.key_bindings import key_in_words
from tui_chat.widgets.chat_pane import ChatPane
from tui_chat.widgets.prompt_input import PromptInput
from tui_chat.workspace import PaneState, Workspace

MOST_PANES = 4
_NARROWEST_PANE = 42  # cells


class PaneRow(Horizontal):
    """The panes, and which of them has the focus or had it last."""

    @dataclass
    class Arranged(Message):
        """Another pane has the focus, or there are more or fewer of them."""

        row: PaneRow
        shown: range  # the places of the panes on the screen

    def __init__(self, new_pane: Callable[[ChatSettings], ChatPane], settings: ChatSettings) -> None:
        super().__init__(id="panes")
        self._new_pane = new_pane
        self._panes = [new_pane(settings)]
        self._place = 0  # of the focused pane
        self._linked = False  # one message goes to all panes

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
        pane = self._new_pane(settings)
        self._panes.append(pane)
        await self.mount(pane)
        pane.prompt.remember(sent)
        pane.load_model()
        self.focus_pane(len(self._panes) - 1)
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

    def state(self, default: ChatSettings) -> Workspace:
        """How the panes stand; `default` is what a new chat starts with."""
        panes = tuple(pane.state(default) for pane in self._panes)
        return Workspace(panes=panes, focused=self._place, linked=self._linked)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was done yet but typing."""
        return len(self._panes) == 1 and not self.pane.session.messages and not self.pane.is_replying

    async def restore(
        self,
        states: Sequence[PaneState],
        conversations: Sequence[Conversation | None],
        focused: int,
        is_linked: bool,
        default: ChatSettings,
    ) -> None:
        """Let the panes stand as they did; a conversation that is gone is None."""
        for place, (state, conversation) in enumerate(zip(states, conversations, strict=True)):
            if place:
                self._panes.append(self._new_pane(state.settings or default))
                await self.mount(self._panes[-1])
            await self._panes[-1].restore(state, conversation)
        self._linked = is_linked
        self.focus_pane(focused)

    def toggle_link(self) -> None:
        """Send what is typed in one pane to all of them, or no longer."""
        if len(self._panes) == 1:
            key = key_in_words(self, "chat.new_pane")
            self.notify(f"There is only this pane. {key} opens another beside it.", markup=False)
            return
        self._linked = not self._linked
        self.show_panes()

    @on(PromptInput.Submitted)
    def send_to_all(self, event: PromptInput.Submitted) -> None:
        """Ask every pane the same with the same seed, so that only the models differ."""
        event.stop()
        if any(pane.is_replying for pane in self._panes):
            key = key_in_words(self, "chat.stop_all")
            self.notify(f"A reply is still being written. {key} stops all.", markup=False)
            return
        seeds = [pane.settings.generation.seed for pane in (self.pane, *self._panes)]
        seed = next((seed for seed in seeds if seed is not None), secrets.randbelow(2**31))
        for pane in self._panes:
            pane.ask(event.text, event.prompt if event.prompt is pane.prompt else None, seed)

    @property
    def stoppable(self) -> Sequence[ChatPane]:
        """The panes whose replies are stopped together."""
        return [pane for pane in self._panes if pane.is_replying and (pane.linked or pane is self.pane)]

    async def stop(self) -> None:
        """Stop the reply of the focused pane; of linked panes, all."""
        await asyncio.gather(*(pane.stop() for pane in self.stoppable))

    async def close(self) -> None:
        """Close the focused pane; the last one is emptied instead."""
        pane = self.pane
        await pane.begin_anew()
        if len(self._panes) > 1:
            self._panes.remove(pane)
            self.focus_pane(min(self._place, len(self._panes) - 1))
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
        self._linked = self._linked and total > 1
        count = max(1, min(total, self.size.width // _NARROWEST_PANE))
        first = min(max(self._place - count + 1, 0), total - count)
        for place, pane in enumerate(self._panes):
            pane.display = first <= place < first + count
            pane.place = f"{place + 1}/{total}" if total > 1 else ""
            pane.linked = self._linked
            pane.set_class(place == self._place and total > 1, "-current")
            pane.set_class(place == first, "-first")
            pane.refresh_title()
        self.post_message(self.Arranged(self, range(first, first + count)))

    def on_resize(self) -> None:
        self.show_panes()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        for place, pane in enumerate(self._panes):
            if place != self._place and pane in event.widget.ancestors_with_self:
                self._place = place
                self.show_panes()
