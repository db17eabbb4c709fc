"""Text to token ids and back, the same for training and for chat.

    tokenizer = load_tokenizer(model_directory)   # engine.tokenizers.loading
    ids = tokenizer.encode("Hello")            # never yields a special token, whatever the text says
    decoder = tokenizer.stream_decoder()       # "".join(decoder.feed(i) for i in ids) + decoder.finish() == "Hello"

Every tokenizer lives in a model directory as `tokenizer.json` (Hugging Face format) and `tokenizer_config.json`.
The one rule: special tokens come from `special_id` only, so user text that holds "<|endoftext|>" stays text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:  # numpy costs 80 ms, and who only wants the names here should not pay for it
    import numpy as np

TokenArray: TypeAlias = "np.ndarray[tuple[int], np.dtype[Any]]"

END_OF_TEXT = "<|endoftext|>"
UNKNOWN = "<|unk|>"


def without_lone_surrogates(text: str) -> str:
    """`text` as valid Unicode: surrogate pairs joined, lone surrogates (from JSON or a terminal) as U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def token_dtype(vocab_size: int) -> str:
    """The numpy type that token ids are kept in, in memory and in token files."""
    return "uint16" if vocab_size <= 65536 else "uint32"


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

    @property
    def kind(self) -> str:
        """In words for people: "characters", "byte-level BPE", ..."""
        ...

    @property
    def vocab_size(self) -> int:
        """Ids are 0 to vocab_size - 1, special tokens included."""
        ...

    @property
    def end_of_text(self) -> int | None:
        """Id of the token that ends a document or a reply."""
        ...

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Names and ids of the tokens that no text can write."""
        ...

    @property
    def unknown(self) -> int | None:
        """Id that text outside the vocabulary gets; None when there is no such text, or it is left out."""
        ...

    def encode(self, text: str) -> list[int]:
        """Ids of a text; special tokens written in it stay ordinary text."""
        ...

    def encode_to_array(self, text: str) -> TokenArray:
        """`encode` as a numpy array of `token_dtype(vocab_size)`, without the detour over a list."""
        ...

    def count_unknown(self, text: str) -> int:
        """How many characters of `text` the vocabulary cannot express."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens are shown as their names."""
        ...

    def stream_decoder(self) -> StreamDecoder:
        """A fresh decoder for one reply."""
        ...

    def bytes_per_token(self, ids: Sequence[int] | TokenArray) -> int:
        """UTF-8 bytes that `ids` stand for together (special tokens count none), for bits per byte."""
        ...

    def with_special_tokens(self, names: Sequence[str]) -> Tokenizer:
        """A tokenizer that also has these special tokens, with ids after all others; the rest is unchanged."""
        ...

    def save(self, directory: Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`; other keys of an existing config stay."""
        ...
