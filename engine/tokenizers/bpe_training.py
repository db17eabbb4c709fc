"""Learn a byte-level BPE of any size from text.

    tokenizer = train_bpe(texts, vocab_size=4096)     # texts: an iterator, so the corpus need not fit into memory

The layout is GPT-2's: 256 bytes, merges in the order they were learnt, special tokens last.
The one rule: the vocabulary has exactly the size that was asked for, or a `UserError` says what is possible.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from engine.errors import UserError
from engine.tokenizers import END_OF_TEXT, without_lone_surrogates
from engine.tokenizers.bpe import LETTERS, BpeTokenizer

NUM_BYTES = 256
LARGEST_VOCABULARY = 1_000_000
_LONGEST_WORD = 1000  # bytes of a word that merges are learnt from at once


def train_bpe(
    texts: Iterable[str],
    vocab_size: int,
    special_tokens: Sequence[str] = (END_OF_TEXT,),
    on_progress: Callable[[int], None] | None = None,
) -> BpeTokenizer:
    """Learn the merges that occur most often.

    `on_progress` is called with the number of characters read so far, once per text; the merging that comes after
    has no progress to tell. Pairs seen only once are not merged.

    Raises:
        UserError: for an impossible size, and when the text has too few pairs for it.
    """
    # Only training needs this library, and loading a model should not pay for it.
    import tokenizers
    from tokenizers import models, pre_tokenizers, trainers

    num_merged = _checked_size(vocab_size, len(special_tokens))
    learner = tokenizers.Tokenizer(models.BPE())
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    # A word of n letters takes n squared steps: a line of 200,000 spaces would take minutes.
    learner.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.FixedLength(_LONGEST_WORD)])
    trainer = trainers.BpeTrainer(
        vocab_size=num_merged,
        min_frequency=2,
        show_progress=False,
        special_tokens=[],
        initial_alphabet=list(LETTERS.values()),
    )
    learner.train_from_iterator(_counted(texts, on_progress), trainer)
    learner.pre_tokenizer = words  # encoding needs no such cut
    learnt = json.loads(learner.to_str())
    if (found := len(learnt["model"]["vocab"])) < num_merged:
        possible = found + len(special_tokens)
        raise UserError(
            f"The text is too small for a vocabulary of {vocab_size} tokens: it gives {possible}. Set vocab_size to"
            f" {possible} or less, or add text."
        )
    return BpeTokenizer.from_json(learnt, "the trained tokenizer").with_special_tokens(special_tokens)


def _checked_size(vocab_size: int, num_special: int) -> int:
    """How many tokens are left for bytes and merges."""
    smallest = NUM_BYTES + num_special
    if not smallest <= vocab_size <= LARGEST_VOCABULARY:
        raise UserError(
            f"vocab_size is {vocab_size}, but must be from {smallest} (256 bytes and {num_special} special tokens)"
            f" to {LARGEST_VOCABULARY}."
        )
    return vocab_size - num_special


def _counted(texts: Iterable[str], on_progress: Callable[[int], None] | None) -> Iterator[str]:
    num_characters = 0
    for text in texts:
        yield without_lone_surrogates(text)
        num_characters += len(text)
        if on_progress:
            on_progress(num_characters)
