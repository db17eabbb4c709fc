"""What a person said of replies: a thumb, which of several is better, how one should have been.

    feedback = Feedback(conversations.file)
    feedback.thumb(reply, 1)              feedback.prefer(reply, others)          feedback.correct(reply, "Better so.")
    feedback.of_conversation(7)           {message id: Judgement(thumb=1, correction="Better so.")}

Each change also renews its data set beside the conversations: my-favourites, my-preferences, my-corrections.
The one rule: a row holds all that training needs, what was said before included, so it outlives its conversation;
and the reply itself stays as it was said.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.paths import datasets_path, private_directory
from trainers.own_datasets import MY_CORRECTIONS, MY_FAVOURITES, MY_PREFERENCES
from tui_chat.conversation_file import ConversationFile
from tui_chat.conversation_records import StoredMessage, storable

Vote = Literal["", "better", "tie"]
Word = Literal["up", "down", "better", "worse", "tie", "none", "correct"]  # what a person may say of a reply


@dataclass(frozen=True)
class Reply:
    """A reply that is judged, with all that was said before it."""

    message: int  # id
    prompt: Sequence[ChatMessage]
    text: str
    model: str  # reference


@dataclass(frozen=True)
class Judgement:
    """What was said of one reply."""

    thumb: int = 0  # 1 up, -1 down
    vote: Vote = ""
    correction: str | None = None
    is_blind: bool = False  # the vote was given before anyone could see who said it


_OF_CONVERSATION = "SELECT id FROM messages WHERE conversation = :id"
_READ = (
    f"SELECT message, thumb, '', NULL, 0 FROM reply_thumbs WHERE message IN ({_OF_CONVERSATION})",
    f"SELECT message, 0, '', corrected, 0 FROM reply_corrections WHERE message IN ({_OF_CONVERSATION})",
    f"SELECT chosen_message, 0, CASE is_tie WHEN 1 THEN 'tie' ELSE 'better' END, NULL, is_blind "
    f"FROM reply_preferences WHERE chosen_message IN ({_OF_CONVERSATION})",
    f"SELECT rejected_message, 0, 'tie', NULL, is_blind FROM reply_preferences "
    f"WHERE is_tie = 1 AND rejected_message IN ({_OF_CONVERSATION})",
)
_PREFERENCES = (
    "SELECT prompt, chosen, rejected, chosen_model, rejected_model, created, is_blind FROM reply_preferences "
    "WHERE is_tie = 0 AND trim(chosen) != '' AND trim(rejected) != '' AND chosen != rejected ORDER BY created, rowid"
)
_CORRECTIONS = (
    "SELECT prompt, corrected, model, created FROM reply_corrections WHERE copy_of IS NULL ORDER BY created"
)
_FAVOURITES = (
    "SELECT prompt, reply, model, created FROM reply_thumbs "
    "WHERE thumb > 0 AND trim(reply) != '' ORDER BY created"
)


class Feedback:
    """The store. Methods may be called from any thread, and raise `UserError` when nothing could be saved."""

    def __init__(self, file: ConversationFile) -> None:
        self._file = file
        self._folder: Path | None = file.path.with_name(datasets_path().name) if file.path else None

    def of_conversation(self, conversation: int) -> dict[int, Judgement]:
        """What was said of the replies of a conversation."""
        found: dict[int, Judgement] = {}
        for query in _READ:
            for message, thumb, vote, correction, is_blind in self._file.read(query, {"id": conversation}):
                old = found.get(message, Judgement())
                correction = old.correction if correction is None else correction
                is_blind = old.is_blind or bool(is_blind)
                found[message] = Judgement(thumb or old.thumb, vote or old.vote, correction, is_blind)
        return found

    def thumb(self, reply: Reply, thumb: int) -> None:
        """Up (1), down (-1), or neither (0)."""
        with self._file.writing() as execute:
            execute("DELETE FROM reply_thumbs WHERE message = ?", (reply.message,))
            if thumb:
                values = (reply.message, thumb, _as_json(reply.prompt), *_texts(reply), time.time())
                execute("INSERT INTO reply_thumbs VALUES (?, ?, ?, ?, ?, ?)", values)
        self._write(MY_FAVOURITES, _FAVOURITES, _conversation_row)

    def correct(self, reply: Reply, text: str | None) -> None:
        """How it should have been; None takes that back."""
        with self._file.writing() as execute:
            execute("DELETE FROM reply_corrections WHERE message = ?", (reply.message,))
            if text is not None:
                said, model = _texts(reply)
                values = (reply.message, _as_json(reply.prompt), said, storable(text), model, time.time())
                execute("INSERT INTO reply_corrections VALUES (?, ?, ?, ?, ?, ?, NULL)", values)
        self._write(MY_CORRECTIONS, _CORRECTIONS, _conversation_row)

    @staticmethod
    def take_in(execute: Any, reply: Reply, judgement: Judgement) -> None:
        """Keep what was said of a new reply elsewhere, within a transaction; `renew` is to follow."""
        (said, model), prompt, now = _texts(reply), _as_json(reply.prompt), time.time()
        if judgement.thumb:
            values = (reply.message, judgement.thumb, prompt, said, model, now)
            execute("INSERT INTO reply_thumbs VALUES (?, ?, ?, ?, ?, ?)", values)
        if judgement.correction is not None:
            corrected = (reply.message, prompt, said, storable(judgement.correction), model, now)
            execute("INSERT INTO reply_corrections VALUES (?, ?, ?, ?, ?, ?, NULL)", corrected)

    def renew(self) -> None:
        """Write the data sets of thumbs and corrections anew."""
        self._write(MY_FAVOURITES, _FAVOURITES, _conversation_row)
        self._write(MY_CORRECTIONS, _CORRECTIONS, _conversation_row)

    def prefer(
        self, better: Reply, others: Sequence[Reply], is_tie: bool = False, is_blind: bool = False
    ) -> None:
        """One is better than the others, or they are equally good; what was said of them before is replaced."""
        self._vote(better, others, [(better, other) for other in others], is_tie, is_blind)

    def take_back(self, reply: Reply, others: Sequence[Reply]) -> None:
        """None of them is better than another, nor are they equally good."""
        self._vote(reply, others, [])

    def _vote(
        self,
        reply: Reply,
        others: Iterable[Reply],
        pairs: list[tuple[Reply, Reply]],
        is_tie: bool = False,
        is_blind: bool = False,
    ) -> None:
        ids = [reply.message, *(other.message for other in others)]
        marks = ", ".join("?" * len(ids))
        with self._file.writing() as execute:
            execute(
                f"DELETE FROM reply_preferences WHERE chosen_message IN ({marks}) AND rejected_message IN ({marks})",
                (*ids, *ids),
            )
            for chosen, rejected in pairs:
                (said, model), (other_said, other_model) = _texts(chosen), _texts(rejected)
                prompt = _as_json(chosen.prompt)
                ends = (is_tie, prompt, said, other_said, model, other_model, time.time(), is_blind)
                execute(
                    "INSERT INTO reply_preferences VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (chosen.message, rejected.message, *ends),
                )
        self._write(MY_PREFERENCES, _PREFERENCES, _preference_row)

    def _write(self, name: str, query: str, as_row: Callable[..., dict[str, Any]]) -> None:
        """Renew a data set, while no other app can: the newest rows are written last."""
        if self._folder is None:
            return
        path = self._folder / f"{name}.jsonl"
        with self._file.writing() as execute:
            rows = [as_row(*values) for values in execute(query).fetchall()]
            try:
                _replace(path, rows)
            except OSError as error:
                why = error.strerror or error
                raise UserError(
                    f"{path}: cannot be written ({why}). What you said of the reply is kept, and written here with "
                    "the next."
                ) from error


class Judgements:
    """Those of the conversation that is open, as they were read; the same object for all who show them."""

    def __init__(self, file: ConversationFile) -> None:
        self.feedback = Feedback(file)
        self._by_message: dict[int, Judgement] = {}

    def read(self, conversation: int) -> None:
        """Look at what is saved.

        Raises:
            UserError: when it cannot be read.
        """
        self._by_message = self.feedback.of_conversation(conversation)

    def of(self, message: int) -> Judgement:
        """What was said of a message; nothing, for most."""
        return self._by_message.get(message, Judgement())

    def corrected(self, messages: Sequence[StoredMessage]) -> list[StoredMessage]:
        """The messages with the words that count: a correction, or else what was said."""
        texts = [(message, self.of(message.id).correction) for message in messages]
        return [message if text is None else replace(message, content=text) for message, text in texts]


def _replace(path: Path, rows: list[dict[str, Any]]) -> None:
    if not rows:
        path.unlink(missing_ok=True)
        return
    from trainers.durable_files import PRIVATE, replace_file  # here: the first paint does not need it

    private_directory(path.parent)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    replace_file(path, lines.encode(), PRIVATE)


def _texts(reply: Reply) -> tuple[str, str]:
    return storable(reply.text), storable(reply.model)


def _as_json(messages: Sequence[ChatMessage]) -> str:
    return json.dumps(
        [{"role": m.role, "content": storable(m.content)} for m in messages], ensure_ascii=False
    )


def _conversation_row(prompt: str, reply: str, model: str, created: float) -> dict[str, Any]:
    messages = [*json.loads(prompt), {"role": "assistant", "content": reply}]
    return {"messages": messages, "model": model, "time": _time(created)}


def _preference_row(
    prompt: str, chosen: str, rejected: str, model: str, other_model: str, created: float, is_blind: int
) -> dict[str, Any]:
    return {
        "prompt": json.loads(prompt),
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "chosen_model": model,
        "rejected_model": other_model,
        "blind": bool(is_blind),
        "time": _time(created),
    }


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
