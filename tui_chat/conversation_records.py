"""What is kept of a conversation and of a message, as one record each.

The one rule: a record is a copy. Changing what is kept is the business of `conversations` and its sister stores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from engine.chat import Role

if TYPE_CHECKING:
    from engine.generation import GenerationDone

# "elsewhere" is never stored: a reply that streams, and whose writer is another app, or another pane.
Status = Literal["complete", "streaming", "elsewhere", "stopped", "error"]
AT_THE_END = 0  # in place of a parent: whatever message is the last one when this one is saved


@dataclass(frozen=True)
class Conversation:
    """What the list shows of a conversation."""

    id: int
    title: str
    model: str  # reference
    settings: str  # JSON of the pane's settings
    created: float
    updated: float
    preview: str = ""  # the last words of the branch on show, or what a search found
    found_in: int | None = None  # the message in which a search found it


@dataclass(frozen=True)
class StoredMessage:
    """A message with what is known about how it came to be."""

    id: int
    conversation: int
    role: Role
    content: str
    model: str = ""  # reference of the model that said it
    model_name: str = ""
    settings: str = ""  # JSON of the generation settings
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_per_second: float | None = None
    dropped_messages: int = 0
    dropped_tokens: int = 0  # of a text that was continued, its beginning
    finish_reason: str = ""
    seed: int | None = None
    step: int | None = None  # training step of the weights that said it
    val_loss: float | None = None  # and their validation loss
    error: str = ""
    status: Status = "complete"
    created: float = 0.0
    parent: int | None = AT_THE_END  # id of the message it follows; None = it is a first one

    @property
    def is_being_written(self) -> bool:
        """Whether more of it may come, here or elsewhere."""
        return self.status in ("streaming", "elsewhere")


MESSAGE_FIELDS = tuple(StoredMessage.__dataclass_fields__)
# Those that change while a message is being said: its place among the others never does.
CHANGING_FIELDS = tuple(name for name in MESSAGE_FIELDS if name not in ("id", "conversation", "parent"))


def values_of(message: StoredMessage, fields: tuple[str, ...]) -> tuple[Any, ...]:
    """These fields, as they can be stored."""
    values = (getattr(message, name) for name in fields)
    return tuple(storable(value) if isinstance(value, str) else value for value in values)


def storable(text: str) -> str:
    """`text` without lone surrogates, which SQLite and JSON refuse."""
    return text.encode("utf-8", "replace").decode()


def completed(begun: StoredMessage, done: GenerationDone) -> StoredMessage:
    """The message with what its engine told at the end."""
    return replace(
        begun,
        status="stopped" if done.finish_reason == "cancelled" else "complete",
        prompt_tokens=done.prompt_tokens,
        completion_tokens=done.completion_tokens,
        tokens_per_second=done.tokens_per_second,
        dropped_messages=done.dropped_messages,
        dropped_tokens=done.dropped_tokens,
        finish_reason=done.finish_reason,
        seed=done.seed,
    )
