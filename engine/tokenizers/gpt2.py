"""GPT-2's own tokenizer, from files of the user or downloaded once.

The one rule: when its files are there, nothing asks the network.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import tiktoken

from engine.errors import UserError
from engine.paths import cache_path
from engine.tokenizers import END_OF_TEXT, Tokenizer
from engine.tokenizers.bpe import BpeTokenizer
from engine.tokenizers.loading import GPT2_FILES, load_tokenizer
from engine.tokenizers.tokenizer_files import TOKENIZER_FILE


def gpt2_tokenizer(directory: Path | None = None) -> Tokenizer:
    """GPT-2's byte-level BPE of 50,257 tokens.

    Looks into `directory` (none: a folder in the cache) for tokenizer.json, vocab.bpe and encoder.json, or
    merges.txt and vocab.json; else downloads it through tiktoken and keeps it there.

    Raises:
        UserError: when it is not there and cannot be downloaded; says where to put the files.
    """
    directory = directory or cache_path() / "gpt2"
    if any(all((directory / name).is_file() for name in names) for names in ((TOKENIZER_FILE,), *GPT2_FILES)):
        return load_tokenizer(directory)
    try:
        encoding = tiktoken.get_encoding("gpt2")
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong checksum is a ValueError
        raise UserError(
            f"GPT-2's tokenizer could not be downloaded ({type(error).__name__}). Go online once, or put its files"
            f" vocab.bpe and encoder.json into {directory}, or choose another tokenizer."
        ) from None
    ranks = {encoding.decode_single_token_bytes(i): i for i in range(encoding.eot_token)}
    tokenizer = BpeTokenizer(ranks, {END_OF_TEXT: encoding.eot_token})
    with contextlib.suppress(OSError):  # a cache that cannot be written only means another download
        tokenizer.save(directory)
    return tokenizer
