"""Small data and small runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainers.config import TrainingConfig

LINES = (
    "The cat sat on the mat.",
    "A dog ran in the park!",
    "Birds sing, fish swim.",
    "Why not? Because it rains.",
)


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    """About six thousand characters of text."""
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{number}. {LINES[number % 4]}\n" for number in range(200)))
    return path


@pytest.fixture
def chats_file(tmp_path: Path) -> Path:
    """Sixty short conversations."""
    path = tmp_path / "chats.jsonl"
    with path.open("w") as file:
        for number in range(60):
            turns = [
                {"role": "user", "content": f"What comes after {number}?"},
                {"role": "assistant", "content": f"{number + 1} comes."},
            ]
            file.write(json.dumps({"messages": turns}) + "\n")
    return path


@pytest.fixture
def tiny(text_file: Path) -> TrainingConfig:
    """A run of a second."""
    return TrainingConfig(
        dataset=str(text_file),
        num_layers=2,
        num_heads=2,
        embedding_size=32,
        context_length=16,
        dropout=0.1,  # so that exactness includes the random numbers
        batch_size=4,
        max_steps=24,
        warmup_steps=4,
        log_interval=3,
        eval_interval=8,
        eval_windows=4,
        checkpoint_interval=5,
        sample_interval=12,
        sample_tokens=4,
        precision="float32",
        device="cpu",
        threads=1,
    )
