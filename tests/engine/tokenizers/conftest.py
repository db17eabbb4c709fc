"""What the tokenizer tests share: a small BPE learnt from a few sentences, and files beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.tokenizers import END_OF_TEXT
from engine.tokenizers.bpe import BpeTokenizer
from engine.tokenizers.bpe_training import train_bpe

EVALUATION_DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "eval"
SENTENCES = [
    "The lamp on the sill is lit, and the cat sleeps under it.\n",
    "User: what's the capital of France? Assistant: it is Paris, I'd say!\n",
    "We count 1, 2, 3, 10, 100 and 1000;   then    we stop...\n\n\n",
    "Grüße aus Köln, naïve café — 你好，世界 🙂🙂\n",
] * 4


@pytest.fixture(scope="session")
def bpe() -> BpeTokenizer:
    """Bytes, some dozen merges, end of text."""
    return train_bpe(SENTENCES, 380, (END_OF_TEXT, "<|user|>", "<|assistant|>", "<|system|>"))


@pytest.fixture(scope="session")
def gpt2_files() -> Path:
    """The directory of GPT-2's vocab.bpe and encoder.json."""
    return _present(EVALUATION_DATA / "gpt2")


@pytest.fixture(scope="session")
def shakespeare() -> str:
    """Tiny Shakespeare, 1,115,394 characters."""
    return _present(EVALUATION_DATA / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")


def _present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    return path
