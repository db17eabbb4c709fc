"""Terminals without box drawing, and without colours: everything can be read, and the focus is seen."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.widget import Widget

from tests.tui_chat.chat_pilot import screen_text, send, settled
from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.terminal_looks import ascii_table, has_utf8, in_ascii, is_ascii

ASCII = "TUI_CHAT_UI__CHARACTERS=ascii"


@pytest.mark.parametrize(
    ("environment", "can"),
    [
        ({"LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "de_DE.utf8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": ""}, True),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, True),
        ({}, True),
    ],
)
def test_the_locale_tells_whether_there_is_more_than_ascii(environment: dict[str, str], can: bool) -> None:
    assert has_utf8(environment) is can
    assert is_ascii("auto", environment) is not can
    assert is_ascii("ascii", environment)
    assert not is_ascii("unicode", environment)


def test_every_symbol_becomes_one_ascii_character_of_the_same_width() -> None:
    for code, letter in ascii_table().items():
        assert letter.isascii() and letter.isprintable(), hex(code)
        assert len(letter) == cell_len(chr(code)), hex(code)


@given(st.text())
def test_a_line_keeps_its_width(text: str) -> None:
    assert cell_len(in_ascii(text)) == cell_len(text)
    bare = in_ascii(text, letters_too=True)
    assert bare.isascii() and cell_len(bare) == cell_len(text)


def test_a_curve_of_dots_keeps_its_shape() -> None:
    assert in_ascii("⠁⠂⠄⡀") == "'--."
    assert in_ascii("⣿⠉⣀⠛⠀") == "|'.\" "


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
@pytest.mark.parametrize(
    "keys", [(), ("f1",), ("f2",), ("f3",), ("f3", "n"), ("ctrl+o",), ("ctrl+p",), ("ctrl+g",), ("f9",)]
)
async def test_no_screen_draws_with_anything_but_ascii(keys: tuple[str, ...], size: tuple[int, int]) -> None:
    engines = FakeEngines()
    engines("builtin", lambda _: None).script = [
        "# A\n\n- list\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n\n---\n"
    ]
    app = fake_app(engines, settings=ASCII)
    async with app.run_test(size=size) as pilot:
        await send(pilot, "hello")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        await pilot.pause(0.2)
        shown = screen_text(app)
        assert shown.isascii(), sorted({one for one in shown if not one.isascii()})


async def test_letters_of_other_scripts_stay_where_the_terminal_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shown_with(locale: str) -> FakeEngines:
        monkeypatch.setenv("LC_ALL", locale)
        engines = FakeEngines()
        engines("builtin", lambda _: None).script = ["Grüße 漢字 → here"]
        return engines

    for locale, words in (("C.UTF-8", "Grüße 漢字 > here"), ("C", "Gr??e ???? > here")):
        app = fake_app(shown_with(locale), settings=ASCII)
        async with app.run_test(size=(80, 24)) as pilot:
            await send(pilot, "hello")
            await until(pilot, lambda words=words, app=app: words in screen_text(app))


def looks(app: TuiChatApp, widget: Widget) -> list[tuple[str, bool, bool, bool]]:
    """What a terminal without colours shows where `widget` is."""
    region = widget.region
    rows = app.screen._compositor.render_strips()[region.y : region.bottom]
    cells = []
    for row in rows:
        for segment in row.crop(region.x, region.right):
            style = segment.style
            assert style is None or (style.color is None and style.bgcolor is None), segment
            cells.append(
                (
                    segment.text,
                    bool(style and style.reverse),
                    bool(style and style.bold),
                    bool(style and style.underline),
                )
            )
    return cells


@pytest.mark.slow
@pytest.mark.parametrize("keys", [(), ("f2",), ("ctrl+o",), ("ctrl+g",), ("f3",)])
async def test_without_colours_the_focus_is_seen_on_every_stop_of_the_tab_key(
    keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = fake_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, "hello")
        await until(pilot, lambda: settled(app.chat.pane, 2))
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.2)
        for _ in range(7):
            here = app.focused
            assert here is not None
            with_focus = looks(app, here)
            await pilot.press("tab")
            await pilot.pause(0.1)
            if app.focused is here:
                break
            if here.region:  # else it was scrolled away
                assert looks(app, here) != with_focus, f"the focus on {here} is not seen"


def test_no_colour_reaches_a_terminal_that_wants_none() -> None:
    script = (
        "import asyncio\nfrom tests.tui_chat.fake_engine import fake_app\n"
        "from tests.tui_chat.test_terminal_looks import looks\n"
        "async def main():\n    app = fake_app()\n    async with app.run_test() as pilot:\n"
        "        await pilot.pause()\n        looks(app, app.screen)\nasyncio.run(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "NO_COLOR": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
