"""Evaluate one model on a data set, or two on the same text.

    evaluation = evaluate_models(request, tell, tell_reply)

Rows that one of two models cannot read whole are left out for both, so that they are measured on the same text.
The one rule: weights are float32, whatever the directory holds, so figures of different machines agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.model_card import ModelCard, read_model_card
from engine.model_library import resolve
from engine.models.checkpoints import load_gpt
from engine.models.loading import choose_backend, choose_device, choose_threads
from engine.models.scratch import ScratchModel
from engine.models.text_generator import TextGenerator, check_vocabulary
from engine.tokenizers.chat_formats import chat_format_of
from engine.tokenizers.loading import load_tokenizer
from trainers.evaluation import (
    Evaluation,
    EvaluationProgress,
    EvaluationRequest,
    ModelFigures,
    Reply,
    ReplyScores,
)
from trainers.evaluation_data import ANSWER, PROMPT, TEXT, ChosenData, Reading, Sequence
from trainers.evaluation_origin import shares_of, warnings_about
from trainers.methods.answering import answers, scores_of
from trainers.methods.evaluation import token_sizes
from trainers.methods.token_losses import Measurement, measure
from trainers.row_formats import DataRow

LONGEST_CONTEXT = 2048  # unless asked for more: memory grows with context times vocabulary

Tell = Callable[[EvaluationProgress], None]
TellReply = Callable[[Reply], None]


@dataclass
class Candidate:
    """A loaded model and how it reads."""

    reference: str
    card: ModelCard
    backend: str
    model: Any  # ScratchModel or HuggingFaceModel
    reading: Reading


@dataclass
class Passed:
    """Counts of what went by while a model was measured."""

    amount: int = 0  # rows, or characters of plain text
    truncated: int = 0
    cut: int = 0
    unknown: int = 0


def evaluate_models(request: EvaluationRequest, tell: Tell, tell_reply: TellReply) -> Evaluation:
    """Everything that was asked for.

    Raises:
        UserError: when model and data do not allow it; says what to change.
    """
    data = ChosenData(Path(request.data), request.split, shares_of(request), request.limit)
    if request.generation is not None and data.is_plain_text:
        raise UserError(
            f"{data.path}: replies need conversations, and this is plain text. Leave out --responses."
        )
    torch.set_num_threads(choose_threads(request.threads))
    candidates = [_load(reference, request, tell) for reference in request.references]
    fits = _FitsAll([candidate.reading for candidate in candidates])
    tell(EvaluationProgress(stage="reading data"))
    total = _amount(data, fits, request)
    evaluator = _Evaluator(data, fits, total, request.generation, tell, tell_reply)
    figures = tuple(map(evaluator.figures, candidates))
    return Evaluation(
        data=request.data,
        split=request.split,
        rows=sum(1 for _ in data.texts()) if data.is_plain_text else total,
        rejected=data.rejected,
        left_out=fits.left_out,
        models=figures,
        warnings=tuple(warnings_about(request, figures)),
    )


def _load(reference: str, request: EvaluationRequest, tell: Tell) -> Candidate:
    def progress(stage: str, share: float | None) -> None:
        tell(EvaluationProgress(stage=f"{stage} of {reference}", share=share))

    directory = resolve(reference, progress, request.trust_remote_code)
    device = choose_device(request.device)
    backend = choose_backend("auto", directory)
    progress("reading weights", None)
    model: Any
    if backend == "scratch":
        model = ScratchModel(load_gpt(directory, device))
    else:
        from engine.models.hugging_face import load_hugging_face  # here: transformers is 2 s that GPT-2 saves

        model = load_hugging_face(directory, device, torch.float32, request.trust_remote_code)
    tokenizer = load_tokenizer(directory)
    check_vocabulary(model, tokenizer)
    length = min(request.context_length or LONGEST_CONTEXT, model.context_length)
    reading = Reading(tokenizer, chat_format_of(directory, tokenizer), length)
    return Candidate(reference, read_model_card(directory), backend, model, reading)


class _FitsAll:
    """Of two models that are compared: whether both read a row whole."""

    def __init__(self, readings: list[Reading]) -> None:
        self._readings = readings if len(readings) > 1 else []
        self.contexts = " and ".join(str(reading.context_length) for reading in readings)
        self.left_out = 0

    def __call__(self, row: DataRow) -> bool:
        fits = all(reading.fits(row) for reading in self._readings)
        self.left_out += not fits
        return fits


def _amount(data: ChosenData, fits: _FitsAll, request: EvaluationRequest) -> int:
    """Rows, or characters of plain text, that are to be measured."""
    fits.left_out = 0
    if data.is_plain_text:
        total = sum(len(block) for text in data.texts() for block in text)
    else:
        total = sum(1 for _ in data.rows(fits))
    if total:
        return total
    if fits.left_out:
        raise UserError(
            f"{data.path}: no row fits whole into both contexts ({fits.contexts} tokens). Evaluate the two models "
            "one by one, or choose data with shorter rows."
        )
    where = "nothing" if request.split == "all" else f"nothing in the {request.split} split"
    raise UserError(f"{data.path}: there is {where} to measure. Use another split or more data.")


class _Evaluator:
    """What all models of an evaluation have in common."""

    def __init__(
        self,
        data: ChosenData,
        fits: _FitsAll,
        total: int,
        generation: GenerationSettings | None,
        tell: Tell,
        tell_reply: TellReply,
    ) -> None:
        self._data, self._total, self._generation = data, total, generation
        self._tell, self._tell_reply = tell, tell_reply
        self._fits, self._left_out = fits, fits.left_out

    def figures(self, candidate: Candidate) -> ModelFigures:
        """Measure one model."""
        passed = Passed()
        stage = f"measuring {candidate.reference}"
        sizes = token_sizes(candidate.reading.tokenizer)
        found = measure(candidate.model, self._sequences(candidate.reading, passed, stage), sizes)
        whole = found.of(ANSWER, PROMPT, TEXT)
        if not whole.tokens:
            raise UserError(
                f"{self._data.path}: there is too little text to measure; two tokens are the least."
            )
        if not math.isfinite(whole.nats):
            raise UserError(
                f"{candidate.reference}: its loss on this text is not a number; the weights are damaged, or the "
                "training went wrong. Try an earlier checkpoint."
            )
        responses = None if self._generation is None else self._replies(candidate, self._generation)
        return _figures(candidate, found, passed, responses)

    def _sequences(self, reading: Reading, passed: Passed, stage: str) -> Iterator[Sequence]:
        if self._data.is_plain_text:
            for text in self._data.texts():
                yield from reading.of_text(self._blocks(text, reading, passed, stage))
            return
        for row in self._rows():
            passed.unknown += _unknown(row, reading)
            for sequence in reading.sequences(row):
                passed.truncated += sequence.cut > 0
                passed.cut += sequence.cut
                yield sequence
            passed.amount += 1
            self._tell(EvaluationProgress(stage=stage, share=passed.amount / self._total))

    def _blocks(self, text: Iterator[str], reading: Reading, passed: Passed, stage: str) -> Iterator[str]:
        for block in text:
            passed.unknown += reading.tokenizer.count_unknown(block)
            self._tell(EvaluationProgress(stage=stage, share=passed.amount / self._total))
            passed.amount += len(block)
            yield block

    def _rows(self) -> Iterator[DataRow]:
        yield from self._data.rows(self._fits)
        self._fits.left_out = self._left_out  # counted once, not for each reading of the file

    def _replies(self, candidate: Candidate, settings: GenerationSettings) -> ReplyScores:
        generator = TextGenerator(candidate.model, candidate.reading.tokenizer, candidate.reading.chat_format)
        replies, skipped = [], 0
        stage = f"replies of {candidate.reference}"
        for reply in answers(generator, candidate.reference, self._rows(), settings):
            if reply is None:
                skipped += 1
            else:
                self._tell_reply(reply)
                replies.append(reply)
            share = (len(replies) + skipped) / self._total
            self._tell(EvaluationProgress(stage=stage, share=share))
        if not replies:
            why = "no question fits into the context" if skipped else "no row holds an answer"
            raise UserError(f"{self._data.path}: there is nothing to reply to; {why}. Leave out --responses.")
        return scores_of(replies, skipped)


def _figures(
    candidate: Candidate, found: Measurement, passed: Passed, responses: ReplyScores | None
) -> ModelFigures:
    groups = {"answer": found.of(ANSWER), "prompt": found.of(PROMPT), "all": found.of(ANSWER, PROMPT, TEXT)}
    if not groups["answer"].tokens and not groups["prompt"].tokens:
        groups = {"all": groups["all"]}
    return ModelFigures(
        model=candidate.reference,
        name=candidate.card.name,
        backend=candidate.backend,
        device=str(candidate.model.device),
        chat_format=candidate.reading.chat_format.name,
        context_length=candidate.reading.context_length,
        loss={name: totals.loss for name, totals in groups.items()},
        perplexity={name: totals.perplexity for name, totals in groups.items()},
        bits_per_byte={name: totals.bits_per_byte for name, totals in groups.items()},
        accuracy={name: totals.accuracy for name, totals in groups.items()},
        tokens={name: totals.tokens for name, totals in groups.items()} | {"padding": found.padding},
        truncated_rows=passed.truncated,
        cut_tokens=passed.cut,
        unknown_characters=passed.unknown,
        step=candidate.card.step,
        responses=responses,
    )


def _unknown(row: DataRow, reading: Reading) -> int:
    """Characters of a row outside the vocabulary."""
    texts = [message.content for message in row.messages] or [row.text]
    return sum(map(reading.tokenizer.count_unknown, texts))
