"""Models that only count: how well the validation tokens are predicted by the grams of the training tokens.

    python -m trainers.ngrams RUN_DIR        writes floors.json; a run has it made once

Interpolated Witten-Bell smoothing (Witten and Bell 1991; Chen and Goodman 1998, section 2.5). With N(h) tokens and
D(h) different tokens seen after the context h, and h' the context without its first token:

    p(w | h) = (count(h, w) + D(h) p(w | h')) / (N(h) + D(h))        p(w | nothing) = 1 / vocabulary

The one rule: memory and time are bounded. More than `MOST_TRAINING` tokens are counted in evenly spread blocks, and
the result says so; the longer grams of a large text then have somewhat too high a floor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import UserError
from engine.tokenizers import token_dtype
from trainers.corpora import TOKENS_FILE, TokenFiles
from trainers.durable_files import replace_file
from trainers.floors import FLOORS_FILE, Floor, Floors

ORDERS = (1, 2, 3, 5)  # those that are kept; 4 is counted on the way
MOST_TRAINING, MOST_VALIDATION = 4_000_000, 500_000  # tokens; 3 seconds and 0.3 GB
_BLOCKS = 64

Ids = np.ndarray[Any, np.dtype[Any]]


def count_floors(
    train: Ids,
    validation: Ids,
    vocab_size: int,
    most_training: int = MOST_TRAINING,
    most_validation: int = MOST_VALIDATION,
) -> Floors:
    """The loss on `validation` of every order, counted on `train`; both are ids in the order of the text."""
    counted, predicted = _blocks_of(train, most_training), _blocks_of(validation, most_validation)
    floors = [Floor(order=0, loss=float(np.log(vocab_size)))]
    floors += [
        Floor(order=order, loss=float(-np.log(probabilities).mean()))
        for order, probabilities in enumerate(witten_bell(counted, predicted, vocab_size, max(ORDERS)), 1)
        if order in ORDERS
    ]
    is_sampled = len(counted) < len(train) or len(predicted) < len(validation)
    return Floors(
        floors=tuple(floors),
        train_tokens=len(counted),
        validation_tokens=len(predicted),
        is_sampled=is_sampled,
    )


def witten_bell(train: Ids, validation: Ids, vocab_size: int, highest: int) -> Iterator[Ids]:
    """For each order from 1 on, the probability of every validation token given the tokens before it."""
    probabilities = np.full(len(validation), 1.0 / vocab_size)
    # Each context is a number; 0 is the empty one. A gram is its context and its last token.
    contexts, unseen = np.zeros(len(train), np.int64), np.zeros(len(validation), np.int64)
    for order in range(1, min(highest, len(train), len(validation)) + 1):
        first = order - 1  # the first tokens of a text have no longer context
        grams = contexts * vocab_size + train[first:]
        wanted = unseen * vocab_size + validation[first:]
        seen, numbers, counts = np.unique(grams, return_inverse=True, return_counts=True)
        of_context = seen // vocab_size
        size = max(int(contexts.max()), int(unseen.max())) + 1
        followers = np.bincount(of_context, minlength=size)[unseen]  # D(h)
        total = np.bincount(of_context, counts, minlength=size)[unseen]  # N(h)
        places, found = _find(seen, wanted)
        count = np.where(found, counts[places], 0)
        known = total > 0  # after a context that was never seen the shorter one decides
        lower = probabilities[first:]
        probabilities = probabilities.copy()
        probabilities[first:] = np.where(
            known, (count + followers * lower) / np.maximum(total + followers, 1), lower
        )
        yield probabilities
        # The next context of a token is the gram that ends before it; one never seen gets a number of its own.
        contexts = numbers[:-1]
        unseen = np.where(found, places, len(seen))[:-1]


def _find(values: Ids, wanted: Ids) -> tuple[Ids, Ids]:
    """Where each wanted value stands in the sorted `values`, and whether it does."""
    places = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return places, values[places] == wanted


def _blocks_of(ids: Ids, most: int) -> Ids:
    """All ids, or `most` of them in evenly spread blocks."""
    if len(ids) <= most:
        return np.asarray(ids, dtype=np.int64)
    length = most // _BLOCKS
    starts = np.linspace(0, len(ids) - length, _BLOCKS).astype(np.int64)
    return np.concatenate([np.asarray(ids[start : start + length], dtype=np.int64) for start in starts])


def write_floors(run_path: Path) -> Floors:
    """Count the token files of a run, and keep the result.

    Raises:
        UserError: when they cannot be read, or are none of a text with a validation part.
    """
    folder = run_path / "tokens"
    try:
        files = TokenFiles.from_json((folder / TOKENS_FILE).read_bytes(), str(folder / TOKENS_FILE))
        if files.method != "pretraining" or files.validation_tokens < 2:
            raise UserError(f"{folder}: there is no text with a validation part to count here.")
        dtype = token_dtype(files.vocab_size)
        train, validation = (
            np.memmap(folder / f"{split}.bin", dtype=dtype, mode="r") for split in ("train", "validation")
        )
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: the token files cannot be read ({error}).") from None
    floors = count_floors(train, validation, files.vocab_size)
    replace_file(run_path / FLOORS_FILE, floors.to_json())
    return floors


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(19)  # a run that trains meanwhile goes first
    try:
        write_floors(Path(sys.argv[1]))
    except UserError as failure:
        sys.exit(str(failure))
