"""The loop's parts: schedule, decay, evaluation, samples, and what it does with numbers that are not finite."""

from __future__ import annotations

import math
import resource
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import UserError
from engine.manifest import problem_of
from engine.models.checkpoints import load_gpt
from engine.models.gpt import GPT, GPTConfig
from engine.tokenizers.bpe_training import train_bpe
from engine.tokenizers.loading import load_tokenizer
from tests.trainers.small_runs import new_run, outcome
from trainers.config import TrainingConfig, read_recipe
from trainers.corpora import TextWindows
from trainers.methods import measuring
from trainers.methods.assembly import (
    assemble,
    choose_training_precision,
    make_optimizer,
)
from trainers.methods.checkpointing import find_checkpoint, restore
from trainers.methods.evaluation import evaluate, token_sizes
from trainers.methods.loop import TrainingLoop
from trainers.methods.measuring import Measuring
from trainers.methods.method import Batch, next_token_loss
from trainers.methods.optimizer import FlatAdamW, is_decayed
from trainers.methods.samples import draw_samples
from trainers.methods.schedules import learning_rate
from trainers.methods.starting_models import with_larger_vocabulary
from trainers.run_writer import RunWriter
from trainers.wishes import Wishes

CPU = torch.device("cpu")


def say_nothing(stage: str) -> None:
    """Nobody watches."""


def new_loop(path: Path, config: TrainingConfig) -> TrainingLoop:
    """A run in this process, before its first step."""
    run = new_run(path, config)
    parts = assemble(config, run.path / "tokens", None, say_nothing)
    return TrainingLoop(parts, make_optimizer(parts), RunWriter(run), Wishes(run))


def resumed(loop: TrainingLoop) -> TrainingLoop:
    """The same run in another sitting."""
    run, config = loop.writer.run, loop.parts.config
    checkpoint = find_checkpoint(run)
    assert checkpoint is not None
    parts = assemble(config, run.path / "tokens", checkpoint, say_nothing)
    again = TrainingLoop(parts, make_optimizer(parts), RunWriter(run), Wishes(run))
    again.continue_from(restore(checkpoint, parts, again.optimizer))
    again.writer.forget_after(again.progress.measured_step)
    return again


def tiny_gpt(**changes: object) -> GPT:
    torch.manual_seed(0)
    shape = {"vocab_size": 300, "context_length": 16, "embedding_size": 32, "num_layers": 2, "num_heads": 2}
    return GPT(GPTConfig(**{**shape, **changes}))


def test_the_learning_rate_rises_falls_and_ends_as_nanogpt_s() -> None:
    config = read_recipe("shakespeare-char-cpu")
    assert learning_rate(config, 0) == pytest.approx(1e-3 / 101)
    assert learning_rate(config, 100) == 1e-3
    assert learning_rate(config, 1050) == pytest.approx((1e-3 + 1e-4) / 2)
    assert learning_rate(config, 2000) == pytest.approx(1e-4)
    assert learning_rate(config.with_changes("t", schedule="linear"), 575) == pytest.approx(7.75e-4)
    assert learning_rate(config.with_changes("t", schedule="constant"), 1999) == 1e-3


def test_the_recipe_is_nanogpt_s_to_the_parameter() -> None:
    config = read_recipe("shakespeare-char-cpu")
    shape = GPTConfig(
        vocab_size=65,
        context_length=config.context_length,
        embedding_size=config.embedding_size,
        num_layers=config.num_layers,
        num_heads=config.num_heads,
        bias=config.bias,
    )
    assert GPT(shape).num_parameters == 804_096
    assert choose_training_precision(config.precision, CPU, config.embedding_size) == "float32"


def test_matrices_and_embeddings_decay_and_vectors_do_not() -> None:
    decayed = {name for name, parameter in tiny_gpt().named_parameters() if is_decayed(parameter)}
    assert "wte.weight" in decayed and "h.0.attn.c_attn.weight" in decayed
    assert not any(name.endswith("bias") or "ln_" in name for name in decayed)


