"""A model copied for others: whole, with its tokenizer, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.model_card import read_model_card
from engine.models.checkpoints import load_gpt
from engine.models.exporting import export_model
from engine.tokenizers.loading import load_tokenizer


def test_an_exported_model_is_a_model_directory(tiny_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "model"
    export_model(str(tiny_model), target, "bfloat16", name="Mine")
    assert read_model_card(target).name == "Mine"
    assert load_gpt(target).config == load_gpt(tiny_model).config
    assert load_tokenizer(target).encode("Hello") == load_tokenizer(tiny_model).encode("Hello")
    assert [path.name for path in target.parent.iterdir()] == ["model"]
    with pytest.raises(UserError, match="exists already"):
        export_model(str(tiny_model), target)


def test_a_place_that_cannot_be_written_is_told(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="the model cannot be written"):
        export_model(str(tiny_model), tmp_path / "file" / "model")


def test_a_tokenizer_in_an_older_form_is_exported_as_tokenizer_json(tiny_model: Path, tmp_path: Path) -> None:
    old = shutil.copytree(tiny_model, tmp_path / "old")
    (old / "tokenizer.json").unlink()
    export_model(str(old), tmp_path / "new")
    assert (tmp_path / "new" / "tokenizer.json").is_file()
