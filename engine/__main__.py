"""The engine process: `python -m engine`, one loaded model, JSON lines over stdin and stdout (see `engine.wire`).

    stdin --(reader thread)--> queue --> main thread: load, then one reply after another --> stdout

The reader thread only notes what was asked, so a cancel arrives while the main thread computes. When stdin ends,
the app is gone, and so is this process, whatever it is doing.
The one rule: descriptor 1 belongs to the wire alone; what libraries print goes to the log (descriptor 2).
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from engine import wire
from engine.errors import UserError
from engine.generation import TextChunk
from engine.priority import Pace, step_aside

if TYPE_CHECKING:
    from engine.models.loading import ModelOnDuty

NICENESS = 5  # the screen comes first
BESIDE_A_RUN = 0.2  # of a core, while the run that answers is learning on this processor

logger = logging.getLogger("engine")


class Inbox:
    """What the app asked for, read by a thread of its own."""

    def __init__(self, stdin: BinaryIO) -> None:
        self._stdin = stdin
        self._waiting: queue.Queue[wire.Load | wire.Request] = queue.Queue()
        self._cancelled: set[int] = set()

    def start(self) -> None:
        """Begin to read; ends the process when the app closes the pipe."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next(self) -> wire.Load | wire.Request:
        """Wait for the next thing to do."""
        return self._waiting.get()

    def is_cancelled(self, request: int) -> bool:
        """Whether the app has lost interest in a reply."""
        return request in self._cancelled

    def _read(self) -> None:
        try:
            for line in self._stdin:
                message = wire.read_from_app(line)
                if isinstance(message, wire.Cancel):
                    self._cancelled.add(message.request)
                else:
                    self._waiting.put(message)
        except UserError as error:  # nobody would ever answer that request: end, and the app says so
            logger.error("%s", error)
            os._exit(1)
        os._exit(0)  # the app is gone; the main thread may be deep inside a matrix product


class Outbox:
    """The wire back to the app."""

    def __init__(self, stdout: BinaryIO) -> None:
        self._stdout = stdout

    def send(self, message: wire.FromEngine) -> None:
        """Write one line at once."""
        self._stdout.write(wire.encode(message))
        self._stdout.flush()


class LoadingReporter:
    """Tells how loading goes on, ten times a second at most."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._stage, self._told_at = "", 0.0

    def tell(self, stage: str, share: float | None) -> None:
        """Loading is `share` (0-1) through `stage`."""
        now = time.monotonic()
        if stage != self._stage or now - self._told_at >= 0.1:
            self._stage, self._told_at = stage, now
            self._outbox.send(wire.Loading(stage=stage, share=share))


def main() -> None:
    """Serve one app until it closes the pipe."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    outbox = Outbox(_take_stdout())
    inbox = Inbox(sys.stdin.buffer)
    inbox.start()
    step_aside(NICENESS)
    load = inbox.next()
    assert isinstance(load, wire.Load), "the first line must say what to load"
    try:
        _serve(load, inbox, outbox)
    except UserError as error:
        outbox.send(wire.Failed(message=str(error)))
    except Exception as error:
        traceback.print_exc()
        outbox.send(wire.Failed(message=_told(error)))
    # Not by returning: the interpreter would wait for the reader thread, which waits for the app.
    sys.stderr.flush()
    os._exit(1)


def _serve(load: wire.Load, inbox: Inbox, outbox: Outbox) -> None:
    outbox.send(wire.Loading(stage="starting torch"))
    from engine.models.loading import (
        ModelOnDuty,  # here, so that the app hears from us before torch is imported
    )

    duty = ModelOnDuty(load, LoadingReporter(outbox).tell)
    outbox.send(wire.Loaded(model=duty.take_newest()))
    while True:
        request = inbox.next()
        if not isinstance(request, wire.Load):
            _answer(duty, request, inbox, outbox)


def _answer(duty: ModelOnDuty, request: wire.Request, inbox: Inbox, outbox: Outbox) -> None:
    try:
        if (other := duty.turn_to(request.reference)) is not None:
            outbox.send(wire.Loaded(model=other))
        pace = Pace(BESIDE_A_RUN) if duty.competes_with_run else None

        def is_over() -> bool:
            return inbox.is_cancelled(request.request)

        for message in _messages(duty, request, is_over):
            outbox.send(message)
            if pace is not None and isinstance(message, wire.Text | wire.Inspected):
                pace.rest(is_over)
    except UserError as error:
        outbox.send(wire.Failed(message=str(error), request=request.request))
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        outbox.send(wire.Failed(message=_OUT_OF_MEMORY, request=request.request))


_OUT_OF_MEMORY = (
    "There was not enough memory for this reply. Close other panes or programs, shorten the conversation, "
    "or choose a smaller model."
)


def _told(error: Exception) -> str:
    """Why loading failed, for a person."""
    if _is_out_of_memory(error):
        return (
            "There is not enough memory for this model. Close other panes or programs, choose a smaller model, "
            "or --precision bfloat16."
        )
    return "The engine hit a defect; its log has the details."


def _is_out_of_memory(error: Exception) -> bool:
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "can't allocate memory" in str(error)


def _messages(
    duty: ModelOnDuty, request: wire.Request, is_over: Callable[[], bool]
) -> Iterator[wire.FromEngine]:
    """What a request gets for an answer."""
    number = request.request
    if isinstance(request, wire.Generate):
        for event in duty.events(request, is_over):
            if isinstance(event, TextChunk):
                yield wire.Text(request=number, chunk=event)
            else:
                yield wire.Done(request=number, result=msgspec.structs.replace(event, step=duty.step))
        return
    for found in duty.inspected(request, is_over):
        if isinstance(found, tuple):
            yield wire.Inspected(request=number, tokens=found)
        else:
            result = msgspec.structs.replace(found, step=duty.step)
            yield wire.InspectionEnd(request=number, result=result)


def _take_stdout() -> BinaryIO:
    """Keep descriptor 1 for the wire and point it at the log, so that stray prints cannot corrupt a line."""
    wire_descriptor = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(wire_descriptor, "wb")


if __name__ == "__main__":
    main()
