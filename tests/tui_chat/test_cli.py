"""The command line, as a person or a script uses it: real processes, real output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def tui_chat(
    *arguments: str, stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui_chat", *arguments],
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )


ASK_KEYS = {
    *(
        "text",
        "token_ids",
        "prompt_token_ids",
        "finish_reason",
        "prompt_tokens",
        "completion_tokens",
        "model",
    ),
    *("backend", "device", "precision", "seconds_to_load", "seconds_to_first_token", "tokens_per_second"),
}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["ask", "--help"], ["runs", "--help"]])
def test_help_needs_neither_torch_nor_textual(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom tui_chat.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'torch', 'transformers', 'textual', 'numpy', 'tokenizers'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "tui-chat" in done.stdout


def test_ask_streams_the_reply_and_nothing_else_to_stdout(tiny_model: Path) -> None:
    done = tui_chat("ask", "Hello", "--model", str(tiny_model), "--temperature", "0", "--max-new-tokens", "8")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) == 8 + 1 and done.stderr == ""


def test_ask_json_holds_every_key_of_the_contract(tiny_model: Path) -> None:
    flags = ["--model", str(tiny_model), "--max-new-tokens", "8", "--seed", "4", "--json", "--device", "cpu"]
    done = tui_chat("ask", "Hello", *flags)
    reply = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert reply.keys() >= ASK_KEYS
    assert reply["completion_tokens"] == len(reply["token_ids"]) == 8
    assert reply["prompt_tokens"] == len(reply["prompt_token_ids"])
    assert (reply["backend"], reply["device"], reply["precision"]) == ("scratch", "cpu", "float32")
    assert json.loads(tui_chat("ask", "Hello", *flags).stdout)["text"] == reply["text"]


def test_ask_tells_of_every_token_when_asked_to(tiny_model: Path) -> None:
    flags = ["--model", str(tiny_model), "--max-new-tokens", "8", "--seed", "4", "--json", "--tokens"]
    reply = json.loads(tui_chat("ask", "Hello", *flags).stdout)
    assert [token["token_id"] for token in reply["tokens"]] == reply["token_ids"]
    assert "".join(token["text"] for token in reply["tokens"]) == reply["text"]
    for token in reply["tokens"]:
        assert 0 < token["probability"] <= 1 and token["rank"] >= 1 and token["seconds"] > 0
        assert len(token["alternatives"]) == 10


def test_ask_reads_a_pipe_and_raw_continues_the_text(tiny_model: Path) -> None:
    flags = ["--model", str(tiny_model), "--raw", "--max-new-tokens", "4", "--json"]
    piped = json.loads(tui_chat("ask", "-", *flags, stdin="Once upon\n").stdout)
    assert piped["prompt_tokens"] == len("Once upon")
    assert json.loads(tui_chat("ask", *flags, stdin="Once upon").stdout)["prompt_tokens"] == len("Once upon")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", "hi", "--model", "no-such-model"], "There is no model 'no-such-model'"),
        (["ask", "hi", "--top-p", "1.5"], "tui-chat: --top-p must be from 0.001 to 1"),
        (["ask", "hi", "--temperature", "nan"], "--temperature must be a finite number"),
        (["ask", "hi", "--max-new-tokens", "0"], "tui-chat: --max-new-tokens must be from 1 to 65,536"),
        (["ask", "hi", "--precision", "int8"], "int8 is not there yet"),
        (["ask"], "nothing to answer"),
        (["ask", "-"], "nothing to answer"),
        (["models", "show", "nope"], "There is no model 'nope'"),
        (["models", "pull", "builtin"], "only models of the hub can be pulled"),
    ],
)
def test_a_mistake_is_one_line_on_stderr_and_exit_code_1(arguments: list[str], message: str) -> None:
    done = tui_chat(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr and done.stderr.count("\n") == 1 and done.stderr.startswith("tui-chat: ")


@pytest.mark.parametrize("message", ["", "  \n"])
def test_an_empty_message_is_refused_with_a_sentence(message: str) -> None:
    done = tui_chat("ask", message)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is nothing to answer: the message is empty" in done.stderr


def test_wrong_usage_exits_with_2() -> None:
    assert tui_chat("ask", "--no-such-flag").returncode == 2
    assert tui_chat("no-such-command").returncode == 2


def test_without_a_terminal_the_app_says_what_to_use_instead() -> None:
    done = tui_chat()
    assert done.returncode == 1
    assert "needs a terminal" in done.stderr and "Traceback" not in done.stderr


def test_ctrl_c_while_a_reply_is_made_exits_with_130_and_leaves_no_engine(tiny_model: Path) -> None:
    command = [sys.executable, "-m", "tui_chat", "ask", "hi", "--raw", "--model", str(tiny_model)]
    process = subprocess.Popen(
        [*command, "--max-new-tokens", "60000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in the background it is ignored
    )
    assert process.stdout is not None
    process.stdout.read(20)  # the reply has begun
    process.send_signal(signal.SIGINT)
    before = time.monotonic()
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in stderr
    assert time.monotonic() - before < 5


def test_models_lists_what_is_at_hand() -> None:
    done = tui_chat("models", "--json")
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert entries[0]["reference"] == "builtin"
    assert "builtin" in tui_chat("models").stdout


def test_an_exported_model_answers_as_the_original(tiny_model: Path, tmp_path: Path) -> None:
    done = tui_chat("models", "export", str(tiny_model), str(tmp_path / "copy"))
    assert done.returncode == 0, done.stderr
    flags = ["--temperature", "0", "--max-new-tokens", "8"]
    original, copy = (
        tui_chat("ask", "hi", "--model", str(m), *flags) for m in (tiny_model, tmp_path / "copy")
    )
    assert original.stdout == copy.stdout != ""
    again = tui_chat("models", "export", str(tiny_model), str(tmp_path / "copy"))
    assert again.returncode == 1 and "exists already" in again.stderr
