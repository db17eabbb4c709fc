"""Which models a server has: GET /models.

The one rule: a list is an offer, not a gate; a server without one, or a model that is not on it, may still answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.errors import UserError
from engine.remote.events import GarbledError, read_json
from engine.remote.provider import Provider, is_model_name
from engine.remote.refusals import RefusalError
from engine.remote.transport import Transport

LIST_LIMIT = 4 * 1024 * 1024  # bytes
MODELS_LIMIT = 2000
LIST_SECONDS = 15.0


@dataclass(frozen=True)
class ListedModel:
    """A model as its server describes it."""

    name: str
    owner: str = ""
    context_length: int = 0  # 0 = not said


async def list_models(provider: Provider) -> list[ListedModel]:
    """The models of a server, or those the settings name, without asking anybody then.

    Raises:
        UserError: when the server cannot be asked, or says no.
    """
    if provider.settings.models:
        return [ListedModel(name) for name in provider.settings.models]
    transport = Transport(provider)
    try:
        await transport.open()
        return await ask_for_models(transport)
    except RefusalError as refusal:
        raise UserError(refusal.sentence) from None
    finally:
        await transport.close()


async def ask_for_models(transport: Transport) -> list[ListedModel]:
    """The models a server lists.

    Raises:
        RefusalError: when there is no list.
    """
    async with transport.answer("/models", None, LIST_SECONDS) as response:
        body = await transport.read_whole(response, LIST_LIMIT)
    provider = transport.provider
    try:
        listed = read_json(body).get("data")
    except GarbledError:
        listed = None
    if not isinstance(listed, list):
        raise RefusalError(
            f"{provider.name} ({provider.address.shown}) sent no list of models. "
            "Is base_url right? It usually ends in /v1.",
            status=200,
        )
    found = [_model(entry) for entry in listed[:MODELS_LIMIT] if isinstance(entry, dict)]
    return [model for model in found if is_model_name(model.name)]


def _model(entry: dict[str, Any]) -> ListedModel:
    name, owner, meta = entry.get("id"), entry.get("owned_by"), entry.get("meta")
    lengths = [entry.get("max_model_len"), entry.get("context_length"), entry.get("context_window")]
    lengths += [meta.get("n_ctx_train")] if isinstance(meta, dict) else []
    return ListedModel(
        name=name if isinstance(name, str) else "",
        owner=owner if isinstance(owner, str) else "",
        context_length=next((n for n in lengths if isinstance(n, int) and 0 < n < 2**31), 0),
    )
