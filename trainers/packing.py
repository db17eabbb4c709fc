"""Which conversations share a window, and how a window is written: ids, and a mark for each.

    ids     <|user|> H i <|assistant|> Y o <|end|>  <|user|> ...   0      0 0
    marks   BEGINS   P P P             L L L        BEGINS   ...   BEGINS . .      P PROMPT, L LEARNT

With `packing` off every conversation has a window of its own. Conversations wait on disk until all are known, so
that only their places are held in memory.
The one rule: a conversation is in one window, whole, and padding is never a target.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from trainers.config import TrainingConfig
from trainers.corpora import BEGINS, LEARNT, PROMPT, Ids
from trainers.data_splits import Split

_OPEN_WINDOWS = 64  # windows that packing keeps open at a time


class WaitingConversations:
    """The conversations of a split, written one after another until they are packed; use it in a `with`."""

    def __init__(self, folder: Path, split: Split, dtype: str) -> None:
        self._folder, self._split, self._dtype = folder, split, dtype
        self._ids_path, self._mask_path = (folder / f"{split}.{kind}.waiting" for kind in ("ids", "mask"))
        self._lengths = array("L")

    def __enter__(self) -> Self:
        self._ids_file, self._mask_file = self._ids_path.open("wb"), self._mask_path.open("wb")
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, ids: Ids, mask: Ids) -> None:
        """Take one more, of at most context_length + 1 tokens."""
        self._ids_file.write(ids.tobytes())
        self._mask_file.write(mask.tobytes())
        self._lengths.append(len(ids))

    def write_windows(self, config: TrainingConfig, progress: Callable[[str], None]) -> int:
        """Write the split's token files; how many tokens of answers there are to learn."""
        self._close()
        learnt = done = 0
        with (
            (self._folder / f"{self._split}.bin").open("wb") as ids_file,
            (self._folder / f"{self._split}.marks").open("wb") as marks_file,
        ):
            for conversations in self._windows(config):
                ids, marks = packed_window(conversations, config.context_length + 1)
                learnt += int((marks & LEARNT).sum())
                ids_file.write(ids.tobytes())
                marks_file.write(marks.tobytes())
                done += len(conversations)
                progress(f"packing {self._split} data: {done / len(self):.0%}")
        self._ids_path.unlink()
        self._mask_path.unlink()
        return learnt

    def _close(self) -> None:
        self._ids_file.close()
        self._mask_file.close()

    def _windows(self, config: TrainingConfig) -> Iterator[list[tuple[Ids, Ids]]]:
        if not self._lengths:  # an empty file cannot be mapped
            return
        ids = np.memmap(self._ids_path, dtype=self._dtype, mode="r")
        mask = np.memmap(self._mask_path, dtype=np.uint8, mode="r")
        ends = np.cumsum(np.array(self._lengths))
        for window in windows_of(self._lengths, config):
            spans = [slice(ends[i] - self._lengths[i], ends[i]) for i in window]
            yield [(ids[span], mask[span]) for span in spans]


def windows_of(lengths: Sequence[int], config: TrainingConfig) -> Iterator[list[int]]:
    """Which conversations stand in each window: shuffled first, so that neighbours in the file part."""
    order = np.random.default_rng((config.seed, 0x9ACC)).permutation(len(lengths))
    if not config.packing:
        yield from ([int(i)] for i in order)
        return
    for window in _first_fit((lengths[i] for i in order), config.context_length + 1):
        yield [int(order[i]) for i in window]


def _first_fit(lengths: Iterable[int], width: int) -> Iterator[list[int]]:
    """Indices of what goes together into each window of `width`: first fit among a few open windows."""
    open_windows: list[tuple[int, list[int]]] = []  # room left, indices
    for index, length in enumerate(lengths):
        place = next((i for i, (room, _) in enumerate(open_windows) if room >= length), None)
        if place is None:
            if len(open_windows) == _OPEN_WINDOWS:
                fullest = min(range(_OPEN_WINDOWS), key=lambda i: open_windows[i][0])
                yield open_windows.pop(fullest)[1]
            open_windows.append((width - length, [index]))
        else:
            room, window = open_windows[place]
            window.append(index)
            open_windows[place] = (room - length, window)
    yield from (window for _, window in open_windows)


def packed_window(conversations: list[tuple[Ids, Ids]], width: int) -> tuple[Ids, Ids]:
    """Ids and marks of conversations end to end; padding is id 0, never a target, and a text of its own."""
    ids = np.zeros(width, dtype=conversations[0][0].dtype)
    marks = np.zeros(width, dtype=np.uint8)
    end = 0
    for its_ids, its_mask in conversations:
        begin, end = end, end + len(its_ids)
        ids[begin:end] = its_ids
        marks[begin:end] = np.where(its_mask, LEARNT, PROMPT)
        marks[begin] = BEGINS  # and not learnt: nothing foretells a first token
    marks[end : end + 1] = BEGINS
    return ids, marks
