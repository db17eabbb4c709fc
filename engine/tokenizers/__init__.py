"""Text to token ids and back, the same for training and for chat.

    tokenizer = load_tokenizer(model_directory)
    ids = tokenizer.encode("Hello")            # never yields a special token, whatever the text says
    decoder = tokenizer.stream_decoder()       # "".join(decoder.feed(i) for i in ids) + decoder.finish() == "Hello"

Every tokenizer lives in a model directory as `tokenizer.json` (Hugging Face format) and `tokenizer_config.json`.
The one rule: special tokens come from `special_id` only, so user text that holds "<|endoftext|>" stays text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

END_OF_TEXT = "<|endoftext|>"


class StreamDecoder(Protocol):
    """Turns a stream of token ids into text without ever showing half a character."""

    def feed(self, token_id: int) -> str:
        """The text that became complete with this token; may be empty."""
        ...

    def finish(self) -> str:
        """What is left at the end; incomplete bytes become U+FFFD."""
        ...


class Tokenizer(Protocol):
    """A vocabulary and the way into it and out of it."""

    kind: str  # "characters", "byte-level BPE", ...: for people
    vocab_size: int  # ids are 0 .. vocab_size - 1, special tokens included
    end_of_text: int | None  # id of the token that ends a document or a reply
    special_tokens: Mapping[str, int]
    unknown: int | None  # id that stands for text outside the vocabulary; None when there is no such text

    def encode(self, text: str) -> list[int]:
        """Ids of a text; special tokens written in it stay ordinary text."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens are shown as their names."""
        ...

    def stream_decoder(self) -> StreamDecoder:
        """A fresh decoder for one reply."""
        ...

    def bytes_per_token(self, ids: Sequence[int]) -> int:
        """UTF-8 bytes that `ids` stand for (special tokens count none), for bits per byte."""
        ...

    def save(self, directory: Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`."""
        ...
