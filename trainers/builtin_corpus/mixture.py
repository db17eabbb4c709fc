"""Shares, held-out documents and the files that come out.

    OUT/pretraining.jsonl             {"text"}      OUT/pretraining_validation.jsonl
    OUT/chat.jsonl                    {"messages"}  OUT/chat_validation.jsonl
    OUT/exam.jsonl                    a copy of the exam, so that a run needs only this folder

The one rule: a document is held out when md5 of its text says so, and no exam prompt is ever in the training data.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar

from trainers.builtin_corpus import corpus
from trainers.builtin_corpus.composition import compose
from trainers.builtin_corpus.corpus import Messages, as_script

EXAM = Path(__file__).parent / "exam.jsonl"
HELD_OUT_EVERY = 50
OWN_SHARE = 0.635  # of the characters of chat tuning; the rest is shared out below
CHAT_SHARES = {
    "queries": 0.05,
    "chat_smalltalk": 0.03,
    "facts": 0.07,
    "chat_jokes": 0.035,
    "stories": 0.07,
    "chat_poems": 0.03,
    "chat_cannot": 0.04,
    "instruct_rasbt": 0.02,
    "dialog_persona": 0.02,
}
PRETRAINING_SHARES = {  # file: (share of the characters, least share of simple words)
    "dialog_self": (0.31, 0.93),
    "stories_tiny": (0.19, 0.0),
    "dialog_persona": (0.08, 0.0),
    "dialog_topical": (0.04, 0.9),
    "stories_asp": (0.03, 0.0),
    "stories_pb": (0.04, 0.0),
    "stories_aesop": (0.01, 0.0),
    "stories_mcguffey": (0.01, 0.0),
    "stories_classics": (0.04, 0.0),
    "poems": (0.01, 0.0),
}
PRETRAINING_CHATS = 0.24  # share of all chat dialogues, our own among them, as "User: ... Assistant: ..."
Document = TypeVar("Document", str, Messages)
MOST_REPEATS = 6  # a small source is not repeated more often than this


@dataclass
class ChatData:
    """Dialogues for chat tuning, and how much of each family is in them."""

    training: list[Messages] = field(default_factory=list)
    validation: list[Messages] = field(default_factory=list)
    characters: Counter[str] = field(default_factory=Counter)
    dialogues: Counter[str] = field(default_factory=Counter)


def is_held_out(text: str) -> bool:
    """The fixed rule of the data pack: every fiftieth document by md5."""
    return int(hashlib.md5(text.encode("utf-8")).hexdigest()[:8], 16) % HELD_OUT_EVERY == 0


def text_of(messages: Messages) -> str:
    return "\n".join(message["content"] for message in messages)


def normalised(prompt: str) -> str:
    """A prompt without case, punctuation at its ends and doubled spaces."""
    return re.sub(r"\s+", " ", prompt.lower()).strip(" .!?,")


@dataclass(frozen=True)
class ExamPrompts:
    """What the exam asks: single prompts, and the user's side of longer dialogues."""

    single: frozenset[str]
    sequences: frozenset[tuple[str, ...]]

    @classmethod
    def read(cls, path: Path = EXAM) -> ExamPrompts:
        single, sequences = set(), set()
        for line in path.read_text(encoding="utf-8").splitlines():
            prompts = _user_side(json.loads(line)["messages"])
            if len(prompts) == 1:
                single.add(prompts[0])
            else:
                sequences.add(prompts)
        return cls(frozenset(single), frozenset(sequences))

    def asked_in(self, messages: Messages) -> bool:
        """Whether these messages hold an exam prompt."""
        prompts = _user_side(messages)
        return any(prompt in self.single for prompt in prompts) or prompts in self.sequences


def _user_side(messages: Messages) -> tuple[str, ...]:
    return tuple(normalised(message["content"]) for message in messages if message["role"] == "user")


def chat_data(folder: Path, seed: int, dialogues: int) -> ChatData:
    """Our own dialogues and the open ones in their shares."""
    data, exam = ChatData(), ExamPrompts.read()
    own_characters = 0
    for number in range(dialogues):
        dialogue = compose(seed, number)
        if exam.asked_in(dialogue.messages):
            continue
        held_out = dialogue.held_out or is_held_out(dialogue.text)
        (data.validation if held_out else data.training).append(dialogue.messages)
        own_characters += len(dialogue.text)
        data.dialogues["own"] += 1
        _count_families(data, dialogue.messages, dialogue.families)
    for name, documents in _open_chats(folder, Random(f"{seed}/open")).items():
        documents = [messages for messages in documents if not exam.asked_in(messages)]
        training, validation = _split(documents)
        wanted = int(own_characters / OWN_SHARE * CHAT_SHARES[name])
        chosen = filled_up(training, wanted, Random(f"{seed}/{name}"))
        data.training += chosen
        data.validation += validation
        data.characters[name] = sum(len(text_of(messages)) for messages in chosen)
        data.dialogues[name] = len(chosen)
    Random(f"{seed}/order").shuffle(data.training)
    return data


