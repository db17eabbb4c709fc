"""Chat formats in model directories; `transformers` is the oracle for their templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.chat import ChatMessage
from engine.errors import UserError
from engine.tokenizers import UNKNOWN, Tokenizer
from engine.tokenizers.bpe import BpeTokenizer
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.chat_format import ChatFormat, render
from engine.tokenizers.chat_formats import (
    CHAT,
    CHAT_FORMATS,
    CHATML,
    COMPLETION,
    GEMMA,
    LLAMA3,
    MISTRAL,
    PLAIN,
    ZEPHYR,
    chat_format_named,
    chat_format_of,
    save_chat_format,
)
from engine.tokenizers.loading import load_tokenizer

WITH_TEMPLATE = [known for known in CHAT_FORMATS.values() if known is not COMPLETION]
WORDS = st.text("ab1. \n'é🙂你{}%\"\\", max_size=20)


@pytest.fixture(scope="module")
def tokenizer(bpe: BpeTokenizer) -> BpeTokenizer:
    return bpe.with_special_tokens([name for known in WITH_TEMPLATE for name in known.special_tokens])


def write_template(directory: Path, template: object) -> None:
    (directory / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": template}), encoding="utf-8"
    )


POLITE = [
    CHATML.with_changes("test", name="polite", default_system='Say "please".\nAlways\\.'),
    GEMMA.with_changes("test", name="polite gemma", default_system="Please."),
]


LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def take_llama3_pattern(directory: Path) -> None:
    """Its format ends the prompt with two newlines, which GPT-2's pattern parts when a word follows."""
    path = directory / "tokenizer.json"
    data = json.loads(path.read_bytes())
    split = {"type": "Split", "pattern": {"Regex": LLAMA3_PATTERN}, "behavior": "Isolated", "invert": False}
    pieces = [split, {**data["pre_tokenizer"], "use_regex": False}]
    data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": pieces}
    path.write_text(json.dumps(data), encoding="utf-8")


@pytest.fixture(scope="module", params=[*WITH_TEMPLATE, *POLITE], ids=lambda known: known.name)
def with_oracle(request: pytest.FixtureRequest, tokenizer: BpeTokenizer, tmp_path_factory: Any):
    """A format, our tokenizer for it, and the one of transformers that was given its template."""
    from transformers import AutoTokenizer

    directory = tmp_path_factory.mktemp("format")
    tokenizer.save(directory)
    save_chat_format(directory, request.param)
    if request.param is LLAMA3:
        take_llama3_pattern(directory)
    oracle = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    return request.param, load_tokenizer(directory), oracle


