"""How fast the conversations are when there are ten thousand of them.

    python -m benchmarks.conversations [--conversations 10000] [--runs 15] [--no-app] [--json]

Makes a file with made-up conversations of four to eight messages, and takes medians: of each operation in the file,
and of the list in the app, from the key or the call to the screen that shows it (through a pilot, without a terminal).
What to expect on two quiet cores: each operation below 50 ms, the list below 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from tui_chat.app import TuiChatApp
from tui_chat.config import load_config
from tui_chat.conversation_exchange import ConversationRecord, in_a_row
from tui_chat.conversation_shelf import Shelf
from tui_chat.conversation_transfer import Transfer
from tui_chat.conversations import Conversations
from tui_chat.widgets.conversation_list import TYPING_PAUSE_SECONDS, ConversationList

COMMON, RARE = "the", "quokka"
WORDS = 4000  # of the made-up language, the first ones the most common
DAY = 86400.0
Timing = dict[str, list[float]]  # what -> seconds of each run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--conversations", type=int, default=10_000, metavar="N")
    parser.add_argument("--runs", type=int, default=15, metavar="N")
    parser.add_argument("--no-app", action="store_true", help="only the file, not the list in the app")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        conversations = Conversations.open(Path(folder) / "conversations.db")
        begun = time.perf_counter()
        Transfer(conversations.file).take_in(made_up(options.conversations))
        seconds = time.perf_counter() - begun
        timings = in_the_file(conversations, options.runs)
        if not options.no_app:
            timings |= asyncio.run(in_the_app(conversations, options.runs))
        conversations.close()
    report(timings, options, seconds)


def made_up(count: int, seed: int = 0) -> Iterator[ConversationRecord]:
    """Conversations in a made-up language whose words are as unevenly used as those of a real one."""
    chance = random.Random(seed)
    words = [
        COMMON,
        *("".join(chance.choices("aeioubdgklmnprstvz", k=chance.randint(3, 9))) for _ in range(WORDS)),
    ]
    weights = [1 / (place + 3) for place in range(len(words))]
    now = time.time()
    for number in range(count):
        said = [
            " ".join(chance.choices(words, weights, k=chance.randint(5, 60)))
            for _ in range(chance.randint(4, 8))
        ]
        if number % 2000 == 7:
            said[-1] += f" {RARE}"
        turns = [("assistant" if place % 2 else "user", text) for place, text in enumerate(said)]
        talk = in_a_row(turns, title=said[0][:60], model="builtin")  # type: ignore[arg-type]
        when = now - chance.random() * 700 * DAY
        tags = ("work",) if number % 10 == 0 else ()
        yield talk.with_changes("made up", created=when, updated=when, tags=tags, pinned=number % 2500 == 0)


# ---- the file


def in_the_file(conversations: Conversations, runs: int) -> Timing:
    """Each operation, on conversations anywhere in the list."""
    shelf = Shelf(conversations.file)
    chance = random.Random(1)
    ids = chance.sample(shelf.ids(), runs)
    operations: dict[str, Callable[[int], object]] = {
        "list, first page": lambda _: (shelf.page(), shelf.count()),
        "list, page 50": lambda _: shelf.page(start=5000),
        "list of a tag": lambda _: shelf.page("#work"),
        f"search, common word ({COMMON})": lambda _: shelf.page(COMMON),
        f"search, rare word ({RARE})": lambda _: shelf.page(RARE),
        "search, one letter (a)": lambda _: shelf.page("a"),
        "search, two words and a tag": lambda _: shelf.page(f"{COMMON} a #work"),
        "open": lambda id: (conversations.get(id), conversations.tree(id)),
        "pin": lambda id: shelf.pin(id, True),
        "tag": lambda id: shelf.tag(id, ["home"]),
        "rename": lambda id: conversations.rename(id, "Another title"),
        "delete": conversations.delete,
        "bring back": conversations.restore,
    }
    return {what: [timed(do, id) for id in ids] for what, do in operations.items()}


def timed(do: Callable[[int], object], id: int) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    do(id)
    return time.perf_counter() - begun


# ---- the app


async def in_the_app(conversations: Conversations, runs: int) -> Timing:
    """The list from a change to the screen that shows it."""
    config = load_config(Path("/nonexistent/config.toml"), environment={})
    app = TuiChatApp(config, conversations=conversations)
    timings: Timing = {}
    async with app.run_test(size=(120, 40)) as pilot:
        listed = app.chat.query_one(ConversationList)
        await until(lambda: listed.count > 0)
        await pilot.press("ctrl+f")
        for query in (COMMON, RARE, "#work"):
            timings[f"app: filter by {query}"] = []
            for _ in range(runs):
                timings[f"app: filter by {query}"].append(await seconds_to_show(pilot, listed, query))
                await seconds_to_show(pilot, listed, "")
        await pilot.press("escape", "ctrl+b")
        timings["app: one screen further down"] = [
            await seconds_of(lambda: pilot.press("pagedown"), pilot) for _ in range(runs * 4)
        ]
    return timings


async def seconds_to_show(pilot: Pilot[None], listed: ConversationList, query: str) -> float:
    """Seconds until the list shows what a query finds; without the pause that waits for further typing."""
    begun = time.perf_counter()
    listed.query_one(Input).value = query
    await until(lambda: listed.listed_query == query)
    await pilot.pause(0)
    return time.perf_counter() - begun - (TYPING_PAUSE_SECONDS if query else 0)


async def seconds_of(do: Callable[[], Awaitable[None]], pilot: Pilot[None]) -> float:
    """Seconds that something takes, with the screen that follows."""
    begun = time.perf_counter()
    await do()
    await pilot.pause(0)
    return time.perf_counter() - begun


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def report(timings: Timing, options: argparse.Namespace, seconds: float) -> None:
    """Medians and the slowest run, in milliseconds."""
    medians = {what: statistics.median(runs) * 1000 for what, runs in timings.items()}
    if options.json:
        facts = {"conversations": options.conversations, "seconds_to_import": seconds, "median_ms": medians}
        print(json.dumps(facts))
        return
    print(f"{options.conversations:,} conversations, imported in {seconds:.1f} s; n = {options.runs}")
    for what, median in medians.items():
        print(f"  {what:<36} {median:7.1f} ms   (slowest {max(timings[what]) * 1000:.1f})")


if __name__ == "__main__":
    main()
