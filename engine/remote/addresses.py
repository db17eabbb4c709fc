"""Which base URLs are allowed, and the origin a key belongs to.

https to any named host, http to this machine only. The text is taken apart by our own strict pattern, so no two
parsers can read two hosts into it: no user name, query, fragment, backslash or percent sign, and an IP address
only in its one usual form.
The one rule: an error never repeats the text it is about, since people paste secrets into URLs.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from engine.errors import UserError

_DEFAULT_PORTS = {"https": 443, "http": 80}
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?",
    re.ASCII,
)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_LOOKS_LIKE_A_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

EXAMPLE = "https://api.example.com/v1 or http://localhost:8000/v1"


@dataclass(frozen=True)
class Address:
    """A base URL in its parts."""

    scheme: str
    host: str  # lower case; an IPv6 address in brackets
    port: int
    path: str  # "" or "/v1"

    @property
    def origin(self) -> str:
        """What a key is bound to: "https://api.example.com"; the port only where it is not the usual one."""
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def shown(self) -> str:
        """The host for a title: "api.example.com", "localhost:8000"."""
        return self.origin.partition("://")[2]

    @property
    def is_loopback(self) -> bool:
        """Whether this machine itself is meant."""
        return _is_loopback(self.host)

    def url(self, path: str) -> str:
        """The URL of "/models" and the like."""
        return f"{self.origin}{self.path}{path}"


def parse_address(text: str) -> Address:
    """A base URL taken apart.

    Raises:
        UserError: when it is not allowed; says what is, and never repeats the text.
    """
    match = _URL.fullmatch(text)
    if match is None:
        raise UserError(f"base_url {_what_is_odd(text)}. Write it like {EXAMPLE}.")
    scheme, host = match["scheme"].lower(), match["host"].lower()
    if scheme not in _DEFAULT_PORTS:
        raise UserError(f"base_url must begin with https:// or http://. Write it like {EXAMPLE}.")
    _check_host(host)
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise UserError("base_url has a port that does not exist; ports are 1 to 65535.")
    if scheme == "http" and not _is_loopback(host):
        raise UserError(
            "base_url may use http only for this machine (localhost); anyone on the way could read along. "
            "Use https, or forward the port: ssh -L 8000:localhost:8000 HOST."
        )
    path = match["path"]
    if any(part in (".", "..") for part in path.split("/")):
        raise UserError(f"base_url must not hold '.' or '..' as a folder. Write it like {EXAMPLE}.")
    return Address(scheme, host, port, path)


def _what_is_odd(text: str) -> str:
    """The first thing that is wrong, in words."""
    if not text:
        return "is missing"
    rest = text.partition("://")[2]
    if not rest:
        return "is not a URL"
    if "@" in rest:
        return "must not hold a user name or password"
    if "?" in rest or "#" in rest:
        return "must not hold '?' or '#'"
    return "holds characters that a plain URL does not have"


def _check_host(host: str) -> None:
    """Refuse hosts that are odd, or that only mean trouble.

    Raises:
        UserError: says what is allowed instead.
    """
    if host.startswith("["):
        ip: ipaddress.IPv4Address | ipaddress.IPv6Address = _ip(host[1:-1], ipaddress.IPv6Address)
        if str(ip) != host[1:-1]:
            raise UserError("base_url has an IPv6 address that is not in its usual short form.")
        _check_ip(ip)
    elif _LOOKS_LIKE_A_NUMBER.fullmatch(host.rpartition(".")[2]):
        _check_ip(_ip(host, ipaddress.IPv4Address))
    elif len(host) > 253 or not all(map(_LABEL.fullmatch, host.split("."))):
        raise UserError(f"base_url has a host name that cannot be one. Write it like {EXAMPLE}.")


def _ip(
    text: str, kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return kind(text)
    except ValueError:
        raise UserError(
            "base_url has an IP address in an unusual form. Write four numbers: 127.0.0.1."
        ) from None


def _check_ip(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or ip.sixtofour or ip.teredo)
    if ip.is_link_local or ip.is_unspecified or ip.is_multicast or mapped:
        raise UserError("base_url has an IP address that is no server's: link-local, unspecified or mapped.")
    if ip.is_reserved and not ip.is_loopback:
        raise UserError("base_url has an IP address of a reserved range.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
