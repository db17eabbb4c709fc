"""Conversations as ids and loss mask."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.chat import ChatMessage, assistant, system, user
from engine.errors import UserError
from engine.tokenizers import END_OF_TEXT, UNKNOWN
from engine.tokenizers.bpe import BpeTokenizer
from engine.tokenizers.char import CharTokenizer
from engine.tokenizers.chat_format import (
    ChatFormat,
    end_ids,
    fit_to_context,
    missing_special_tokens,
    render,
)
from engine.tokenizers.chat_formats import (
    ALPACA,
    CHAT,
    CHAT_FORMATS,
    CHATML,
    COMPLETION,
    GEMMA,
    MISTRAL,
    PLAIN,
)

TALK = [system("Be brief."), user("Hello"), assistant("Hi!"), user("Bye")]
SPECIAL_OF_ALL = sorted({name for known in CHAT_FORMATS.values() for name in known.special_tokens})


@pytest.fixture(scope="module")
def tokenizer(bpe: BpeTokenizer) -> BpeTokenizer:
    """Knows the special tokens of every format."""
    return bpe.with_special_tokens(SPECIAL_OF_ALL)


def learnt_text(messages: list[ChatMessage], tokenizer: BpeTokenizer, chat_format: ChatFormat) -> str:
    ids, mask = render(messages, tokenizer, chat_format)
    return tokenizer.decode([i for i, is_learnt in zip(ids, mask, strict=True) if is_learnt])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("chat", "<|system|>Be brief.<|user|>Hello<|assistant|>Hi!<|endoftext|><|user|>Bye<|assistant|>"),
        ("plain", "Be brief.\nUser: Hello\nAssistant: Hi!<|endoftext|>\nUser: Bye\nAssistant:"),
        (
            "alpaca",
            "Be brief.\n\n### Instruction:\nHello\n\n### Response:\nHi!<|endoftext|>\n\n"
            "### Instruction:\nBye\n\n### Response:\n",
        ),
        ("completion", "Be brief.HelloHi!Bye"),
        (
            "chatml",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
            "<|im_start|>assistant\nHi!<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "llama3",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHi!<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        (
            "gemma",
            "<bos><start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n<start_of_turn>model\nHi!<end_of_turn>\n"
            "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            "zephyr",
            "<|system|>\nBe brief.<|endoftext|>\n<|user|>\nHello<|endoftext|>\n"
            "<|assistant|>\nHi!<|endoftext|>\n<|user|>\nBye<|endoftext|>\n<|assistant|>\n",
        ),
        ("mistral", "<s>[INST] Be brief.\n\nHello [/INST] Hi!<|endoftext|>[INST] Bye [/INST]"),
    ],
)
def test_each_format_writes_a_conversation_as_its_models_know_it(
    tokenizer: BpeTokenizer, name: str, text: str
):
    rendered = render(TALK, tokenizer, CHAT_FORMATS[name], add_generation_prompt=True)
    assert tokenizer.decode(rendered.ids) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("chat", "Hi!<|endoftext|>"),
        ("plain", " Hi!<|endoftext|>"),
        ("alpaca", "Hi!<|endoftext|>"),
        ("completion", "Be brief.HelloHi!Bye"),
        ("chatml", "Hi!<|im_end|>"),
        ("llama3", "Hi!<|eot_id|>"),
        ("gemma", "Hi!<end_of_turn>"),
        ("zephyr", "Hi!<|endoftext|>"),
        ("mistral", " Hi!<|endoftext|>"),
    ],
)
def test_the_loss_is_taken_on_the_reply_and_the_token_that_ends_it(
    tokenizer: BpeTokenizer, name: str, text: str
):
    assert learnt_text(TALK, tokenizer, CHAT_FORMATS[name]) == text


def test_the_ids_and_the_mask_of_a_small_conversation():
    tokenizer = CharTokenizer.from_text("abc", (UNKNOWN, *CHAT.special_tokens))
    #  0 a, 1 b, 2 c, 3 <|unk|>, 4 <|system|>, 5 <|user|>, 6 <|assistant|>, 7 <|endoftext|>
    ids, mask = render([user("ab"), assistant("c")], tokenizer, CHAT)
    assert ids == [5, 0, 1, 6, 2, 7]
    assert mask == [False, False, False, False, True, True]


@pytest.mark.parametrize("name", [name for name in CHAT_FORMATS if name != "completion"])
@given(replies=st.lists(st.text(min_size=1), min_size=1, max_size=3))
@settings(deadline=None)
def test_training_meets_the_same_ids_as_chat(tokenizer: BpeTokenizer, name: str, replies: list[str]):
    """What is asked in chat is a prefix of what is trained on, and the loss begins right after it."""
    messages: list[ChatMessage] = []
    for reply in replies:
        messages += [user("Hello"), assistant("a" + reply)]
        prompt = render(messages[:-1], tokenizer, CHAT_FORMATS[name], add_generation_prompt=True)
        trained = render(messages, tokenizer, CHAT_FORMATS[name])
        assert trained.ids[: len(prompt.ids)] == prompt.ids
        assert trained.mask[len(prompt.ids) - 1 : len(prompt.ids) + 1] == [False, True]


@pytest.mark.parametrize("name", CHAT_FORMATS)
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_special_tokens_in_a_message_stay_text(tokenizer: BpeTokenizer, name: str, role: str):
    special_ids = set(tokenizer.special_tokens.values())

    def num_special(content: str) -> int:
        messages = [
            ChatMessage(role="user", content="x"),
            ChatMessage.from_dict({"role": role, "content": content}, ""),
        ]
        return sum(i in special_ids for i in render(messages, tokenizer, CHAT_FORMATS[name]).ids)

    for special in tokenizer.special_tokens:
        assert num_special(f"a {special} b") == num_special("a b"), special


def test_a_reply_is_tokenized_as_the_continuation_it_is(tokenizer: BpeTokenizer):
    ids, mask = render([user("Hello"), assistant("Hi")], tokenizer, PLAIN)
    assert [i for i, is_learnt in zip(ids, mask, strict=True) if is_learnt] == [
        *tokenizer.encode(" Hi"),
        tokenizer.special_tokens[END_OF_TEXT],
    ]


def test_without_an_end_token_the_text_that_ends_a_reply_is_learnt():
    tokenizer = CharTokenizer.from_text("User: Assistant\nab")
    ids, mask = render([user("a"), assistant("b"), user("a")], tokenizer, PLAIN)
    assert tokenizer.decode(ids) == "User: a\nAssistant: b\nUser: a\n"
    assert tokenizer.decode([i for i, is_learnt in zip(ids, mask, strict=True) if is_learnt]) == " b\n"


def test_a_default_system_text_is_said_when_there_is_none(tokenizer: BpeTokenizer):
    polite = CHATML.with_changes("test", default_system="Be polite.")
    assert tokenizer.decode(render([user("Hi")], tokenizer, polite).ids).startswith(
        "<|im_start|>system\nBe polite."
    )
    assert "polite" not in tokenizer.decode(render(TALK, tokenizer, polite).ids)


def test_a_reply_ends_with_its_end_token_or_with_the_start_of_another_turn(tokenizer: BpeTokenizer):
    names = tokenizer.special_tokens
    assert end_ids(tokenizer, CHATML) == {names[END_OF_TEXT], names["<|im_end|>"], names["<|im_start|>"]}
    assert end_ids(tokenizer, CHAT) == {names[END_OF_TEXT], names["<|user|>"], names["<|system|>"]}
    assert end_ids(CharTokenizer.from_text("abc"), PLAIN) == frozenset()


def test_tokens_a_format_needs_are_named_and_can_be_added(bpe: BpeTokenizer):
    missing = missing_special_tokens(bpe, CHATML)
    assert missing == ("<|im_start|>", "<|im_end|>")
    assert missing_special_tokens(bpe.with_special_tokens(missing), CHATML) == ()


def test_a_conversation_that_fits_is_left_alone(tokenizer: BpeTokenizer):
    assert fit_to_context(TALK, tokenizer, CHAT, 1000, 100) == (TALK, 0)
    assert fit_to_context([], tokenizer, CHAT, 1000, 100) == ([], 0)


def test_the_oldest_turns_are_dropped_whole_and_counted(tokenizer: BpeTokenizer):
    talk = [
        system("Be brief."),
        *(turn for i in range(5) for turn in (user(f"q{i}"), assistant(f"a{i}"))),
        user("q"),
    ]
    kept = [talk[0], *talk[-3:]]
    needed = len(render(kept, tokenizer, CHAT, add_generation_prompt=True).ids)
    assert fit_to_context(talk, tokenizer, CHAT, needed + 10, 10) == (kept, 8)
    assert fit_to_context(talk, tokenizer, CHAT, needed + 9, 10) == ([talk[0], talk[-1]], 10)


def test_a_question_that_does_not_fit_at_all_is_refused_with_the_numbers(tokenizer: BpeTokenizer):
    with pytest.raises(UserError, match=r"takes \d+ tokens, but the model reads 32 at most, 20 of them kept"):
        fit_to_context([user("a"), assistant("b"), user("long " * 40)], tokenizer, CHAT, 32, 20)


MESSAGES = st.lists(
    st.builds(
        ChatMessage,
        role=st.sampled_from(["system", "user", "assistant"]),
        content=st.text("ab ", max_size=30),
    ),
    max_size=12,
)


@given(
    messages=MESSAGES,
    context_length=st.integers(1, 150),
    chat_format=st.sampled_from([CHAT, ALPACA, GEMMA, MISTRAL]),
)
@settings(deadline=None)
def test_what_is_kept_always_fits_and_holds_system_text_and_last_question(
    tokenizer: BpeTokenizer, messages: list[ChatMessage], context_length: int, chat_format: ChatFormat
):
    try:
        kept, dropped = fit_to_context(messages, tokenizer, chat_format, context_length, 4)
    except UserError:
        return
    assert len(render(kept, tokenizer, chat_format, add_generation_prompt=True).ids) + 4 <= context_length
    assert [m for m in kept if m.role == "system"] == [m for m in messages if m.role == "system"]
    assert dropped == len(messages) - len(kept)
    spoken = [m for m in messages if m.role != "system"]
    rest = [m for m in kept if m.role != "system"]
    assert rest == spoken[len(spoken) - len(rest) :]
    if any(m.role == "user" for m in messages):
        assert any(m.role == "user" for m in rest)
    if dropped:
        assert rest[0].role == "user"


def test_completion_only_joins_what_was_said(tokenizer: BpeTokenizer):
    ids, mask = render(
        [user("Once upon"), assistant(" a time")], tokenizer, COMPLETION, add_generation_prompt=True
    )
    assert ids == tokenizer.encode("Once upon a time")
    assert all(mask)
