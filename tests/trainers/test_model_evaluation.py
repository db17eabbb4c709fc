"""The figures are those that transformers and torch give for the same text, worked out apart."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.manifest import write_manifest
from engine.models.checkpoints import load_gpt
from engine.tokenizers.chat_formats import CHAT
from engine.tokenizers.loading import load_tokenizer
from tests.trainers.small_runs import new_run
from trainers.config import TrainingConfig
from trainers.corpus_building import build_corpus
from trainers.evaluation import Evaluation, EvaluationRequest, Reply
from trainers.methods.evaluation import evaluate, token_sizes
from trainers.methods.model_evaluation import evaluate_models
from trainers.run_directory import RunDirectory

ROWS = (
    ("Hi", "Hello there, friend."),
    ("What is your name?", "I am Bo."),
    ("Tell me a very long story, please", "Once upon a time there was a cat, and the cat sat."),
)


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in ROWS))
    return path


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A model that only transformers knows, with the tiny model's tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    directory = tmp_path_factory.mktemp("foreign") / "llama"
    vocab_size = load_tokenizer(tiny_model).vocab_size
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=vocab_size + 3,  # padded, as many are
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_model / name, directory / name)
    return directory


def evaluated(model: Path | str, data: Path, **options: Any) -> Evaluation:
    models = [str(model), *options.pop("against", ())]
    facts = {"references": models, "data": str(data), "threads": 1, "device": "cpu", **options}
    return evaluate_models(EvaluationRequest.from_dict(facts, "test"), lambda _: None, lambda _: None)


def oracle(directory: Path, context_length: int = 128) -> dict[str, tuple[float, float, int, int]]:
    """Group -> nats, right guesses, tokens, bytes; one conversation at a time through transformers."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    tokenizer = load_tokenizer(directory)
    special = tokenizer.special_tokens
    sums = {"answer": [0.0, 0.0, 0, 0], "prompt": [0.0, 0.0, 0, 0]}
    for question, answer in ROWS:
        q, a = tokenizer.encode(question), tokenizer.encode(answer)
        ids = [special["<|user|>"], *q, special["<|assistant|>"], *a, special["<|endoftext|>"]]
        sizes = [0, *(len(c.encode()) for c in question), 0, *(len(c.encode()) for c in answer), 0]
        ids = ids[: context_length + 1]
        with torch.no_grad():
            logits = model(torch.tensor([ids[:-1]])).logits[0]
        losses = F.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
        for place in range(1, len(ids)):
            group = sums["answer" if place >= len(q) + 2 else "prompt"]
            group[0] += float(losses[place - 1])
            group[1] += int(logits[place - 1].argmax()) == ids[place]
            group[2] += 1
            group[3] += sizes[place]
    whole = [one + other for one, other in zip(sums["answer"], sums["prompt"], strict=True)]
    return {name: (v[0], v[1], int(v[2]), int(v[3])) for name, v in [*sums.items(), ("all", whole)]}


@pytest.mark.parametrize("kind", ["scratch", "hf"])
def test_answer_prompt_and_all_are_what_transformers_gives(
    kind: str, tiny_model: Path, llama: Path, chats: Path
) -> None:
    model = tiny_model if kind == "scratch" else llama
    [figures] = evaluated(model, chats).models
    assert figures.backend == kind
    expected = oracle(model, figures.context_length)
    for group, (nats, right, tokens, size) in expected.items():
        loss = figures.loss[group]
        assert loss == pytest.approx(nats / tokens, rel=1e-5)
        assert figures.perplexity[group] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
        assert figures.bits_per_byte[group] == pytest.approx(nats / math.log(2) / size, rel=1e-5)
        assert figures.accuracy[group] == pytest.approx(right / tokens)
        assert figures.tokens[group] == tokens
    assert figures.tokens["padding"] > 0  # rows of three lengths went through together


def test_the_validation_split_gives_what_a_fine_tuning_run_measures(
    tiny_model: Path, chats_file: Path, tmp_path: Path
) -> None:
    config = TrainingConfig(dataset=str(chats_file), method="fine_tuning", context_length=128)
    tokenizer = load_tokenizer(tiny_model)
    corpus = build_corpus(config, tokenizer, CHAT, tmp_path / "tokens", lambda stage: None)
    assert corpus.validation is not None
    device = torch.device("cpu")
    packed = evaluate(load_gpt(tiny_model), corpus.validation, token_sizes(tokenizer), device)
    [figures] = evaluated(tiny_model, chats_file, split="validation").models
    assert packed is not None and figures.tokens["answer"] == packed.tokens
    assert figures.loss["answer"] == pytest.approx(packed.loss, rel=1e-5)
    assert figures.accuracy["answer"] == pytest.approx(packed.accuracy)
    assert figures.bits_per_byte["answer"] == pytest.approx(packed.bits_per_byte, rel=1e-5)


def test_a_long_conversation_is_cut_to_the_context_and_counted(llama: Path, chats: Path) -> None:
    [figures] = evaluated(llama, chats).models
    question, answer = ROWS[2]
    assert figures.truncated_rows == 1
    assert figures.cut_tokens == len(question) + len(answer) + 3 - 65


