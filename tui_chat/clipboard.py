"""Copying: the terminal is asked to (OSC 52), and a program of the desktop as well when there is one.

Over SSH and inside tmux it is the same request, which tmux has to be told to pass on.
Many terminals ignore the one, many machines lack the other, and neither answers. The one rule: say "sent to the
clipboard", never "copied".
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping

from textual.app import App

from tui_chat.text import visible

_GIVE_UP_SECONDS = 2.0
_TAKEN_BY_ALL = 74_000  # bytes that every terminal with OSC 52 takes, before base64


async def send_to_clipboard(app: App[object], text: str, what: str) -> None:
    """Send `text` as it is, control characters included, and say that `what` was sent."""
    data = text.encode("utf-8", "replace")
    app.copy_to_clipboard(data.decode())
    if (
        os.environ.get("TMUX") and app._driver is not None
    ):  # tmux keeps the request to itself unless it is wrapped
        app._driver.write(through_tmux(data))
    command = native_command(os.environ)
    if command is not None:
        await _feed(command, text)
    warning = " It holds control characters." if visible(text) != text else ""
    if command is None and len(data) > _TAKEN_BY_ALL:
        warning += (
            f" It has {len(data) // 1000:,} kB; many terminals take no more than {_TAKEN_BY_ALL // 1000} kB."
        )
    app.notify(f"{what} sent to the clipboard.{warning}", timeout=8 if warning else 3, markup=False)


def through_tmux(data: bytes) -> str:
    """The request to write the clipboard, wrapped so that tmux passes it on (`set -g allow-passthrough on`)."""
    request = f"\x1b]52;c;{base64.b64encode(data).decode()}\a"
    return "\x1bPtmux;" + request.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def native_command(environment: Mapping[str, str]) -> list[str] | None:
    """The desktop's own program, when this session has a desktop; over SSH the clipboard is on the other side."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return None
    if sys.platform == "darwin":
        candidates = [["pbcopy"]]
    elif environment.get("WAYLAND_DISPLAY"):
        candidates = [["wl-copy"]]
    elif environment.get("DISPLAY"):
        candidates = [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    else:
        candidates = [["clip.exe"]] if environment.get("WSL_DISTRO_NAME") else []
    return next((command for command in candidates if shutil.which(command[0])), None)


async def _feed(command: list[str], text: str) -> None:
    nowhere = asyncio.subprocess.DEVNULL
    with contextlib.suppress(OSError, TimeoutError):
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=nowhere, stderr=nowhere
        )
        await asyncio.wait_for(process.communicate(text.encode("utf-8", "replace")), _GIVE_UP_SECONDS)
