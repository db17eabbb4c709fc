"""The real data sets beside the checkout are read as what they are; skipped where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.tokenizers.chat_formats import COMPLETION
from engine.tokenizers.gpt2 import gpt2_tokenizer
from trainers.config import read_recipe
from trainers.corpus_building import build_corpus
from trainers.data_files import is_data_name
from trainers.datasets import inspect, read_conversations

FILES = {
    "alpaca_gpteacher_roleplay.json": ("alpaca", 1923),
    "alpaca_identity_template.json": ("alpaca", 91),
    "alpaca_rasbt_instruction-data.json": ("alpaca", 1100),
    "gsm8k_test.jsonl": ("question_answer", 1319),
    "persona_spc_ccby.jsonl": ("persona", 700),
    "sharegpt_fastchat_dummy_conversation.json": ("sharegpt", 500),
    "sharegpt_llamafactory_toolcall_demo.json": ("sharegpt", 300),
    "sharegpt_spc_ccby.json": ("sharegpt", 700),
    "by-sa/wiki_demo.txt": ("plain_text", 30),
    "tinyshakespeare/input.txt": ("plain_text", 40_000),
}


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_is_recognised_and_nothing_in_it_is_refused(shared_data: Path, name: str) -> None:
    report = inspect(shared_data / "eval" / name)
    assert (report.format, report.rows) == FILES[name]
    assert report.rejected == ()


def test_persona_rows_and_their_sharegpt_twins_are_the_same_conversations(shared_data: Path) -> None:
    personas = read_conversations(shared_data / "eval" / "persona_spc_ccby.jsonl")
    assert list(personas) == list(read_conversations(shared_data / "eval" / "sharegpt_spc_ccby.json"))


def test_tiny_shakespeare_has_the_known_numbers_of_gpt2_tokens(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "eval" / "tinyshakespeare" / "input.txt"
    config = read_recipe("shakespeare-char-cpu").with_changes("test", dataset=str(path))
    tokenizer = gpt2_tokenizer(shared_data / "eval" / "gpt2")
    files = build_corpus(config, tokenizer, COMPLETION, tmp_path / "tokens", lambda stage: None).files
    assert (files.train_tokens, files.validation_tokens) == (301_966, 36_059)


def test_every_json_and_text_file_of_the_folder_is_in_the_list(shared_data: Path) -> None:
    folder = shared_data / "eval"
    found = {str(file.relative_to(folder)) for file in folder.rglob("*") if is_data_name(file)}
    assert found - {"gpt2/encoder.json"} == set(FILES)  # GPT-2's vocabulary is no data
