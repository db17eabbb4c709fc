"""Links are shown before they are opened, and what was said can be taken along."""

from __future__ import annotations

import base64
import os
import signal
import sys
import time
import webbrowser
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.browser import has_browser, show_page
from tui_chat.clipboard import through_tmux
from tui_chat.conversations import StoredMessage
from tui_chat.markdown_text import is_web_address, links_of, segments_of
from tui_chat.reading import _host, text_of
from tui_chat.screens.question import Question
from tui_chat.widgets.message_heading import Mask

DANGEROUS = (
    "file:///etc/passwd",
    "javascript:alert(1)",
    "vscode://file/x",
    "data:text/html,x",
    "ftp://example.com/x",
    "mailto:a@example.com",
    "//example.com/x",
    "http://",
    "https://[::1",
    "HTTP:///x",
)


@pytest.mark.parametrize("address", DANGEROUS)
def test_nothing_but_web_pages_can_be_opened(address: str) -> None:
    assert not is_web_address(address)
    assert links_of(f"[here]({address}) <{address}>") == []
    assert not any(
        span.style
        for segment in segments_of(f"[x]({address})")
        for span in segment.content.spans
        if "web_address" in str(span.style)
    )


def test_an_address_with_unseen_characters_is_none() -> None:
    assert not is_web_address("https://exa\u202emple.com")
    assert links_of("<https://exa\u202emple.com>") in ([], ["https://xn--example-276c.com"])


def test_links_are_found_with_and_without_words_and_once_each() -> None:
    text = "See [the page](https://example.com/a_b?c=d), http://example.org/x. And https://example.com/a_b?c=d\n\n![p](http://i.example/p.png)\n\n```\nhttps://in.code/\n```"
    assert links_of(text) == ["https://example.com/a_b?c=d", "http://example.org/x"]


