"""The real app, on the terminal this process was given, with something going wrong in it once it is drawn.

    python -m tests.tui_chat.app_in_trouble crash --model DIR       the words after the trouble are those of tui-chat

Run by `test_terminal`.
"""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import threading
import warnings

from tui_chat.app import TuiChatApp
from tui_chat.cli import main

MARK = "Rogue"


def crash(app: TuiChatApp) -> None:
    raise RuntimeError("out of order")


def crash_in_a_worker(app: TuiChatApp) -> None:
    async def work() -> None:
        raise RuntimeError("out of order")

    app.run_worker(work)


def crash_while_drawing(app: TuiChatApp) -> None:
    def render(*_: object) -> None:
        raise RuntimeError("out of order")

    app.chat.pane._title.render = render  # type: ignore[assignment,method-assign]
    app.chat.pane._title.refresh()


def exit_at_once(app: TuiChatApp) -> None:
    sys.exit(3)


def write_past_textual(app: TuiChatApp) -> None:
    """Everything that libraries and children are known to do."""
    print(MARK, "print")
    print(MARK, "print", file=sys.stderr)
    logging.getLogger("rogue").error("%s log", MARK)
    warnings.warn(f"{MARK} warning", stacklevel=1)
    for stream in (1, 2):
        os.write(stream, f"{MARK} write\r\n".encode())
    subprocess.run(["/bin/sh", "-c", f"echo {MARK} child; echo {MARK} child >&2"], check=True)
    library = ctypes.CDLL(None)
    library.puts(f"{MARK} puts".encode())
    library.fflush(None)
    library.perror(f"{MARK} perror".encode())
    failing = threading.Thread(target=lambda: int(MARK))
    failing.start()
    failing.join()
    app.notify("All was written")


TROUBLES = {
    trouble.__name__: trouble
    for trouble in (crash, crash_in_a_worker, crash_while_drawing, exit_at_once, write_past_textual)
}


def let_happen(name: str) -> None:
    begin_work = TuiChatApp._begin_work

    async def begin_and_then(app: TuiChatApp) -> None:
        await begin_work(app)
        app.set_timer(0.3, lambda: TROUBLES[name](app))

    TuiChatApp._begin_work = begin_and_then  # type: ignore[method-assign]


if __name__ == "__main__":
    let_happen(sys.argv.pop(1))
    sys.exit(main())
