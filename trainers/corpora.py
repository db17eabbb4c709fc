"""Token files: a run's data as numbers on disk, made once and then read through memory maps.

    tokens/
        train.bin  validation.bin           ids, uint16 or uint32
        train.marks validation.marks        fine-tuning only: LEARNT, BEGINS and PROMPT, a byte for each id
        tokens.json                         TokenFiles: what is in them
        tokenizer.json ...                  the tokenizer they were made with

Pretraining keeps one stream of ids, read in random windows. Fine-tuning keeps a matrix whose rows are windows of
context_length + 1 ids with whole conversations packed into them; a model sees each as if it stood alone.
The one rule: which tokens a step sees is a function of (seed, step) alone, so a run can go on from anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from engine.errors import UserError
from engine.records import Record
from engine.tokenizers import token_dtype

IGNORED = -100  # a target that no loss is taken on; torch's own convention
LEARNT = 1  # mark of a token that the loss is taken on
BEGINS = 2  # mark of the first token of a conversation, or of the padding
PROMPT = 4  # mark of a token that was given, not said: learnt a little when prompt_loss asks for it
TOKENS_FILE = "tokens.json"

Ids = np.ndarray[Any, np.dtype[Any]]
Floats = np.ndarray[Any, np.dtype[np.float32]]


class TokenFiles(Record):
    """What a folder of token files holds."""

    method: str
    vocab_size: int
    context_length: int
    train_tokens: int  # fine-tuning: tokens that are learnt
    validation_tokens: int
    train_rows: int = 0  # documents or conversations
    validation_rows: int = 0
    rejected: int = 0  # lines that could not be used
    truncated: int = 0  # conversations longer than the context
    unknown_characters: int = 0  # outside the vocabulary
    notes: tuple[str, ...] = ()


class Sequences(NamedTuple):
    """B sequences of T tokens, int64."""

    inputs: Ids  # (B, T)
    targets: Ids  # (B, T); may be `IGNORED`
    segments: Ids | None = (
        None  # (B, T), the number of the conversation within its row; None = one text per row
    )
    weights: Floats | None = None  # (B, T), what each target counts; None = all the same


class Windows(Protocol):
    """Sequences to learn from or to be measured on."""

    def __len__(self) -> int:
        """How many windows there are when none overlaps another."""
        ...

    def at(self, indices: Ids) -> Sequences:
        """Windows by number."""
        ...

    def batch(self, batch_size: int, seed: int, step: int) -> Sequences:
        """The training batch of a step."""
        ...


class TextWindows:
    """Windows of a stream of ids."""

    def __init__(self, ids: Ids, context_length: int) -> None:
        self.ids = ids
        self.length = max(1, min(context_length, len(ids) - 1))

    def __len__(self) -> int:
        return (len(self.ids) - 1) // self.length

    def at(self, indices: Ids) -> Sequences:
        """Non-overlapping windows."""
        return self._from(np.asarray(indices, dtype=np.int64) * self.length)

    def batch(self, batch_size: int, seed: int, step: int) -> Sequences:
        """Windows that begin anywhere."""
        starts = np.random.default_rng((seed, step)).integers(0, len(self.ids) - self.length, batch_size)
        return self._from(starts)

    def _from(self, starts: Ids) -> Sequences:
        places = starts[:, None] + np.arange(self.length + 1)  # (B, T + 1)
        windows = np.asarray(self.ids[places], dtype=np.int64)
        return Sequences(windows[:, :-1], windows[:, 1:])


class ConversationWindows:
    """Rows of packed conversations; every epoch shows each row once, in an order of its own.

    `prompt_loss` is what the tokens of a prompt count in training, beside 1 for those of an answer.
    """

    def __init__(self, ids: Ids, marks: Ids, prompt_loss: float = 0.0) -> None:
        self.ids = ids  # (windows, T + 1)
        self.marks = marks
        self._prompt_loss = prompt_loss
        self._order: tuple[tuple[int, int], Ids] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, indices: Ids) -> Sequences:
        """Rows; only what is marked so is a target."""
        ids = np.asarray(self.ids[indices], dtype=np.int64)
        marks = np.asarray(self.marks[indices])
        targets = np.where(marks[:, 1:] & LEARNT, ids[:, 1:], IGNORED)
        segments = np.cumsum(marks[:, :-1] & BEGINS > 0, axis=1)
        return Sequences(ids[:, :-1], targets, segments)

    def batch(self, batch_size: int, seed: int, step: int) -> Sequences:
        """The next rows of the epoch; a batch may reach over its end into the next."""
        places = step * batch_size + np.arange(batch_size)
        rows = np.array([self._row(seed, int(place)) for place in places])
        return self._with_prompts(self.at(rows), rows) if self._prompt_loss else self.at(rows)

    def _with_prompts(self, sequences: Sequences, rows: Ids) -> Sequences:
        """The same rows with prompts as targets that count less."""
        is_prompt = np.asarray(self.marks[rows])[:, 1:] & PROMPT > 0
        targets = np.where(is_prompt, np.asarray(self.ids[rows], dtype=np.int64)[:, 1:], sequences.targets)
        weights = np.where(is_prompt, self._prompt_loss, (targets != IGNORED).astype(np.float32))
        return sequences._replace(targets=targets, weights=weights.astype(np.float32))

    def _row(self, seed: int, place: int) -> int:
        epoch, index = divmod(place, len(self))
        if self._order is None or self._order[0] != (seed, epoch):
            self._order = (seed, epoch), np.random.default_rng((seed, epoch)).permutation(len(self))
        return int(self._order[1][index])


class Corpus:
    """The token files of a run, open.

    Raises:
        UserError: when one is missing or cut off; says that the folder can be made again.
    """

    def __init__(self, folder: Path, prompt_loss: float = 0.0) -> None:
        self.folder = folder
        self._prompt_loss = prompt_loss
        self.files = TokenFiles.from_json((folder / TOKENS_FILE).read_bytes(), str(folder / TOKENS_FILE))
        self.train = self._windows("train")
        self.validation = self._windows("validation") if self.files.validation_tokens else None

    def _windows(self, split: str) -> Windows:
        files = self.files
        try:
            ids = np.memmap(self.folder / f"{split}.bin", dtype=token_dtype(files.vocab_size), mode="r")
            if files.method == "pretraining":
                count = files.train_tokens if split == "train" else files.validation_tokens
                return TextWindows(ids.reshape(count), files.context_length)
            rows = ids.reshape(-1, files.context_length + 1)
            marks = np.memmap(self.folder / f"{split}.marks", dtype=np.uint8, mode="r")
            return ConversationWindows(rows, marks.reshape(rows.shape), self._prompt_loss)
        except (OSError, ValueError):  # ValueError: of another size than it was written
            raise UserError(
                f"{self.folder}: the token files of the {split} data are damaged. Delete this folder and resume: it "
                "is made again from the data set."
            ) from None

    def beginning(self, count: int) -> list[int]:
        """The first ids of the validation text (of the training text when there is none), for samples."""
        windows = self.validation or self.train
        return [int(token_id) for token_id in windows.at(np.array([0])).inputs[0, :count]]


def is_built(folder: Path) -> bool:
    """Whether a run's token files are there."""
    return (folder / TOKENS_FILE).is_file()


def check_sizes(files: TokenFiles, validation_wanted: bool, source: str) -> None:
    """Refuse data that cannot train.

    Raises:
        UserError: when there is too little of it; says what to change.
    """
    lost = "1 line" if files.rejected == 1 else f"{files.rejected:,} lines"
    unused = f" {lost} of it cannot be used; `tui-chat data` says why." if files.rejected else ""
    if files.train_tokens == 0:
        raise UserError(f"{source}: there is nothing to learn from in this data set.{unused}")
    if files.method == "pretraining" and files.train_tokens <= files.context_length:
        raise UserError(
            f"{source}: the training text has {files.train_tokens:,} tokens, but context_length is "
            f"{files.context_length:,}. Use more text or a smaller context_length.{unused}"
        )
    if validation_wanted and files.validation_tokens < 2:
        raise UserError(
            f"{source}: the validation split is empty, the data set is too small for it. Use more data, a larger "
            "validation_share, or a validation_dataset of its own."
        )
