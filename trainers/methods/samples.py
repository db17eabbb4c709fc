"""What the model says along the way, always to the same prompts and with the same seed, so that rows compare.

The one rule: drawing samples changes nothing of the training: no random number, no weight, no mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.chat import user
from engine.generation import GenerationDone, GenerationEvent, GenerationSettings, TextChunk
from engine.models.text_generator import TextGenerator
from trainers.methods.assembly import Assembly
from trainers.methods.starting_models import reader_of
from trainers.run_directory import SampleRow

_QUESTIONS = ("Hello!", "Who are you?", "Tell me a joke.")
_PROMPT_TOKENS = 32


def draw_samples(parts: Assembly, step: int, is_cancelled: Callable[[], bool]) -> list[SampleRow] | None:
    """One sample per prompt; None when cancelled."""
    was_training = parts.model.training
    generator = TextGenerator(reader_of(parts.model), parts.tokenizer, parts.chat_format)
    settings = GenerationSettings(max_new_tokens=parts.config.sample_tokens, seed=parts.config.seed)
    rows = []
    replies = not parts.chat_format.learns_everything
    try:
        for prompt in sample_prompts(parts):
            if replies:
                events = generator.reply([user(prompt)], settings, is_cancelled)
            else:
                events = generator.complete(prompt, settings, is_cancelled)
            text, reason = _said(events)
            if reason == "cancelled":
                return None
            rows.append(SampleRow(step=step, prompt=prompt, text=text, is_reply=replies))
    finally:
        parts.model.train(was_training)
    return rows


def sample_prompts(parts: Assembly) -> tuple[str, ...]:
    """The configured prompts, else a few questions, or the beginning of the held-out text."""
    if parts.config.sample_prompts:
        return parts.config.sample_prompts
    if not parts.chat_format.learns_everything:
        return _QUESTIONS
    return (parts.tokenizer.decode(parts.corpus.beginning(_PROMPT_TOKENS)),)


def _said(events: Iterator[GenerationEvent]) -> tuple[str, str]:
    text, reason = "", "cancelled"
    for event in events:
        match event:
            case TextChunk():
                text += event.text
            case GenerationDone():
                reason = event.finish_reason
    return text, reason
