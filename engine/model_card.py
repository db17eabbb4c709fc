"""What a model directory says about itself, readable without torch.

    config.json            architecture (Hugging Face format)
    model.safetensors      weights
    tokenizer.json         tokenizer; tokenizer_config.json holds its special tokens and chat format
    generation_config.json settings the model was made for
    model_card.json        this record

The one rule: a directory is a model when its `config.json` and weights are there; the card only adds to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.errors import UserError
from engine.records import Record

CARD_FILE = "model_card.json"


class ModelCard(Record):
    """The facts a person wants to see before choosing a model."""

    name: str
    architecture: str = "gpt2"  # `model_type` of config.json
    tokenizer: str = ""  # "characters", "byte-level BPE", ...
    chat_format: str = ""  # name of the chat format; "completion" for a model that only continues text
    context_length: int = 0
    num_parameters: int = 0
    vocab_size: int = 0
    description: str = ""
    license: str = ""
    trained_from: str = ""  # reference of the model that training started from; empty = from scratch
    trained_on: str = ""  # what data, in words or file names
    run: str = ""  # name of the run that made it
    step: int | None = None  # optimizer steps taken
    val_loss: float | None = None  # nats per token
    val_bits_per_byte: float | None = None

    def save(self, directory: Path) -> None:
        """Write the card into a model directory that is still being made."""
        (directory / CARD_FILE).write_bytes(
            json.dumps(self.to_dict(), indent=2, ensure_ascii=False).encode() + b"\n"
        )


def read_model_card(directory: Path) -> ModelCard:
    """The card of a model directory; made up from `config.json` when there is none.

    Raises:
        UserError: when the directory is no model, or its files cannot be read.
    """
    config = read_json(directory / "config.json", "a model directory needs it")
    card_path = directory / CARD_FILE
    if card_path.is_file():
        try:
            return ModelCard.from_json(card_path.read_bytes(), str(card_path))
        except OSError as error:  # a run deletes old checkpoints while we look
            raise UserError(f"{card_path}: cannot be read ({error.strerror}).") from None
    return ModelCard(
        name=directory.name,
        architecture=str(config.get("model_type", "unknown")),
        context_length=_first_int(config, "n_positions", "max_position_embeddings"),
        vocab_size=_first_int(config, "vocab_size"),
    )


def read_json(path: Path, why: str) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        UserError: when the file is missing, unreadable or not an object; `why` says what it is needed for.
    """
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path.parent}: {path.name} is missing; {why}.") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError):
        raise UserError(
            f"{path}: this is not valid JSON; the file may be damaged or only half downloaded."
        ) from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: expected a JSON object.")
    return data


def _first_int(config: dict[str, Any], *names: str) -> int:
    values = (config.get(name) for name in names)
    return next((value for value in values if isinstance(value, int)), 0)
