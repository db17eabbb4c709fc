"""One request to a server: connection, time limits, size limits, and what its failures mean.

The client trusts no environment for this machine (a proxy would see the key), follows no redirect, keeps no
cookie and asks for no compression (a small answer could unpack to gigabytes).
The one rule: the key is put into a request whose origin is the configured one, and into nothing else.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from engine.errors import UserError
from engine.remote import keys
from engine.remote.addresses import Address
from engine.remote.keys import ApiKey
from engine.remote.provider import Provider
from engine.remote.refusals import RefusalError, redirected, refused

if TYPE_CHECKING:
    import httpx2

_ERROR_BODY_LIMIT = 64 * 1024  # bytes
_BODY_SECONDS = 15.0  # for a body that is read whole
_WRITE_SECONDS = 60.0
_DEFECTS = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class Transport:
    """The connection with one server."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.key: ApiKey | None = None
        self._client: httpx2.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Find the key and make the client, in a thread: the library takes 0.1 s to import.

        Raises:
            UserError: when the key is not where the settings say.
        """
        async with self._opening:
            if self._client is None:
                self.key = await asyncio.to_thread(keys.key_of, self.provider)
                self._client = await asyncio.to_thread(_new_client, self.provider)

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def answer(
        self, path: str, body: Mapping[str, Any] | None, seconds: float, model: str = ""
    ) -> AsyncIterator[httpx2.Response]:
        """The answer to a POST of `body`, or to a GET; `seconds` is how long its head may take.

        Raises:
            RefusalError: when there is no answer, or none that succeeds.
        """
        request = self._request(path, body)
        try:
            response = await self._send(request, seconds)
            try:
                if response.status_code != 200:
                    raise await self._refusal(response, model)
                yield response
            finally:
                await response.aclose()
        except self._errors() as error:
            raise self._trouble(error) from None

    async def read_whole(self, response: httpx2.Response, limit: int) -> bytes:
        """A body of at most `limit` bytes; longer ones are cut.

        Raises:
            TimeoutError: when it does not come to an end.
        """
        body = bytearray()
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in response.aiter_raw():
                body += part[: limit - len(body)]
                if len(body) >= limit:
                    break
        return bytes(body)

    def _request(self, path: str, body: Mapping[str, Any] | None) -> httpx2.Request:
        if self._client is None:  # closed while somebody waited to ask again
            raise RefusalError(f"The connection to {self.provider.name} was closed.")
        address = self.provider.address
        headers = {"Accept": "text/event-stream, application/json" if body else "application/json"}
        content = None if body is None else _as_json(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        method = "GET" if body is None else "POST"
        request = self._client.build_request(method, address.url(path), headers=headers, content=content)
        if _origin(request.url) != (address.scheme, address.host.strip("[]"), address.port):
            # Two readings of one URL: nobody gets the key.
            raise UserError(
                f"providers.{self.provider.name}: base_url can be read in two ways. Write it plainly."
            )
        if self.key is not None:
            request.headers["Authorization"] = f"Bearer {self.key.reveal()}"
        return request

    async def _send(self, request: httpx2.Request, seconds: float) -> httpx2.Response:
        assert self._client is not None
        try:
            async with asyncio.timeout(seconds):
                return await self._client.send(request, stream=True, follow_redirects=False)
        except TimeoutError:
            raise too_slow(self.provider, seconds) from None
        except (
            _DEFECTS
        ) as error:  # the library's own frames hold the header: no traceback of theirs may be shown
            raise RefusalError(
                f"{self.provider.name} could not be asked ({type(error).__name__}). Is base_url right?"
            ) from None

    async def _refusal(self, response: httpx2.Response, model: str) -> RefusalError:
        if 300 <= response.status_code < 400:
            return redirected(self.provider, response.status_code)
        try:
            body = await self.read_whole(response, _ERROR_BODY_LIMIT)
        except self._errors():
            body = b""
        return refused(self.provider, model, self.key, response.status_code, response.headers, body)

    def _errors(self) -> tuple[type[Exception], ...]:
        import httpx2  # imported by now; at the top it would cost every start 0.1 s

        return (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError)

    def _trouble(self, error: Exception) -> RefusalError:
        """No answer, or half of one, in words; the library's own words may quote what is foreign."""
        import httpx2  # see `_errors`

        who = f"{self.provider.name} ({self.provider.address.shown})"
        causes = list(_causes(error))
        if isinstance(error, TimeoutError):
            return RefusalError(f"{who} did not come to an end with its answer.")
        if isinstance(error, (httpx2.ConnectTimeout, httpx2.PoolTimeout)):
            return RefusalError(
                f"{who} does not answer: no connection in {self.provider.settings.connect_seconds:g} s."
            )
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return RefusalError(
                f"{who} cannot prove who it is, so nothing was sent. If its certificate is from an authority of "
                "your own, name that one's file in SSL_CERT_FILE."
            )
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return RefusalError(
                f"There is no server called {self.provider.address.host}, or no network.",
                may_help_to_wait=True,
                what="no network",
            )
        if isinstance(error, httpx2.ConnectError):
            return RefusalError(
                f"{who} refuses the connection. Is the server running, and is base_url right?",
                may_help_to_wait=True,
                what="no connection",
            )
        return RefusalError(
            f"{who} broke the connection off.", may_help_to_wait=True, what="the connection broke"
        )


def too_slow(provider: Provider, seconds: float, has_begun: bool = False) -> RefusalError:
    """A server that lets one wait."""
    who = f"{provider.name} ({provider.address.shown})"
    setting = "between_tokens_seconds" if has_begun else "first_token_seconds"
    what = "stopped sending amid the reply" if has_begun else "did not begin to answer"
    return RefusalError(
        f"{who} {what}: nothing came for {seconds:g} s. The limit is providers.{provider.name}.{setting}."
    )


def _new_client(provider: Provider) -> httpx2.AsyncClient:
    import httpx2  # here: 0.1 s that only remote models need

    address = provider.address
    return httpx2.AsyncClient(
        verify=_certificates(address),
        trust_env=not address.is_loopback,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": "tui-chat", "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(
            connect=provider.settings.connect_seconds, read=None, write=_WRITE_SECONDS, pool=_WRITE_SECONDS
        ),
    )


def _certificates(address: Address) -> ssl.SSLContext:
    """The system's, and those of SSL_CERT_FILE; without TLS none are read, which takes longer than all the rest."""
    import httpx2  # see `_new_client`

    is_secure = address.scheme == "https"
    return httpx2.create_ssl_context() if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _as_json(body: Mapping[str, Any]) -> bytes:
    """Half a character, out of a broken paste, becomes a replacement instead of an error."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    host = url.raw_host.decode("ascii").strip("[]")
    return url.scheme, host, int(url.port or {"https": 443, "http": 80}.get(url.scheme, 0))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that led to it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
