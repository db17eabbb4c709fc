"""Models of transformers learn in our loop: packed texts stay apart, runs resume exactly, checkpoints open anywhere."""

from __future__ import annotations

import errno
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from engine.errors import UserError
from engine.model_card import read_model_card
from engine.models.hugging_face import load_hugging_face
from engine.models.loading import choose_backend
from engine.tokenizers.loading import load_tokenizer
from tests.trainers.foreign_models import foreign_model
from tests.trainers.small_runs import new_run, outcome, start, train
from tests.trainers.test_exact_resume import until_running
from trainers.config import TrainingConfig
from trainers.methods.assembly import assemble, make_optimizer
from trainers.methods.hugging_face_models import HuggingFaceLM, open_for_training
from trainers.methods.loops import training_loop
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes

ARCHITECTURES = ("gpt2", "llama", "qwen2", "bloom")


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    """A directory of another architecture than our own."""
    return foreign_model(tmp_path / "llama", "llama")


@pytest.fixture
def config(tiny: TrainingConfig, chats_file: Path, llama: Path) -> TrainingConfig:
    """A fine-tuning run of a second, with accumulation and several epochs."""
    return tiny.with_changes(
        "test",
        method="fine_tuning",
        dataset=str(chats_file),
        base_model=str(llama),
        context_length=60,
        micro_batch_size=2,
    )


