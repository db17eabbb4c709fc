"""`tui-chat ask`: one reply, streamed to stdout.

    tui-chat ask "Hello"           tui-chat ask -  < question.txt          tui-chat ask --raw "Once upon a time"
    tui-chat ask -i                a chat in plain lines: `commands_ask_interactively`

The one rule: what a model says is shown as plain text; on a terminal its control characters become visible.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from engine import chat
from engine.errors import UserError
from engine.generation import GenerationDone, GenerationEvent, GenerationSettings, TextChunk
from tui_chat.command_flags import add_engine_flags, add_sampling_flags, sampling_wishes
from tui_chat.commands_ask_interactively import add_interactive_flags, chat_in_lines
from tui_chat.commands_personas import config_with

if TYPE_CHECKING:
    from engine.process import ProcessEngine
    from engine.remote.remote_engine import RemoteEngine
    from tui_chat.config import AppConfig
    from tui_chat.engines import OnProgress
    from tui_chat.token_table import TokenLook


def add_ask_command(subparsers: Any) -> None:
    """Add `ask` to the command line."""
    parser = subparsers.add_parser("ask", help="one reply, streamed", description="One reply, streamed.")
    parser.add_argument("prompt", nargs="?", help="what to say; - (or a pipe) reads it from stdin")
    add_interactive_flags(parser)
    parser.add_argument(
        "-m",
        "--model",
        metavar="REF",
        help="builtin, a folder, run:NAME[@best], hf:OWNER/NAME, api:PROVIDER/MODEL",
    )
    parser.add_argument("--backend", choices=["auto", "scratch", "hf"])
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16", "int8"])
    add_engine_flags(parser)
    parser.add_argument("--persona", metavar="NAME", help="answer as one of `tui-chat personas`")
    parser.add_argument("--system", metavar="TEXT", help="instructions that stand before the conversation")
    parser.add_argument("--raw", action="store_true", help="continue the text as it is, without chat format")
    add_sampling_flags(parser)
    parser.add_argument(
        "--stop", action="append", metavar="TEXT", help="end the reply before TEXT (repeatable)"
    )
    parser.add_argument(
        "--tokens", action="store_true", help="what the model thought at each token; also with --json"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the text")
    parser.set_defaults(run=ask, usage_error=parser.error)


def ask(options: argparse.Namespace) -> int:
    """Answer once, or chat."""
    if options.interactive:
        config = _config_without_persona(options)
        return chat_in_lines(options, config, lambda ref, progress: _engine(ref, options, config, progress))
    if options.conversation or options.by_line:
        options.usage_error("--conversation and --by-line go with -i, a chat in plain lines.")
    prompt = _prompt(options.prompt)
    if not options.raw and not prompt.strip():  # a text that is merely continued may begin with nothing
        options.usage_error('there is nothing to answer: the message is empty. Say it: tui-chat ask "Hello"')
    engine, settings, system_prompt = _engine_and_settings(options)
    messages = [chat.system(system_prompt)] if system_prompt else []
    messages.append(chat.user(prompt))
    events = engine.complete(prompt, settings) if options.raw else engine.stream(messages, settings)
    look = None
    if options.tokens:
        from tui_chat.token_table import TokenLook  # here: it draws on what the app is made of

        look = TokenLook(engine, prompt if options.raw else messages, settings)
    reply = asyncio.run(_collect(engine, events, None if options.json else _printer(), look))
    if reply["backend"] == "api" and (sampling_wishes(options) or options.stop):
        for warning in reply["warnings"]:
            print(f"tui-chat: {reply['model']} was asked {warning}.", file=sys.stderr)
    if options.json:
        print(json.dumps(reply, ensure_ascii=False))
    return 0


def _config(options: argparse.Namespace) -> AppConfig:
    config = _config_without_persona(options)
    return config if options.persona is None else config_with(options.persona, config)


def _config_without_persona(options: argparse.Namespace) -> AppConfig:
    """The settings, with what is wrong with them on stderr."""
    from engine.paths import config_path
    from tui_chat.config import load_config

    if options.precision == "int8":
        raise UserError("--precision int8 is not there yet. Use float32 or bfloat16.")
    loaded = load_config(config_path())
    for problem in loaded.problems:
        print(f"tui-chat: {problem}", file=sys.stderr)
    return loaded.config


def _engine_and_settings(
    options: argparse.Namespace,
) -> tuple[ProcessEngine | RemoteEngine, GenerationSettings, str]:
    """An engine and settings as the flags say, then the environment, then the settings file."""
    config = _config(options)
    changes = sampling_wishes(options)
    if options.stop:
        changes["stop"] = options.stop
    settings = config.generation.with_changes("ask", **changes)
    progress = _show_progress if sys.stderr.isatty() else None
    engine = _engine(options.model or config.chat.model, options, config, progress)
    return engine, settings, options.system if options.system is not None else config.chat.system_prompt


def _engine(
    reference: str, options: argparse.Namespace, config: AppConfig, progress: OnProgress | None
) -> ProcessEngine | RemoteEngine:
    from engine.remote.provider import is_remote

    if is_remote(reference):
        from engine.remote.remote_engine import remote_engine  # here: only who has servers needs it

        return remote_engine(reference, config.providers, progress)
    from engine import wire
    from engine.paths import logs_path
    from engine.process import ProcessEngine

    load = wire.Load.from_dict(
        {
            "reference": reference,
            "backend": options.backend or config.engine.backend,
            "device": options.device or config.engine.device,
            "precision": options.precision or config.engine.precision,
            "threads": config.engine.threads if options.threads is None else options.threads,
            "trust_remote_code": options.trust_remote_code,
        },
        "ask",
    )
    return ProcessEngine(load, logs_path() / "engine-ask.log", progress)


def _prompt(argument: str | None) -> str:
    if argument not in (None, "-"):
        assert argument is not None
        return argument
    if argument is None and sys.stdin.isatty():
        raise UserError('There is nothing to answer. Say it: tui-chat ask "Hello", or pipe a text in.')
    text = sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n")
    if not text.strip():
        raise UserError("There is nothing to answer: the text that was piped in is empty.")
    return text


async def _collect(
    engine: ProcessEngine | RemoteEngine,
    events: AsyncIterator[GenerationEvent],
    show: Callable[[str], None] | None,
    look: TokenLook | None = None,
) -> dict[str, Any]:
    """Show the reply as it comes; returns what --json prints."""
    text, token_ids = "", []
    tokens: list[dict[str, Any]] | None = None
    result: GenerationDone | None = None
    try:
        async for event in events:
            if look is not None:
                look.take(event)
            match event:
                case TextChunk():
                    text += event.text
                    token_ids += [token.token_id for token in event.tokens]
                    if show is not None:
                        show(event.text)
                case GenerationDone():
                    result = event
        if look is not None:
            tokens = await look.tell(as_table=show is not None)
    finally:
        model = engine.model
        await engine.close()
        if show is not None and text:
            show("\n")
    assert result is not None and model is not None, "a stream ends with GenerationDone or raises"
    if result.dropped_messages:
        print(f"tui-chat: {result.dropped_messages} oldest messages did not fit.", file=sys.stderr)
    if result.dropped_tokens:
        print(f"tui-chat: the first {result.dropped_tokens} tokens of the text did not fit.", file=sys.stderr)
    return {
        "text": text,
        "token_ids": token_ids,
        "prompt_token_ids": list(result.prompt_token_ids),
        "finish_reason": result.finish_reason,
        "prompt_tokens": result.prompt_tokens,
        "completion_tokens": result.completion_tokens,
        "dropped_messages": result.dropped_messages,
        "dropped_tokens": result.dropped_tokens,
        "model": model.reference,
        "backend": model.backend,
        "device": model.device,
        "precision": model.precision,
        "seconds_to_load": round(model.seconds_to_load, 3),
        "seconds_to_first_token": round(result.seconds_to_first_token, 4),
        "tokens_per_second": round(result.tokens_per_second, 1),
        "seed": result.seed,
        "step": result.step,
        "warnings": list(model.warnings),
        **({} if tokens is None else {"tokens": tokens}),
    }


def _printer() -> Callable[[str], None]:
    is_terminal = sys.stdout.isatty()
    if is_terminal:
        from tui_chat.text import visible
    has_begun = False

    def show(text: str) -> None:
        nonlocal has_begun
        if text and not has_begun and sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # take the progress line away
            has_begun = True
        print(visible(text) if is_terminal else text, end="", flush=True)

    return show


def _show_progress(loading: Any) -> None:
    share = "" if loading.share is None else f" {loading.share:.0%}"
    print(f"\r\x1b[K{loading.stage}{share} ...", end="", file=sys.stderr, flush=True)
