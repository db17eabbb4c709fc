"""Tokens as a person can read them, one by one: a token may be half a character, or depend on the one before.

    Speller(tokenizer).spell(token_id, before)     " the"   "‹F0 9F›"   "<|user|>"

The one rule: it never fails, and what it gives is still foreign text for whoever shows it.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.tokenizers import Tokenizer

_INCOMPLETE = "\ufffd"
_BEFORE = 4  # tokens; some tokenizers leave out a space at the beginning of a text


class Speller:
    """Spells the tokens of one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._names = {token_id: name for name, token_id in tokenizer.special_tokens.items()}
        self._bytes_of = getattr(tokenizer, "bytes_of", None)
        self._piece_of = getattr(tokenizer, "piece_of", None)

    def is_special(self, token_id: int) -> bool:
        """Whether no text can write this token."""
        return token_id in self._names

    def spell(self, token_id: int, before: Sequence[int] = ()) -> str:
        """What a token says after the tokens `before`; bytes that are no character by themselves in hexadecimal."""
        if token_id in self._names:
            return self._names[token_id]
        if self._bytes_of is not None:
            return _of_bytes(self._bytes_of(token_id))
        text = self._added(token_id, before)
        if text and _INCOMPLETE not in text:
            return text
        return f"‹{self._piece_of(token_id).strip('<>')}›" if self._piece_of is not None else text or "‹›"

    def _added(self, token_id: int, before: Sequence[int]) -> str:
        context = list(before[-_BEFORE:])
        said = self._tokenizer.decode(context) if context else ""
        return self._tokenizer.decode([*context, token_id])[len(said) :]


def _of_bytes(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"‹{data.hex(' ').upper()}›"
