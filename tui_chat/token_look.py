"""A reply as the microscope needs it: what is asked of which engine, and what a person should know about it.

    look = await look_at(session, message, engines, conversations)
    inspection = await look.engine.inspect(look.request)
    fork = look.fork(inspection, place, candidate)

The one rule: where the figures cannot be exactly those of then, `notes` says why.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.inspection import Candidate, Inspection, mean_surprise
from engine.model_library import list_checkpoints, run_of
from engine.remote.provider import is_remote
from engine.wire import Inspect
from tui_chat import token_words
from tui_chat.asked_messages import APP_NAME
from tui_chat.chat_session import ChatSession
from tui_chat.conversations import Conversations, StoredMessage
from tui_chat.engines import Engines
from tui_chat.reply_tokens import Fork, ReplyTokens
from tui_chat.token_engine import TokenEngine, token_engine

ALTERNATIVES = 10
_ROOM = 64  # tokens that a fork may say at least, however near the end it begins
_MOST_TOKENS = 65536
_OF_A_SERVER = (
    "This reply came from a server, which tells its words but not what it thought of other tokens. "
    "Open a reply of a model that runs here."
)


@dataclass(frozen=True)
class Look:
    """One reply to be looked at."""

    message: StoredMessage
    engine: TokenEngine
    request: Inspect
    tokens: ReplyTokens | None
    notes: tuple[str, ...] = ()  # known before

    @property
    def settings(self) -> GenerationSettings:
        """Those the reply was made with."""
        return self.request.settings

    def seconds(self, inspection: Inspection) -> list[float | None]:
        """How long each token took; None where nobody noted it."""
        took: list[float | None] = list(self.tokens.seconds) if self.tokens else []
        before = len(inspection.of("prompt"))
        missing = len(inspection.tokens) - before - len(took)
        return [None] * before + took[: len(inspection.tokens) - before] + [None] * missing

    def notes_on(self, inspection: Inspection) -> list[str]:
        """What is not exactly as it was."""
        done, notes = inspection.done, list(self.notes)
        if done.was_retokenized:
            notes.append("The tokens of this reply were not kept: its text was cut into tokens anew.")
        elif self.message.content.strip() not in "".join(token.text for token in inspection.of("reply")):
            notes.append("With the vocabulary of now these tokens say something else than the reply.")
        if self.message.prompt_tokens not in (None, done.prompt_tokens):
            notes.append(
                f"The prompt had {self.message.prompt_tokens:,} tokens then and has {done.prompt_tokens:,} now: "
                "the system prompt or a message before was changed."
            )
        return notes

    def fork(self, inspection: Inspection, place: int, candidate: Candidate) -> Fork:
        """The reply with another token in a place.

        Raises:
            UserError: when nothing was said there (the place is in the prompt), or this very token was.
        """
        before = len(inspection.of("prompt"))
        if place < before:
            raise UserError("This token was given to the model, not said by it. Choose one of the reply.")
        if candidate.token_id == inspection.tokens[place].token_id:
            raise UserError("The reply goes on with this token already. Choose another one.")
        said = [token.token_id for token in inspection.tokens[before:place]]
        longest = max(self.settings.max_new_tokens, min(len(said) + 1 + _ROOM, _MOST_TOKENS))
        message = self.message
        return Fork(
            message=message.id,
            prefix=(*said, candidate.token_id),
            word=token_words.alone(candidate.text),
            generation=self.settings.with_changes("fork", max_new_tokens=longest, seed=message.seed),
            reference=self.request.reference,
            model=message.model,
            step=message.step,
            val_loss=message.val_loss,
        )


async def look_at(
    session: ChatSession, message: StoredMessage, engines: Engines, conversations: Conversations
) -> Look:
    """What the microscope needs for a message of the conversation.

    Raises:
        UserError: when it is no reply of a model that runs here; the sentence says what it is.
    """
    _refuse_what_no_model_said(message)
    engine = token_engine(engines.engine_for(message.model))
    reference, note = await asyncio.to_thread(weights_of, message)
    tokens = await asyncio.to_thread(conversations.tokens_of, message.id)
    request = Inspect(
        request=0,
        settings=_settings_of(message, session.settings.generation),
        messages=tuple(session.asked_before(message.id)),
        reply_ids=tokens.ids if tokens else None,
        reply=message.content,
        alternatives=ALTERNATIVES,
        reference=reference,
    )
    return Look(message, engine, request, tokens, (note,) if note else ())


def _refuse_what_no_model_said(message: StoredMessage) -> None:
    if message.role != "assistant":
        raise UserError("Only replies of a model can be looked at; what you said stands in their prompts.")
    if message.is_being_written:
        raise UserError("This reply is still being written. Look at it when it is complete.")
    if not message.model:
        raise UserError(f"{message.model_name or APP_NAME} told this by itself; no model thought of it.")
    if is_remote(message.model):
        raise UserError(_OF_A_SERVER)
    if not message.content:
        raise UserError("Nothing was said here, so there is no token to look at.")


def _settings_of(message: StoredMessage, otherwise: GenerationSettings) -> GenerationSettings:
    try:
        return GenerationSettings.from_json(message.settings, "saved settings")
    except UserError:
        return otherwise


def weights_of(message: StoredMessage) -> tuple[str, str]:
    """Reference of the weights that said it, where it is another than the model's own; and a note."""
    run = run_of(message.model)
    if run is None or message.step is None or "@step-" in message.model:
        return "", ""
    kept = {entry.card.step: entry.reference for entry in list_checkpoints(run)}
    if message.step in kept:
        return kept[message.step], ""
    return "", f"The weights of step {message.step:,} were not kept: the figures are those of newer ones."


def summary(look: Look, inspection: Inspection) -> str:
    """The reply in a line: how long, how expected, how fast."""
    reply = inspection.of("reply")
    parts = [f"{len(reply):,} token{'s' if len(reply) != 1 else ''}"]
    if (mean := mean_surprise(reply)) is not None:
        parts.append(f"{mean:.2f} bits each · perplexity {2**mean:,.3g}")
    if look.tokens and len(look.tokens.seconds) > 1:
        usual = statistics.median(look.tokens.seconds[1:])
        parts.append(f"{token_words.milliseconds(usual)} each")
    return " · ".join(parts)
