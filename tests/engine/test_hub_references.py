"""What models of the Hub are called, and that naming and looking for them costs no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine import hub
from engine.errors import UserError
from engine.hub import HubModel, parse_reference


@pytest.mark.parametrize(
    ("reference", "repository", "revision"),
    [
        ("hf:openai-community/gpt2", "openai-community/gpt2", "main"),
        ("hf:a/b.c_d-1@v1.0", "a/b.c_d-1", "v1.0"),
        ("hf:a/b@refs/pr/3", "a/b", "refs/pr/3"),
    ],
)
def test_a_reference_names_owner_model_and_revision(reference: str, repository: str, revision: str) -> None:
    model = parse_reference(reference)
    assert model == HubModel(repository, revision)
    assert model.reference == reference


@pytest.mark.parametrize(
    "reference",
    [
        "hf:gpt2",
        "hf:",
        "hf:a/b/c",
        "hf:../etc",
        "hf:a/..",
        "hf:a/b@",
        "hf:a/b@../../x",
        "hf:a/b@/x",
        "hf:.a/b",
        "hf:a/b@x/..",
        "hf:a b/c",
        "hf:a/b\n",
        "hf:" + "a" * 200 + "/b",
        "hf:https://host/a",
    ],
)
def test_a_reference_that_is_no_name_is_refused_with_how_to_write_it(reference: str) -> None:
    with pytest.raises(UserError, match="hf:OWNER/NAME"):
        parse_reference(reference)


def test_looking_for_a_model_imports_no_network_library_and_no_torch() -> None:
    code = (
        "import sys, engine.hub; engine.hub.cached_models();"
        "print({'torch', 'huggingface_hub', 'httpx2', 'transformers'} & set(sys.modules))"
    )
    root = Path(hub.__file__).parents[1]
    seen = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (548_000_000, "548 MB")]
)
def test_sizes_are_told_in_words(size: int, words: str) -> None:
    assert hub.in_words(size) == words
