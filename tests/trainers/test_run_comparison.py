"""Runs beside each other: what differs, and which is better."""

from trainers.config import TrainingConfig
from trainers.run_comparison import Comparison, differing_settings
from trainers.run_directory import RunStatus


def comparison(*results: tuple[float | None, float | None]) -> Comparison:
    """Runs with (validation loss, bits per byte)."""
    statuses = tuple(RunStatus(val_loss=loss, val_bits_per_byte=bits) for loss, bits in results)
    return Comparison(tuple("abc"[: len(results)]), (), statuses)


def test_settings_that_are_the_same_are_left_out():
    first = TrainingConfig(dataset="a.txt")
    second = TrainingConfig(dataset="a.txt", dropout=0.2, tied_head=False)
    assert differing_settings([first, second]) == [("dropout", ("0.0", "0.2")), ("tied_head", ("yes", "no"))]
    assert differing_settings([first, first]) == []


def test_the_lower_validation_loss_is_better_when_tokens_are_alike():
    assert comparison((1.6, 2.31), (1.5, 2.16)).best == 1
    assert comparison((1.6, None), (1.5, None)).best == 1


def test_bits_per_byte_decide_when_tokens_are_of_different_length():
    found = comparison((1.6, 2.31), (4.0, 1.5))
    assert not found.has_one_unit
    assert found.best == 1


def test_nothing_is_best_when_too_little_is_known():
    assert comparison((1.6, 2.3), (None, None)).best is None
    assert comparison((1.6, 2.3), (1.6, 2.3)).best is None