def test_who_a_link_leads_to_is_not_what_stands_before_an_at_sign() -> None:
    assert _host("https://good.example@evil.example/x") == "evil.example"
    assert _host("https://exаmple.com/") == "xn--exmple-4nf.com"  # its second a is Cyrillic


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser that is there has opened."""
    opened: list[str] = []

    def show(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("tui_chat.browser.has_browser", lambda: True)
    monkeypatch.setattr("tui_chat.browser.show_page", show)
    return opened


async def replied(pilot: Pilot[None], app: TuiChatApp) -> None:
    await send(pilot, "hi")
    await until(pilot, lambda: settled(app.chat.pane, 2))


def app_that_says(text: str) -> TuiChatApp:
    engines = FakeEngines()
    engines("builtin", lambda _: None).script = [text]
    return fake_app(engines)


async def test_a_clicked_link_is_shown_in_full_and_opened_only_when_the_user_agrees(
    opened: list[str],
) -> None:
    app = app_that_says("[a bank](https://good.example@evil.example/login)")
    async with app.run_test(size=(100, 30)) as pilot:
        await replied(pilot, app)
        body = app.chat.pane.transcript.views[-1].query(".body").first()
        for answer, result in (("escape", []), ("y", ["https://good.example@evil.example/login"])):
            await pilot.click(body, offset=(3, 0))
            await until(pilot, lambda: isinstance(app.screen, Question))
            shown = screen_text(app)
            assert "https://good.example@evil.example/login" in shown
            assert "It leads to evil.example." in shown
            await pilot.press(answer)
            await until(pilot, lambda: not isinstance(app.screen, Question))
            assert opened == result


async def test_links_are_opened_by_key_and_chosen_among_several(opened: list[str]) -> None:
    app = app_that_says("https://one.example and https://two.example")
    async with app.run_test(size=(100, 30)) as pilot:
        await replied(pilot, app)
        await pilot.press("alt+u")
        await until(pilot, lambda: "Links" in screen_text(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: opened == ["https://two.example"])


async def test_a_click_beside_a_link_and_a_link_that_is_none_do_nothing(opened: list[str]) -> None:
    app = app_that_says("[x](javascript:alert) and more words")
    async with app.run_test(size=(100, 30)) as pilot:
        await replied(pilot, app)
        body = app.chat.pane.transcript.views[-1].query(".body").first()
        for column in (1, 5, 25):
            await pilot.click(body, offset=(column, 0))
            await pilot.pause()
            assert app.screen is app.chat
        await pilot.press("alt+u")
        await until(pilot, lambda: any("no link to a web page" in n.message for n in app._notifications))
        assert opened == []


def test_a_conversation_is_copied_word_for_word() -> None:
    said = [
        StoredMessage(1, 1, "user", "Hi\x1b[2J "),
        StoredMessage(2, 1, "assistant", "**Ho**", model="builtin", model_name="nano"),
    ]
    assert text_of(said) == "You: Hi\x1b[2J\n\nnano: **Ho**\n"
    assert text_of(said, Mask("A", since=1).name_of) == "You: Hi\x1b[2J\n\nA: **Ho**\n"


async def test_the_conversation_goes_to_the_clipboard_and_a_long_one_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("WAYLAND_DISPLAY", "DISPLAY", "WSL_DISTRO_NAME", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    app = app_that_says("Ho. " * 30_000)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("alt+y")
        await until(pilot, lambda: any("no conversation here yet" in n.message for n in app._notifications))
        await replied(pilot, app)
        await pilot.press("alt+y")
        await until(pilot, lambda: any("Conversation sent" in n.message for n in app._notifications))
        assert any("many terminals take no more than 74 kB" in n.message for n in app._notifications)
        assert app._clipboard.startswith("You: hi\n\nfake builtin: Ho. Ho.")


def test_inside_tmux_the_request_is_wrapped() -> None:
    wrapped = through_tmux("é".encode())
    assert wrapped == "\x1bPtmux;\x1b\x1b]52;c;" + base64.b64encode("é".encode()).decode() + "\a\x1b\\"


@pytest.mark.parametrize("name", ["w3m", "/usr/bin/lynx", "www-browser", None])
def test_a_browser_of_the_terminal_is_none(name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> webbrowser.BaseBrowser:
        if name is None:
            raise webbrowser.Error
        return webbrowser.GenericBrowser(name)

    monkeypatch.setattr(webbrowser, "get", found)
    assert not has_browser()


def test_the_browser_of_the_environment_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("/opt/helpers/browser.sh"))
    assert has_browser()


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (("has_browser", lambda: False), "no browser here"),
        (("show_page", lambda address: False), "did not open it"),
    ],
)
async def test_without_a_browser_the_address_is_sent_to_the_clipboard(
    monkeypatch: pytest.MonkeyPatch, opened: list[str], missing: tuple[str, object], words: str
) -> None:
    monkeypatch.setattr(f"tui_chat.browser.{missing[0]}", missing[1])
    app = app_that_says("https://example.com/page")
    async with app.run_test(size=(100, 30)) as pilot:
        await replied(pilot, app)
        await pilot.press("alt+u")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: app.clipboard == "https://example.com/page")
        assert opened == []
        assert any(words in notice.message for notice in app._notifications)


BROWSER = """#!/bin/sh
(echo drawn over the app > /dev/tty) 2> /dev/null && echo drawn > "$0.drew"
echo drawn over the app; echo drawn over the app >&2
echo $$ "$1" > "$0.part"; mv "$0.part" "$0.opened"
{then}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a browser that is a shell script")
@pytest.mark.parametrize(
    ("then", "seconds", "opens"), [("exec sleep 30", 0.0, True), ("exit 3", 30.0, False)]
)
def test_a_browser_neither_holds_up_the_app_nor_draws_over_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    then: str,
    seconds: float,
    opens: bool,
) -> None:
    monkeypatch.setattr("tui_chat.browser._SECONDS_TO_FAIL", seconds)
    script = tmp_path / "browser"
    script.write_text(BROWSER.format(then=then))
    script.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(script))
    assert show_page("https://example.com/a?b=c") is opens
    opened, deadline = tmp_path / "browser.opened", time.monotonic() + 10
    while not opened.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pid, address = opened.read_text().split()
    if opens:
        os.kill(int(pid), signal.SIGKILL)
    assert address == "https://example.com/a?b=c"
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "browser.drew").exists()
