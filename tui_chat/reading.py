"""What a reader does with what was said: follow a link, take the whole conversation along.

    await open_link(app, "https://example.com/page")      asks first, with the address in full
    text_of(messages)                                     "You: Hello", "nano: Hi there."

The one rule: nothing leads anywhere before its address was shown, and only http and https lead anywhere at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from textual.app import App
from textual.binding import Binding

from tui_chat import browser
from tui_chat.clipboard import send_to_clipboard
from tui_chat.conversations import StoredMessage
from tui_chat.text import visible

READING = [  # of the whole app, behind the keys of every widget
    Binding("alt+u,o", "open_link", "Open a link of this message", id="reading.open_link", show=False),
    Binding(
        "alt+y", "copy_conversation", "Copy the conversation", id="reading.copy_conversation", show=False
    ),
]


async def choose_link(app: App[Any]) -> None:
    """Open a link of the message in focus, or else of the newest reply."""
    from tui_chat.markdown_text import links_of  # here: the first paint needs neither
    from tui_chat.screens.choose_one import Choice, ChooseOne

    links = links_of(_message_text(app))
    if not links:
        app.notify("There is no link to a web page in this message.")
    elif len(links) == 1:
        await open_link(app, links[0])
    elif chosen := await app.push_screen_wait(ChooseOne("Links", [Choice(link) for link in links])):
        await open_link(app, chosen)


async def open_link(app: App[Any], address: str) -> None:
    """Show where a link leads; open it there when the user agrees."""
    from tui_chat.markdown_text import is_web_address
    from tui_chat.screens.question import Question

    if not is_web_address(address):
        app.notify(f"This link cannot be opened: {visible(address[:200])}", severity="warning", markup=False)
        return
    asked = Question(
        "Open this page in the browser?", f"{visible(address)}\n\nIt leads to {_host(address)}.", yes="Open"
    )
    if not await app.push_screen_wait(asked):
        return
    if app.is_web:  # shown in a browser, which may be on another machine
        app.open_url(address)
    elif not await asyncio.to_thread(browser.has_browser):
        await send_to_clipboard(app, address, "There is no browser here: the address was")
    elif not await asyncio.to_thread(browser.show_page, address):
        await send_to_clipboard(app, address, "The browser did not open it: the address was")


async def copy_conversation(app: App[Any]) -> None:
    """Send all that was said in the focused pane to the clipboard."""
    pane = _pane(app)
    if messages := pane.session.messages:
        await send_to_clipboard(app, text_of(messages, pane.transcript.mask.name_of), "Conversation")
    else:
        app.notify("There is no conversation here yet.")


def text_of(
    messages: Sequence[StoredMessage], letter_of: Callable[[StoredMessage], str] = lambda _: ""
) -> str:
    """A conversation as plain text, word for word; `letter_of` a reply stands for a name nobody is to know."""
    said = [
        ("You" if one.role == "user" else letter_of(one) or one.model_name or "Model", one.content)
        for one in messages
    ]
    return "\n\n".join(f"{speaker}: {text.strip()}" for speaker, text in said) + "\n"


def _host(address: str) -> str:
    """The host alone, letters that look like others spelled out; what stands before an @ is none of it."""
    host = urlsplit(address).hostname or ""
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host.encode("ascii", "backslashreplace").decode()


def _message_text(app: App[Any]) -> str:
    from tui_chat.widgets.message_view import MessageView

    if isinstance(app.screen.focused, MessageView):
        return app.screen.focused.text_so_far
    replies = [one.content for one in _pane(app).session.messages if one.role == "assistant"]
    return replies[-1] if replies else ""


def _pane(app: App[Any]) -> Any:
    """The pane around the focus, or the one that had it last."""
    from tui_chat.widgets.chat_pane import ChatPane

    focused = app.screen.focused
    panes = [node for node in (focused.ancestors_with_self if focused else ()) if isinstance(node, ChatPane)]
    return panes[0] if panes else app.chat.pane  # type: ignore[attr-defined]
