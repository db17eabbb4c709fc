"""Figures of every token, against an independent computation and against what was noted while the reply was made."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.chat import ChatMessage, user
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationSettings, TextChunk, Token
from engine.inspection import InspectedToken, Inspection, InspectionDone, mean_surprise
from engine.models.checkpoints import load_gpt
from engine.models.gpt import GPT, GPTConfig
from engine.models.hugging_face import load_hugging_face
from engine.models.language_model import LanguageModel
from engine.models.scratch import ScratchModel
from engine.models.text_generator import TextGenerator
from engine.models.token_inspector import IMPOSSIBLE, inspect
from engine.tokenizers.bpe import BpeTokenizer
from engine.tokenizers.chat_formats import CHAT, COMPLETION
from engine.tokenizers.loading import load_tokenizer

QUESTION = [user("Hello there")]
SAMPLED = GenerationSettings(
    temperature=0.7, top_k=20, top_p=0.9, repetition_penalty=1.3, seed=3, max_new_tokens=40
)
BYTES = BpeTokenizer({bytes([byte]): byte for byte in range(256)}, {"<|endoftext|>": 256})


@pytest.fixture(params=["scratch", "hf"])
def model(request: pytest.FixtureRequest, tiny_model: Path) -> LanguageModel:
    return ScratchModel(load_gpt(tiny_model)) if request.param == "scratch" else load_hugging_face(tiny_model)


def generator_of(model: LanguageModel, directory: Path) -> TextGenerator:
    return TextGenerator(model, load_tokenizer(directory), CHAT)


def bytes_generator(context_length: int = 64) -> TextGenerator:
    torch.manual_seed(1)
    shape = GPTConfig(
        vocab_size=257, context_length=context_length, embedding_size=32, num_layers=2, num_heads=2
    )
    return TextGenerator(ScratchModel(GPT(shape)), BYTES, COMPLETION)


def reply_of(
    generator: TextGenerator, settings: GenerationSettings, **wishes: Any
) -> tuple[list[Token], str, GenerationDone]:
    *chunks, done = generator.reply(QUESTION, settings, **wishes)
    assert isinstance(done, GenerationDone)
    texts = [chunk for chunk in chunks if isinstance(chunk, TextChunk)]
    return [token for chunk in texts for token in chunk.tokens], "".join(chunk.text for chunk in texts), done


def inspection_of(
    generator: TextGenerator,
    reply: list[int] | str,
    settings: GenerationSettings = SAMPLED,
    asked: list[ChatMessage] | str = QUESTION,
) -> Inspection:
    *pieces, done = inspect(generator, asked, reply, settings)
    assert isinstance(done, InspectionDone)
    tokens = [token for piece in pieces if isinstance(piece, tuple) for token in piece]
    return Inspection(tokens=tuple(tokens), done=done)


def test_probability_rank_and_entropy_are_those_of_a_plain_softmax(
    model: LanguageModel, tiny_model: Path
) -> None:
    generator = generator_of(model, tiny_model)
    prompt = generator.prompt_of(QUESTION, SAMPLED).ids
    reply = generator.tokenizer.encode("General Kenobi, you are a bold one")
    ids = [*prompt, *reply]
    found = inspection_of(generator, reply).tokens
    assert [token.token_id for token in found] == [*ids, -1]
    logits = model.all_logits(torch.tensor([ids]))[0, :-1].double()  # type: ignore[attr-defined]
    places = zip(logits, ids[1:], found[1:-1], strict=True)
    for row, token_id, token in places:
        probabilities = torch.exp(row) / torch.exp(row).sum()
        assert token.probability == pytest.approx(float(probabilities[token_id]), rel=1e-4)
        assert token.entropy == pytest.approx(
            -sum(p * math.log2(p) for p in probabilities.tolist()), rel=1e-4
        )
        likelier = [other for other, p in enumerate(probabilities) if p > probabilities[token_id]]
        assert token.rank == len(likelier) + 1
        best = sorted(range(len(row)), key=lambda i: float(row[i]), reverse=True)[:10]
        assert {candidate.token_id for candidate in token.candidates} == set(best)
        assert [c.logprob for c in token.candidates] == sorted(
            (c.logprob for c in token.candidates), reverse=True
        )


def test_what_it_was_drawn_from_sums_to_one_and_holds_every_token_that_was_drawn(
    model: LanguageModel, tiny_model: Path
) -> None:
    generator = generator_of(model, tiny_model)
    tokens, _, _ = reply_of(generator, SAMPLED)
    *pieces, _ = inspect(generator, QUESTION, [token.token_id for token in tokens], SAMPLED, alternatives=20)
    found = [token for piece in pieces for token in piece if token.part == "reply"]  # type: ignore[union-attr]
    assert len(found) == len(tokens)
    for token in found:
        assert token.drawn and 1 <= (token.choices or 0) <= 20
        if token.choices == sum(1 for c in token.candidates if c.drawn):  # all of them are on the list
            assert sum(c.drawn or 0 for c in token.candidates) == pytest.approx(1, abs=1e-5)
    assert any(token.choices == sum(1 for c in token.candidates if c.drawn) for token in found)


def test_own_probabilities_sum_to_one(tiny_model: Path) -> None:
    generator = generator_of(ScratchModel(load_gpt(tiny_model)), tiny_model)
    *pieces, _ = inspect(generator, QUESTION, "Hi", SAMPLED, alternatives=generator.tokenizer.vocab_size)
    for token in [token for piece in pieces for token in piece][1:]:  # type: ignore[union-attr]
        assert sum(math.exp(c.logprob) for c in token.candidates) == pytest.approx(1, abs=1e-4)


def test_the_figures_are_those_noted_while_the_reply_was_made(model: LanguageModel, tiny_model: Path) -> None:
    generator = generator_of(model, tiny_model)
    said, text, done = reply_of(generator, SAMPLED)
    found = inspection_of(generator, [token.token_id for token in said])
    assert found.done.prompt_tokens == done.prompt_tokens
    assert [token.logprob for token in found.of("reply")] == pytest.approx(
        [t.logprob for t in said], abs=1e-3
    )
    assert "".join(token.text for token in found.of("reply")) == text
    assert not found.done.was_retokenized


def test_a_window_that_slid_is_read_as_it_was() -> None:
    generator = bytes_generator(context_length=16)
    said, _, done = reply_of(generator, SAMPLED)
    assert done.completion_tokens == 40
    found = inspection_of(generator, [token.token_id for token in said])
    assert [token.logprob for token in found.of("reply")] == pytest.approx(
        [t.logprob for t in said], abs=1e-4
    )


def test_the_beginning_of_a_long_text_was_not_read_and_has_no_figures() -> None:
    generator = bytes_generator(context_length=16)
    found = inspection_of(generator, list(b"abc"), asked="x" * 30)
    assert found.done.dropped_tokens == 22
    prompt = found.of("prompt")
    assert len(prompt) == 30
    assert all(token.probability is None for token in prompt[:23])
    assert all(token.probability is not None for token in prompt[23:])


def test_a_fork_with_its_own_first_tokens_is_the_same_reply_again(
    model: LanguageModel, tiny_model: Path
) -> None:
    generator = generator_of(model, tiny_model)
    said, text, done = reply_of(generator, SAMPLED)
    prefix = [token.token_id for token in said[:17]]
    again, same_text, same_done = reply_of(generator, SAMPLED, prefix=prefix)
    assert ([token.token_id for token in again], same_text) == ([token.token_id for token in said], text)
    assert same_done.completion_tokens == done.completion_tokens


def test_a_fork_with_another_token_goes_its_own_way_and_always_the_same(tiny_model: Path) -> None:
    generator = generator_of(ScratchModel(load_gpt(tiny_model)), tiny_model)
    said, text, _ = reply_of(generator, SAMPLED)
    other = (said[5].token_id + 1) % 26
    prefix = [*(token.token_id for token in said[:5]), other]
    first, second = (reply_of(generator, SAMPLED, prefix=prefix) for _ in range(2))
    assert [token.token_id for token in first[0][:6]] == prefix
    assert first[1] == second[1] != text


def test_a_fork_may_end_the_reply_and_the_token_that_ended_it_is_told() -> None:
    generator = bytes_generator()
    said, text, done = reply_of(generator, SAMPLED, prefix=[*b"yes", 256])
    assert (text, done.finish_reason, done.end_token_id) == ("yes", "end_of_text", 256)
    found = inspection_of(generator, [*b"yes", 256])
    assert [token.spelling for token in found.of("reply")] == ["y", "e", "s", "<|endoftext|>"]
    assert found.tokens[-1].is_special
    assert not found.of("next")  # nothing comes after the end
    assert len(said) == 3


def test_tokens_of_another_model_are_refused_in_a_sentence() -> None:
    generator = bytes_generator()
    with pytest.raises(UserError, match="does not have"):
        reply_of(generator, SAMPLED, prefix=[999])
    with pytest.raises(UserError, match="another model must have said it"):
        inspection_of(generator, [999])


def test_the_parts_of_an_emoji_show_their_bytes_and_the_last_one_the_emoji() -> None:
    found = inspection_of(bytes_generator(), list("a😀é".encode())).of("reply")
    assert [token.spelling for token in found] == ["a", "‹F0›", "‹9F›", "‹98›", "‹80›", "‹C3›", "‹A9›"]
    assert [token.text for token in found] == ["a", "", "", "", "😀", "", "é"]


def test_a_reply_whose_tokens_nobody_kept_is_cut_into_tokens_anew() -> None:
    found = inspection_of(bytes_generator(), "héllo")
    assert found.done.was_retokenized
    assert [token.token_id for token in found.of("reply")] == list("héllo".encode())
    assert [token.part for token in found.tokens[-2:]] == ["reply", "next"]
    assert found.tokens[-1].candidates and found.tokens[-1].rank is None


def test_what_is_impossible_is_told_without_infinities() -> None:
    generator = bytes_generator()
    plain = generator.model.each_logits
    generator.model.each_logits = lambda ids, cache: plain(ids, cache).index_fill(  # type: ignore[method-assign]
        -1, torch.tensor([97]), -math.inf
    )
    token = inspection_of(generator, list(b"a")).of("reply")[0]
    assert (token.logprob, token.rank, token.drawn) == (IMPOSSIBLE, 257, 0.0)
    assert token.entropy is not None and 0 < token.entropy < 9


def test_greedy_leaves_one_token_to_choose() -> None:
    generator = bytes_generator()
    greedy = SAMPLED.with_changes("test", temperature=0.0, repetition_penalty=1.0, max_new_tokens=5)
    said, _, _ = reply_of(generator, greedy)
    for token in inspection_of(generator, [token.token_id for token in said], greedy).of("reply"):
        assert (token.rank, token.drawn, token.choices) == (1, 1.0, 1)


def test_a_cancelled_inspection_ends_early() -> None:
    found = list(inspect(bytes_generator(), QUESTION, list(b"abc"), SAMPLED, is_cancelled=lambda: True))
    assert len(found) == 2
    assert isinstance(found[-1], InspectionDone)


def test_mean_surprise_is_over_tokens_with_figures() -> None:
    tokens = (
        InspectedToken(part="reply", token_id=1, text="a", spelling="a", logprob=-math.log(2)),
        InspectedToken(part="reply", token_id=1, text="a", spelling="a", logprob=-math.log(8)),
        InspectedToken(part="reply", token_id=1, text="a", spelling="a"),
    )
    assert mean_surprise(tokens) == pytest.approx(2.0)
    assert mean_surprise(()) is None