def parts_of(path: Path, config: TrainingConfig) -> Any:
    return assemble(config, path / "tokens", None, lambda stage: None)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_packed_texts_are_computed_as_if_each_stood_alone(tmp_path: Path, architecture: str) -> None:
    model = open_for_training(foreign_model(tmp_path, architecture), 257, dropout=0.0)
    assert model.keeps_apart == (architecture != "bloom")
    ids = torch.randint(0, 256, (2, 20), generator=torch.Generator().manual_seed(3))
    segments = torch.tensor([[1] * 7 + [2] * 13, [1] * 12 + [2] + [3] * 7])
    together = model(ids, segments=segments)
    for row, begin, end in ((0, 0, 7), (0, 7, 20), (1, 0, 12), (1, 12, 13), (1, 13, 20)):
        alone = model(ids[row : row + 1, begin:end])[0]
        torch.testing.assert_close(together[row, begin:end], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_saved_opens_with_the_same_logits_in_transformers(tmp_path: Path, architecture: str) -> None:
    model = open_for_training(foreign_model(tmp_path / "base", architecture), 260, dropout=0.1).eval()
    (tmp_path / "saved").mkdir()
    model.save(tmp_path / "saved", end_of_text=259)
    again: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", local_files_only=True)
    ids = torch.arange(12)[None]
    assert torch.equal(again.eval()(input_ids=ids).logits, model(ids))
    assert again.config.vocab_size == 260
    assert load_hugging_face(tmp_path / "saved").end_of_text_ids == (259,)


def test_a_full_disk_is_known_as_one(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = open_for_training(llama, 257, dropout=0.0)

    def no_room(*_: object, **__: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(model.model, "save_pretrained", no_room)
    with pytest.raises(OSError, match="No space left") as refused:
        model.save(tmp_path, end_of_text=256)
    assert refused.value.errno == errno.ENOSPC


def test_new_rows_of_the_vocabulary_are_near_the_mean_of_the_old(llama: Path) -> None:
    before = load_hugging_face(llama)._model.get_input_embeddings().weight
    grown = open_for_training(llama, 260, dropout=0.0).model
    for layer in (grown.get_input_embeddings(), grown.get_output_embeddings()):
        assert layer.weight.shape[0] == 260
    after = grown.get_input_embeddings().weight
    assert torch.equal(after[:257], before)
    assert (after[257:] - before.mean(dim=0)).abs().max() < 0.06
    assert not torch.equal(after[257], after[258])


def test_the_run_s_dropout_counts_and_not_the_directory_s(tmp_path: Path) -> None:
    ids = torch.arange(20)[None]
    for architecture in ("gpt2", "llama"):
        still = open_for_training(foreign_model(tmp_path / architecture, architecture), 257, 0.0).train()
        assert torch.equal(still(ids), still(ids))
        moving = open_for_training(tmp_path / architecture, 257, 0.5).train()
        assert not torch.equal(moving(ids), moving(ids))


def test_computing_activations_twice_gives_the_same_gradients(llama: Path) -> None:
    gradients = []
    for twice in (False, True):
        torch.manual_seed(4)
        model = open_for_training(llama, 257, dropout=0.1).train()
        if twice:
            model.recompute_activations()
        model(torch.arange(20)[None]).square().mean().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(once, again) for once, again in zip(*gradients, strict=True))


def test_an_architecture_that_cannot_compute_twice_says_so(llama: Path) -> None:
    model = open_for_training(llama, 257, dropout=0.0)
    model.model.supports_gradient_checkpointing = False
    with pytest.raises(UserError, match="'llama' cannot compute activations twice"):
        model.recompute_activations()


def test_stopped_and_resumed_equals_uninterrupted_and_the_checkpoint_is_a_model(
    tmp_path: Path, config: TrainingConfig
) -> None:
    whole = new_run(tmp_path / "whole", config)
    assert train(whole) == 0, whole.log_tail()
    parts = new_run(tmp_path / "parts", config)
    with start(parts) as process:
        until_running(parts, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, parts.log_tail()
    assert train(parts) == 0, parts.log_tail()
    assert outcome(parts) == outcome(whole)
    first, *_, last = whole.metrics()[0]
    assert first.loss and last.loss and last.loss < first.loss
    checkpoint = Path(whole.checkpoints()[-1].directory)
    assert choose_backend("auto", checkpoint) == "hf"
    card = read_model_card(checkpoint)
    assert (card.architecture, card.context_length, card.step) == ("llama", 64, 24)
    assert (
        card.vocab_size == load_tokenizer(checkpoint).vocab_size == 261
    )  # three roles and an end of text more


def test_both_ways_to_compute_a_gpt2_give_the_same_losses(tmp_path: Path, config: TrainingConfig) -> None:
    base = str(foreign_model(tmp_path / "gpt2", "gpt2"))
    losses = {}
    for backend in ("scratch", "hf"):
        changed = config.with_changes(
            "test",
            base_model=base,
            backend=backend,
            chat_format="plain",  # no new tokens, whose rows would be drawn
            max_steps=6,
            dropout=0.0,
            log_interval=1,
        )
        run = new_run(tmp_path / backend, changed)
        parts = parts_of(run.path, changed)
        assert isinstance(parts.model, HuggingFaceLM) == (backend == "hf")
        training_loop(parts, make_optimizer(parts), RunWriter(run), Wishes(run)).run()
        losses[backend] = [row.loss for row in run.metrics()[0]]
    assert losses["hf"] == pytest.approx(losses["scratch"], abs=1e-5)


def test_the_backend_follows_from_the_model_unless_it_is_asked_for(
    tmp_path: Path, config: TrainingConfig
) -> None:
    gpt2 = str(foreign_model(tmp_path / "gpt2", "gpt2"))
    assert parts_of(tmp_path / "a", config).backend == "hf"
    assert parts_of(tmp_path / "b", config.with_changes("t", base_model=gpt2)).backend == "scratch"
    assert parts_of(tmp_path / "c", config.with_changes("t", base_model=gpt2, backend="hf")).backend == "hf"
    with pytest.raises(UserError, match="the scratch GPT reads gpt2 only"):
        parts_of(tmp_path / "d", config.with_changes("t", backend="scratch"))


def test_random_weights_are_the_same_in_both_ways_to_compute(tmp_path: Path, tiny: TrainingConfig) -> None:
    models = [
        parts_of(tmp_path / backend, tiny.with_changes("t", backend=backend, dropout=0.0)).model.eval()
        for backend in ("scratch", "hf")
    ]
    ids = torch.arange(12)[None]
    torch.testing.assert_close(models[0](ids), models[1](ids), atol=1e-5, rtol=0)


def test_a_context_longer_than_the_model_s_is_refused_with_both_numbers(
    tmp_path: Path, config: TrainingConfig
) -> None:
    with pytest.raises(UserError, match="context_length 65 is more than the 64 tokens"):
        parts_of(tmp_path, config.with_changes("test", context_length=65))


def test_a_missing_weight_is_an_error_and_never_filled_in(tmp_path: Path, config: TrainingConfig) -> None:
    weights = load_file(Path(config.base_model) / "model.safetensors")
    weights["model.other.weight"] = weights.pop("model.norm.weight")
    save_file(weights, Path(config.base_model) / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"'model.norm.weight' is missing"):
        parts_of(tmp_path / "run", config)


def test_epochs_become_steps_before_the_first_one(tmp_path: Path, config: TrainingConfig) -> None:
    parts = parts_of(tmp_path, config.with_changes("test", num_train_epochs=2.5, max_steps=7))
    windows = len(parts.corpus.train)
    assert windows > 4
    assert parts.config.max_steps == -(-5 * windows // (2 * 4))  # rounded up, 4 windows a step
