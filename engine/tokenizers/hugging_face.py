"""Any other tokenizer.json (Llama, Qwen, Gemma, ...), through the `tokenizers` library.

The one rule: special tokens in a text stay text, and a text gets none before or after it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tokenizers

from engine.errors import UserError
from engine.tokenizers import TokenArray, token_dtype, without_lone_surrogates
from engine.tokenizers.tokenizer_files import TOKENIZER_FILE, special_tokens_of, update_config

_INCOMPLETE = "\ufffd"
_LONGEST_WAIT = 16  # tokens; no character has more, so what is still incomplete then never becomes complete


class HuggingFaceTokenizer:
    """A foreign tokenizer, kept as the file it came in."""

    kind = "Hugging Face"
    unknown = None

    def __init__(self, tokenizer_json: str, end_of_text: int | None = None) -> None:
        self._tokenizer = tokenizers.Tokenizer.from_str(tokenizer_json)
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._json = tokenizer_json
        self.special_tokens = special_tokens_of(json.loads(tokenizer_json))
        self.vocab_size = max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1
        self.end_of_text = end_of_text

    @classmethod
    def from_file(
        cls, path: Path, end_of_text: str | None = None, end_of_text_id: int | None = None
    ) -> HuggingFaceTokenizer:
        """Read a tokenizer.json; the end of text by its name or else its id.

        Raises:
            UserError: when the library cannot read it.
        """
        try:
            tokenizer = cls(path.read_text(encoding="utf-8"), end_of_text_id)
        except Exception as error:
            # The library has no exception class of its own: it raises bare `Exception`.
            raise UserError(f"{path}: the tokenizer cannot be read ({error}).") from None
        named = tokenizer._tokenizer.token_to_id(end_of_text) if end_of_text else None
        tokenizer.end_of_text = end_of_text_id if named is None else named
        return tokenizer

    def encode(self, text: str) -> list[int]:
        """Ids; special tokens written in the text stay text, none are added."""
        ids: list[int] = self._tokenizer.encode(without_lone_surrogates(text), add_special_tokens=False).ids
        return ids

    def encode_to_array(self, text: str) -> TokenArray:
        """Ids as an array."""
        return np.array(self.encode(text), dtype=token_dtype(self.vocab_size))

    def count_unknown(self, text: str) -> int:
        """Not known for a foreign vocabulary; nearly all of today's express any text."""
        return 0

    def decode(self, ids: Sequence[int]) -> str:
        """Text; special tokens as their names."""
        text: str = self._tokenizer.decode([int(i) for i in ids], skip_special_tokens=False)
        return text

    def piece_of(self, token_id: int) -> str:
        """The vocabulary's own spelling of a token, such as "<0xF0>"; empty for an id without one."""
        piece: str | None = self._tokenizer.id_to_token(token_id)
        return piece or ""

    def stream_decoder(self) -> WindowStreamDecoder:
        """A decoder that waits for the rest of a character."""
        return WindowStreamDecoder(self)

    def bytes_per_token(self, ids: Sequence[int] | TokenArray) -> int:
        """UTF-8 bytes of all `ids` together."""
        text = self._tokenizer.decode([int(i) for i in ids], skip_special_tokens=True)
        return len(text.encode())

    def with_special_tokens(self, names: Sequence[str]) -> HuggingFaceTokenizer:
        """The same tokenizer with more special tokens at the end."""
        extended = tokenizers.Tokenizer.from_str(self._json)
        extended.add_special_tokens([tokenizers.AddedToken(name, normalized=False) for name in names])
        return HuggingFaceTokenizer(extended.to_str(), self.end_of_text)

    def save(self, directory: Path) -> None:
        """Write tokenizer.json and what of tokenizer_config.json is known."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / TOKENIZER_FILE).write_text(self._json, encoding="utf-8", newline="\n")
        end = None if self.end_of_text is None else self._tokenizer.id_to_token(self.end_of_text)
        update_config(directory, tokenizer_class="PreTrainedTokenizerFast", eos_token=end)


class WindowStreamDecoder:
    """Decodes the last few tokens anew with each one, since a token's text may depend on the one before it."""

    def __init__(self, tokenizer: HuggingFaceTokenizer) -> None:
        self._tokenizer = tokenizer
        self._shown: list[int] = []  # tokens of the window whose text was given out
        self._waiting: list[int] = []

    def feed(self, token_id: int) -> str:
        """What became complete."""
        self._waiting.append(token_id)
        text = self._new_text()
        if text.endswith(_INCOMPLETE) and len(self._waiting) < _LONGEST_WAIT:
            return ""
        self._shown, self._waiting = (self._waiting, []) if text else (self._shown, self._waiting)
        return text

    def finish(self) -> str:
        """What is left, incomplete or not."""
        return self._new_text() if self._waiting else ""

    def _new_text(self) -> str:
        before = self._tokenizer.decode(self._shown)
        return self._tokenizer.decode(self._shown + self._waiting)[len(before) :]
