"""Writing in one's own editor: the draft goes there in a private file, and comes back as it was saved.

    changed = await edited(app, draft)

The app lets go of the terminal meanwhile, as a shell does; replies under way go on and are drawn afterwards.
The one rule: a draft is lost in no way; whatever goes wrong, the caller still has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from engine.errors import UserError
from tui_chat.text import one_line, visible

_FILE_NAME = "message.md"  # editors colour it as what it is


def editor_command(environment: Mapping[str, str]) -> list[str]:
    """The editor and its arguments: "code --wait" in VISUAL, else in EDITOR.

    Raises:
        UserError: when none is named, or it is not there.
    """
    named = environment.get("VISUAL", "").strip() or environment.get("EDITOR", "").strip()
    if not named:
        raise UserError("No editor is named. Set VISUAL or EDITOR, as in: export EDITOR=nano")
    try:
        command = shlex.split(named)
    except ValueError:
        command = []
    if not command:
        raise UserError(f"VISUAL or EDITOR cannot be read as a command: {one_line(named, 60)}")
    if shutil.which(command[0]) is None:
        raise UserError(f"The editor {one_line(command[0], 60)} is not there. Set VISUAL or EDITOR.")
    return command


async def edited(app: App[Any], draft: str) -> str:
    """`draft` as the editor leaves it.

    Raises:
        UserError: when there is no editor, it cannot be shown here, or it ended with an error.
    """
    command = editor_command(os.environ)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tui-chat-"))  # 0700: swap files too
    file = folder / _FILE_NAME
    try:
        written = (draft + "\n").encode("utf-8", "replace")
        await asyncio.to_thread(_write_privately, file, written)
        code = await _run(app, [*command, str(file)])
        if code:
            raise UserError(f"{one_line(command[0], 60)} ended with code {code}. Your text is as it was.")
        left = await asyncio.to_thread(file.read_bytes)
        return draft if left == written else text_of(left)
    except OSError as error:
        raise UserError(
            f"The editor could not be used ({error.strerror}). Your text is as it was."
        ) from error
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def text_of(saved: bytes) -> str:
    """What an editor saved, without the newline that ends its last line."""
    text = saved.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return visible(text.removesuffix("\n"))


def _write_privately(file: Path, data: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(data)


async def _run(app: App[Any], command: list[str]) -> int:
    """Give the terminal to a program until it ends; its exit code."""
    problem: OSError | None = None
    code = 0
    try:
        with app.suspend(), _interrupts_ignored():
            batch = app.batch_update()
            batch.__enter__()  # nothing is drawn, so the loop may go on and replies with it
            had_terminal = _has_terminal()
            try:
                code = await _ended(command)
            except OSError as error:
                problem = error
            if had_terminal and not _has_terminal():
                raise asyncio.CancelledError  # it was closed: the app is about to be told to end
            # Not where the app is ending: it has no terminal any more, and would wait for it to take what is drawn.
            batch.__exit__(None, None, None)
    except SuspendNotSupported:
        raise UserError("No other program can be shown here. Your text is as it was.") from None
    if problem is not None:
        raise problem
    return code


def _has_terminal() -> bool:
    return sys.__stdout__ is not None and sys.__stdout__.isatty()


async def _ended(command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, stdout=sys.__stdout__, stderr=sys.__stderr__)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:  # the app is told to end
            process.terminate()


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ctrl+C belongs to the editor; a function, since a signal that is ignored would be ignored by it too."""
    try:
        before = signal.signal(signal.SIGINT, lambda *_: None)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
