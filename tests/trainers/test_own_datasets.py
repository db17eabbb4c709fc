"""my-preferences, my-corrections, my-favourites: names that mean the same wherever data is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.paths import datasets_path
from trainers.config import TrainingConfig
from trainers.evaluation import EvaluationRequest, with_absolute_places
from trainers.launcher import check_data, with_absolute_paths
from trainers.own_datasets import OWN_DATASETS, dataset_path

ROW = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}


@pytest.fixture
def corrections() -> Path:
    """Three rows of my-corrections."""
    datasets_path().mkdir(parents=True)
    path = datasets_path() / "my-corrections.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n" * 3)
    return path


def test_a_name_is_its_file_and_a_path_stays_a_path(corrections: Path) -> None:
    assert dataset_path("my-corrections") == dataset_path(" my-corrections ") == corrections
    assert dataset_path("./my-corrections") == Path("my-corrections")
    assert dataset_path("~/chats.jsonl") == Path.home() / "chats.jsonl"
    assert [one.rows for one in OWN_DATASETS] == [0, 3, 0]


def test_runs_and_evaluations_understand_the_names(corrections: Path) -> None:
    facts = {"dataset": "my-corrections", "validation_dataset": "my-favourites", "method": "fine_tuning"}
    config = with_absolute_paths(TrainingConfig.from_dict(facts, "test"))
    assert config.dataset == str(corrections)
    assert config.validation_dataset == str(datasets_path() / "my-favourites.jsonl")
    request = with_absolute_places(EvaluationRequest(references=("builtin",), data="my-corrections"))
    assert request.data == str(corrections)


def test_an_empty_one_says_how_to_fill_it() -> None:
    config = TrainingConfig.from_dict({"dataset": "my-preferences", "method": "fine_tuning"}, "test")
    with pytest.raises(
        UserError, match=r"^my-preferences: there is nothing in it yet\. To fill it, ask two panes"
    ):
        check_data(with_absolute_paths(config))
