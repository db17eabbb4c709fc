"""Measuring a model on data, in a process of its own: what is asked, what comes back, and the asker's end of the pipe.

    process = EvaluationProcess(log_path)
    evaluation = process.run(EvaluationRequest(references=("builtin",), data="chats.jsonl"), on_progress)

    asker --> child   one EvaluationRequest; the end of stdin ends the child
    child --> asker   {"type":"progress"|"reply",...} ... then {"type":"evaluation"|"failed",...}

The one rule: torch-free, so that the app may import it; the child is `python -m trainers.evaluation_process`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.model_library import absolute_reference
from engine.paths import private_directory
from engine.process import child_environment, child_folder
from engine.records import Record, at_least, between, word
from engine.tokenizers import without_lone_surrogates
from trainers.own_datasets import dataset_path

Split = Literal["train", "validation", "test", "all"]
_LOG_LIMIT = 1 << 20  # bytes; a longer log begins anew


class EvaluationRequest(Record):
    """What to measure. Build checked ones with `from_dict`."""

    references: tuple[str, ...]  # one model, or two to be compared
    data: str
    split: Annotated[Split, word("Which part of the data.")] = "all"
    validation_share: Annotated[float, between(0.001, 0.5, "Share of each held-out part.")] | None = (
        None  # as the run does whose model it is, else 0.1
    )
    limit: Annotated[int, at_least(0, "Rows (of plain text: lines) at most; 0 = all.")] = 0
    context_length: Annotated[
        int, at_least(0, "Tokens a model sees at once; 0 = what it can, up to 2048.")
    ] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, between(0, 1024, "CPU threads; 0 = one less than there are cores.")] = 0
    trust_remote_code: bool = False
    generation: GenerationSettings | None = None  # how to reply; None = no replies


class EvaluationProgress(Record, tag="progress"):
    """How far it is; `share` is 0-1, or None when nobody can know."""

    stage: str
    share: float | None = None


class Reply(Record, tag="reply"):
    """What a model said to the last question of a row, beside what the row says."""

    model: str
    prompt: str  # the last question
    messages: tuple[ChatMessage, ...]  # everything before the expected reply
    expected: str
    response: str
    exact_match: float
    token_f1: float
    rouge_l: float
    finish_reason: str


class ReplyScores(Record):
    """Means over the replies."""

    count: int
    skipped: int  # conversations whose question does not fit into the context
    exact_match: float | None
    token_f1: float | None
    rouge_l: float | None


class ModelFigures(Record):
    """One model's figures, each for answer, prompt and all; only for "all" where the data is bare text."""

    model: str
    name: str
    backend: str
    device: str
    chat_format: str
    context_length: int  # tokens it saw at once
    loss: dict[str, float | None]  # nats per token; None where there is no token
    perplexity: dict[str, float | None]
    bits_per_byte: dict[str, float | None]
    accuracy: dict[str, float | None]  # share of tokens that were the likeliest guess
    tokens: dict[str, int]  # behind each figure; "padding" is only counted
    truncated_rows: int = 0
    cut_tokens: int = 0  # that truncation left out
    unknown_characters: int = 0  # outside the vocabulary
    step: int | None = None
    responses: ReplyScores | None = None


class Evaluation(Record, tag="evaluation"):
    """What came out."""

    data: str
    split: str
    rows: int  # conversations or documents; plain text files
    rejected: int  # lines that cannot be used
    left_out: int  # rows that do not fit whole into both models that are compared
    models: tuple[ModelFigures, ...]
    warnings: tuple[str, ...] = ()


class EvaluationFailed(Record, tag="failed"):
    """Why there is no result, in a sentence for a person."""

    message: str


FromChild = EvaluationProgress | Reply | Evaluation | EvaluationFailed
_from_child: msgspec.json.Decoder[FromChild] = msgspec.json.Decoder(FromChild)


def encode(record: Record) -> bytes:
    """One line, with its newline."""
    try:
        return record.to_json() + b"\n"
    except UnicodeEncodeError:  # half of a character, from an argument or a file that is not UTF-8
        text = json.dumps(record.to_dict(), ensure_ascii=False)
        return without_lone_surrogates(text).encode() + b"\n"


OnProgress = Callable[[EvaluationProgress], None]


class EvaluationProcess:
    """One evaluation in a child; `cancel` may be called from another thread."""

    def __init__(self, log_path: Path) -> None:
        self.replies: list[Reply] = []
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None
        self._is_cancelled = False

    def run(self, request: EvaluationRequest, on_progress: OnProgress) -> Evaluation:
        """Start the child and wait for its result; `replies` are there afterwards.

        Raises:
            UserError: when model and data do not allow it, or the child ends without a result.
        """
        private_directory(self._log_path.parent)
        is_long = self._log_path.exists() and self._log_path.stat().st_size > _LOG_LIMIT
        with self._log_path.open("wb" if is_long else "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "trainers.evaluation_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,  # never a pipe: nobody would drain it
                cwd=child_folder(),
                env=child_environment(),
                start_new_session=True,  # Ctrl+C in the terminal is our business, not the child's
            )
        self._process = process
        if self._is_cancelled:  # while it started
            process.kill()
        try:
            return self._result(process, request, on_progress)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def cancel(self) -> None:
        """End the child; `run` then raises."""
        self._is_cancelled = True
        if self._process is not None:
            self._process.kill()

    def _result(
        self, process: subprocess.Popen[bytes], request: EvaluationRequest, on_progress: OnProgress
    ) -> Evaluation:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(encode(with_absolute_places(request)))
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended_without_result() from None
        for line in process.stdout:
            match _read(line):
                case EvaluationProgress() as progress:
                    on_progress(progress)
                case Reply() as reply:
                    self.replies.append(reply)
                case Evaluation() as evaluation:
                    return evaluation
                case EvaluationFailed(message=message):
                    raise UserError(message)
        raise self._ended_without_result()

    def _ended_without_result(self) -> UserError:
        if self._is_cancelled:
            return UserError("The evaluation was cancelled.")
        return UserError(f"The evaluation stopped unexpectedly. Try again; its log is {self._log_path}.")


def with_absolute_places(request: EvaluationRequest) -> EvaluationRequest:
    """The same request for a process in another folder."""
    return msgspec.structs.replace(
        request,
        references=tuple(map(absolute_reference, request.references)),
        data=str(dataset_path(request.data).absolute()),
    )


def _read(line: bytes) -> FromChild:
    try:
        return _from_child.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The evaluation sent something unreadable ({error}). Try again.") from None
