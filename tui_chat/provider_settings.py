"""The sections [providers.NAME]: as many servers as a person has, each with the same settings.

    providers.local.base_url     a setting of the provider "local"
    providers.local              all of it; can be shown, and taken out as a whole

The one rule: no sentence made here repeats a value, since people paste keys into settings.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from engine.errors import UserError
from engine.records import Record
from engine.remote.provider import NAME_PATTERN, ProviderSettings, problem_of_field

SECTION = "providers"
TITLE = "Servers with models, for api:NAME/MODEL; any that speaks the OpenAI protocol"
FIELDS = ProviderSettings.__struct_fields__


def split_name(name: str) -> tuple[str, str]:
    """ "local.base_url" as (provider, field); the field is empty where a provider as a whole is meant."""
    provider, _, field = name.partition(".")
    return provider, field


def problem_of_name(name: str) -> str:
    """Why there is no setting "providers.<name>"; empty when there is one."""
    provider, field = split_name(name)
    if not NAME_PATTERN.fullmatch(provider):
        return "a provider is [providers.NAME], its name of letters, digits, - and _ only."
    if field in ("", *FIELDS):
        return ""
    if "key" in field:
        return "a key does not belong into the settings; api_key_env names the variable that holds it."
    close = difflib.get_close_matches(field, FIELDS, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"It has: {', '.join(FIELDS)}."
    return f"a provider has no setting of that name. {hint}"


def problem_of_value(name: str, value: object, allowed: str) -> str:
    """What is wrong with a value beyond its type, which is `allowed`; empty when nothing is."""
    return problem_of_field(split_name(name)[1], value) or ("" if _has_right_type(name, value) else allowed)


def _has_right_type(name: str, value: object) -> bool:
    try:
        ProviderSettings.from_dict({split_name(name)[1]: value}, "")
    except UserError:
        return False
    return True


def problems_of_wholes(names: Iterable[str]) -> dict[str, str]:
    """What providers lack, by provider, given the names of all settings that are there."""
    found: dict[str, set[str]] = {}
    for name in names:
        provider, field = split_name(name)
        found.setdefault(provider, set()).add(field)
    missing = "base_url is missing; it is the address of the server, such as http://localhost:8000/v1."
    return {provider: missing for provider, fields in found.items() if "base_url" not in fields}


def nested(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{"local.base_url": x} as {"local": {"base_url": x}}."""
    providers: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        provider, field = split_name(name)
        providers.setdefault(provider, {})[field] = value
    return providers


def value_in(providers: Mapping[str, ProviderSettings], name: str) -> Any:
    """The value of "providers.<name>"; None where there is no such provider."""
    provider, field = split_name(name)
    settings = providers.get(provider)
    if settings is None:
        return None
    return getattr(settings, field) if field else settings.to_dict()


def record_and_field(
    sections: Mapping[str, type[Record]], section: str, name: str
) -> tuple[type[Record], str]:
    """Where a setting is declared."""
    return (ProviderSettings, split_name(name)[1]) if section == SECTION else (sections[section], name)
