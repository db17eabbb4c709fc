"""The loop from messages to text."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest
import torch

from engine.chat import ChatMessage, assistant, system, user
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationEvent, GenerationSettings, TextChunk
from engine.models.gpt import GPT, GPTConfig
from engine.models.scratch import ScratchModel
from engine.models.text_generator import TextGenerator, check_vocabulary
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.chat_formats import CHAT, COMPLETION, PLAIN

TOKENIZER = CharTokenizer.from_text(
    "abcdefghijklmnopqrstuvwxyzéABCDEFGHIJKLMNOPQRSTUVWXYZ .,:!\n", CHAT.special_tokens
)


class ScriptedModel:
    """Says what it is told to, whatever it reads; remembers what it was given to read."""

    device = torch.device("cpu")
    precision = "float32"
    architecture = "scripted"
    num_parameters = 10**8  # large: prompts are read in pieces of 40 tokens
    end_of_text_ids: tuple[int, ...] = ()

    def __init__(self, script: Iterable[int], context_length: int = 64) -> None:
        self.context_length = context_length
        self.vocab_size = TOKENIZER.vocab_size
        self.read: list[list[int]] = []
        self._script = iter(script)

    def new_cache(self, max_length: int) -> Any:
        assert max_length <= self.context_length
        return type("Cache", (), {"length": 0, "max_length": max_length})()

    def forward(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        self.read.append(ids.tolist())
        cache.length += len(ids)
        assert cache.length <= cache.max_length, "read past the end of the cache"
        logits = torch.full((self.vocab_size,), -100.0)
        logits[next(self._script)] = 100.0
        return logits


def says(text: str, ends: bool = True) -> list[int]:
    return [
        *TOKENIZER.encode(text),
        *([TOKENIZER.end_of_text] if ends and TOKENIZER.end_of_text is not None else []),
    ]


def run(events: Iterable[GenerationEvent]) -> tuple[str, GenerationDone]:
    *chunks, done = events
    assert isinstance(done, GenerationDone)
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, TextChunk)), done


def answer(model: ScriptedModel, *messages: ChatMessage, **settings: Any) -> tuple[str, GenerationDone]:
    generator = TextGenerator(model, TOKENIZER, CHAT)
    return run(
        generator.reply(messages, GenerationSettings.from_dict({"temperature": 0, **settings}, "test"))
    )


def test_a_reply_ends_at_end_of_text_which_is_not_shown() -> None:
    text, done = answer(ScriptedModel(says("Hello!")), user("hi"))
    assert (text, done.finish_reason, done.completion_tokens) == ("Hello!", "end_of_text", 6)


def test_a_reply_ends_when_the_model_begins_anothers_turn() -> None:
    text, done = answer(
        ScriptedModel([*says("Hi", ends=False), TOKENIZER.special_tokens["<|user|>"]]), user("hi")
    )
    assert (text, done.finish_reason) == ("Hi", "end_of_text")


def test_max_new_tokens_is_exact() -> None:
    text, done = answer(ScriptedModel(itertools.repeat(0)), user("hi"), max_new_tokens=5)
    assert (len(text), done.completion_tokens, done.finish_reason) == (5, 5, "max_new_tokens")


@pytest.mark.parametrize("stop", ["STOP", "S", "TOP X"])
def test_a_stop_string_ends_the_reply_and_no_part_of_it_is_shown(stop: str) -> None:
    script = says("go on STOP X and more")
    text, done = answer(ScriptedModel(script), user("hi"), stop=[stop])
    assert text == "go on STOP X and more".partition(stop)[0]
    assert done.finish_reason == "stop_string"


def test_what_only_looks_like_a_stop_string_is_shown_after_all() -> None:
    text, done = answer(ScriptedModel(says("STO STOX S")), user("hi"), stop=["STOP"])
    assert (text, done.finish_reason) == ("STO STOX S", "end_of_text")


def test_a_chat_ends_when_the_context_is_full_and_never_reads_past_it() -> None:
    model = ScriptedModel(itertools.repeat(0), context_length=32)
    _, done = answer(model, user("hi"), max_new_tokens=1000)
    assert done.finish_reason == "context_full"
    assert done.prompt_tokens + done.completion_tokens == 33  # the last token is said, not read


def test_a_continued_text_goes_on_past_the_context() -> None:
    model = ScriptedModel(itertools.repeat(0), context_length=32)
    generator = TextGenerator(model, TOKENIZER, COMPLETION)
    text, done = run(generator.reply([user("hello")], GenerationSettings(temperature=0, max_new_tokens=100)))
    assert (len(text), done.finish_reason) == (100, "max_new_tokens")
    assert max(len(ids) for ids in model.read) == 16  # half the context is read again
    assert done.dropped_tokens == 0  # the question itself was read whole


def test_a_prompt_longer_than_the_context_is_continued_from_its_end() -> None:
    model = ScriptedModel(itertools.repeat(0), context_length=32)
    generator = TextGenerator(model, TOKENIZER, COMPLETION)
    settings = GenerationSettings(temperature=0, max_new_tokens=3)
    _, done = run(generator.complete("x" * 500 + "the end", settings))
    assert (done.prompt_tokens, done.dropped_tokens) == (507, 491)
    assert TOKENIZER.decode(model.read[0]).endswith("the end")
    assert len(model.read[0]) == 16


def test_oldest_turns_are_dropped_but_never_the_system_message_nor_the_last_question() -> None:
    turns = [turn for i in range(6) for turn in (user(f"question {'abcdef'[i]}"), assistant("answer"))]
    model = ScriptedModel(says("ok"), context_length=80)
    _, done = answer(model, system("be kind"), *turns, user("last"))
    prompt = TOKENIZER.decode([token for piece in model.read for token in piece])
    assert done.dropped_messages > 0 and done.dropped_messages % 2 == 0
    assert "be kind" in prompt and "last" in prompt and "question a" not in prompt


def test_a_question_longer_than_the_context_is_refused_with_the_numbers() -> None:
    with pytest.raises(UserError, match=r"takes 10\d tokens, but the model reads 64"):
        answer(ScriptedModel([]), user("x" * 100))


@pytest.mark.parametrize("length", range(8, 20))
def test_no_length_of_prompt_reads_past_the_context(length: int) -> None:
    torch.manual_seed(0)
    config = GPTConfig(
        vocab_size=TOKENIZER.vocab_size, context_length=24, embedding_size=16, num_layers=1, num_heads=1
    )
    for chat_format in (CHAT, COMPLETION, PLAIN):
        generator = TextGenerator(ScratchModel(GPT(config)), TOKENIZER, chat_format)
        try:
            _, done = run(
                generator.reply([user("x" * length)], GenerationSettings(max_new_tokens=40, seed=1))
            )
        except UserError as refused:
            assert "Shorten the message" in str(refused)
        else:
            assert done.completion_tokens <= 40


def test_cancelling_keeps_what_was_said() -> None:
    calls = itertools.count()
    generator = TextGenerator(ScriptedModel(itertools.repeat(0)), TOKENIZER, CHAT)
    text, done = run(
        generator.reply([user("hi")], GenerationSettings(temperature=0), lambda: next(calls) >= 4)
    )
    assert (len(text), done.finish_reason) == (4, "cancelled")


def test_a_long_prompt_can_be_cancelled_while_it_is_read() -> None:
    model = ScriptedModel(itertools.repeat(0), context_length=4096)
    generator = TextGenerator(model, TOKENIZER, CHAT)
    _, done = run(generator.reply([user("x" * 2000)], GenerationSettings(), lambda: True))
    assert done.finish_reason == "cancelled"
    assert len(model.read) == 1 and len(model.read[0]) <= 64


def test_ids_beyond_the_tokenizer_are_never_drawn() -> None:
    model = ScriptedModel(itertools.repeat(0))
    model.vocab_size = TOKENIZER.vocab_size + 7
    text, _ = answer(model, user("hi"), max_new_tokens=50, temperature=5.0, top_k=0, top_p=1.0, seed=1)
    assert len(text) > 0


def test_a_tokenizer_larger_than_the_model_is_refused() -> None:
    model = ScriptedModel([])
    model.vocab_size = 10
    with pytest.raises(UserError, match="do not belong together"):
        check_vocabulary(model, TOKENIZER)


def test_the_lead_of_a_format_is_not_shown() -> None:
    generator = TextGenerator(ScriptedModel(says(" Hello\nUser: x")), TOKENIZER, PLAIN)
    text, done = run(generator.reply([user("hi")], GenerationSettings(temperature=0)))
    assert (text, done.finish_reason) == ("Hello", "stop_string")


def test_nothing_to_continue_still_gives_text() -> None:
    generator = TextGenerator(ScriptedModel(says("abc")), TOKENIZER, COMPLETION)
    assert run(generator.complete("", GenerationSettings(temperature=0)))[0] == "abc"