def test_a_text_is_measured_window_by_window_to_its_last_token(tiny_model: Path, tmp_path: Path) -> None:
    text = "The cat sat on the mat, and the dog ran. " * 9  # 369 characters in windows of 128
    path = tmp_path / "text.txt"
    path.write_text(text)
    [figures] = evaluated(tiny_model, path).models
    assert set(figures.loss) == {"all"} and figures.tokens["all"] == len(text) - 1
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    ids = load_tokenizer(tiny_model).encode(text)
    nats = 0.0
    for start in range(0, len(ids) - 1, 128):
        window = torch.tensor(ids[start : start + 129])
        with torch.no_grad():
            logits = model(window[None, :-1]).logits[0]
        nats += float(F.cross_entropy(logits, window[1:], reduction="sum"))
    assert figures.loss["all"] == pytest.approx(nats / (len(ids) - 1), rel=1e-5)
    assert figures.bits_per_byte["all"] == pytest.approx(nats / (len(ids) - 1) / math.log(2), rel=1e-5)


def test_two_models_are_measured_on_rows_that_both_read_whole(
    tiny_model: Path, llama: Path, chats: Path
) -> None:
    compared = evaluated(tiny_model, chats, against=[str(llama)])
    assert (compared.rows, compared.left_out) == (2, 1)
    one, other = compared.models
    assert one.tokens["all"] == other.tokens["all"]
    assert one.truncated_rows == other.truncated_rows == 0


def test_rows_that_fit_into_neither_comparison_are_an_error(
    tiny_model: Path, llama: Path, chats: Path
) -> None:
    with pytest.raises(UserError, match="no row fits whole into both contexts"):
        evaluated(tiny_model, chats, against=[str(llama)], context_length=4)


def test_replies_stand_beside_what_was_expected(tiny_model: Path, chats: Path) -> None:
    replies: list[Reply] = []
    settings = GenerationSettings(max_new_tokens=3, temperature=0.0)
    request = EvaluationRequest(
        references=(str(tiny_model),), data=str(chats), threads=1, generation=settings
    )
    [figures] = evaluate_models(request, lambda _: None, replies.append).models
    assert [(reply.prompt, reply.expected) for reply in replies] == list(ROWS)
    assert figures.responses is not None and figures.responses.count == 3
    assert figures.responses.token_f1 == pytest.approx(sum(reply.token_f1 for reply in replies) / 3)
    assert replies[0].messages[-1].content == "Hi"


def test_questions_longer_than_the_context_are_skipped_and_counted(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    rows = [{"question": "long " * 100, "answer": "Yes."}, {"question": "Hi", "answer": "Hello"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = GenerationSettings(max_new_tokens=2, temperature=0.0).to_dict()
    [figures] = evaluated(tiny_model, path, generation=settings).models
    assert figures.responses is not None
    assert (figures.responses.count, figures.responses.skipped) == (1, 1)
    path.write_text(json.dumps(rows[0]) + "\n")
    with pytest.raises(UserError, match="nothing to reply to; no question fits"):
        evaluated(tiny_model, path, generation=settings)


def test_replies_to_plain_text_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("Some words.\n")
    with pytest.raises(UserError, match="replies need conversations"):
        evaluated(tiny_model, path, generation=GenerationSettings().to_dict())


def test_an_empty_split_is_an_error(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text('{"question": "Hi", "answer": "Hello"}\n')
    with pytest.raises(UserError, match="nothing in the validation split to measure"):
        evaluated(tiny_model, path, split="validation")


def test_a_single_token_cannot_be_measured(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("a")
    with pytest.raises(UserError, match="too little text to measure"):
        evaluated(tiny_model, path)


def test_a_broken_loss_is_told_and_not_shown(
    tiny_model: Path, chats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.models.scratch import ScratchModel

    def broken(model: ScratchModel, ids: torch.Tensor) -> torch.Tensor:
        return torch.full((*ids.shape, model.vocab_size), float("nan"))

    monkeypatch.setattr(ScratchModel, "all_logits", broken)
    with pytest.raises(UserError, match="its loss on this text is not a number"):
        evaluated(tiny_model, chats)


def test_unknown_characters_are_counted_and_told(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("a 1 b 2 c")
    found = evaluated(tiny_model, path)
    assert found.models[0].unknown_characters == 2
    assert "2 characters are not in the vocabulary" in found.warnings[0]


def run_with(tiny_model: Path, home: Path, data: Path, **changes: object) -> RunDirectory:
    """A finished run on `data` whose only checkpoint is the tiny model."""
    run = new_run(home / "data" / "runs" / "mine", TrainingConfig(dataset=str(data), **changes))  # type: ignore[arg-type]
    checkpoint = run.path / "checkpoints" / "step_000010"
    shutil.copytree(tiny_model, checkpoint)
    write_manifest(checkpoint)
    return run


@pytest.mark.parametrize(("split", "is_told"), [("all", True), ("train", True), ("validation", False)])
def test_it_is_told_when_a_run_has_learnt_from_what_it_is_measured_on(
    split: str, is_told: bool, tiny_model: Path, home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("Some words that are easy to read.\n" * 20)
    run_with(tiny_model, home, path, validation_share=0.2)
    found = evaluated("run:mine", path, split=split)
    assert any("has learnt from" in warning for warning in found.warnings) is is_told
    if split == "validation":  # the run's own share, not the tenth that others get
        assert found.models[0].tokens["all"] == 20 * 34 - int(20 * 34 * 0.8) - 1
