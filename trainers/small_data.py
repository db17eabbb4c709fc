"""Small data is tried out before a run is made: what its process would refuse in two seconds is refused at once.

    trial = try_out(config)      # exact counts; None when the data is too large to try
    trial.files.train_tokens, trial.train_windows

The one rule: the same functions as in the run itself decide, on the same data; nothing is kept.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from trainers.base_models import is_here
from trainers.config import TrainingConfig
from trainers.corpora import TokenFiles
from trainers.corpus_building import build_corpus
from trainers.data_files import data_files
from trainers.data_splits import parts_of
from trainers.tokenizer_choice import make_tokenizer

MOST_BYTES = 300_000  # a third of a second to read, to make a vocabulary of, and to encode


class Trial(NamedTuple):
    """What a run would make of its data."""

    files: TokenFiles
    train_windows: int
    validation_windows: int


def try_out(config: TrainingConfig, most_bytes: int = MOST_BYTES) -> Trial | None:
    """The token files a run of `config` would make; None for larger data, or a model that is not here yet.

    Raises:
        UserError: when the run could not begin with this data; says what to change.
    """
    if not is_here(config.base_model) or size_on_disk(config) > most_bytes:
        return None
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, chat_format = make_tokenizer(config, _say_nothing)
        corpus = build_corpus(config, tokenizer, chat_format, Path(folder) / "tokens", _say_nothing)
        validated = len(corpus.validation) if corpus.validation is not None else 0
        return Trial(corpus.files, len(corpus.train), validated)


def size_on_disk(config: TrainingConfig) -> int:
    """Bytes of a run's data, as they are packed."""
    parts = filter(None, parts_of(config)[:2])
    return sum(file.stat().st_size for part in parts for file in data_files(part))


def _say_nothing(stage: str) -> None:
    pass
