"""What many tests need: a home of their own, the real data sets when they are there, and a tiny model."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

# No deadline: a busy machine is not a defect. In CI the same examples each time; by hand new ones are looked for.
settings.register_profile("here", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes first: one of them left for the end would have all but one core wait for it."""
    items.sort(key=lambda item: "tui_chat" in item.path.parent.parts[len(ROOT.parts) :])


def pytest_collection_finish() -> None:
    """Never again look through what importing and collecting made: it was a quarter of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Config, data and cache of this test alone; no test reads or writes the user's own."""
    home = tmp_path / "home"
    monkeypatch.setenv("TUI_CHAT_HOME", str(home))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the checkout; tests that want it are skipped where it is not."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the data sets are not beside this checkout")
    return SHARED_DATA


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with random weights: 2 layers x 32, characters, chat format, context 128."""
    import torch

    from engine.model_card import ModelCard
    from engine.models.checkpoints import save_gpt
    from engine.models.gpt import GPT, GPTConfig
    from engine.tokenizers.char import CharTokenizer
    from engine.tokenizers.chat_formats import CHAT, save_chat_format

    directory = tmp_path_factory.mktemp("models") / "tiny"
    directory.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,!?\n"
    tokenizer = CharTokenizer.from_text(letters, special_tokens=CHAT.special_tokens)
    torch.manual_seed(0)
    gpt = GPT(
        GPTConfig(
            vocab_size=tokenizer.vocab_size, context_length=128, embedding_size=32, num_layers=2, num_heads=2
        )
    )
    with torch.no_grad():  # random, but never a special token: replies are as long as they are asked to be
        gpt.ln_f.bias.fill_(1.0)
        gpt.wte.weight[list(tokenizer.special_tokens.values())] = -1.0
    save_gpt(gpt, directory, tokenizer.end_of_text)
    tokenizer.save(directory)
    save_chat_format(directory, CHAT)
    ModelCard(name="tiny", context_length=128, vocab_size=tokenizer.vocab_size, chat_format="chat").save(
        directory
    )
    return directory
