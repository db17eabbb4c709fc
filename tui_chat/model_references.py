"""Whether what a person typed can be a model, told before it is kept in a setting or in a persona.

    problem_of_model("run:fox", config.providers)      "There is no run 'fox'. ..."

The one rule: nothing is loaded, downloaded or asked of a server.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine import hub
from engine.errors import UserError
from engine.model_library import resolve
from engine.remote.provider import ProviderSettings, find_provider, is_remote, split_reference


def problem_of_model(reference: str, providers: Mapping[str, ProviderSettings]) -> str:
    """Why a reference can mean no model, in a sentence; empty when it can, if only after a download."""
    try:
        if is_remote(reference):
            find_provider(split_reference(reference)[0], providers)
        elif reference.strip().startswith(hub.PREFIX):
            hub.parse_reference(reference.strip())
        else:
            resolve(reference)
    except UserError as error:
        return str(error)
    return ""
