"""How a data set looks to a tokenizer: tokens, and which of them would be learnt. Torch-free.

The one rule: the same rendering as training uses, so the numbers are those of a run.
"""

from __future__ import annotations

from pathlib import Path

from engine.records import Record
from engine.tokenizers import Tokenizer
from engine.tokenizers.chat_format import ChatFormat, missing_special_tokens, render
from engine.tokenizers.chat_formats import CHAT
from trainers.corpus_building import pieces
from trainers.datasets import is_plain_text, read_rows, read_text_chunks


class TokenCounts(Record):
    """Tokens of a data set."""

    tokens: int = 0
    trained_tokens: int = 0  # that a loss is taken on
    masked_tokens: int = 0  # questions and markers
    truncated_rows: int = 0  # longer than the context
    unknown_characters: int = 0  # outside the vocabulary


def count_tokens(
    path: Path, tokenizer: Tokenizer, chat_format: ChatFormat, context_length: int = 0
) -> TokenCounts:
    """Count through a whole data set; a `context_length` of 0 cuts nothing.

    Raises:
        UserError: when the data cannot be read.
    """
    if is_plain_text(path):
        return _count_text(path, tokenizer)
    used = CHAT if chat_format.learns_everything else chat_format
    tokenizer = tokenizer.with_special_tokens(missing_special_tokens(tokenizer, used))
    tokens = trained = truncated = unknown = 0
    for row in read_rows(path):
        unknown += tokenizer.count_unknown(row.as_text())
        if not row.messages:
            length = len(tokenizer.encode_to_array(row.text)) + (tokenizer.end_of_text is not None)
            tokens, trained = tokens + length, trained + length
            continue
        rendered = render(row.messages, tokenizer, used)
        end = min(len(rendered.ids), context_length + 1) if context_length else len(rendered.ids)
        truncated += end < len(rendered.ids)
        tokens += len(rendered.ids)
        trained += sum(rendered.mask[1:end])
    return TokenCounts(
        tokens=tokens,
        trained_tokens=trained,
        masked_tokens=tokens - trained,
        truncated_rows=truncated,
        unknown_characters=unknown,
    )


def _count_text(path: Path, tokenizer: Tokenizer) -> TokenCounts:
    tokens = unknown = 0
    for piece in pieces(read_text_chunks(path)):
        tokens += len(tokenizer.encode_to_array(piece))
        unknown += tokenizer.count_unknown(piece)
    return TokenCounts(tokens=tokens, trained_tokens=tokens, unknown_characters=unknown)
