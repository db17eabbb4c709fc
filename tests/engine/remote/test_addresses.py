"""Base URLs: which are allowed, what they are bound to, and that no error repeats one."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path
from traceback import TracebackException
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import chat
from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.remote.addresses import parse_address
from engine.remote.remote_engine import RemoteEngine
from tests.engine.remote.fake_server import FakeServer, head, provider, says, sends

KEY = "sk-canary-0123456789"


@pytest.mark.parametrize(
    ("text", "origin", "is_loopback"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com", False),
        ("https://API.OpenAI.com:443/v1/", "https://api.openai.com", False),
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "https://generativelanguage.googleapis.com",
            False,
        ),
        ("https://10.0.0.7:8443/v1", "https://10.0.0.7:8443", False),
        ("http://localhost:11434/v1", "http://localhost:11434", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("http://127.8.8.8:8000/v1", "http://127.8.8.8:8000", True),
        ("http://[::1]:8000/v1", "http://[::1]:8000", True),
    ],
)
def test_a_plain_url_is_taken_apart(text: str, origin: str, is_loopback: bool) -> None:
    address = parse_address(text)
    assert (address.origin, address.is_loopback) == (origin, is_loopback)
    assert address.url("/models") == f"{origin}{address.path}/models"


SECRET = "hunter2"
REFUSED = {
    "": "is missing",
    "openai.com/v1": "is not a URL",
    "ftp://openai.com": "must begin with https://",
    "file:///etc/passwd": "plain URL",
    f"https://me:{SECRET}@openai.com/v1": "user name or password",
    "https://openai.com@evil.example/v1": "user name or password",
    f"https://openai.com/v1?key={SECRET}": r"must not hold '\?'",
    "https://openai.com/v1#x": "must not hold",
    "https://openai.com\\@evil.example/v1": "must not hold",
    "https://openai.com%2eevil.example/v1": "plain URL",
    "https://openai.com/../v1": r"'\.\.'",
    "https://öpenai.com/v1": "plain URL",
    "https://openai.com/v1\nHost: evil": "plain URL",
    "https:///v1": "plain URL",
    "https://openai..com": "host name",
    "https://-openai.com": "host name",
    "https://openai.com.": "host name",
    "https://openai.com:99999": "port",
    "https://openai.com:0": "port",
    "http://openai.com/v1": "only for this machine",
    "http://192.168.1.5:11434/v1": "only for this machine",
    "http://localhost.evil.example/v1": "only for this machine",
    "http://127.0.0.1.nip.io/v1": "only for this machine",
    "http://127.1:8000": "unusual form",
    "http://2130706433:8000": "unusual form",
    "http://0x7f000001:8000": "unusual form",
    "http://0x7f.0.0.1:8000": "unusual form",
    "http://0177.0.0.1:8000": "unusual form",
    "http://0.0.0.0:8000": "no server's",
    "http://[::]:8000": "no server's",
    "http://[::ffff:127.0.0.1]:8000": "plain URL",
    "https://[::ffff:7f00:1]:8000": "no server's|short form",
    "http://[0:0:0:0:0:0:0:1]:8000": "short form",
    "https://169.254.169.254/latest": "no server's",
    "https://[fe80::1]/v1": "no server's",
    "https://224.0.0.1/v1": "no server's",
    "https://255.255.255.255/v1": "reserved",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_an_odd_url_is_refused_without_being_repeated(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        parse_address(text)
    assert SECRET not in str(caught.value) and (not text or text not in str(caught.value))


@given(st.text(max_size=60) | st.from_regex(r"https?://[^\s]{1,40}", fullmatch=True))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    try:
        address = parse_address(text)
    except UserError:
        return
    assert address.scheme == "https" or address.is_loopback
    assert parse_address(address.url("")) == address


async def _ask_with_key(monkeypatch: pytest.MonkeyPatch, base_url: str, **options: Any) -> str:
    monkeypatch.setenv("CANARY_KEY", KEY)
    engine = RemoteEngine(provider(base_url, api_key_env="CANARY_KEY", attempts=1, **options), "tiny")
    try:
        async for _ in engine.stream([chat.user("Hello")], GenerationSettings()):
            pass
    except UserError as error:
        return str(error)
    finally:
        await engine.close()
    return ""


async def test_a_redirect_never_sees_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeServer(says("stolen")) as elsewhere:
        target = f"location: http://localhost:{elsewhere.port}/v1/chat/completions"
        for status in (301, 302, 303, 307, 308):
            async with FakeServer(sends(head(status, "text/plain", target, "content-length: 0"))) as server:
                error = await _ask_with_key(monkeypatch, server.base_url)
            assert "Redirects are not followed" in error
            assert server.questions[0].headers["authorization"] == f"Bearer {KEY}"
    assert elsewhere.requests == []


async def test_a_proxy_of_the_environment_never_sees_what_stays_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with FakeServer(says("stolen")) as proxy, FakeServer(says("fine")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await _ask_with_key(monkeypatch, server.base_url) == ""
    assert proxy.requests == [] and len(server.questions) == 1


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine that nobody vouches for; its key lies beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    made = tmp_path / "certificate.pem"
    make = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=here -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(made)]
    subprocess.run(["openssl", *make.split(), *files], check=True, capture_output=True)
    return made


async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    async with FakeServer(says("secret"), certificate=context) as server:
        assert "cannot prove who it is" in await _ask_with_key(monkeypatch, server.base_url)
        assert server.requests == []
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await _ask_with_key(monkeypatch, server.base_url) == "" and len(server.questions) == 1


async def test_a_defect_below_us_shows_no_frame_that_holds_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setenv("CANARY_KEY", KEY)
    engine = RemoteEngine(
        provider("http://localhost:9/v1", api_key_env="CANARY_KEY", models=["tiny"]), "tiny"
    )
    await engine.load()
    monkeypatch.setattr("httpx2.AsyncClient.send", fails)
    with pytest.raises(UserError, match="could not be asked \\(RuntimeError\\)") as caught:
        async for _ in engine.stream([chat.user("Hello")], GenerationSettings()):
            pass
    await engine.close()
    assert KEY not in "".join(TracebackException.from_exception(caught.value, capture_locals=True).format())


async def test_a_cookie_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = head(500, "application/json", "set-cookie: a=b; Path=/", "content-length: 0")
    async with FakeServer(sends(cookie), says("fine")) as server:
        engine = RemoteEngine(provider(server.base_url), "tiny")
        async for _ in engine.stream([chat.user("Hello")], GenerationSettings()):
            pass
        await engine.close()
    assert len(server.questions) == 2 and "cookie" not in server.questions[1].headers
    await asyncio.sleep(0)
