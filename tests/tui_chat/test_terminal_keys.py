"""Every key with Alt arrives from a terminal that sends Escape before it, as most do."""

from __future__ import annotations

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.keys import key_to_character

from tests.tui_chat.chat_pilot import screen_text
from tests.tui_chat.fake_engine import fake_app, until
from tui_chat import key_checks
from tui_chat.terminal_keys import TAKEN, let_alt_be_alt

ALT_KEYS = sorted(
    {
        key
        for cls in key_checks._bound_classes()
        for binding in key_checks._bindings(cls)
        for key in binding.key.split(",")
        if key.startswith("alt+") and key.count("+") == 1 and key_to_character(key.removeprefix("alt+"))
    }
)


def read(data: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys in what a terminal sends, once it has been silent for a while."""
    now = [0.0]
    monkeypatch.setattr("textual._parser.get_time", lambda: now[0])
    parser = XTermParser()
    found = list(parser.feed(data))
    now[0] = 10.0
    found += parser.tick()
    return [event.key for event in found if isinstance(event, events.Key)]


@pytest.mark.parametrize("key", ALT_KEYS)
def test_a_key_with_alt_is_that_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    let_alt_be_alt()
    assert read(f"\x1b{key_to_character(key.removeprefix('alt+'))}", monkeypatch) == [key]


def test_nothing_is_bound_to_what_macs_send_for_words() -> None:
    assert len(ALT_KEYS) > 20
    assert not set(TAKEN) & set(ALT_KEYS)


async def test_alt_and_a_digit_goes_to_a_pane_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    app = fake_app()
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == 2 and app.chat.pane is app.chat.panes[1])
        await pilot.press(*read("\x1b1", monkeypatch))
        await until(pilot, lambda: app.chat.pane is app.chat.panes[0])
        assert "¡" not in screen_text(app)