def test_flat_adamw_computes_what_torch_s_adamw_computes() -> None:
    config = TrainingConfig(weight_decay=0.3, gradient_clip=0.5)
    ours, theirs = tiny_gpt(qkv_bias=False), tiny_gpt(qkv_bias=False)
    flat = FlatAdamW(ours, config)
    groups = [
        {"params": [p for p in theirs.parameters() if is_decayed(p)], "weight_decay": 0.3},
        {"params": [p for p in theirs.parameters() if not is_decayed(p)], "weight_decay": 0.0},
    ]
    reference = torch.optim.AdamW(groups, lr=1e-2, betas=(config.beta1, config.beta2))
    for step in range(3):
        ids = torch.randint(0, 300, (4, 17), generator=torch.Generator().manual_seed(step))
        batch = Batch(ids[:, :-1], ids[:, 1:], None, 1.0)
        flat.zero_gradients()
        loss = next_token_loss(ours, batch)
        loss.backward()
        norm = flat.step(1e-2, loss.detach())
        reference.zero_grad()
        next_token_loss(theirs, batch).backward()
        assert float(torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)) == pytest.approx(
            float(norm), rel=1e-4
        )
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_accumulation_gives_the_gradient_of_the_whole_batch(
    tmp_path: Path, tiny: TrainingConfig, chats_file: Path
) -> None:
    changes = {"method": "fine_tuning", "dataset": str(chats_file), "context_length": 60, "dropout": 0.0}
    gradients = []
    for micro in (0, 1):
        config = tiny.with_changes("test", **changes, micro_batch_size=micro)
        parts = assemble(config, tmp_path / f"tokens{micro}", None, say_nothing)
        for batch in parts.method.batches(0):
            parts.method.loss(parts.model, batch)[0].backward()
        gradients.append(parts.model.wte.weight.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-6)


