"""Take the pictures of the README: the app itself, headless, with real replies and a real run.

    TUI_CHAT_HOME=DIR python docs/take_screenshots.py RUN

RUN is a run in DIR whose curve is shown; the built-in model gives the replies.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from textual.pilot import Pilot

from engine.paths import config_path
from tui_chat.app import TuiChatApp
from tui_chat.config import load_config

DOCS = Path(__file__).parent
# Replies of the model throughout, the same each time: no joke of the collection.
FLAGS = {"generation.seed": 1, "generation.temperature": 0.3, "companions.recognise": False}
TALK = ("Hello! I'm Mia.", "What is the capital of Italy?", "tell me a joke", "why?", "What is my name?")


async def main(run_name: str) -> None:
    """The chat in a small and in a large terminal, then the monitor and the form."""
    for columns, rows in ((80, 24), (160, 50)):
        for scene in (chat, panes, microscope, personas):
            await photograph(f"{scene.__name__}-{columns}x{rows}", (columns, rows), scene)
    await photograph("settings", (120, 40), settings)
    await photograph("training", (150, 44), training, run_name)
    await photograph("new-run", (120, 36), new_run)


async def photograph(name: str, size: tuple[int, int], scene: object, run_name: str | None = None) -> None:
    """Play a scene and keep the last picture."""
    app = TuiChatApp(load_config(config_path(), flags=FLAGS), run_name)
    async with app.run_test(size=size) as pilot:
        await scene(app, pilot)  # type: ignore[operator]
        await pilot.pause(0.5)
        (DOCS / f"{name}.svg").write_text(app.export_screenshot(title="tui-chat"), encoding="utf-8")


async def say(app: TuiChatApp, pilot: Pilot[None], text: str) -> None:
    """Send a message and wait for the reply."""
    app.chat.pane.ask(text)
    await replied(app, pilot)


async def replied(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """Wait until nobody speaks."""
    await pilot.pause(0.2)
    while app.chat.pane.is_replying:
        await pilot.pause(0.1)


async def chat(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """A short talk, one reply of which was said twice."""
    for text in TALK[:-1]:
        await say(app, pilot, text)
    app.chat.pane.action_regenerate()
    await replied(app, pilot)
    await say(app, pilot, TALK[-1])


async def panes(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """Two panes that are asked the same, one of which takes the likeliest token always; a vote for the other."""
    await app.chat.action_new_pane()
    pane = app.chat.pane
    greedy = pane.settings.generation.with_changes("picture", temperature=0.0)
    await pane.change_settings(pane.settings.with_changes("picture", generation=greedy))
    app.chat.action_link_panes()
    for text in ("Write a poem about the sea.", "Tell me a story about a fox."):
        for other in app.chat.panes:
            other.ask(text, None, 1)
        while any(other.is_replying for other in app.chat.panes):
            await pilot.pause(0.1)


async def microscope(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """A reply token by token, at a place where it could have gone another way."""
    await say(app, pilot, "Write a poem about the sea. 😀")
    app.chat.action_look()
    await pilot.pause(3.0)
    await pilot.press("n", "n")


async def personas(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """Who the model can be."""
    await pilot.press("alt+p")
    await pilot.pause(0.5)
    await pilot.press(*["down"] * 7)


async def settings(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """A chat with a persona, and how it answers beside it."""
    from tui_chat.screens.pane_dialogs import choose_persona

    await choose_persona(app.chat.pane, "small-talker")
    await say(app, pilot, "Hello! I'm Mia.")
    await say(app, pilot, "Tell me a story about a fox.")
    await app.chat.action_pane_settings()
    await pilot.pause(0.5)
    await pilot.press("shift+right", "down", "right")


async def training(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """The monitor of the run."""
    await pilot.pause(2.0)


async def new_run(app: TuiChatApp, pilot: Pilot[None]) -> None:
    """The form, filled in."""
    from tui_chat.screens.new_run import NewRunScreen

    await app.push_screen(NewRunScreen("README.md"))
    await pilot.pause(2.0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
