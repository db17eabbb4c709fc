"""Packed or not, a conversation is learnt the same; prompts count as much as was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from engine.errors import UserError
from trainers.config import TrainingConfig
from trainers.corpora import IGNORED, ConversationWindows
from trainers.methods.assembly import Assembly, assemble
from trainers.methods.method import Batch, next_token_loss
from trainers.methods.training_state import config_hash
from trainers.packing import packed_window, windows_of

CHATS = {"method": "fine_tuning", "context_length": 90, "dropout": 0.0}


@pytest.fixture
def config(tiny: TrainingConfig, chats_file: Path) -> TrainingConfig:
    """A fine-tuning run whose windows hold two conversations."""
    return tiny.with_changes("test", dataset=str(chats_file), **CHATS)


def assembled(folder: Path, config: TrainingConfig) -> Assembly:
    return assemble(config, folder, None, lambda stage: None)


def windows_of_run(parts: Assembly) -> ConversationWindows:
    windows = parts.corpus.train
    assert isinstance(windows, ConversationWindows)
    return windows


def losses_by_conversation(parts: Assembly) -> dict[str, float]:
    """The mean loss over the answer of every conversation, wherever it stands."""
    windows = windows_of_run(parts)
    inputs, targets, segments, _ = windows.at(np.arange(len(windows)))
    assert segments is not None
    with torch.inference_mode():
        logits = parts.model.eval()(torch.from_numpy(inputs), segments=torch.from_numpy(segments))
    nats = cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(targets).flatten(), ignore_index=IGNORED, reduction="none"
    ).view(targets.shape)
    found = {}
    for row, numbers in enumerate(segments):
        for number in np.unique(numbers):
            chosen = (numbers == number) & (targets[row] != IGNORED)
            if chosen.any():
                text = parts.tokenizer.decode(inputs[row][numbers == number].tolist())
                found[text.split("<|endoftext|>")[0]] = float(nats[row][chosen].mean())
    return found


@given(st.lists(st.integers(1, 20), min_size=1, max_size=300), st.booleans())
def test_packing_loses_nothing_and_overfills_nothing(lengths: list[int], packing: bool) -> None:
    windows = list(windows_of(lengths, TrainingConfig(context_length=19, packing=packing)))
    assert sorted(index for window in windows for index in window) == list(range(len(lengths)))
    assert max(sum(lengths[index] for index in window) for window in windows) <= 20
    assert packing or len(windows) == len(lengths)


def test_packed_and_alone_a_conversation_has_the_same_loss(tmp_path: Path, config: TrainingConfig) -> None:
    packed = assembled(tmp_path / "packed", config)
    alone = assembled(tmp_path / "alone", config.with_changes("test", packing=False))
    assert len(windows_of_run(alone)) == alone.corpus.files.train_rows > len(windows_of_run(packed))
    together, apart = losses_by_conversation(packed), losses_by_conversation(alone)
    assert len(apart) == alone.corpus.files.train_rows
    assert together == pytest.approx(apart, abs=1e-5)
    assert packed.corpus.files.train_tokens == alone.corpus.files.train_tokens


def test_without_packing_a_window_is_one_conversation_and_its_padding_is_never_a_target(
    tmp_path: Path, config: TrainingConfig
) -> None:
    for prompt_loss in (0.0, 1.0):
        changed = config.with_changes("test", packing=False, prompt_loss=prompt_loss)
        windows = windows_of_run(assembled(tmp_path / f"{prompt_loss}", changed))
        batch = windows.batch(4, 1, 0)
        assert batch.segments is not None
        for inputs, targets, segments in zip(batch.inputs, batch.targets, batch.segments, strict=True):
            is_padding = segments == 2
            assert segments.max() == 2 and is_padding.any()
            assert (inputs[is_padding] == 0).all() and (targets[is_padding] == IGNORED).all()
            assert targets[~is_padding][-2] != IGNORED  # the end of the reply
            assert targets[~is_padding][-1] == IGNORED  # what follows the end is the padding


def test_conversations_that_do_not_fit_are_cut_with_or_without_packing(
    tmp_path: Path, config: TrainingConfig
) -> None:
    for packing in (True, False):
        changed = config.with_changes("test", packing=packing, context_length=27)
        files = assembled(tmp_path / f"{packing}", changed).corpus.files
        assert files.truncated > 0


def prompt_and_answer(model: torch.nn.Module, windows: ConversationWindows) -> tuple[float, float, float]:
    """Sums of nats over the prompts and over the answers of a batch, and what an answer token weighs."""
    whole = windows.batch(4, 1, 0)
    assert whole.segments is not None and whole.weights is not None
    with torch.inference_mode():
        logits = model(torch.from_numpy(whole.inputs), segments=torch.from_numpy(whole.segments))
        nats = cross_entropy(
            logits.flatten(0, 1),
            torch.from_numpy(whole.targets).flatten(),
            ignore_index=-100,
            reduction="none",
        )
    weights = torch.from_numpy(whole.weights).flatten()
    return float(nats[weights < 1].sum()), float(nats[weights == 1].sum()), float(weights.sum())


@pytest.mark.parametrize("micro_batch_size", [0, 1])
def test_the_loss_is_the_mean_in_which_a_prompt_token_counts_what_was_asked(
    tmp_path: Path, config: TrainingConfig, micro_batch_size: int
) -> None:
    config = config.with_changes("test", prompt_loss=0.25, micro_batch_size=micro_batch_size, seed=1)
    parts = assembled(tmp_path / "tokens", config)
    parts.model.eval()
    prompt, answer, weight = prompt_and_answer(parts.model, windows_of_run(parts))
    assert prompt > 0 and answer > 0
    found = sum(parts.method.loss(parts.model, batch)[0].item() for batch in parts.method.batches(0))
    assert found == pytest.approx((0.25 * prompt + answer) / weight, abs=1e-5)


def test_a_prompt_loss_of_one_is_the_loss_on_the_whole_conversation(
    tmp_path: Path, config: TrainingConfig
) -> None:
    windows = windows_of_run(assembled(tmp_path / "tokens", config.with_changes("test", prompt_loss=1.0)))
    batch = windows.batch(4, 1, 0)
    assert batch.segments is not None and batch.weights is not None
    first = np.diff(batch.segments, axis=1, prepend=0) > 0  # of a conversation, or of the padding
    is_target = batch.targets[:, :-1] != IGNORED
    assert (is_target == ~first[:, 1:] & (batch.segments[:, 1:] < batch.segments.max(1, keepdims=True))).all()
    assert set(np.unique(batch.weights)) == {0.0, 1.0}


def test_validation_is_of_answers_alone_whatever_prompts_count(
    tmp_path: Path, config: TrainingConfig
) -> None:
    targets = []
    for prompt_loss in (0.0, 0.5):
        changed = config.with_changes("test", prompt_loss=prompt_loss)
        validation = assembled(tmp_path / f"{prompt_loss}", changed).corpus.validation
        assert validation is not None
        targets.append(validation.at(np.arange(len(validation))).targets)
    assert (targets[0] == targets[1]).all()


def test_a_batch_without_any_target_has_a_loss_of_zero_and_gives_no_gradient(
    tmp_path: Path, config: TrainingConfig
) -> None:
    model = assembled(tmp_path / "tokens", config).model
    ids = torch.arange(8)[None]
    loss = next_token_loss(model, Batch(ids, torch.full_like(ids, IGNORED), None, 0.0))
    loss.backward()
    assert loss.item() == 0.0
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_a_conversation_that_fills_its_window_has_no_padding() -> None:
    ids, mask = np.arange(5, dtype=np.uint16), np.array([0, 0, 1, 1, 1], dtype=np.uint8)
    window, marks = packed_window([(ids, mask)], 5)
    batch = ConversationWindows(window[None], marks[None], 1.0).batch(1, 0, 0)
    assert batch.targets.tolist() == [[1, 2, 3, 4]]


def test_runs_from_before_these_settings_go_on_and_changed_ones_do_not(config: TrainingConfig) -> None:
    before = config_hash(config)
    assert config_hash(config.with_changes("test", packing=True, prompt_loss=0.0)) == before
    assert config_hash(config.with_changes("test", packing=False)) != before
    assert config_hash(config.with_changes("test", prompt_loss=0.1)) != before


def test_pretraining_has_no_prompts_to_weigh(tiny: TrainingConfig) -> None:
    with pytest.raises(UserError, match="prompt_loss is for fine_tuning"):
        tiny.with_changes("test", prompt_loss=0.5)


def test_a_run_that_goes_on_sees_the_same_steps_from_its_token_files(
    tmp_path: Path, config: TrainingConfig
) -> None:
    config = config.with_changes("test", packing=False, prompt_loss=0.3)
    first = windows_of_run(assembled(tmp_path / "tokens", config)).batch(4, 1, 7)
    Path(config.dataset).unlink()  # read once
    again = windows_of_run(assembled(tmp_path / "tokens", config)).batch(4, 1, 7)
    assert again.weights is not None and 0 < again.weights[again.weights > 0].min() < 1
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
