"""A data set as the model will see it: its rows as tokens, which of them are learnt, and what would go wrong.

    report = look_at(config)              # a TrainingConfig, so it is the run's own tokenizer, format and split
    for token in report.samples[0].tokens: token.text, token.kind
    problems(report)                      # what must keep the run from starting; empty when all is well

Torch-free. The one rule: kinds come from the arrays that training reads (`corpora`), never from what was meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from engine.errors import UserError
from engine.tokenizers import Tokenizer
from engine.tokenizers.chat_format import ChatFormat, end_ids
from trainers.base_models import is_here
from trainers.config import TrainingConfig
from trainers.corpora import IGNORED, ConversationWindows, Ids, TextWindows
from trainers.corpus_building import conversations, encoded, pieces
from trainers.data_lens_counts import RowCounts, leaked_lines
from trainers.data_lens_report import Kind, LensReport, LensRow, LensToken, problems
from trainers.data_splits import Split, parts_of
from trainers.datasets import DataReport, inspect, is_plain_text, read_text_chunks
from trainers.packing import packed_window, windows_of
from trainers.row_formats import DataRow
from trainers.tokenizer_choice import make_tokenizer

_SEEN_KINDS: tuple[Kind, ...] = ("masked", "trained", "prompt")  # by their numbers
_MASKED, _TRAINED, _PROMPT = range(len(_SEEN_KINDS))
SAMPLES = 50  # rows shown
_TOKENS_SHOWN = 4_000  # of a row
# Characters that a look makes its vocabulary of; the run makes it of everything.
_CHARACTERS = {"bpe": 2_000_000}
_CHARACTERS_WHEN_LIMITED = {**_CHARACTERS, "char": 50_000_000}
_ROWS_BEFORE_START = 200


def check_before_start(config: TrainingConfig) -> None:
    """Look at the first rows of a run's data as training will; for the launcher.

    Raises:
        UserError: when it would train on padding, never learn to stop, or learn nothing.
    """
    # A model that is not here yet is not fetched for a look; the run's own process does.
    if config.method == "fine_tuning" and is_here(config.base_model):
        found = problems(look_at(config, samples=0, limit=_ROWS_BEFORE_START))
        if found:
            raise UserError(f"{config.dataset}: {found[0]}")


def look_at(config: TrainingConfig, samples: int = SAMPLES, limit: int = 0) -> LensReport:
    """Look through a run's data; `limit` ends the look after so many rows or, for plain text, million characters.

    Raises:
        UserError: when the data, the base model or the tokenizer cannot be read.
    """
    data = inspect(Path(config.dataset), limit)
    most = (_CHARACTERS_WHEN_LIMITED if limit else _CHARACTERS).get(config.tokenizer, 0)
    tokenizer, chat_format = make_tokenizer(config, lambda stage: None, most)
    lens = _Lens(config, tokenizer, chat_format, samples)
    if is_plain_text(parts_of(config).train):
        lens.look_at_text(limit)
    else:
        rows = conversations(config, lambda file, line, reason: None)
        for row, split in islice(rows, limit or None):
            lens.look_at_row(row, split)
    return lens.report(data)


class _Lens:
    """The counts while `look_at` reads."""

    def __init__(
        self, config: TrainingConfig, tokenizer: Tokenizer, chat_format: ChatFormat, samples: int
    ) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self._format = chat_format
        self._most_samples = samples
        self._samples: list[LensRow] = []
        self._counts = RowCounts()
        self._tokens = self._trained = self._prompt = self._cut = 0
        self._truncated = self._without_target = self._unknown = 0
        self._unknown_characters: set[str] = set()
        self._packed: list[int] = []  # lengths of the training conversations
        self._checked = self._endless = self._trained_padding = 0
        self._ends = end_ids(tokenizer, chat_format)
        self._leaked_lines = 0

    # ---- rows

    def look_at_row(self, row: DataRow, split: Split) -> None:
        if split == "test":
            self._counts.rows["test"] += 1
            return
        text = row.as_text()
        self._note_unknown(text if self._config.method == "pretraining" else row.content)
        if self._config.method == "pretraining":
            ids = self._tokenizer.encode_to_array(text)
            end = self._tokenizer.end_of_text
            ids = ids if end is None else np.append(ids, np.array([end], dtype=ids.dtype))
            self._counts.add(row, text, split, len(ids))
            self._add(row, split, ids, np.full(len(ids), _TRAINED), len(ids))
        elif row.messages:
            self._look_at_conversation(row, text, split)
        else:
            self._counts.add(row, text, split, 0)
            self._without_target += 1

    def _look_at_conversation(self, row: DataRow, text: str, split: Split) -> None:
        whole = encoded(row.messages, self._tokenizer, self._format)
        width = self._config.context_length + 1
        ids, mask = whole.ids[:width], whole.mask[:width]
        window, marks = packed_window([(ids, mask)], width)
        windows = ConversationWindows(window[None], marks[None], self._config.prompt_loss)
        answers = targets = windows.at(np.array([0])).targets[0]  # (T,)
        self._counts.add(row, text, split, len(whole.ids))
        self._truncated += len(whole.ids) > width
        if not mask[1:].any():
            self._without_target += 1  # training leaves it out
        else:
            if split == "train":  # validation is of answers alone
                targets = windows.batch(1, 0, 0).targets[0]
            # Padding must not be a target; the token that ends a reply must be one, if nothing is cut off.
            self._trained_padding += int((targets[len(ids) - 1 :] != IGNORED).sum())
            learnt = whole.ids[1:][whole.mask[1:] > 0] if len(whole.ids) > width else answers
            self._checked += 1
            self._endless += not np.isin(learnt, list(self._ends)).any()
            if split == "train":
                self._packed.append(len(ids))
        kinds = np.where(answers != IGNORED, _TRAINED, np.where(targets != IGNORED, _PROMPT, _MASKED))
        self._add(row, split, whole.ids, np.concatenate([[_MASKED], kinds])[: len(ids)], width)

    def _add(self, row: DataRow, split: Split, ids: Ids, kinds: Ids, width: int) -> None:
        """Count a row of which the tokens that are seen are of these `kinds`."""
        masked, trained, prompt = (int((kinds == kind).sum()) for kind in (_MASKED, _TRAINED, _PROMPT))
        cut = len(ids) - len(kinds)
        self._tokens += len(ids)
        self._trained += trained
        self._prompt += prompt
        self._cut += cut
        if len(self._samples) < self._most_samples:
            padding = max(0, width - len(ids))
            self._samples.append(
                LensRow(
                    line=row.line,
                    tokens=self._lens_tokens(ids, kinds, padding),
                    trained=trained,
                    prompt=prompt,
                    masked=masked,
                    cut=cut,
                    padding=padding,
                    file=row.file,
                    split=split,
                )
            )

    def _lens_tokens(self, ids: Ids, kinds: Ids, padding: int) -> tuple[LensToken, ...]:
        names: list[Kind] = [_SEEN_KINDS[kind] for kind in kinds.tolist()]
        names += ["cut"] * (len(ids) - len(names))
        texts = [self._tokenizer.decode([token_id]) for token_id in ids[:_TOKENS_SHOWN].tolist()]
        tokens = [LensToken(text, name) for text, name in zip(texts, names, strict=False)]
        if padding and len(ids) <= _TOKENS_SHOWN:
            tokens.append(LensToken(f"{padding:,} × padding", "padding"))
        return tuple(tokens)

    def _note_unknown(self, text: str) -> None:
        count = self._tokenizer.count_unknown(text)
        self._unknown += count
        if count and len(self._unknown_characters) < 100:
            self._unknown_characters |= {c for c in set(text) if self._tokenizer.count_unknown(c)}

    # ---- plain text

    def look_at_text(self, limit: int) -> None:
        parts = parts_of(self._config)
        first: list[Ids] = []  # enough ids for the samples
        wanted = (self._most_samples + 1) * self._config.context_length
        for path in filter(None, (parts.train, parts.validation)):
            for piece in pieces(islice(read_text_chunks(path), limit or None)):
                ids = self._tokenizer.encode_to_array(piece)
                self._note_unknown(piece)
                self._tokens += len(ids)
                self._trained += len(ids)
                if path == parts.train and sum(map(len, first)) < wanted:
                    first.append(ids[:wanted])
        if parts.validation:
            self._leaked_lines = leaked_lines(parts.train, parts.validation)
        if first and len(ids := np.concatenate(first)) > 1:
            self._sample_windows(TextWindows(ids, self._config.context_length))

    def _sample_windows(self, windows: TextWindows) -> None:
        for number in range(min(self._most_samples, len(windows))):
            window = windows.at(np.array([number]))
            ids = np.append(window.inputs[0], window.targets[0, -1:])
            # The first token is only read: within a window nothing comes before it.
            kinds = np.full(len(ids), _TRAINED)
            kinds[0] = _MASKED
            tokens = self._lens_tokens(ids, kinds, 0)
            self._samples.append(
                LensRow(line=number + 1, tokens=tokens, trained=len(ids) - 1, masked=1, cut=0, padding=0)
            )

    # ---- the result

    def report(self, data: DataReport) -> LensReport:
        config, counts = self._config, self._counts
        windows, padding = self._packing()
        return LensReport(
            data=data,
            method=config.method,
            tokenizer=f"{self._tokenizer.kind}, {self._tokenizer.vocab_size:,} tokens",
            chat_format=self._format.name,
            context_length=config.context_length,
            samples=tuple(self._samples),
            train_rows=counts.rows["train"],
            validation_rows=counts.rows["validation"],
            test_rows=counts.rows["test"],
            tokens=self._tokens,
            trained_tokens=self._trained,
            prompt_tokens=self._prompt,
            masked_tokens=self._tokens - self._trained - self._prompt - self._cut,
            cut_tokens=self._cut,
            truncated_rows=self._truncated,
            rows_without_target=self._without_target,
            windows=windows,
            packing=config.packing,
            padding_tokens=padding,
            lengths=counts.lengths(),
            unknown_characters=self._unknown,
            unknown="".join(sorted(self._unknown_characters)[:20]),
            duplicates=counts.duplicates,
            leaked_rows=counts.leaked or self._leaked_lines,
            repetitions=tuple(counts.repetitions),
            errors=tuple(self._errors()),
            warnings=(*data.warnings, *self._warnings()),
        )

    def _packing(self) -> tuple[int, int]:
        """Windows that the training rows fill, packed as the run does, and the padding in them."""
        windows = sum(1 for _ in windows_of(self._packed, self._config))
        return windows, windows * (self._config.context_length + 1) - sum(self._packed)

    def _errors(self) -> Iterator[str]:
        if self._trained_padding:
            yield (
                f"{self._trained_padding:,} tokens of padding would be trained on, and the loss would look better "
                "than it is. The run cannot start so; please report this."
            )
        if self._endless:
            yield (
                f"In {self._endless:,} of {self._checked:,} rows the end-of-text is never a target: the model "
                f"would never learn to stop. The chat format '{self._format.name}' has no end after a reply; choose "
                "another, such as chat."
            )
        if self._config.method == "fine_tuning" and not self._trained:
            yield (
                f"No token would be trained on: no answer begins within context_length "
                f"{self._config.context_length:,}. Use conversations with answers, or a larger context_length."
            )

    def _warnings(self) -> Iterator[str]:
        context, longest = f"context_length {self._config.context_length:,}", self._counts.lengths().longest
        found = (
            (
                self._truncated,
                f"Rows cut off at the end, for they are longer than {context}: {{}}; the longest has {longest:,}.",
            ),
            (self._without_target, f"Rows left out, for no answer begins within {context}: {{}}."),
            (self._unknown, "Characters outside the vocabulary: {}."),
            (self._counts.leaked, "Validation rows that also train: {}. Validation will look too good."),
            (
                self._leaked_lines,
                "Long lines of the validation text that also stand in the training text: {}.",
            ),
        )
        yield from (words.format(f"{count:,}") for count, words in found if count)
        if self._config.prompt_loss:
            yield (
                f"Prompts are learnt too: a token of theirs counts {self._config.prompt_loss:g} in the training loss, "
                "one of an answer 1. Validation is of answers alone."
            )
