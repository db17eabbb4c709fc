"""`tokenizer.json` and `tokenizer_config.json`, in the Hugging Face format, as plain JSON.

Both are written here without the `tokenizers` library, so that saving a checkpoint does not need it.
The one rule: what is written opens in `transformers.AutoTokenizer` and gives the same ids there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.model_card import read_json
from engine.tokenizers import UNKNOWN

TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"


def tokenizer_json(special_tokens: Mapping[str, int], **parts: object) -> dict[str, Any]:
    """A complete tokenizer.json; `parts` are its normalizer, pre_tokenizer, decoder and model."""
    added = [
        {
            "id": token_id,
            "content": name,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for name, token_id in special_tokens.items()
    ]
    empty = {"normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, **empty, **parts}


def special_tokens_of(data: Mapping[str, Any]) -> dict[str, int]:
    """Names and ids of the special tokens that a tokenizer.json lists."""
    added = data.get("added_tokens") or []
    return {str(token["content"]): int(token["id"]) for token in added if token.get("special")}


def write_json(path: Path, data: Mapping[str, Any], indent: int | None = 2) -> None:
    """Write a JSON object as UTF-8, with a newline at the end."""
    path.write_text(
        json.dumps(data, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
    )


def update_config(directory: Path, **changes: object) -> None:
    """Change keys of tokenizer_config.json and leave the others; None removes a key."""
    path = directory / CONFIG_FILE
    config = read_json(path, "") if path.is_file() else {}
    config.update(changes)
    write_json(path, {key: value for key, value in config.items() if value is not None})


def write_tokenizer(directory: Path, data: Mapping[str, Any], end_of_text: str | None) -> None:
    """Write both files of a tokenizer of ours."""
    directory.mkdir(parents=True, exist_ok=True)
    # Without indentation: a 50,000-token vocabulary would double in size.
    write_json(directory / TOKENIZER_FILE, data, indent=None)
    names = {token["content"] for token in data["added_tokens"]}
    update_config(
        directory,
        tokenizer_class="PreTrainedTokenizerFast",
        clean_up_tokenization_spaces=False,
        eos_token=end_of_text,
        bos_token=end_of_text,  # GPT-2's habit: the token between documents both ends and begins one
        unk_token=UNKNOWN if UNKNOWN in names else None,
    )


def end_of_text_name(directory: Path) -> str | None:
    """The name of the token that ends a text, from tokenizer_config.json."""
    path = directory / CONFIG_FILE
    token = read_json(path, "").get("eos_token") if path.is_file() else None
    return _token_name(token)


def end_of_text_id(directory: Path) -> int | None:
    """The id of the token that ends a text, from generation_config.json or config.json."""
    for name in ("generation_config.json", "config.json"):
        path = directory / name
        value = read_json(path, "").get("eos_token_id") if path.is_file() else None
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, int):
            return first
    return None


def _token_name(token: object) -> str | None:
    """A token is written as its name or as an object that holds it."""
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) else None
