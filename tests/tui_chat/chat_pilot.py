"""What a test does with the chat screen, and what it sees of it."""

from __future__ import annotations

from textual.pilot import Pilot

from tui_chat.app import TuiChatApp
from tui_chat.widgets.chat_pane import ChatPane


async def send(pilot: Pilot[None], text: str) -> None:
    for character in text:
        await pilot.press("space" if character == " " else character)
    await pilot.press("enter")


def said(pane: ChatPane) -> list[tuple[str, str, str]]:
    return [(message.role, message.content, message.status) for message in pane.session.messages]


def settled(pane: ChatPane, count: int) -> bool:
    return len(pane.session.messages) == count and not pane.is_replying


def screen_text(app: TuiChatApp) -> str:
    """Everything on the screen, as it goes to the terminal."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)
