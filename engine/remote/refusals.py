"""What a server or the network refused -> a sentence for a person, and whether trying again may help.

    401 -> which key    404 -> which models there are    429 -> when to try again    no connection -> is it running?

The one rule: what a server wrote is quoted as one short printable line, without the key.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.remote import keys
from engine.remote.dialects import OPTIONAL
from engine.remote.events import GarbledError, read_json
from engine.remote.keys import ApiKey
from engine.remote.provider import Provider

_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504, 529}
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size)|maximum.{0,30}(context|tokens)|too (long|many tokens)|exceed.{0,30}context",
    re.IGNORECASE,
)
_NOT_TAKEN = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|unexpected|extra|not permitted|not allowed|only the default",
    re.IGNORECASE,
)
_LONGEST_QUOTE = 300


@dataclass(eq=False)
class RefusalError(Exception):
    """An attempt that failed; `sentence` is for the person when no other attempt follows."""

    sentence: str
    status: int = 0  # 0 = no answer at all
    may_help_to_wait: bool = False
    after: float | None = None  # seconds the server asks to wait
    what: str = ""  # while waiting: "rate limited"
    is_too_long: bool = False  # the conversation, for the model's context
    is_empty: bool = False  # a stream that ended before its first word; some servers hide an error this way
    fields: tuple[str, ...] = ()  # of the question, which the server says it does not take

    def __str__(self) -> str:
        return self.sentence


def refused(
    provider: Provider, model: str, key: ApiKey | None, status: int, headers: Mapping[str, str], body: bytes
) -> RefusalError:
    """What an answer that is no reply means."""
    try:
        payload = read_json(body)
    except GarbledError:
        payload = {}
    return explained(provider, model, key, status, payload, seconds_asked_for(headers.get("retry-after", "")))


def explained(
    provider: Provider,
    model: str,
    key: ApiKey | None,
    status: int,
    payload: Mapping[str, Any],
    after: float | None = None,
) -> RefusalError:
    """What a failure that a server tells of means."""
    said, code = _words_of(payload)
    quote = quoted(said, key)
    who = f"{provider.name} ({provider.address.shown})"
    note = f" It says: {quote}" if quote else ""
    status = status if status >= 400 else _status_in(payload)
    if status in (401, 403):
        return RefusalError(f"{who} {_about_the_key(provider, status)}{note}", status)
    if "quota" in code or code == "billing_hard_limit_reached":
        return RefusalError(f"{who}: the account has no quota left.{note}", status)
    if _TOO_LONG.search(f"{code} {said}") and status not in _TRY_AGAIN:
        return RefusalError(
            f"The conversation is too long for {model}. Start a new chat, or allow only a shorter reply.{note}",
            status,
            is_too_long=True,
        )
    if status == 404:
        return RefusalError(f"{who} has no model '{model}', or its base_url is not right.{note}", status)
    if status in _TRY_AGAIN:
        what = "rate limited" if status == 429 else f"the server failed ({status})"
        sentence = (
            f"{who} {'is asked too often' if status == 429 else 'has a failure of its own'} ({status})."
        )
        return RefusalError(f"{sentence} Try again later.{note}", status, True, after, what)
    return RefusalError(
        f"{who} refused the question{f' ({status})' if status else ''}.{note}",
        status,
        fields=_fields(payload),
    )


def redirected(provider: Provider, status: int) -> RefusalError:
    """An answer that points elsewhere."""
    return RefusalError(
        f"{provider.name} ({provider.address.shown}) redirects to another address ({status}). Redirects are not "
        "followed, since the key would go along; set base_url to the final address.",
        status,
    )


def no_api(provider: Provider, content_type: str) -> RefusalError:
    """An answer of the wrong type."""
    kind = quoted(content_type.partition(";")[0], None) or "nothing known"
    return RefusalError(
        f"{provider.name} ({provider.address.shown}) answered with {kind}, which is no reply. "
        "Is base_url right? It usually ends in /v1.",
        200,
    )


def seconds_asked_for(retry_after: str) -> float | None:
    """The header Retry-After in seconds from now: a number, or a date."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", retry_after.strip(), re.ASCII):
        return float(retry_after)
    try:
        moment = email.utils.parsedate_to_datetime(retry_after).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, moment - time.time())


def quoted(text: str, key: ApiKey | None) -> str:
    """Foreign words as one short printable line without the key."""
    text = text[:100_000] if key is None else key.redacted(text[:100_000])
    line = " ".join("".join(c if c.isprintable() else "\ufffd" if ord(c) > 32 else " " for c in text).split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"


def _about_the_key(provider: Provider, status: int) -> str:
    place = keys.place_of(provider)
    if not place:
        return (
            f"wants an API key ({status}). Name the environment variable that holds it: "
            f"tui-chat config set providers.{provider.name}.api_key_env NAME"
        )
    return f"does not accept the key ({status}), which comes from {place}. Check it there."


def _words_of(payload: Mapping[str, Any]) -> tuple[str, str]:
    """(message, code) out of the shapes servers use."""
    error = payload.get("error", payload)
    if isinstance(error, str):
        return error, ""
    if not isinstance(error, dict):
        return "", ""
    detail = error.get("message") or error.get("detail") or error.get("msg") or ""
    if isinstance(detail, list):  # as FastAPI reports fields
        detail = "; ".join(
            f"{part.get('msg')}: {part.get('loc')}" for part in detail if isinstance(part, dict)
        )
    words = [error.get("code"), error.get("type")]
    return str(detail) if isinstance(detail, str) else "", " ".join(w for w in words if isinstance(w, str))


def _status_in(payload: Mapping[str, Any]) -> int:
    error = payload.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 0


def _fields(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The optional fields of the question that a server complains of not knowing."""
    said, code = _words_of(payload)
    if not _NOT_TAKEN.search(f"{code} {said}".replace("_", " ")):
        return ()
    error = payload.get("error")
    named = error.get("param") if isinstance(error, dict) else None
    if isinstance(named, str) and named in OPTIONAL:
        return (named,)
    return tuple(name for name in OPTIONAL if re.search(rf"\b{name}\b", said))
