"""Choosing a model: what is at hand, filtered as one types, or any reference typed in full.

    "poet"        the models with that word
    "run:poet@"   the checkpoints of that run; the Right key types this

Below the models of this machine stand those of the servers in the settings, as they answer.
The one rule: what is listed follows from the text in the box alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec.structs import replace
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.model_library import ModelEntry, list_checkpoints, list_models, run_of
from tui_chat.server_models import Offer, first_offers, offers
from tui_chat.text import one_line, plain
from tui_chat.widgets.dialog_keys import DialogKeys

_KEYS = (
    "↑↓ choose",
    "Enter takes it",
    ("models.checkpoints", "checkpoints of a run"),
    ("models.cancel", "cancels"),
)
_PLACEHOLDER = "Filter, or a folder, run:NAME, hf:OWNER/NAME or api:PROVIDER/MODEL"
_PATH_MARKS = ("hf:", "run:", "/", "~", ".", "api:")


class ModelPicker(ModalScreen[str | None]):
    """Gives a model reference, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="models.cancel"),
        Binding("down", "move(1)", "Next", show=False, id="models.next"),
        Binding("up", "move(-1)", "Previous", show=False, id="models.previous"),
        Binding("right", "show_checkpoints", "Its checkpoints", id="models.checkpoints", priority=True),
        Binding("left", "hide_checkpoints", "All models", id="models.all", priority=True),
    ]

    def __init__(
        self,
        current: str,
        query: str = "",
        title: str = "Choose a model",
        wants_another: bool = False,
    ) -> None:
        """`query` stands in the box from the beginning; the cursor on `current`, unless another one is wanted."""
        super().__init__()
        self._wants_another = wants_another
        self._current = current
        self._query, self._title = query, title
        self._entries: list[ModelEntry] = []
        self._offers: dict[str, Offer] = {}  # of servers, by provider
        self._references: list[str] = []  # of the options, in order; "" for a row that only tells

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Input(
                self._query,
                select_on_focus=False,  # what stands there is gone on with
                placeholder=_PLACEHOLDER,
                compact=True,
            )
            options = OptionList(markup=False, compact=True)
            options.can_focus = False  # the keys stay in the box; Up and Down are passed on
            yield options
            yield DialogKeys(*_KEYS)

    def on_mount(self) -> None:
        self._show()
        self._read()
        self._ask_servers()

    @work(group="local")
    async def _read(self) -> None:
        self._entries = await asyncio.to_thread(list_models)
        self._show()

    @work(group="servers")
    async def _ask_servers(self) -> None:
        loaded: Any = getattr(self.app, "loaded", None)
        providers = loaded.config.providers if loaded else {}
        self._offers = {offer.provider: offer for offer in first_offers(providers)}
        self._show_again()
        async for offer in offers(providers):
            self._offers[offer.provider] = offer
            self._show_again()

    def _show_again(self) -> None:
        """More is known: show it, and stay where the person is."""
        listed = self.query_one(OptionList)
        before = self._reference_at(listed.highlighted)
        self._show()
        if before in self._references:
            listed.highlighted = self._references.index(before)

    @on(Input.Changed)
    def _show(self) -> None:
        query = self.query_one(Input).value.strip()
        run = run_of(query) if "@" in query else None
        found = [entry for entry in _checkpoints(run) if query in entry.reference] if run else []
        found = found or [entry for entry in self._entries if _matches(entry, query)]
        rows = [(entry.reference, Option(_row(entry, entry.reference == self._current))) for entry in found]
        rows += self._server_rows(query)
        if query.startswith(_PATH_MARKS) and not query.endswith("@") and query not in dict(rows):
            rows.append((query, Option(Content.assemble("Use ", plain(query).stylize("bold")))))
        if not rows:
            rows.append(("", Option("No model matches. A path or hf:OWNER/NAME works too.", disabled=True)))
        listed = self.query_one(OptionList)
        listed.clear_options()
        listed.add_options([option for _, option in rows])
        self._references = [reference for reference, _ in rows]
        listed.highlighted = self._place_to_begin(query)

    def _place_to_begin(self, query: str) -> int | None:
        choices = [reference for reference in self._references if reference]
        here = self._current in choices and (not query or query.endswith("@"))
        if here:
            others = [reference for reference in choices if reference != self._current]
            choices = (others if self._wants_another else []) + [self._current]
        return self._references.index(choices[0]) if choices else None

    def _server_rows(self, query: str) -> list[tuple[str, Option]]:
        """The models of servers that match, under a heading; and what servers say instead of a list."""
        rows = []
        for offer in self._offers.values():
            shown = [entry for entry in offer.entries if _matches(entry, query)]
            rows += [
                (entry.reference, Option(_row(entry, entry.reference == self._current))) for entry in shown
            ]
            if not shown and query.lower() in f"api:{offer.provider}".lower():
                rows.append(("", Option(_word_of(offer), disabled=True)))
        heading = ("", Option(Content.styled("Servers", "$text-muted bold"), disabled=True))
        return [heading, *rows] if rows else []

    def _reference_at(self, place: int | None) -> str:
        return self._references[place] if place is not None and place < len(self._references) else ""

    def action_move(self, by: int) -> None:
        listed = self.query_one(OptionList)
        (listed.action_cursor_down if by > 0 else listed.action_cursor_up)()

    def action_show_checkpoints(self) -> None:
        """List the checkpoints of a run, once the letters typed before the key are in the box."""
        self.query_one(Input).call_later(self._show_checkpoints)

    def _show_checkpoints(self) -> None:
        if run := run_of(self._reference_at(self.query_one(OptionList).highlighted)):
            self._type(f"run:{run}@")

    def action_hide_checkpoints(self) -> None:
        self._type("")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Right and Left keep moving the cursor wherever there is text to move over."""
        box = self.query_one(Input)
        if action == "show_checkpoints":
            return box.cursor_at_end and "@" not in box.value
        if action == "hide_checkpoints":
            return box.value.endswith("@")
        return True

    def _type(self, text: str) -> None:
        box = self.query_one(Input)
        box.value = text
        box.cursor_position = len(text)

    @on(Input.Submitted)
    def accept(self) -> None:
        self._choose(self.query_one(OptionList).highlighted)

    @on(OptionList.OptionSelected)
    def accept_clicked(self, event: OptionList.OptionSelected) -> None:
        self._choose(event.option_index)

    def _choose(self, place: int | None) -> None:
        if reference := self._reference_at(place):
            self.dismiss(reference)


def _checkpoints(run: str) -> list[ModelEntry]:
    """What there is of a run: what moves on with it, then the checkpoints themselves, newest first."""
    kept = list_checkpoints(run)[::-1]
    if not kept:
        return []
    known = [entry for entry in kept if entry.card.val_loss is not None]
    best = min(known, key=lambda entry: entry.card.val_loss or 0.0, default=kept[0])
    return [
        _renamed(kept[0], f"run:{run}@latest", "the newest, while it learns"),
        _renamed(best, f"run:{run}@best", "the best so far"),
        *(
            _renamed(entry, entry.reference, f"step {entry.reference.partition('@step-')[2]}")
            for entry in kept
        ),
    ]


def _renamed(entry: ModelEntry, reference: str, name: str) -> ModelEntry:
    return replace(entry, reference=reference, card=replace(entry.card, name=name))


def _word_of(offer: Offer) -> Content:
    """Why a server has no models in the list."""
    if offer.problem:  # a sentence to a line; the first begins with the name
        what, _, then = one_line(offer.problem, 300).partition(". ")
        return plain(f"  {what.rstrip('.')}." + (f"\n    {then}" if then else "")).stylize("dim")
    word = "asking…" if offer.is_asked else "lists no models"
    return Content.assemble("  ", plain(offer.provider).stylize("bold"), plain(f"  {word}").stylize("dim"))


def _matches(entry: ModelEntry, query: str) -> bool:
    return all(word in _searched(entry) for word in query.lower().split())


def _searched(entry: ModelEntry) -> str:
    card = entry.card
    return " ".join((entry.reference, card.name, card.description, card.architecture, card.run)).lower()


def _row(entry: ModelEntry, is_current: bool) -> Content:
    name = plain(one_line(entry.card.name, 40)).stylize("bold")
    reference = plain(f"  {one_line(entry.reference, 60)}").stylize("$text-accent")
    facts = plain("  " + ("  ·  ".join(_facts(entry)) or one_line(entry.card.description, 100)))
    mark = Content.styled("● " if is_current else "  ", "$accent")
    return Content.assemble(mark, name, reference, "\n  ", facts.stylize("dim"))


def _facts(entry: ModelEntry) -> Sequence[str]:
    if entry.problem:
        return [one_line(entry.problem, 100)]
    card = entry.card
    facts = [f"step {card.step:,}"] if card.step is not None else []
    facts += [f"validation loss {card.val_loss:.3f}"] if card.val_loss is not None else []
    facts += [f"{_short(card.num_parameters)} parameters"] if card.num_parameters else []
    facts += [f"context {card.context_length:,}"] if card.context_length else []
    facts += [one_line(card.tokenizer, 30)] if card.tokenizer else []
    facts += ["continues text"] if card.chat_format == "completion" else []
    return facts


def _short(count: int) -> str:
    """124,439,808 as "124M"."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)
