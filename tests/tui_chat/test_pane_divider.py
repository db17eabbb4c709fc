"""The line between two panes: dragged, moved by keys, evened out, and where it stood the next time."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui_chat.fake_engine import FakeEngines, fake_app, until
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config
from tui_chat.conversations import Conversations
from tui_chat.pane_widths import NARROWEST_BY_HAND, how_many_fit, moved, shares_of
from tui_chat.widgets.pane_divider import PaneDivider
from tui_chat.workspace import WorkspaceFile


def widths(app: TuiChatApp) -> list[int]:
    return [pane.outer_size.width for pane in app.chat.panes if pane.display]


async def open_panes(app: TuiChatApp, pilot: Pilot[None], total: int) -> None:
    for count in range(2, total + 1):
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.chat.panes) == count)  # noqa: B023
    await pilot.pause(0.1)


@pytest.mark.parametrize(
    ("by", "expected"), [(10, [55, 35]), (-5, [40, 50]), (500, [66, 24]), (-500, [24, 66]), (0, [45, 45])]
)
def test_a_line_goes_as_far_as_both_panes_can_be_read(by: int, expected: list[int]) -> None:
    assert moved([45, 45], 0, by) == expected


def test_a_pane_that_is_narrower_already_does_not_grow_by_itself() -> None:
    assert moved([20, 60], 0, -5) == [20, 60]
    assert moved([20, 60], 0, 5) == [25, 55]


def test_shares_are_the_same_on_a_wider_screen() -> None:
    assert shares_of([60, 30]) == shares_of([120, 60]) == (1.333, 0.667)
    assert how_many_fit(80, 4) == 1 and how_many_fit(84, 4) == 2 and how_many_fit(10, 4) == 1


async def test_dragging_the_line_moves_it_to_the_mouse_and_a_double_click_evens_the_panes_out() -> None:
    app = fake_app()
    async with app.run_test(size=(160, 40)) as pilot:
        await open_panes(app, pilot, 2)
        before, line = widths(app), app.chat.query_one(PaneDivider)
        assert abs(before[0] - before[1]) <= 1
        x = line.region.x
        await pilot.mouse_down(line, offset=(0, 5))
        await pilot.hover(line, offset=(12, 5))
        await pilot.mouse_up(line, offset=(0, 5))
        await pilot.pause()
        assert line.region.x == x + 12
        assert widths(app) == [before[0] + 12, before[1] - 12]
        await pilot.hover(app.chat.panes[1], offset=(20, 5))  # the mouse has let go of it
        await pilot.pause()
        assert line.region.x == x + 12
        await pilot.click(line, times=2)
        await pilot.pause()
        assert widths(app) == before


async def test_keys_move_the_line_beside_the_focused_pane() -> None:
    app = fake_app()
    async with app.run_test(size=(200, 40)) as pilot:
        await open_panes(app, pilot, 3)  # the last one has the focus
        before = widths(app)
        await pilot.press("alt+shift+left")
        await pilot.pause()
        assert widths(app) == [before[0], before[1] - 4, before[2] + 4]
        await pilot.press("alt+1", "alt+shift+right", "alt+shift+right")
        await pilot.pause()
        assert widths(app) == [before[0] + 8, before[1] - 12, before[2] + 4]
        assert app.chat.pane.prompt.has_focus
        await pilot.press(*["alt+shift+right"] * 20)
        await pilot.pause()
        assert min(widths(app)) == NARROWEST_BY_HAND
        await pilot.press("alt+0")
        await pilot.pause()
        assert max(widths(app)) - min(widths(app)) <= 1


async def test_hidden_panes_keep_their_width_and_closing_one_leaves_no_line_behind() -> None:
    app = fake_app()
    async with app.run_test(size=(200, 40)) as pilot:
        await open_panes(app, pilot, 4)
        await pilot.resize_terminal(80, 24)
        await pilot.pause(0.1)
        assert [line.display for line in app.chat.query(PaneDivider)] == [False] * 3
        await pilot.press("alt+shift+left")  # nothing to move
        assert widths(app) == [80]
        for count in (3, 2, 1):
            await pilot.press("f8")
            await until(pilot, lambda: len(app.chat.panes) == count)  # noqa: B023
            await until(pilot, lambda: len(app.chat.query(PaneDivider)) == count - 1)  # noqa: B023
        await pilot.resize_terminal(200, 40)
        await pilot.pause()
        assert len(widths(app)) == 1


async def test_the_line_stands_where_it_stood_when_the_app_is_opened_again(tmp_path: Path) -> None:
    def again() -> TuiChatApp:
        return TuiChatApp(
            load_config(tmp_path / "config.toml", environment={}),
            engine_factory=FakeEngines(),
            conversations=Conversations.open(tmp_path / "conversations.db"),
            workspace=WorkspaceFile(tmp_path / "workspace.json"),
        )

    app = again()
    async with app.run_test(size=(160, 40)) as pilot:
        await open_panes(app, pilot, 2)
        await pilot.press("alt+1", "alt+shift+right", "alt+shift+right")
        await pilot.pause()
        left = widths(app)
        assert left[0] - left[1] >= 15
        await app.action_quit()
    app = again()
    async with app.run_test(size=(160, 40)) as pilot:
        await until(pilot, lambda: len(app.chat.panes) == 2)
        await until(pilot, lambda: abs(widths(app)[0] - left[0]) <= 1)
