"""The part of a data set that is measured, and how a model reads it. Torch-free.

    rows         by `data_splits.divider`: validation is one band of a hash, test the next, train the rest
    plain text   train: its first part; validation: its last part, by characters; there is no test part
    a folder that is split already (train.txt, val.txt, test.txt) stays so

    sequence     ids    <|user|> H  i  <|assistant|> H  e  y  <|endoftext|>
                 groups -        P  P  P             A  A  A  A              P prompt, A answer, - never a target

The one rule: a row's side is decided by its text alone, so it never moves; `validation` is exactly what a run with
the same validation share holds out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from engine.errors import UserError
from engine.tokenizers import Tokenizer
from engine.tokenizers.chat_format import ChatFormat, render
from trainers.corpora import Ids
from trainers.corpus_building import pieces
from trainers.data_files import data_files
from trainers.data_splits import data_parts, divider, training_characters
from trainers.datasets import is_plain_text, read_rows, text_of_file
from trainers.evaluation import Split
from trainers.row_formats import DataRow

NOT_A_TARGET, PROMPT, ANSWER, TEXT = 0, 1, 2, 3  # groups of tokens


class Sequence(NamedTuple):
    """What a model reads at once."""

    ids: Ids  # (T + 1,)
    groups: Ids  # (T + 1,), the group each id counts to as a target
    cut: int = 0  # tokens that did not fit


@dataclass(frozen=True)
class Reading:
    """How one model reads: its tokenizer, its chat format, and how much at once."""

    tokenizer: Tokenizer
    chat_format: ChatFormat
    context_length: int

    @property
    def opening(self) -> list[int]:
        """Special tokens that a model wants before any text."""
        special = self.tokenizer.special_tokens
        return [special[self.chat_format.start]] if self.chat_format.start in special else []

    def fits(self, row: DataRow) -> bool:
        """Whether a row is read whole."""
        return not row.messages or self.of_conversation(row).cut == 0

    def sequences(self, row: DataRow) -> Iterator[Sequence]:
        """A row as the model reads it."""
        if row.messages:
            yield self.of_conversation(row)
        else:
            yield from self.of_text([row.text], ends=True)

    def of_conversation(self, row: DataRow) -> Sequence:
        """One sequence, cut to the context; what roles say is told apart also where no chat format marks it."""
        told_apart = msgspec.structs.replace(self.chat_format, learns_everything=False)
        rendered = render(row.messages, self.tokenizer, told_apart)
        width = self.context_length + 1
        ids = np.array(rendered.ids[:width], dtype=np.int64)
        groups = np.where(np.array(rendered.mask[:width], dtype=bool), ANSWER, PROMPT)
        groups[:1] = NOT_A_TARGET  # nothing foretells a first token
        return Sequence(ids, groups, len(rendered.ids) - len(ids))

    def of_text(self, blocks: Iterable[str], ends: bool = False) -> Iterator[Sequence]:
        """Windows over a text of any length; every token but the very first is a target once."""
        opening = np.array(self.opening, dtype=np.int64)
        kept = np.empty(
            0, dtype=np.int64
        )  # the last token of the window before, where nothing else opens one
        width = self.context_length + 1 - len(opening)
        for ids in self._ids(blocks, ends):
            waiting = np.concatenate([kept, ids])
            while len(waiting) >= width:
                yield _window(opening, waiting[:width])
                waiting = waiting[width if len(opening) else width - 1 :]
            kept = waiting
        if len(opening) + len(kept) > 1:
            yield _window(opening, kept)

    def _ids(self, blocks: Iterable[str], ends: bool) -> Iterator[Ids]:
        for piece in pieces(blocks):
            yield self.tokenizer.encode_to_array(piece).astype(np.int64)
        if ends and self.tokenizer.end_of_text is not None:
            yield np.array([self.tokenizer.end_of_text], dtype=np.int64)


def _window(opening: Ids, ids: Ids) -> Sequence:
    whole = np.concatenate([opening, ids])
    groups = np.full(len(whole), TEXT)
    groups[: max(1, len(opening))] = NOT_A_TARGET
    return Sequence(whole, groups)


class Shares(NamedTuple):
    """How much of a data set is held out, where it is not split already."""

    validation: float
    test: float


class ChosenData:
    """The asked part of a data set; reads it anew each time it is asked for."""

    def __init__(self, path: Path, split: Split, shares: Shares, limit: int = 0) -> None:
        """`limit` ends the reading after so many rows, or lines of plain text; 0 = never.

        Raises:
            UserError: when there is nothing to read, or no such part.
        """
        self.path, self._side = _place_of(path, split)
        self.is_plain_text = is_plain_text(self.path)
        self.rejected = 0
        self._shares, self._limit = shares, limit
        if self.is_plain_text and self._side == "test":
            raise UserError(
                f"{path}: plain text has no test part; a run learns from its beginning and validates on its "
                "end. Use --split validation, or a test file of its own."
            )

    def rows(self, is_wanted: Callable[[DataRow], bool] = lambda row: True) -> Iterator[DataRow]:
        """The rows of the part; of those that are wanted at most as many as were asked for."""
        self.rejected = 0
        side_of = divider(self.path, *self._shares) if self._side != "all" else None
        chosen = (
            row
            for row in read_rows(self.path, self._reject)
            if (side_of is None or side_of(row.as_text()) == self._side) and is_wanted(row)
        )
        return islice(chosen, self._limit) if self._limit else chosen

    def texts(self) -> Iterator[Iterator[str]]:
        """The files of plain text, each in blocks."""
        lines_left = [self._limit or None]
        for file in data_files(self.path):
            part = _part_of_file(file, self._side, self._shares.validation)
            yield part if lines_left[0] is None else _first_lines(part, lines_left)

    def _reject(self, file: Path, line: int, reason: str) -> None:
        self.rejected += 1


def _place_of(path: Path, split: Split) -> tuple[Path, Split]:
    """Where a split is found, and which side of what stands there; a folder may be split already."""
    parts = data_parts(str(path))
    if split == "all" or parts.train == path:
        return path, split
    if split == "test":
        if parts.test is None:
            raise UserError(
                f"{path}: this folder is split already and holds no test file. Use another --split."
            )
        return parts.test, "all"
    if parts.validation is None:  # a run then holds out a share of what trains
        return parts.train, split
    return (parts.train if split == "train" else parts.validation), "all"


def _part_of_file(file: Path, split: Split, share: float) -> Iterator[str]:
    """Where training cuts a text: after so many characters."""
    blocks = text_of_file(file)
    if split == "all":
        return blocks
    end = training_characters(sum(len(block) for block in text_of_file(file)), share)
    return _between(blocks, 0, end) if split == "train" else _between(blocks, end, None)


def _between(blocks: Iterator[str], begin: int, end: int | None) -> Iterator[str]:
    """The characters from `begin` to `end` of a stream of blocks."""
    place = 0
    for block in blocks:
        if piece := block[max(0, begin - place) : None if end is None else max(0, end - place)]:
            yield piece
        place += len(block)


def _first_lines(blocks: Iterator[str], left: list[int | None]) -> Iterator[str]:
    """As many lines as are left; takes them off."""
    for line in chain.from_iterable(block.splitlines(keepends=True) for block in blocks):
        if not left[0]:
            return
        left[0] -= line.endswith("\n")
        yield line
