"""The app's end of the pipe to an engine process.

    stopped --load()--> loading --> ready --stream()--> answering --> ready
       ^________________ the process ends, however ____________________|

A crash of the engine ends the reply it was giving with a `UserError`; the next reply starts a new process.
The one rule: the state is read off the process and the requests under way; no flag is kept that could be wrong.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Literal

import msgspec

import engine
from engine import wire
from engine.chat import ChatMessage
from engine.errors import UserError
from engine.generation import GenerationEvent, GenerationSettings
from engine.inspection import InspectedToken, Inspection
from engine.model_library import absolute_reference
from engine.paths import private_directory

CANCEL_SECONDS = 5.0  # an engine that does not let go of a reply by then is ended
LOG_LIMIT = 1024 * 1024  # bytes; a longer log begins anew

State = Literal["stopped", "loading", "ready", "answering"]
_Answer = wire.Text | wire.Done | wire.Inspected | wire.InspectionEnd
_Reply = _Answer | UserError


def child_environment() -> dict[str, str]:
    """Environment for our own processes: our code first on the path, libraries quiet and offline-minded."""
    root = str(Path(engine.__file__).parent.parent)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    known = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path and path != root]
    environment["PYTHONPATH"] = os.pathsep.join([root, *known])
    environment |= {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
    }
    # Threads of libgomp (torch's on Linux) spin for milliseconds before they sleep, and on busy cores hold up those
    # they wait for: two threads beside other work made 1 to 5 steps/s, with this 4 to 12; alone, 60 either way.
    environment.setdefault("GOMP_SPINCOUNT", "10000")
    return environment


def child_folder() -> str:
    """A folder to start our processes in: `python -m` looks there first, so it must be where our code is."""
    return str(Path(engine.__file__).parent.parent)


class ProcessEngine:
    """An `Engine` in a process of its own. One reply at a time; others wait their turn."""

    def __init__(
        self, load: wire.Load, log_path: Path, on_progress: Callable[[wire.Loading], None] | None = None
    ) -> None:
        self.model: wire.LoadedModel | None = None
        self.on_progress = on_progress
        self._load = msgspec.structs.replace(load, reference=absolute_reference(load.reference))
        self._log_path = log_path
        self._process: asyncio.subprocess.Process | None = None
        self._loaded: asyncio.Future[wire.LoadedModel] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._replies: dict[int, asyncio.Queue[_Reply]] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self._starting = asyncio.Lock()

    @property
    def state(self) -> State:
        """What the engine is doing."""
        if self._process is None or self._process.returncode is not None:
            return "stopped"
        if self._loaded is None or not self._loaded.done():
            return "loading"
        return "answering" if self._replies else "ready"

    async def load(self) -> wire.LoadedModel:
        """Start the process if it is not there, and wait until the model is loaded.

        Raises:
            UserError: when the model cannot be loaded; the sentence says why.
        """
        async with self._starting:  # two who ask at once get one process
            if self.state == "stopped" or self._loaded is None:
                await self._start()
        assert self._loaded is not None
        return await asyncio.shield(self._loaded)

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        settings: GenerationSettings,
        reference: str = "",
        prefix: Sequence[int] = (),
    ) -> AsyncIterator[GenerationEvent]:
        """The reply to `messages`; closing the generator cancels it.

        `reference` names another model to take in the same process for this reply: another checkpoint of a run.
        `prefix` are tokens that the reply begins with.

        Raises:
            UserError: when the model cannot be loaded, refuses, or its process ends.
        """
        request = wire.Generate(
            request=next(self._numbers),
            messages=tuple(messages),
            settings=settings,
            reference=reference,
            prefix=tuple(prefix),
        )
        async for event in self._events(request):
            yield event

    async def complete(self, prompt: str, settings: GenerationSettings) -> AsyncIterator[GenerationEvent]:
        """Like `stream`, but continues `prompt` as it is, without a chat format."""
        request = wire.Generate(request=next(self._numbers), prompt=prompt, settings=settings)
        async for event in self._events(request):
            yield event

    async def inspect(
        self, request: wire.Inspect, on_tokens: Callable[[int], None] | None = None
    ) -> Inspection:
        """What the model thought at each token of a text; `on_tokens` hears how many are done.

        The number of `request` is given here, whatever it says.

        Raises:
            UserError: when the model cannot be loaded, refuses, or its process ends.
        """
        tokens: list[InspectedToken] = []
        numbered = msgspec.structs.replace(request, request=next(self._numbers))
        async with aclosing(self._ask(numbered)) as answers:
            async for answer in answers:
                if isinstance(answer, wire.InspectionEnd):
                    return Inspection(tokens=tuple(tokens), done=answer.result)
                assert isinstance(answer, wire.Inspected)
                tokens += answer.tokens
                if on_tokens is not None:
                    on_tokens(len(tokens))
        raise AssertionError("an inspection ends with InspectionEnd or raises")

    async def close(self) -> None:
        """End the process. A closed engine may be used again."""
        async with self._starting:  # a process that is only being started would outlive this
            process, reader = self._process, self._reader
            if process is None:
                return
            if process.returncode is None:
                process.kill()
            await process.wait()
            if reader is not None:
                await asyncio.wait([reader])
            for watcher in tuple(self._watchers):
                watcher.cancel()

    async def _events(self, request: wire.Generate) -> AsyncIterator[GenerationEvent]:
        async with aclosing(self._ask(request)) as answers:
            async for answer in answers:
                match answer:
                    case wire.Text(chunk=chunk):
                        yield chunk
                    case wire.Done(result=result):
                        yield result

    async def _ask(self, request: wire.Request) -> AsyncGenerator[_Answer, None]:
        """What the engine sends for a request, its last message included; closing this cancels the request."""
        async with self._turn:
            await self.load()
            replies: asyncio.Queue[_Reply] = asyncio.Queue()
            self._replies[request.request] = replies
            complete = False
            try:
                await self._send(request)
                while not complete:
                    answer = await replies.get()
                    complete = not isinstance(answer, wire.Text | wire.Inspected)
                    if isinstance(answer, UserError):
                        raise answer
                    yield answer
            finally:
                if complete:
                    self._replies.pop(request.request, None)
                else:
                    self._let_go(request.request)

    def _let_go(self, request: int) -> None:
        """Cancel a reply nobody waits for; its queue stays until the engine says it has stopped."""
        watcher = asyncio.create_task(self._cancel(request), name=f"cancel {request}")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _cancel(self, request: int) -> None:
        replies = self._replies[request]
        try:
            await self._send(wire.Cancel(request=request))
            async with asyncio.timeout(CANCEL_SECONDS):
                while isinstance(await replies.get(), wire.Text | wire.Inspected):
                    pass
        except TimeoutError:
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
        except UserError:
            pass  # the engine is gone, and the reply with it
        finally:
            self._replies.pop(request, None)

    async def _start(self) -> None:
        self.model = None
        self._loaded = asyncio.get_running_loop().create_future()
        self._loaded.add_done_callback(_retrieve)
        try:
            self._process = await self._spawn()
        except OSError as error:
            raise UserError(
                f"The engine of {self._load.reference} cannot be started ({error.strerror or error}); "
                f"its log would be {self._log_path}."
            ) from error
        self._reader = asyncio.create_task(self._read(self._process, self._loaded), name="engine reader")
        await self._send(self._load)

    async def _spawn(self) -> asyncio.subprocess.Process:
        private_directory(self._log_path.parent)
        is_long = self._log_path.exists() and self._log_path.stat().st_size > LOG_LIMIT
        with self._log_path.open("wb" if is_long else "ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "engine",
                cwd=child_folder(),
                env=child_environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,  # never a pipe: nobody would drain it
                limit=wire.LINE_LIMIT,
                start_new_session=True,  # Ctrl+C in the terminal is the app's business
            )

    async def _send(self, message: wire.ToEngine) -> None:
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            raise self._stopped_unexpectedly()
        try:
            process.stdin.write(wire.encode(message))
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise self._stopped_unexpectedly() from None

    async def _read(
        self, process: asyncio.subprocess.Process, loaded: asyncio.Future[wire.LoadedModel]
    ) -> None:
        """Deliver what the engine says until it says no more."""
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                self._deliver(wire.read_from_engine(line), loaded)
        except (
            UserError,
            ValueError,
        ):  # an unreadable or endless line: this engine cannot be trusted any more
            process.kill()
        await process.wait()
        error = self._stopped_unexpectedly()
        if not loaded.done():
            loaded.set_exception(error)
        for replies in self._replies.values():
            replies.put_nowait(error)

    def _deliver(self, message: wire.FromEngine, loaded: asyncio.Future[wire.LoadedModel]) -> None:
        match message:
            case wire.Loading():
                if self.on_progress is not None:
                    self.on_progress(message)
            case wire.Loaded(model=model):
                if model.reference == self._load.reference:  # else taken for one reply
                    self.model = model
                if not loaded.done():
                    loaded.set_result(model)
            case wire.Failed(message=text, request=None):
                if not loaded.done():
                    loaded.set_exception(UserError(text))
            case wire.Failed(message=text, request=request):
                self._put(request, UserError(text))
            case wire.Text() | wire.Done() | wire.Inspected() | wire.InspectionEnd():
                self._put(message.request, message)

    def _put(self, request: int | None, reply: _Reply) -> None:
        if request in self._replies:
            self._replies[request].put_nowait(reply)

    def _stopped_unexpectedly(self) -> UserError:
        return UserError(
            f"The engine of {self._load.reference} stopped unexpectedly. Send again to restart it; "
            f"its log is {self._log_path}."
        )


def _retrieve(future: asyncio.Future[wire.LoadedModel]) -> None:
    """Mark the exception as seen, so that a load nobody waited for does not complain at exit."""
    if not future.cancelled():
        future.exception()
