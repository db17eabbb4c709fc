"""Panes without names: their models are shown as A and B, in an order that chance chose, until one is voted for.

    await blind.begin()                names go, and who answers in which pane is drawn
    blind.hides(message)               what a model said since
    await blind.voted()                what was said has names; who answers the next message is drawn anew
    blind.end()                        names are shown again

Nothing of this is kept but the vote. The one rule: while a reply may be voted on, nothing in the panes tells whose it
is; whoever opens what would tell, such as the model list, ends it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui_chat import judging
from tui_chat.chat_settings import ChatSettings, weights_in_words
from tui_chat.conversation_records import StoredMessage
from tui_chat.text import one_line
from tui_chat.widgets.message_heading import Mask
from tui_chat.widgets.pane_title import PaneTitle

if TYPE_CHECKING:
    from tui_chat.widgets.chat_pane import ChatPane
    from tui_chat.widgets.pane_row import PaneRow

_LABELS = "ABCD"


class BlindPanes:
    """Whether the panes of a row have names, and who is behind them."""

    def __init__(self, row: PaneRow) -> None:
        self._row = row
        self._panes: Sequence[ChatPane] = ()  # those without a name
        self._drawn: list[ChatSettings] = []  # what each of them answers with

    @property
    def is_on(self) -> bool:
        """Whether names are hidden."""
        return bool(self._panes)

    def hides(self, message: StoredMessage) -> bool:
        """Whether nobody can see who said it."""
        return self.is_on and bool(self._panes[0].transcript.mask.name_of(message))

    async def begin(self) -> None:
        """Hide the names, from the next message on, which goes to all panes."""
        settings = [pane.settings for pane in self._row.panes]
        if any(pane.is_replying for pane in self._row.panes):
            self._row.notify("A reply is still being written. Stop it, or wait for it.", markup=False)
            return
        if all(one == settings[0] for one in settings):
            words = "The panes answer with the same model and settings: there is nothing to compare."
            self._row.notify(words, markup=False)
            return
        await self._put_settings_away()
        self._row.link.put(True)
        self._panes = self._row.panes
        await self._draw()
        labels = " and ".join(_LABELS[: len(self._panes)])
        words = f"From now on the models are {labels}, until you vote. What you send next goes to all."
        self._row.notify(words, markup=False)

    async def _put_settings_away(self) -> None:
        """They stand beside the panes, and would tell."""
        from tui_chat.widgets.settings_drawer import SettingsDrawer  # here: the first paint does not need it

        for drawer in self._row.screen.query(SettingsDrawer):
            await drawer.action_close()

    async def voted(self) -> None:
        """Tell who was who, and let chance choose for the next message."""
        told = [f"{label} was {name}" for label, name in zip(_LABELS, self._names(), strict=False) if name]
        told.append("The next message is blind again; /blind ends that.")
        self._row.notify("\n".join(told), timeout=15, markup=False)
        await self._draw()

    def check(self, is_linked: bool) -> None:
        """End where the panes are not those any more that were drawn for."""
        settings = [pane.settings for pane in self._row.panes]
        if self.is_on and not (is_linked and self._panes == self._row.panes and settings == self._drawn):
            self.end()

    def end(self) -> None:
        """Show the names again."""
        if self.is_on:
            panes, self._panes = self._panes, ()
            for pane in panes:
                if pane.is_attached:
                    _mask(pane, Mask())
            self._row.notify("The names are shown: this is no longer a blind comparison.", markup=False)

    async def _draw(self) -> None:
        """Chance decides who answers where. No pane is ever without one of them: an engine would be closed."""
        self._drawn = [pane.settings for pane in self._panes]
        secrets.SystemRandom().shuffle(self._drawn)
        said = [message.id for pane in self._panes for message in pane.session.tree]
        for pane, settings, label in zip(self._panes, self._drawn, _LABELS, strict=False):
            pane.session.settings = settings
            _mask(pane, Mask(label, max(said, default=0)))
        for pane in self._panes:
            await pane.session.change_settings(pane.settings)
            pane.model.load()

    def _names(self) -> list[str]:
        """Of each pane, who said the last reply; with the settings that differ where the names are the same."""
        replies = [judging.last_reply(pane.session) for pane in self._panes]
        names = [_name(reply) if reply and self.hides(reply) else "" for reply in replies]
        if len(set(names)) == len(names):
            return names
        differing = _differences(self._drawn)
        return [
            f"{name}, {what}" if name and what else name for name, what in zip(names, differing, strict=True)
        ]


def _differences(settings: Sequence[ChatSettings]) -> list[str]:
    """Of each, what is not as in the others: "temperature 0.2"."""
    facts = [
        {
            "persona": one.persona or "nobody",
            **{field: getattr(one.generation, field) for field in one.generation.__struct_fields__},
            "told first": one_line(one.system_prompt, 30) or "nothing",
        }
        for one in settings
    ]
    fields = [field for field in facts[0] if any(one[field] != facts[0][field] for one in facts)]
    return [", ".join(_told(field, one[field]) for field in fields) for one in facts]


def _told(field: str, value: object) -> str:
    return f"{field.replace('_', ' ')} {'none' if value is None else value}"


def _name(reply: StoredMessage) -> str:
    name = one_line(reply.model_name, 40) or "a model"
    weights = weights_in_words(reply.step, None)
    return f"{name} {weights}" if weights else name


def _mask(pane: ChatPane, mask: Mask) -> None:
    pane.query_one(PaneTitle).hidden_as = mask.name
    pane.transcript.mask = mask
    pane.transcript.show_judgements()
    pane.refresh_title()
