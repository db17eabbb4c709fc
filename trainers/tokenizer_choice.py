"""Which tokenizer and which chat format a run uses. Torch-free, so that the data lens sees what a run would see.

The one rule: a base model's own tokenizer is taken; only a model from random weights gets another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.model_library import resolve
from engine.tokenizers import END_OF_TEXT, Tokenizer
from engine.tokenizers.bpe_training import train_bpe
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.chat_format import ChatFormat, missing_special_tokens
from engine.tokenizers.chat_formats import CHAT, COMPLETION, chat_format_named, chat_format_of
from engine.tokenizers.gpt2 import gpt2_tokenizer
from engine.tokenizers.loading import load_tokenizer
from trainers.config import TrainingConfig
from trainers.corpus_building import training_texts
from trainers.data_files import data_files
from trainers.data_splits import parts_of
from trainers.datasets import is_plain_text

Progress = Callable[[str], None]


def make_tokenizer(
    config: TrainingConfig, progress: Progress, most_characters: int = 0
) -> tuple[Tokenizer, ChatFormat]:
    """The tokenizer and chat format a configuration asks for.

    `most_characters` is what a vocabulary is made of when only a look is wanted; 0 = everything.

    Raises:
        UserError: when the base model or the named tokenizer cannot be found.
    """
    if config.base_model:
        directory = resolve(config.base_model)
        tokenizer = load_tokenizer(directory)
        found = chat_format_of(directory, tokenizer)
    else:
        tokenizer, found = _new_tokenizer(config, progress, most_characters), COMPLETION
    chat_format = _chosen_format(config, found)
    missing = missing_special_tokens(tokenizer, chat_format)
    if config.method == "fine_tuning" and tokenizer.end_of_text is None and END_OF_TEXT not in missing:
        missing = (*missing, END_OF_TEXT)  # without it no reply would ever end
    return (tokenizer.with_special_tokens(missing) if missing else tokenizer), chat_format


def _chosen_format(config: TrainingConfig, found: ChatFormat) -> ChatFormat:
    if config.chat_format != "auto":
        return chat_format_named(config.chat_format)
    if config.method == "fine_tuning" and found.learns_everything:
        return CHAT
    return found


def _new_tokenizer(config: TrainingConfig, progress: Progress, most_characters: int) -> Tokenizer:
    texts = _beginning(training_texts(config), most_characters)
    if config.tokenizer == "char":
        parts = parts_of(config)
        if parts.vocabulary:
            return CharTokenizer.read_vocab(parts.vocabulary)
        # A single text has no ends in it, and then the vocabulary is exactly its characters, as in nanoGPT.
        has_documents = not is_plain_text(parts.train) or len(data_files(parts.train)) > 1
        return CharTokenizer.from_text(
            _told(texts, progress, "collecting characters"), (END_OF_TEXT,) if has_documents else ()
        )
    if config.tokenizer == "bpe":
        # The chat format's tokens have their places from the start, so fine-tuning need not grow the model.
        return train_bpe(
            texts,
            config.vocab_size,
            (*(name for name in CHAT.special_tokens if name != END_OF_TEXT), END_OF_TEXT),
            lambda count: progress(f"making the tokenizer: {count / 1e6:.0f} million characters"),
        )
    if config.tokenizer == "gpt2":
        return gpt2_tokenizer()
    return load_tokenizer(resolve(config.tokenizer))


def _told(texts: Iterator[str], progress: Progress, stage: str) -> Iterator[str]:
    """The same texts, with word of how far the reading is."""
    read = 0
    for text in texts:
        read += len(text)
        progress(f"{stage}: {read / 1e6:.0f} million")
        yield text


def _beginning(texts: Iterator[str], characters: int) -> Iterator[str]:
    """The first texts until there are so many characters; 0 = all."""
    read = 0
    for text in texts:
        yield text[: characters - read] if characters else text
        read += len(text)
        if characters and read >= characters:
            return
