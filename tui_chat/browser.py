"""The user's browser, which opens what a link leads to.

    if await asyncio.to_thread(has_browser): ...
    await asyncio.to_thread(show_page, "https://example.com/page")       False when it says that it cannot

The one rule: the app neither waits for a browser nor lends it the terminal. `$BROWSER` may name a program that runs
for as long as its page is read, or that draws where it was started.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from subprocess import DEVNULL

_IN_THE_TERMINAL = ("www-browser", "links", "elinks", "lynx", "w3m")
_SECONDS_TO_FAIL = 3.0
# In a process of its own; `-I`: no module of the folder the user is in is taken for a library.
_OPEN = ("-I", "-c", "import sys, webbrowser; sys.exit(not webbrowser.open(sys.argv[1]))")


def has_browser() -> bool:
    """Whether pages open in a window; a browser of the terminal has nowhere to draw. May wait for the system."""
    import webbrowser  # here: for the first link that is opened

    try:
        name = getattr(webbrowser.get(), "name", "")
    except webbrowser.Error:
        return False
    return Path(name).name not in _IN_THE_TERMINAL


def show_page(address: str) -> bool:
    """Let the browser open a page; whether it has not said soon that it cannot. May wait for that."""
    try:
        browser = subprocess.Popen(
            [sys.executable, *_OPEN, address],
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,  # without the terminal, and not ended with the app
        )
    except OSError:
        return False
    try:
        return browser.wait(_SECONDS_TO_FAIL) == 0
    except subprocess.TimeoutExpired:
        threading.Thread(target=browser.wait, daemon=True).start()  # no zombie of it stays
        return True
