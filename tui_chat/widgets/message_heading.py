"""The line above a message: who said it, which of its versions it is, and what it took.

    heading_of(message, Place(2, 3))      Tiny  ‹ 2/3 ›  ·  12 tokens  ·  480/s

The one rule: a click is answered by a word that only this module gives; no text of a message can name an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from textual import events
from textual.content import Content
from textual.style import Style

from tui_chat.conversation_records import StoredMessage
from tui_chat.conversation_tree import Place
from tui_chat.text import one_line, plain

BranchDeed = Literal["before", "after", "again", "edit", "new_chat"]

_DEED = "branch_deed"
_STATES = {
    "elsewhere": "is being written in another window",
    "stopped": "stopped",
    "error": "failed",
}
_ENDINGS = {
    "max_new_tokens": "cut at the longest reply allowed",
    "context_full": "cut: the context is full",
}


@dataclass(frozen=True)
class Mask:
    """A letter in place of the names of models, on what they said after a message."""

    name: str = ""  # empty = names are shown
    since: int = 0  # id of that message

    def name_of(self, message: StoredMessage) -> str:
        """The letter on a message; empty where its name is shown."""
        return self.name if message.model and message.id > self.since else ""


def heading_of(
    message: StoredMessage,
    place: Place,
    status: str = "",
    show_statistics: bool = True,
    marks: Sequence[Content] = (),
    hidden_as: str = "",
) -> Content:
    """The whole line; `status` stands in place of the facts while the message is not finished.

    `marks` are what was said of it. `hidden_as` is a letter where nobody is to know who said it.
    """
    is_mine = message.role == "user"
    said_by = "You" if is_mine else hidden_as or one_line(message.model_name, 40) or "Model"
    facts = [status] if status else _facts(message, show_statistics)
    if hidden_as:  # how fast it was, and how much fits, would tell
        facts = ["writing…"] if status else _endings(message)
    return Content.assemble(
        plain(said_by).stylize("bold $text-primary" if is_mine else "bold $text-accent"),
        *_versions(place),
        *marks,
        plain("".join(f"  ·  {fact}" for fact in facts)).stylize("dim"),
    )


def deed_at(event: events.Click) -> BranchDeed | None:
    """What was clicked on."""
    deed: BranchDeed | None = event.style.meta.get(_DEED)
    return deed


def _versions(place: Place) -> list[Content]:
    """ "‹ 2/3 ›" where there are siblings; a click on either side leads to the one before or after."""
    number, count = place.number, place.count
    if count == 1:
        return []
    before = Content.styled(f"  ‹ {number}", _click("before") if number > 1 else "dim")
    after = Content.styled(f"{count} ›", _click("after") if number < count else "dim")
    return [before, Content.styled("/", "dim"), after]


def _click(deed: BranchDeed) -> Style:
    return Style.from_meta({_DEED: deed})


def _endings(message: StoredMessage) -> list[str]:
    """How it ended, where that was not by itself."""
    facts = [_STATES[message.status]] if message.status in _STATES else []
    return facts + ([_ENDINGS[message.finish_reason]] if message.finish_reason in _ENDINGS else [])


def _facts(message: StoredMessage, show_statistics: bool) -> list[str]:
    """What is worth knowing about a finished reply, quietly."""
    facts = _endings(message)
    if show_statistics and message.completion_tokens:
        tokens = message.completion_tokens
        facts.append(f"{tokens:,} token{'s' if tokens != 1 else ''}")
        facts += [f"{message.tokens_per_second:,.0f}/s"] if message.tokens_per_second else []
    if dropped := message.dropped_messages:
        facts.append(f"{dropped} older message{'s' if dropped != 1 else ''} did not fit")
    if message.dropped_tokens:
        facts.append(f"the first {message.dropped_tokens:,} tokens of the text did not fit")
    return facts
