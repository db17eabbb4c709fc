"""The exam of the built-in model: questions it never saw, asked one by one, answers held against patterns.

    python -m trainers.builtin_corpus.examine run:builtin-chat@best [--temperature 0] [--show]

A question may have earlier turns; the model answers each, and the last answer counts.
The one rule: the questions are in no training data, so versions of the model can be compared by this figure.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine import chat, wire
from engine.errors import UserError
from engine.generation import Engine, GenerationSettings, TextChunk
from engine.paths import logs_path
from engine.process import ProcessEngine

EXAM_PATH = Path(__file__).parent / "exam.jsonl"


class Question(msgspec.Struct, frozen=True):
    """A line of exam.jsonl."""

    topic: str
    messages: list[dict[str, str]]  # what the person says, turn by turn
    expect: list[str]  # patterns that must all be found in the last answer, in any case


def questions(path: Path = EXAM_PATH) -> Iterator[Question]:
    """The exam."""
    for line in path.read_bytes().splitlines():
        yield msgspec.json.decode(line, type=Question)


async def examine(
    engine: Engine, settings: GenerationSettings, show: bool = False
) -> dict[str, tuple[int, int]]:
    """Right answers and questions by topic."""
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for question in questions():
        answers = await _answers(engine, question, settings)
        is_right = all(
            re.search(pattern, answers[-1], re.IGNORECASE | re.DOTALL) for pattern in question.expect
        )
        asked[question.topic] += 1
        right[question.topic] += is_right
        if show or not is_right:
            said = " / ".join(message["content"] for message in question.messages)
            print(f"{'right' if is_right else 'WRONG'}  [{question.topic}] {said!r} -> {answers[-1]!r}")
    return {topic: (right[topic], count) for topic, count in asked.items()}


async def _answers(engine: Engine, question: Question, settings: GenerationSettings) -> list[str]:
    messages: list[chat.ChatMessage] = []
    answers: list[str] = []
    for message in question.messages:
        messages.append(chat.ChatMessage.from_dict(message, "exam"))
        if message["role"] != "user":
            continue
        text = ""
        async for event in engine.stream(messages, settings):
            text += event.text if isinstance(event, TextChunk) else ""
        answers.append(text)
        messages.append(chat.assistant(text))
    return answers


async def _run(options: argparse.Namespace) -> None:
    engine = ProcessEngine(
        wire.Load(reference=options.model, threads=options.threads), logs_path() / "exam.log"
    )
    settings = GenerationSettings.from_dict(
        {"max_new_tokens": 80, "temperature": options.temperature, "seed": 1}, "exam"
    )
    try:
        results = await examine(engine, settings, options.show)
    finally:
        await engine.close()
    for topic, (right, count) in sorted(results.items()):
        print(f"{topic:<16} {right:>3} of {count}")
    total, count = (sum(values) for values in zip(*results.values(), strict=True))
    print(f"{'all':<16} {total:>3} of {count} ({total / count:.0%})")


def main(arguments: Any = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(description="Examine a chat model with questions it has not seen.")
    parser.add_argument("model", nargs="?", default="builtin")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="right answers too")
    try:
        asyncio.run(_run(parser.parse_args(arguments)))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
