"""Making the token files of a run: read, split into training and validation, encode, pack.

    one plain text        its first 90 % train, its last 10 % validate, by characters (as nanoGPT does)
    rows of JSON          a row validates when its own hash says so, and so never changes sides; with a test_share
                          others are kept for testing, and are not read at all
    a validation_dataset  everything in it validates, everything in the data set trains
    train.txt + val.txt   a folder that is split already stays so; its test.txt is not read

Everything is read in pieces; of conversations only their lengths are held in memory.
The one rule: the folder appears complete under its name, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.tokenizers import Tokenizer, token_dtype
from engine.tokenizers.chat_format import ChatFormat, render
from engine.tokenizers.chat_formats import save_chat_format
from trainers.config import TrainingConfig
from trainers.corpora import TOKENS_FILE, Corpus, Ids, TokenFiles, check_sizes
from trainers.data_files import data_files
from trainers.data_splits import Split, divider, parts_of, test_share_of, training_characters
from trainers.datasets import is_plain_text, read_rows, text_of_file
from trainers.durable_files import replaced_directory, sync_files
from trainers.packing import WaitingConversations
from trainers.row_formats import DataRow

Progress = Callable[[str], None]  # told the stage, often; may raise to stop

_PIECE = 1 << 20  # characters encoded at once
_BETWEEN_WORDS = re.compile(r"(?<=\S)\s(?=\S)")


def build_corpus(
    config: TrainingConfig, tokenizer: Tokenizer, chat_format: ChatFormat, folder: Path, progress: Progress
) -> Corpus:
    """Make the token files of a run in `folder` and open them.

    Raises:
        UserError: when the data cannot train a model; says what to change.
    """
    with replaced_directory(folder) as partial:
        if config.method == "pretraining":
            files = _write_text(config, tokenizer, partial, progress)
        else:
            files = _write_conversations(config, tokenizer, chat_format, partial, progress)
        wanted = bool(config.validation_share or parts_of(config).validation)
        check_sizes(files, wanted, config.dataset)
        tokenizer.save(partial)
        save_chat_format(partial, chat_format)
        (partial / TOKENS_FILE).write_bytes(files.to_json())
        sync_files(partial)
    return Corpus(folder)


def training_texts(config: TrainingConfig) -> Iterator[str]:
    """Everything a vocabulary may be made of: the data set, and the validation data as nanoGPT does."""
    for path in parts_of(config)[:2]:
        if path:
            yield from (text for _, text in _documents(path, _Counter()))


class _Counter:
    """Counts lines that could not be used."""

    def __init__(self) -> None:
        self.rejected = 0

    def __call__(self, file: Path, line: int, reason: str) -> None:
        self.rejected += 1


class _TokenWriter:
    """Appends ids to the two files of a split text."""

    def __init__(self, tokenizer: Tokenizer, folder: Path, progress: Progress) -> None:
        self._tokenizer = tokenizer
        self.progress = progress
        self._files: dict[Split, BinaryIO] = {
            split: (folder / f"{split}.bin").open("wb") for split in ("train", "validation")
        }
        self.tokens: dict[Split, int] = {"train": 0, "validation": 0}
        self.rows: dict[Split, int] = {"train": 0, "validation": 0}
        self.unknown = 0

    def write(self, split: Split, text: str) -> None:
        ids = self._tokenizer.encode_to_array(text)
        self.unknown += self._tokenizer.count_unknown(text)
        self._append(split, ids)

    def end_document(self, split: Split) -> None:
        self.rows[split] += 1
        if self._tokenizer.end_of_text is not None:
            dtype = token_dtype(self._tokenizer.vocab_size)
            self._append(split, np.array([self._tokenizer.end_of_text], dtype=dtype))

    def _append(self, split: Split, ids: Ids) -> None:
        self._files[split].write(ids.tobytes())
        self.tokens[split] += len(ids)
        self.progress(f"reading data: {sum(self.tokens.values()) / 1e6:.1f} million tokens")

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _write_text(config: TrainingConfig, tokenizer: Tokenizer, folder: Path, progress: Progress) -> TokenFiles:
    counter = _Counter()
    writer = _TokenWriter(tokenizer, folder, progress)
    try:
        parts = parts_of(config)
        share = 0.0 if parts.validation else config.validation_share
        _write_data_set(parts.train, share, writer, "train", counter, test_share_of(config))
        if parts.validation:
            _write_data_set(parts.validation, 0.0, writer, "validation", counter)
    finally:
        writer.close()
    return TokenFiles(
        method=config.method,
        vocab_size=tokenizer.vocab_size,
        context_length=config.context_length,
        train_tokens=writer.tokens["train"],
        validation_tokens=writer.tokens["validation"],
        train_rows=writer.rows["train"],
        validation_rows=writer.rows["validation"],
        rejected=counter.rejected,
        unknown_characters=writer.unknown,
    )


def _write_data_set(
    path: Path, share: float, writer: _TokenWriter, split: Split, counter: _Counter, test_share: float = 0.0
) -> None:
    """Write a data set to `split`, but for the `share` of it that validates, and the rows kept for testing."""
    if is_plain_text(path):
        files = data_files(path)
        for file in files:
            _write_plain_text(file, share, writer, split, counter)
            if len(files) > 1:
                writer.end_document(split)
        return
    side_of = divider(path, share, test_share)
    for row in read_rows(path, counter):
        text = row.as_text()
        side = side_of(text)
        if side == "test":
            continue
        side = split if side == "train" else side
        for piece in pieces([text]):
            writer.write(side, piece)
        writer.end_document(side)


def _write_plain_text(
    file: Path, share: float, writer: _TokenWriter, split: Split, counter: _Counter
) -> None:
    total = _characters(file, writer.progress) if share else 0
    blocks = text_of_file(file, lambda line, reason: counter(file, line, reason))
    if not share:
        for piece in pieces(blocks):
            writer.write(split, piece)
        return
    first = _Divided(blocks, training_characters(total, share))
    for piece in pieces(first.head()):
        writer.write("train", piece)
    for piece in pieces(first.tail()):
        writer.write("validation", piece)


def _characters(file: Path, progress: Progress) -> int:
    """How long a text is."""
    total = 0
    for block in text_of_file(file):
        total += len(block)
        progress(f"counting characters: {total / 1e6:.0f} million")
    return total


class _Divided:
    """A stream of blocks cut after so many characters; take all of the head before the tail."""

    def __init__(self, blocks: Iterator[str], characters: int) -> None:
        self._blocks = blocks
        self._left = characters
        self._rest = ""

    def head(self) -> Iterator[str]:
        for block in self._blocks:
            head, self._rest = block[: self._left], block[self._left :]
            self._left -= len(head)
            yield head
            if self._rest or self._left == 0:
                return

    def tail(self) -> Iterator[str]:
        yield self._rest
        yield from self._blocks


def pieces(blocks: Iterable[str]) -> Iterator[str]:
    """Text in pieces of about a million characters, cut where no tokenizer joins: before a single space.

    So a long text gives the same tokens in pieces as it would give at once.
    """
    rest = ""
    for block in blocks:
        rest += block
        while len(rest) >= 2 * _PIECE:
            end = _last_cut(rest)
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _last_cut(text: str) -> int:
    """The last place before 2 pieces of text where a single space stands between words."""
    for window in (4096, _PIECE):
        begin = 2 * _PIECE - window
        cuts = [match.start() for match in _BETWEEN_WORDS.finditer(text, begin, 2 * _PIECE)]
        if cuts:
            return cuts[-1]
    return 2 * _PIECE


def _documents(path: Path, counter: _Counter) -> Iterator[tuple[int, str]]:
    """Numbered texts of a data set, whatever it is made of."""
    if is_plain_text(path):
        for file in data_files(path):
            yield from enumerate(text_of_file(file))
    else:
        yield from ((row.line, row.as_text()) for row in read_rows(path, counter))


class Encoded(NamedTuple):
    """A whole conversation, and which of its tokens are learnt."""

    ids: Ids  # (length,)
    mask: Ids  # (length,), uint8


def encoded(messages: Sequence[ChatMessage], tokenizer: Tokenizer, chat_format: ChatFormat) -> Encoded:
    """A conversation as fine-tuning sees it, before it is cut to the context."""
    rendered = render(messages, tokenizer, chat_format)
    dtype = token_dtype(tokenizer.vocab_size)
    return Encoded(np.array(rendered.ids, dtype=dtype), np.array(rendered.mask, dtype=np.uint8))


def _write_conversations(
    config: TrainingConfig, tokenizer: Tokenizer, chat_format: ChatFormat, folder: Path, progress: Progress
) -> TokenFiles:
    dtype = token_dtype(tokenizer.vocab_size)
    with (
        WaitingConversations(folder, "train", dtype) as train,
        WaitingConversations(folder, "validation", dtype) as validation,
    ):
        found = _ConversationCounts()
        for row, side in conversations(config, found.rejected):
            if side == "test":
                continue
            kept = found.add(row, config.context_length, tokenizer, chat_format)
            if kept is not None:
                (train if side == "train" else validation).add(*kept)
                progress(f"reading data: {len(train) + len(validation):,} conversations")
        if not len(train):
            raise UserError(
                f"{config.dataset}: there is no conversation with an assistant turn that fits into context_length "
                f"{config.context_length}. Fine-tuning learns answers; plain text is for pretraining."
            )
        return TokenFiles(
            method=config.method,
            vocab_size=tokenizer.vocab_size,
            context_length=config.context_length,
            train_tokens=train.write_windows(config, progress),
            validation_tokens=validation.write_windows(config, progress),
            train_rows=len(train),
            validation_rows=len(validation),
            rejected=found.rejected.rejected + found.without_answer,
            truncated=found.truncated,
            unknown_characters=found.unknown,
        )


class _ConversationCounts:
    """What becomes of the rows of a fine-tuning run, one by one."""

    def __init__(self) -> None:
        self.rejected = _Counter()
        self.truncated = self.without_answer = self.unknown = 0

    def add(
        self, row: DataRow, context_length: int, tokenizer: Tokenizer, chat_format: ChatFormat
    ) -> Encoded | None:
        """The conversation cut to the context; None when no answer begins within it."""
        if not row.messages:
            self.without_answer += 1
            return None
        whole = encoded(row.messages, tokenizer, chat_format)
        ids, mask = whole.ids[: context_length + 1], whole.mask[: context_length + 1]
        self.truncated += len(whole.ids) > len(ids)
        self.unknown += tokenizer.count_unknown(row.content)
        if not mask[1:].any():
            self.without_answer += 1
            return None
        return Encoded(ids, mask)


def conversations(
    config: TrainingConfig, reject: Callable[[Path, int, str], None]
) -> Iterator[tuple[DataRow, Split]]:
    """The rows of a fine-tuning run's data, with their sides; those of "test" are not for it."""
    parts = parts_of(config)
    share = 0.0 if parts.validation else config.validation_share
    side_of = divider(parts.train, share, test_share_of(config))
    for row in read_rows(parts.train, reject):
        yield row, side_of(row.as_text())
    if parts.validation:
        for row in read_rows(parts.validation, reject):
            yield row, "validation"
