"""What a pane is set to when a persona is chosen, and when it is left again.

The one rule: choosing downloads nothing and loses nothing. A model that is not here is spoken of, and the one the
pane has stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine import hub
from engine.remote.provider import ProviderSettings
from tui_chat.chat_settings import ChatSettings
from tui_chat.model_references import problem_of_model
from tui_chat.personas.persona import Persona


def settings_with(
    persona: Persona, current: ChatSettings, default: ChatSettings, providers: Mapping[str, ProviderSettings]
) -> tuple[ChatSettings, str]:
    """The settings of a pane with this persona, and what the person should be told ('' = nothing).

    What the persona does not say is as in `default`, but for the model, which is the pane's `current` one.
    """
    problem = missing_model(persona.model, providers)
    model = persona.model if persona.model and not problem else current.model
    settings = ChatSettings(
        model=model,
        generation=default.generation.with_changes(persona.name, **persona.generation),
        system_prompt=persona.system_prompt,
        persona=persona.name,
        greeting=persona.greeting,
    )
    notice = f"{persona.name} wishes for {persona.model}, so the model stays as it is. {problem}"
    return settings, notice if problem else ""


def settings_without(current: ChatSettings, default: ChatSettings) -> ChatSettings:
    """The settings of a pane that has no persona any more; its model stays."""
    return default.with_changes("chat", model=current.model)


def missing_model(reference: str, providers: Mapping[str, ProviderSettings]) -> str:
    """Why a model cannot be had without a download or more settings; empty when it can, or none is named."""
    problem = problem_of_model(reference, providers) if reference else ""
    is_of_the_hub = not problem and reference.startswith(hub.PREFIX)
    if is_of_the_hub and hub.find_in_cache(hub.parse_reference(reference)) is None:
        return f"It is not on this machine; `tui-chat models pull {reference}` gets it."
    return problem
