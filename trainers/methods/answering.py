"""Replies to the last question of each conversation, scored against what the data says.

    for reply in answers(generator, "builtin", rows, settings): ...       # Reply, or None where it does not fit

The one rule: a reply depends on its own conversation alone (the seed is the same for each), so --limit changes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationSettings, TextChunk
from engine.models.text_generator import TextGenerator
from trainers.evaluation import Reply, ReplyScores
from trainers.evaluation_scores import exact_match, rouge_l, token_f1
from trainers.row_formats import DataRow


def answers(
    generator: TextGenerator, model: str, rows: Iterable[DataRow], settings: GenerationSettings
) -> Iterator[Reply | None]:
    """A reply for each row that holds an answer."""
    for row in rows:
        place = last_answer(row.messages)
        if place is not None:
            yield _answer(generator, model, row.messages[:place], row.messages[place].content, settings)


def last_answer(messages: Sequence[ChatMessage]) -> int | None:
    """Where the last answer stands that has something before it."""
    places = (place for place in range(len(messages) - 1, 0, -1) if messages[place].role == "assistant")
    return next(places, None)


def scores_of(replies: Sequence[Reply], skipped: int) -> ReplyScores:
    """Means over the replies."""

    def mean(values: list[float]) -> float | None:
        return fmean(values) if values else None

    return ReplyScores(
        count=len(replies),
        skipped=skipped,
        exact_match=mean([reply.exact_match for reply in replies]),
        token_f1=mean([reply.token_f1 for reply in replies]),
        rouge_l=mean([reply.rouge_l for reply in replies]),
    )


def _answer(
    generator: TextGenerator,
    model: str,
    messages: tuple[ChatMessage, ...],
    expected: str,
    settings: GenerationSettings,
) -> Reply | None:
    text, reason = "", ""
    try:
        for event in generator.reply(messages, settings):
            match event:
                case TextChunk():
                    text += event.text
                case GenerationDone():
                    reason = event.finish_reason
    except UserError:  # the question alone is longer than the context
        return None
    questions = [message.content for message in messages if message.role == "user"]
    return Reply(
        model=model,
        prompt=questions[-1] if questions else "",
        messages=messages,
        expected=expected,
        response=text,
        exact_match=exact_match(text, expected),
        token_f1=token_f1(text, expected),
        rouge_l=rouge_l(text, expected),
        finish_reason=reason,
    )
