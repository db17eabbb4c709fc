"""The arithmetic a run does, and its share of a card's peak."""

from pathlib import Path

import pytest

from trainers.compute import card_name, operations_per_second, share_of_peak
from trainers.config import TrainingConfig
from trainers.run_directory import RunStatus

CONFIG = TrainingConfig(num_layers=4, num_heads=4, embedding_size=128, context_length=64)
ON_A_CARD = RunStatus(
    tokens_per_second=1e6, num_parameters=100_000_000, device="cuda:0", precision="bfloat16"
)


def test_operations_are_six_per_parameter_and_those_of_attention():
    status = RunStatus(tokens_per_second=1000, num_parameters=800_000)
    assert operations_per_second(CONFIG, status) == 1000 * (6 * 800_000 + 12 * 4 * 128 * 64)


def test_of_a_given_model_only_the_parameters_count():
    status = RunStatus(tokens_per_second=1000, num_parameters=800_000)
    config = CONFIG.with_changes("test", base_model="builtin")
    assert operations_per_second(config, status) == 1000 * 6 * 800_000


def test_without_a_speed_there_is_no_figure():
    assert operations_per_second(CONFIG, RunStatus(num_parameters=800_000)) is None


@pytest.mark.parametrize(
    ("card", "share"),
    [
        ("NVIDIA H200", 6e14 / 989e12),
        ("NVIDIA A100-SXM4-80GB", 6e14 / 312e12),
        ("NVIDIA H100 PCIe", 6e14 / 756e12),
        ("NVIDIA L4", 6e14 / 121e12),
        ("NVIDIA L40S", 6e14 / 362e12),
        ("Some other card", None),
        ("", None),
    ],
)
def test_the_peak_is_that_of_the_card(card: str, share: float | None):
    assert share_of_peak(6e14, ON_A_CARD, card) == (pytest.approx(share) if share else None)


@pytest.mark.parametrize("changes", [{"device": "cpu"}, {"precision": "float32"}])
def test_where_no_peak_is_known_there_is_no_share(changes: dict[str, str]):
    assert share_of_peak(6e14, ON_A_CARD.with_changes("test", **changes), "NVIDIA H200") is None


def test_the_card_is_named_by_the_driver(tmp_path: Path):
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "information").write_text("Model: \t\t NVIDIA H200\nIRQ:   \t\t 43\n")
    assert card_name(tmp_path) == "NVIDIA H200"
    (tmp_path / "0" / "information").write_text("Model: \t\t NVIDIA L4\n")
    assert card_name(tmp_path) == ""
    assert card_name(tmp_path / "none") == ""
