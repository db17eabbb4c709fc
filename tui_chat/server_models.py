"""What the servers of the settings offer, for the model list and the command line.

    async for offer in offers(providers): ...     as they answer, each on its own time

The one rule: a server that is slow or says no is told in its own row, and holds up nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from engine.errors import UserError
from engine.model_card import ModelCard
from engine.model_library import ModelEntry
from engine.remote.provider import ProviderSettings, find_provider, reference_of


@dataclass(frozen=True)
class Offer:
    """What one server has; or why nobody knows."""

    provider: str
    entries: tuple[ModelEntry, ...] = ()
    problem: str = ""
    is_asked: bool = False  # and has not answered yet


def first_offers(providers: Mapping[str, ProviderSettings]) -> list[Offer]:
    """What is known without asking anybody: the models that the settings name."""
    return [
        Offer(name, tuple(_entry(name, model) for model in settings.models), is_asked=not settings.models)
        for name, settings in providers.items()
    ]


async def offers(providers: Mapping[str, ProviderSettings]) -> AsyncIterator[Offer]:
    """What the servers list, each as soon as it answers; those whose models the settings name are not asked."""
    asked = [asyncio.create_task(_ask(name, providers)) for name in providers if not providers[name].models]
    try:
        for done in asyncio.as_completed(asked):
            yield await done
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _ask(name: str, providers: Mapping[str, ProviderSettings]) -> Offer:
    from engine.remote.listing import list_models  # here: only who has servers needs it

    try:
        listed = await list_models(find_provider(name, providers))
    except UserError as error:
        return Offer(name, problem=str(error))
    return Offer(name, tuple(_entry(name, model.name, model.context_length) for model in listed))


def _entry(provider: str, model: str, context_length: int = 0) -> ModelEntry:
    card = ModelCard(
        name=model, architecture="", context_length=context_length, description=f"on the server {provider}"
    )
    return ModelEntry(reference=reference_of(provider, model), card=card)
