"""Models behind servers as a person meets them: in the app, on the command line, and with a key nobody may see."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import OptionList

from engine.paths import config_path
from tests.engine.remote.fake_server import STREAM, FakeServer, Request, event, fails, says, sends, stalls
from tests.tui_chat.fake_engine import until
from tests.tui_chat.test_chat_screen import screen_text, send, settled
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config
from tui_chat.conversations import Conversations
from tui_chat.screens.model_picker import ModelPicker

CANARY = "sk-canary-0123456789"


def configure(server: FakeServer, more: str = "") -> None:
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[chat]\nmodel = "api:local/tiny"\n\n[providers.local]\nbase_url = "{server.base_url}"\n'
        f'api_key_env = "CANARY_KEY"\nattempts = 2\n{more}'
    )


@pytest.fixture(autouse=True)
def canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", CANARY)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")  # never the real one


def app() -> TuiChatApp:
    return TuiChatApp(load_config(config_path()), conversations=Conversations.in_memory())


# ---- the app


async def test_a_pane_chats_with_a_model_behind_a_server() -> None:
    async with FakeServer(says("Good ", "day"), models=[{"id": "tiny", "context_length": 4096}]) as server:
        configure(server)
        here = app()
        async with here.run_test(size=(120, 30)) as pilot:
            await send(pilot, "Hi")
            await until(pilot, lambda: settled(here.chat.pane, 2))
            reply = here.chat.pane.session.messages[-1]
            assert (reply.content, reply.status, reply.model, reply.model_name) == (
                "Good day",
                "complete",
                "api:local/tiny",
                "tiny",
            )
            await until(pilot, lambda: "without top-k" in screen_text(here))
            assert f"127.0.0.1:{server.port}  ·  context 4,096" in screen_text(here)
            assert "T 0.8 · top-p 0.95" in screen_text(here)  # what is sent, and no more
            await pilot.press("ctrl+g", "down")
            await until(pilot, lambda: screen_text(here).count("not sent") == 2)  # the repetition penalty too
            assert "does not take it: 50 is kept for others" in " ".join(screen_text(here).split())


async def test_while_a_server_is_busy_the_reply_says_when_it_is_asked_again() -> None:
    async with FakeServer(fails(429, "", "retry-after: 2"), says("x")) as server:
        configure(server)
        here = app()
        async with here.run_test(size=(120, 30)) as pilot:
            await send(pilot, "Hi")
            await until(pilot, lambda: "rate limited, trying again in" in screen_text(here))
            await pilot.press("escape")
            await until(pilot, lambda: settled(here.chat.pane, 2))
            assert here.chat.pane.session.messages[-1].status == "stopped"
            assert len(server.questions) == 1


async def test_escape_closes_the_connection_and_keeps_the_text() -> None:
    async with FakeServer(stalls(STREAM, event("Half a "))) as server:
        configure(server)
        here = app()
        async with here.run_test(size=(120, 30)) as pilot:
            await send(pilot, "Hi")
            await until(pilot, lambda: "Half a" in screen_text(here))
            await pilot.press("escape")
            await asyncio.wait_for(server.closed_by_client.wait(), 10)
            await until(pilot, lambda: settled(here.chat.pane, 2))
            assert here.chat.pane.session.messages[-1].content == "Half a "


async def test_an_error_amid_a_reply_keeps_the_text_and_cannot_control_the_terminal() -> None:
    broken = b'data: {"error": {"message": "\\u001b]52;c;QQ==\\u0007 [bold]kaput"}}\n\n'
    async with FakeServer(sends(STREAM, event("Half \x1b[31ma "), broken)) as server:
        configure(server)
        here = app()
        async with here.run_test(size=(120, 30)) as pilot:
            await send(pilot, "Hi")
            await until(pilot, lambda: settled(here.chat.pane, 2))
            reply = here.chat.pane.session.messages[-1]
            assert (reply.content, reply.status) == ("Half \x1b[31ma ", "error")
            await until(pilot, lambda: "[bold]kaput" in screen_text(here))
            assert "\x1b" not in screen_text(here)


async def test_the_model_list_shows_what_servers_offer_and_why_one_does_not() -> None:
    slow = "[providers.off]\nbase_url = 'http://127.0.0.1:9/v1'\n"
    async with FakeServer(says("x"), models=[{"id": "tiny"}, {"id": "large"}, {"id": "e\x1bvil"}]) as server:
        named = "[providers.named]\nbase_url = 'http://127.0.0.1:9/v1'\nmodels = ['mine']\n"
        configure(server, slow + named)
        here = app()
        async with here.run_test(size=(140, 50)) as pilot:
            await pilot.press("ctrl+o")
            await until(pilot, lambda: isinstance(here.screen, ModelPicker))
            await until(pilot, lambda: "api:local/large" in screen_text(here))
            await until(pilot, lambda: "refuses the connection" in screen_text(here))
            shown = screen_text(here)
            assert "Servers" in shown and "api:named/mine" in shown and "vil" not in shown
            for letter in "large":
                await pilot.press(letter)
            await pilot.pause()
            assert here.screen.query_one(OptionList).highlighted == 1  # 0 is the heading
            await pilot.press("enter")
            await until(pilot, lambda: here.chat.pane.settings.model == "api:local/large")


async def test_a_server_that_does_not_answer_holds_up_neither_the_list_nor_leaving_it() -> None:
    async with FakeServer(says("x")) as server:
        configure(server)
        server._behaviour_for = lambda _: stalls()  # type: ignore[method-assign]
        here = app()
        async with here.run_test(size=(120, 30)) as pilot:
            await pilot.press("ctrl+o")
            await until(pilot, lambda: "asking…" in screen_text(here) and "builtin" in screen_text(here))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(here.screen, ModelPicker))


async def test_an_unknown_provider_is_told_and_the_app_goes_on() -> None:
    async with FakeServer(says("x")) as server:
        configure(server)
        config_path().write_text('[chat]\nmodel = "api:nobody/tiny"\n')
        here = app()
        async with here.run_test(size=(120, 30)) as pilot:
            await send(pilot, "Hi")
            await until(pilot, lambda: settled(here.chat.pane, 2))
            assert "no provider 'nobody'" in here.chat.pane.session.messages[-1].error


async def test_without_a_model_behind_a_server_no_server_is_asked() -> None:
    async with FakeServer(says("x")) as server:
        configure(server)
        config_path().write_text(config_path().read_text().replace("api:local/tiny", "builtin"))
        here = app()
        async with here.run_test(size=(120, 30)) as pilot:
            await pilot.pause(0.1)
        assert (await tui_chat("models"))[0] == 0
        assert server.requests == []


# ---- the command line


async def tui_chat(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """With everything logged that can be."""
    code = (
        "import logging, os, sys; os.makedirs(os.environ['TUI_CHAT_HOME'], exist_ok=True);"
        "logging.basicConfig(level=1, filename=os.environ['TUI_CHAT_HOME'] + '/debug.log');"
        "from tui_chat.cli import main; main(sys.argv[1:])"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_ask_takes_a_model_behind_a_server() -> None:
    async with FakeServer(says("Good day")) as server:
        configure(server)
        code, out, err = await tui_chat("ask", "Hello")
        assert (code, out, err) == (0, "Good day\n", "")
        code, out, err = await tui_chat("ask", "Hello", "--json", "--seed", "5", "--top-k", "3")
        reply = json.loads(out)
        assert (reply["text"], reply["seed"], reply["backend"]) == ("Good day", 5, "api")
        assert err == "tui-chat: api:local/tiny was asked without top-k.\n"


async def test_ask_prints_what_was_said_before_an_error() -> None:
    async with FakeServer(sends(STREAM, event("Half a "))) as server:
        configure(server)
        code, out, err = await tui_chat("ask", "Hello")
        assert (code, out) == (1, "Half a \n") and "broke the reply off" in err


async def test_models_lists_and_checks_servers() -> None:
    async with FakeServer(says("Hello"), models=[{"id": "tiny", "max_model_len": 99}]) as server:
        configure(server)
        assert "api:" not in (await tui_chat("models"))[1]
        code, out, _ = await tui_chat("models", "--remote")
        assert code == 0 and "api:local/tiny" in out and "context 99" in out
        code, out, _ = await tui_chat("models", "check", "api:local/tiny", "--json")
        facts = json.loads(out)
        assert (facts["models"], facts["reply"]) == (["tiny"], "Hello")
        assert facts["key"] == "the environment variable CANARY_KEY"
    code, _, err = await tui_chat("models", "check", "api:local")
    assert code == 1 and "Is the server running" in err


async def test_a_key_for_the_keyring_is_never_an_argument() -> None:
    async with FakeServer(says("x")) as server:
        configure(server)
        code, _, err = await tui_chat("models", "key", "local", CANARY)
        assert code == 2
        code, _, err = await tui_chat("models", "key", "local", stdin=f"{CANARY}\n")
        assert code == 1 and "keyring" in err and CANARY not in err
        code, _, err = await tui_chat("models", "key", "local", stdin="\n")
        assert code == 1 and "No key was given" in err


async def test_config_shows_servers_and_tells_where_a_key_goes() -> None:
    async with FakeServer(says("x")) as server:
        configure(server)
        code, out, _ = await tui_chat("config")
        assert code == 0 and f'local.base_url = "{server.base_url}"   <- file' in out
        settings = json.loads((await tui_chat("config", "--json"))[1])["settings"]
        assert settings["providers.local.kind"]["value"] == "auto"
        code, _, err = await tui_chat(
            "config", "set", "providers.local.base_url", "https://api.example.com/v1"
        )
        assert code == 0
        assert (
            "from now on https://api.example.com gets the key from the environment variable CANARY_KEY" in err
        )
        config_path().unlink()
        assert "add one: tui-chat config set providers.NAME.base_url" in (await tui_chat("config"))[1]


async def test_the_settings_screen_has_a_row_for_each_setting_of_a_server() -> None:
    async with FakeServer(says("x")) as server:
        configure(server)
        here = app()
        async with here.run_test(size=(120, 40)) as pilot:
            await pilot.press("f2")
            await until(pilot, lambda: len(here.screen.query("#section-providers SettingRow")) == 9)


# ---- the key


def command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue


async def test_the_key_is_seen_by_its_server_and_by_nobody_else(
    home: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    async def repeats_the_key(request: Request, writer: asyncio.StreamWriter) -> None:
        assert not any(CANARY.encode() in line for line in command_lines())
        seen.append(request.headers["authorization"])
        await fails(401, f"Incorrect API key provided: {CANARY}. {request.headers}")(request, writer)

    output = ""
    async with FakeServer(repeats_the_key) as server:
        configure(server)
        for arguments in (
            ["ask", "Hello"],
            ["ask", "Hello", "--json"],
            ["ask", "Hello", "--raw"],
            ["models", "--remote"],
            ["models", "check", "api:local/tiny"],
            ["models", "show", "api:local"],
            ["config"],
            ["config", "--json"],
            ["config", "get", "providers.local"],
            ["config", "set", "providers.local.api_key_env", CANARY],
            ["config", "set", "providers.local.api_key", CANARY],
        ):
            _, out, err = await tui_chat(*arguments)
            output += out + err
        here = TuiChatApp(load_config(config_path()))
        async with here.run_test(size=(120, 30)) as pilot:
            await send(pilot, "Hi")
            await until(pilot, lambda: settled(here.chat.pane, 2), 20)
            await until(pilot, lambda: "does not accept the key" in screen_text(here))
            output += screen_text(here)
    assert len(seen) >= 5 and set(seen) == {f"Bearer {CANARY}"}
    assert "Incorrect API key provided: [key]" in output
    output += "".join(capfd.readouterr()) + caplog.text
    assert CANARY not in output
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name == "debug.log" and path.stat().st_size for path in files) and len(files) > 2
    assert [path.name for path in files if CANARY.encode() in path.read_bytes()] == []