@given(
    instructions=st.none() | WORDS,
    turns=st.lists(st.tuples(WORDS, WORDS), max_size=3),
    question=WORDS,
    add_generation_prompt=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_hugging_face_users_get_the_same_ids(
    with_oracle: tuple[ChatFormat, Tokenizer, Any],
    instructions: str | None,
    turns: list[tuple[str, str]],
    question: str,
    add_generation_prompt: bool,
):
    messages = [] if instructions is None else [ChatMessage(role="system", content=instructions)]
    for asked, answered in turns:
        # A reply begins a token here; Hugging Face would join white space at its head to the newline before it.
        messages += [
            ChatMessage(role="user", content=asked),
            ChatMessage(role="assistant", content=answered.strip()),
        ]
    messages.append(ChatMessage(role="user", content=question))
    known, tokenizer, oracle = with_oracle
    expected = oracle.apply_chat_template(
        [message.to_dict() for message in messages], add_generation_prompt=add_generation_prompt
    )
    assert render(messages, tokenizer, known, add_generation_prompt).ids == expected["input_ids"]


@pytest.mark.parametrize("known", CHAT_FORMATS.values(), ids=CHAT_FORMATS)
def test_a_stored_format_is_found_again(tokenizer: BpeTokenizer, tmp_path: Path, known: ChatFormat):
    tokenizer.save(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("an older one")
    save_chat_format(tmp_path, known)
    tokenizer.save(tmp_path)  # keeps what else is in the file
    assert chat_format_of(tmp_path, tokenizer) == known
    assert not (tmp_path / "chat_template.jinja").exists()


def test_a_format_may_be_stored_by_its_name(tokenizer: BpeTokenizer, tmp_path: Path):
    (tmp_path / "tokenizer_config.json").write_text('{"tui_chat_format": "alpaca"}')
    assert chat_format_of(tmp_path, tokenizer).name == "alpaca"


def test_a_model_without_template_only_continues_text(tokenizer: BpeTokenizer, tmp_path: Path):
    assert chat_format_of(tmp_path, tokenizer) == COMPLETION


FOREIGN = [
    (
        "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n'}}{% endfor %}",
        CHATML,
    ),
    ("{{- '<|start_header_id|>' + role + '<|end_header_id|>' }}{{ content | trim + '<|eot_id|>' }}", LLAMA3),
    ("{{ bos_token }}{{ '<start_of_turn>' + role }}{{ '<end_of_turn>\\n' }}", GEMMA),
    ("{{ bos_token }}{{ '[INST] ' + content + ' [/INST]' }}", MISTRAL),
    ("{{ '<|user|>\\n' + content + eos_token }}{{ '<|assistant|>\\n' + content + eos_token }}", ZEPHYR),
    ("{{ '<turn>' + content }}", PLAIN),
    ("", COMPLETION),
]


@pytest.mark.parametrize(("template", "known"), FOREIGN, ids=[known.name for _, known in FOREIGN])
def test_a_foreign_template_is_known_by_its_markers(
    tokenizer: BpeTokenizer, tmp_path: Path, template: str, known: ChatFormat
):
    write_template(tmp_path, template)
    assert chat_format_of(tmp_path, tokenizer) == known
    write_template(tmp_path, [{"name": "default", "template": template}])
    assert chat_format_of(tmp_path, tokenizer) == known
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "chat_template.jinja").write_text(template, encoding="utf-8")
    assert chat_format_of(tmp_path, tokenizer) == known


def test_markers_count_only_when_they_are_tokens_of_the_model(bpe: BpeTokenizer, tmp_path: Path):
    write_template(tmp_path, "{{ '<|im_start|>' + content + '<|im_end|>' }}")
    assert chat_format_of(tmp_path, bpe) == PLAIN


def test_a_template_is_never_executed(tokenizer: BpeTokenizer, tmp_path: Path):
    write_template(tmp_path, "<|im_start|><|im_end|>{{ 'a' * 10**12 }}{{ cycler.__init__.__globals__ }}")
    assert chat_format_of(tmp_path, tokenizer) == CHATML


def test_the_default_system_text_of_a_foreign_template_is_kept(tokenizer: BpeTokenizer, tmp_path: Path):
    write_template(
        tmp_path, "{{ '<|im_start|>system\\nYou are a lamp.<|im_end|>\\n' }}{{ '<|im_start|>' + role }}"
    )
    assert chat_format_of(tmp_path, tokenizer).default_system == "You are a lamp."


def test_a_stored_format_whose_tokens_are_missing_is_refused(tmp_path: Path):
    save_chat_format(tmp_path, CHAT)
    with pytest.raises(UserError, match=r"'chat' needs the special tokens <\|system\|>.*different models"):
        chat_format_of(tmp_path, CharTokenizer.from_text("abc"))


def test_a_damaged_stored_format_is_refused(tokenizer: BpeTokenizer, tmp_path: Path):
    (tmp_path / "tokenizer_config.json").write_text('{"tui_chat_format": {"name": "x", "prefx": ""}}')
    with pytest.raises(UserError, match="there is no setting 'prefx'"):
        chat_format_of(tmp_path, tokenizer)


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(UserError, match="no chat format 'chta'. Known: chat, plain"):
        chat_format_named("chta")


def test_a_character_model_opens_in_transformers_with_the_same_ids(tmp_path: Path):
    from transformers import AutoTokenizer

    tokenizer = CharTokenizer.from_text("hello world\n?", (UNKNOWN, *CHAT.special_tokens))
    tokenizer.save(tmp_path)
    save_chat_format(tmp_path, CHAT)
    oracle = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    messages = [ChatMessage(role="user", content="hello Q\n")]
    expected = oracle.apply_chat_template([messages[0].to_dict()], add_generation_prompt=True)["input_ids"]
    assert render(messages, tokenizer, CHAT, add_generation_prompt=True).ids == expected
    assert oracle.eos_token_id == tokenizer.end_of_text
    assert oracle.decode(tokenizer.encode("hello \n world")) == "hello \n world"