def _count_families(data: ChatData, messages: Messages, families: tuple[str, ...]) -> None:
    spoken = [message["content"] for message in messages if message["role"] != "system"]
    for i in range(len(spoken) // 2):
        data.characters["own/" + families[i]] += len(spoken[2 * i]) + len(spoken[2 * i + 1])
        data.dialogues["exchanges/" + families[i]] += 1


def _open_chats(folder: Path, rng: Random) -> dict[str, list[Messages]]:
    return {
        "queries": corpus.query_chats(folder, rng),
        "chat_smalltalk": corpus.chats(folder, "chat_smalltalk"),
        "facts": corpus.chats(folder, "facts_cc0") + corpus.chats(folder, "facts_wordnet"),
        "chat_jokes": corpus.chats(folder, "chat_jokes"),
        "stories": corpus.story_chats(folder, rng),
        "chat_poems": corpus.chats(folder, "chat_poems"),
        "chat_cannot": corpus.chats(folder, "chat_cannot"),
        "instruct_rasbt": corpus.chats(folder, "instruct_rasbt"),
        "dialog_persona": corpus.persona_chats(folder, rng),
    }


def _split(documents: list[Messages]) -> tuple[list[Messages], list[Messages]]:
    """Hold out phrasings, not items: a held-out answer must stay in the training data in other words."""
    kept = [messages for messages in documents if not is_held_out(text_of(messages))]
    answers = {messages[-1]["content"] for messages in kept}
    validation: list[Messages] = []
    for messages in documents:
        if is_held_out(text_of(messages)):
            (validation if messages[-1]["content"] in answers or len(messages) > 2 else kept).append(messages)
    return kept, validation


def filled_up(documents: list[Document], characters: int, rng: Random) -> list[Document]:
    """Documents in random order, again and again, until there are so many characters or MOST_REPEATS passes."""
    chosen: list[Document] = []
    total = 0
    for _ in range(MOST_REPEATS):
        for document in rng.sample(documents, len(documents)):
            if total >= characters:
                return chosen
            chosen.append(document)
            total += len(document if isinstance(document, str) else text_of(document))
    return chosen


def pretraining_texts(
    folder: Path, seed: int, characters: int, chat: list[Messages]
) -> tuple[list[str], list[str]]:
    """(training, validation) texts in the shares that suit a small model."""
    training: list[str] = []
    validation: list[str] = []
    for name, (share, simple) in PRETRAINING_SHARES.items():
        documents = corpus.texts(folder, name, simple)
        validation += [text for text in documents if is_held_out(text)]
        kept = [text for text in documents if not is_held_out(text)]
        training += filled_up(kept, int(share * characters), Random(f"{seed}/pretraining/{name}"))
    scripts = [as_script(messages, ("User", "Assistant")) for messages in chat]
    training += filled_up(scripts, int(PRETRAINING_CHATS * characters), Random(f"{seed}/pretraining/chat"))
    Random(f"{seed}/pretraining/order").shuffle(training)
    return training, validation


def write_lines(path: Path, rows: Iterable[object]) -> None:
    """One JSON object per line."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_all(folder: Path, out: Path, seed: int, dialogues: int, pretraining_characters: int) -> ChatData:
    """Write every file; return the chat data for the report."""
    out.mkdir(parents=True, exist_ok=True)
    chat = chat_data(folder, seed, dialogues)
    training, validation = pretraining_texts(folder, seed, pretraining_characters, chat.training)
    write_lines(out / "chat.jsonl", ({"messages": messages} for messages in chat.training))
    write_lines(out / "chat_validation.jsonl", ({"messages": messages} for messages in chat.validation))
    write_lines(out / "pretraining.jsonl", ({"text": text} for text in training))
    write_lines(out / "pretraining_validation.jsonl", ({"text": text} for text in validation))
    (out / "exam.jsonl").write_text(EXAM.read_text(encoding="utf-8"), encoding="utf-8")
    return chat