def test_a_step_that_is_not_finite_is_not_applied_and_the_run_fails(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", checkpoint_interval=3, on_bad_step="stop"))
    sound = loop.parts.method.loss

    def poisoned(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        loss, metrics = sound(model, batch)
        return (loss * float("nan") if loop.progress.step == 7 else loss), metrics

    loop.parts.method.loss = poisoned  # type: ignore[method-assign]
    with pytest.raises(UserError, match="step 8: the loss became nan. That step was not applied"):
        loop.run()
    assert all(bool(parameter.isfinite().all()) for parameter in loop.parts.model.parameters())
    run = loop.writer.run
    assert [checkpoint.step for checkpoint in run.checkpoints()] == [3, 6]
    assert all(problem_of(Path(checkpoint.directory)) is None for checkpoint in run.checkpoints())
    assert run.metrics()[0][-1].note == "the loss became nan"


def test_a_checkpoint_is_a_model_that_computes_the_same(tmp_path: Path, tiny: TrainingConfig) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", max_steps=3, bias=False))
    loop.run()
    directory = Path(loop.writer.run.checkpoints()[-1].directory)
    ids = torch.arange(10)[None]
    assert load_tokenizer(directory).encode("Why") == loop.parts.tokenizer.encode("Why")
    torch.testing.assert_close(load_gpt(directory)(ids), loop.parts.model.eval()(ids), rtol=0, atol=0)


def test_evaluation_counts_every_target_once_and_starts_near_the_uniform_loss() -> None:
    tokenizer = train_bpe(["a b c " * 20], 258)
    model = tiny_gpt(vocab_size=tokenizer.vocab_size)
    ids = np.random.default_rng(0).integers(0, 255, 1000).astype(np.uint16)
    measured = evaluate(model, TextWindows(ids, 16), token_sizes(tokenizer), CPU)
    assert measured is not None
    assert (measured.windows, measured.tokens) == (62, 992)
    assert measured.loss == pytest.approx(math.log(258), abs=0.2)
    assert measured.bits_per_byte == pytest.approx(
        measured.loss / math.log(2), rel=1e-6
    )  # one byte per token here
    few = evaluate(model, TextWindows(ids, 16), token_sizes(tokenizer), CPU, max_windows=5)
    assert few is not None and few.windows == 5
    assert (
        evaluate(model, TextWindows(ids, 16), token_sizes(tokenizer), CPU, is_cancelled=lambda: True) is None
    )


def test_samples_change_nothing_of_the_training(tmp_path: Path, tiny: TrainingConfig) -> None:
    parts = assemble(tiny, tmp_path / "tokens", None, say_nothing)
    before = torch.get_rng_state()
    first = draw_samples(parts, 1, lambda: False)
    assert first is not None and first == draw_samples(parts, 1, lambda: False)
    assert torch.equal(before, torch.get_rng_state())
    assert parts.model.training


def test_a_larger_vocabulary_leaves_the_old_tokens_as_they_were() -> None:
    small = tiny_gpt()
    large = with_larger_vocabulary(small, 304)
    ids = torch.arange(12)[None]
    torch.testing.assert_close(large(ids)[..., :300], small(ids))
    assert large.lm_head.weight is large.wte.weight


def test_fine_tuning_starts_from_a_base_model_and_adds_the_tokens_it_lacks(
    tmp_path: Path, tiny: TrainingConfig, chats_file: Path
) -> None:
    tiny = tiny.with_changes("test", context_length=60)
    base = new_loop(tmp_path / "base", tiny.with_changes("test", max_steps=2))
    base.run()
    directory = base.writer.run.checkpoints()[-1].directory
    changes = {"method": "fine_tuning", "dataset": str(chats_file), "base_model": directory, "max_steps": 2}
    tuned = new_loop(tmp_path / "tuned", tiny.with_changes("test", **changes))
    assert tuned.parts.tokenizer.special_tokens.keys() >= {"<|user|>", "<|assistant|>", "<|endoftext|>"}
    old = load_gpt(Path(directory)).wte.weight
    torch.testing.assert_close(tuned.parts.model.wte.weight[: len(old)], old, rtol=0, atol=0)
    tuned.run()
    assert tuned.writer.status.state == "finished"
    for loop, replies in ((base, False), (tuned, True)):
        assert {sample.is_reply for sample in loop.writer.run.samples()[0]} == {replies}


def test_a_context_longer_than_the_base_model_s_is_refused(
    tmp_path: Path, tiny: TrainingConfig, tiny_model: Path
) -> None:
    config = tiny.with_changes("test", base_model=str(tiny_model), context_length=200)
    with pytest.raises(UserError, match="Set context_length to 128 or less"):
        assemble(config, tmp_path / "tokens", None, say_nothing)


def test_a_checkpoint_s_card_tells_the_loss_of_its_own_step_or_none(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    config = tiny.with_changes("test", max_steps=7, eval_interval=5, checkpoint_interval=6, log_interval=1)
    loop = new_loop(tmp_path / "run", config)
    loop.run()
    measured = {row.step: row.val_loss for row in loop.writer.run.metrics()[0]}
    told = {checkpoint.step: checkpoint.val_loss for checkpoint in loop.writer.run.checkpoints()}
    assert told == {step: measured[step] for step in told}
    assert told[6] is None and told[7] is not None


def test_a_disk_that_fills_up_while_weights_are_written_is_told_and_the_older_checkpoint_stays(
    tmp_path: Path, tiny: TrainingConfig
) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", max_steps=1))
    loop.run()
    loop.progress.step = 2
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (30_000, hard)
    )  # less than the weights, more than the JSON files
    try:
        with pytest.raises(UserError, match="the disk is full"):
            loop.checkpointer.save(loop.progress, 0.0, None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in loop.writer.run.checkpoints_path.iterdir()] == ["step_000001"]
    assert problem_of(loop.writer.run.checkpoints_path / "step_000001") is None


def test_a_stop_while_measuring_again_leaves_the_checkpoint_of_that_step_alone(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = new_loop(tmp_path / "run", tiny.with_changes("test", max_steps=4))
    monkeypatch.setattr(loop.measuring, "validate", lambda: None)  # as when a stop is wished meanwhile
    loop.run()
    saved = Path(loop.writer.run.checkpoints()[-1].directory)
    before = saved.stat().st_ino
    loop.run()
    assert loop.writer.status.state == "stopped"
    assert saved.stat().st_ino == before


@pytest.mark.parametrize(("what", "step"), [("validate", 16), ("draw_samples", 24)])
def test_a_measurement_that_a_stop_cut_short_is_made_on_resume_as_if_there_had_been_no_stop(
    tmp_path: Path, tiny: TrainingConfig, monkeypatch: pytest.MonkeyPatch, what: str, step: int
) -> None:
    whole = new_loop(tmp_path / "whole", tiny)
    whole.run()
    parts = new_loop(tmp_path / "parts", tiny)
    cuts = iter([True, True, False])
    place = Measuring if what == "validate" else measuring
    sound = getattr(place, what)

    def cut_short(*arguments: object) -> object:
        return None if parts.progress.step == step and next(cuts) else sound(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(place, what, cut_short)
        parts.run()
        for state in ("stopped", "finished"):
            assert parts.writer.status.state == "stopped"
            parts = resumed(parts)
            parts.run()
            assert parts.writer.status.state == state
    runs = parts.writer.run, whole.writer.run
    assert outcome(runs[0]) == outcome(runs[1])
    losses = [{info.step: info.val_loss for info in run.checkpoints()} for run in runs]
    assert losses[0] == losses[1]
