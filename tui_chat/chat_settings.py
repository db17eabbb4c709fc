"""With which model and how a chat pane answers; saved with each conversation, so that it goes on the same way."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.records import Record

if TYPE_CHECKING:
    from tui_chat.config_schema import AppConfig


class ChatSettings(Record):
    """What decides a reply, beside the messages."""

    model: str = "builtin"  # reference
    generation: GenerationSettings = GenerationSettings()
    system_prompt: str = ""
    persona: str = ""  # the name of the one that was chosen, if any
    greeting: str = ""  # what it says first in a new chat

    @property
    def summary(self) -> str:
        """What differs from plain sampling, in a few words: "T 0.8 · top-k 50"."""
        return self.summary_without(())

    def summary_without(self, not_taken: Collection[str]) -> str:
        """The same, as far as it reaches a model that does not take all settings."""
        chosen, penalty = self.generation, self.generation.repetition_penalty
        if chosen.temperature == 0 and "temperature" not in not_taken:
            return "greedy"
        parts = {
            "temperature": f"T {chosen.temperature:g}",
            "top_k": f"top-k {chosen.top_k}" if chosen.top_k else "",
            "top_p": f"top-p {chosen.top_p:g}" if chosen.top_p < 1 else "",
            "repetition_penalty": f"rep {penalty:g}" if penalty != 1 else "",
            "seed": "" if chosen.seed is None else f"seed {chosen.seed}",
        }
        return " · ".join(part for name, part in parts.items() if part and name not in not_taken)


def default_settings(config: AppConfig) -> ChatSettings:
    """What a new chat starts with."""
    chat = config.chat
    return ChatSettings(model=chat.model, generation=config.generation, system_prompt=chat.system_prompt)


def with_seed(generation: GenerationSettings, seed: int | None) -> GenerationSettings:
    """The same settings with a fixed seed; None leaves it as it is."""
    return generation if seed is None else generation.with_changes("seed", seed=seed)


def restored(saved: str, model: str, otherwise: ChatSettings) -> ChatSettings:
    """Settings as they were saved with a conversation; `otherwise` for what cannot be read (an older version)."""
    try:
        settings = ChatSettings.from_json(saved, "saved settings")
    except UserError:
        settings = otherwise
    return settings.with_changes("saved settings", model=model or settings.model)


def weights_in_words(step: int | None, val_loss: float | None) -> str:
    """Which weights of a run: "step 500  ·  validation loss 2.510"; empty when nobody knows."""
    known = [f"step {step:,}"] if step is not None else []
    known += [f"validation loss {val_loss:.3f}"] if val_loss is not None else []
    return "  ·  ".join(known)


def short_reference(reference: str) -> str:
    """A reference as a name to show: of a path, its last part."""
    is_path = reference.startswith(("/", "~", ".")) or "\\" in reference
    return re.split(r"[/\\]", reference.rstrip("/\\"))[-1] or reference if is_path else reference
