"""Settings under the names that `transformers.Trainer` has for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from trainers.config import TrainingConfig, read_config
from trainers.familiar_names import with_our_names


def ours(**values: object) -> dict[str, object]:
    return with_our_names(values, 32, "--set")


def test_per_device_size_times_accumulation_is_the_batch() -> None:
    given = ours(per_device_train_batch_size=4, gradient_accumulation_steps=8)
    assert given == {"batch_size": 32, "micro_batch_size": 4}


def test_without_accumulation_the_per_device_size_is_the_batch_as_in_trainer() -> None:
    assert ours(per_device_train_batch_size=4) == {"batch_size": 4, "micro_batch_size": 4}


def test_what_is_left_out_follows_from_the_other_two() -> None:
    assert ours(per_device_train_batch_size=4, batch_size=16) == {"batch_size": 16, "micro_batch_size": 4}
    assert ours(gradient_accumulation_steps=8) == {"batch_size": 32, "micro_batch_size": 4}
    assert ours(gradient_accumulation_steps=8, micro_batch_size=2) == {
        "batch_size": 16,
        "micro_batch_size": 2,
    }
    assert ours(gradient_accumulation_steps=2, batch_size=6) == {"batch_size": 6, "micro_batch_size": 3}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "batch_size": 16},
            "4 x gradient_accumulation_steps 2 is 8, but batch_size is 16",
        ),
        ({"per_device_train_batch_size": 5, "batch_size": 16}, "is 15, but batch_size is 16"),
        ({"gradient_accumulation_steps": 5}, "is 30, but batch_size is 32"),
        ({"gradient_accumulation_steps": 64}, "is 64, but batch_size is 32"),
        ({"per_device_train_batch_size": 4, "micro_batch_size": 2}, "are the same setting"),
        (
            {"max_grad_norm": 1.0, "gradient_clip": 2.0},
            "max_grad_norm and gradient_clip are the same setting",
        ),
        ({"per_device_train_batch_size": 0}, "at least 1, not 0"),
        ({"per_device_train_batch_size": "four"}, "at least 1, not 'four'"),
    ],
)
def test_contradictions_are_refused_with_their_numbers(given: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match="--set: ") as refused:
        ours(**given)
    assert words in str(refused.value)


def test_names_with_the_same_meaning_are_understood_and_others_left_alone() -> None:
    assert ours(lr_scheduler_type="linear", save_steps=5, max_steps=7, learning_rat=1) == {
        "schedule": "linear",
        "checkpoint_interval": 5,
        "max_steps": 7,
        "learning_rat": 1,
    }


def test_those_who_come_from_nanogpt_may_keep_its_names() -> None:
    assert ours(lr=1e-3, block_size=64, n_layer=4, n_head=4, n_embd=128, max_iters=2000) == {
        "learning_rate": 1e-3,
        "context_length": 64,
        "num_layers": 4,
        "num_heads": 4,
        "embedding_size": 128,
        "max_steps": 2000,
    }


def test_a_configuration_file_may_use_them_too(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(
        "per_device_train_batch_size = 2\ngradient_accumulation_steps = 3\nnum_train_epochs = 3\n"
    )
    config = read_config(path)
    assert (config.batch_size, config.micro_batch_size, config.num_train_epochs) == (6, 2, 3.0)


def test_what_is_wrong_in_a_configuration_file_is_told_in_the_names_it_uses(tmp_path: Path) -> None:
    path = tmp_path / "num_heads.toml"
    path.write_text("n_embd = 100\nn_head = 6\n")
    with pytest.raises(UserError, match=r"num_heads.toml: n_embd 100 must be a multiple of n_head 6\.$"):
        read_config(path)
    path.write_text("n_embd = 100\nnum_heads = 6\n")
    with pytest.raises(UserError, match=r"n_embd 100 must be a multiple of num_heads 6\.$"):
        read_config(path)


def test_trainer_knows_no_muon_and_no_average() -> None:
    for change in ({"optimizer": "muon"}, {"ema_decay": 0.9}):
        with pytest.raises(UserError, match="backend hf does"):
            TrainingConfig().with_changes("--set", backend="trainer", **change)
