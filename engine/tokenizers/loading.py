"""The tokenizer of a model directory, whichever kind it is.

The one rule: what cannot be read without doubt is refused with the file named, and never guessed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.model_card import read_json
from engine.tokenizers import Tokenizer
from engine.tokenizers.bpe import BpeTokenizer, is_gpt2_style
from engine.tokenizers.char import VOCAB_FILE, CharTokenizer, is_char_tokenizer
from engine.tokenizers.tokenizer_files import TOKENIZER_FILE, end_of_text_id, end_of_text_name

GPT2_FILES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))


def load_tokenizer(directory: Path) -> Tokenizer:
    """Read the tokenizer of a model directory.

    Raises:
        UserError: when there is none, it is damaged, or it has more ids than the model beside it.
    """
    tokenizer = _read(directory)
    config = read_json(directory / "config.json", "") if (directory / "config.json").is_file() else {}
    model_vocab_size = config.get("vocab_size")
    if isinstance(model_vocab_size, int) and tokenizer.vocab_size > model_vocab_size:
        raise UserError(
            f"{directory}: the tokenizer has {tokenizer.vocab_size} tokens, but the model knows only"
            f" {model_vocab_size}. The files belong to different models."
        )
    return tokenizer


def _read(directory: Path) -> Tokenizer:
    path = directory / TOKENIZER_FILE
    if path.is_file():
        return _from_tokenizer_json(directory, read_json(path, ""))
    for vocab, merges in GPT2_FILES:
        if (directory / vocab).is_file() and (directory / merges).is_file():
            return BpeTokenizer.from_vocab_and_merges(directory / vocab, directory / merges)
    if (directory / VOCAB_FILE).is_file():
        return CharTokenizer.read_vocab(directory / VOCAB_FILE)
    raise UserError(f"{directory}: tokenizer.json is missing; without it the model's token ids mean nothing.")


def _from_tokenizer_json(directory: Path, data: dict[str, Any]) -> Tokenizer:
    path = directory / TOKENIZER_FILE
    name, token_id = end_of_text_name(directory), end_of_text_id(directory)
    try:
        if is_char_tokenizer(data):
            return CharTokenizer.from_json(data, str(path))
        if is_gpt2_style(data):
            return BpeTokenizer.from_json(data, str(path), name, token_id)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: the file is damaged ({error!r}).") from None
    # Only models from elsewhere need this library, which is why it is not loaded for our own.
    from engine.tokenizers.hugging_face import HuggingFaceTokenizer

    return HuggingFaceTokenizer.from_file(path, name, token_id)
