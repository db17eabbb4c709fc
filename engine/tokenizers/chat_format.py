"""A conversation as token ids, the same for training and for chat.

    CHAT:   <|system|>Be brief.<|user|>Hello<|assistant|>Hi!<|endoftext|>
    mask:   .         .........       .....             ^^^^^^^^^^^^^^^^     ^ = the loss is taken on it

    ids, mask = render(messages, tokenizer, CHAT)                              # training
    ids, _ = render(messages, tokenizer, CHAT, add_generation_prompt=True)     # chat: ends with <|assistant|>

Special tokens come from the format's own texts only; what a person or a model wrote goes through
`tokenizer.encode`, where "<|endoftext|>" is text. Text between two special tokens is encoded in one go, as
Hugging Face does, but a reply always begins and ends a token, so that training and chat meet the same ids.
The one rule: no template of a foreign model is ever executed; `chat_format_files` knows them by their markers.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine.chat import ChatMessage, Role, system
from engine.errors import UserError
from engine.records import Record
from engine.tokenizers import Tokenizer

END = "{end_of_text}"  # in a format's texts: the tokenizer's own end-of-text token, if it has one


class Turn(Record):
    """What stands around the words of one role."""

    prefix: str = ""
    suffix: str = ""
    lead: str = (
        ""  # between the prefix and words that are not empty; a reply writes it itself, and it is not shown
    )


class ChatFormat(Record):
    """How a model wants a conversation written. Texts may hold names of special tokens, and `END`."""

    name: str
    system: Turn = Turn()
    user: Turn = Turn()
    assistant: Turn = Turn()
    start: str = ""  # before everything
    stop: tuple[str, ...] = ()  # texts that end a reply, for models that do not know an end token
    special_tokens: tuple[str, ...] = ()  # must be in the vocabulary
    default_system: str = ""  # said when the conversation has no system message
    joins_system: bool = False  # the system text stands at the head of the first question
    strips: bool = False  # white space around the words is left out
    learns_everything: bool = False  # no mask: a model that only continues text

    def turn(self, role: Role) -> Turn:
        """What stands around the words of `role`."""
        return {"system": self.system, "user": self.user, "assistant": self.assistant}[role]


class RenderedChat(NamedTuple):
    """Token ids of a conversation, and which of them the loss is taken on (replies and their end)."""

    ids: list[int]
    mask: list[bool]


class _Piece(NamedTuple):
    text: str  # the name of a special token, or words
    is_special: bool
    is_learnt: bool


def render(
    messages: Sequence[ChatMessage],
    tokenizer: Tokenizer,
    chat_format: ChatFormat,
    add_generation_prompt: bool = False,
) -> RenderedChat:
    """The ids of a conversation; with `add_generation_prompt` it ends where the model's reply begins."""
    ids: list[int] = []
    mask: list[bool] = []
    words: list[_Piece] = []  # since the last special token
    for piece in _pieces(messages, tokenizer, chat_format, add_generation_prompt):
        if not piece.is_special:
            words.append(piece)
            continue
        _append_words(words, tokenizer, ids, mask)
        ids.append(tokenizer.special_tokens[piece.text])
        mask.append(piece.is_learnt)
        words = []
    _append_words(words, tokenizer, ids, mask)
    return RenderedChat(ids, mask)


def end_ids(tokenizer: Tokenizer, chat_format: ChatFormat) -> frozenset[int]:
    """The tokens that end a reply: end of text, the format's own end token, and the start of another's turn."""
    pattern = _special_pattern(tokenizer)
    names = pattern.findall(_filled(chat_format.assistant.suffix, tokenizer))[:1]
    for turn in (chat_format.system, chat_format.user):
        names += pattern.findall(turn.prefix)[:1]
    ids = {tokenizer.special_tokens[name] for name in names}
    return frozenset(ids if tokenizer.end_of_text is None else ids | {tokenizer.end_of_text})


def missing_special_tokens(tokenizer: Tokenizer, chat_format: ChatFormat) -> tuple[str, ...]:
    """Special tokens the format needs and the tokenizer has not; `with_special_tokens` adds them."""
    return tuple(name for name in chat_format.special_tokens if name not in tokenizer.special_tokens)


def fit_to_context(
    messages: Sequence[ChatMessage],
    tokenizer: Tokenizer,
    chat_format: ChatFormat,
    context_length: int,
    reserve: int,
) -> tuple[list[ChatMessage], int]:
    """The messages that fit with `reserve` tokens left for the reply, and how many were dropped.

    The oldest turns go first and whole (a question with its answer), never system messages nor the last question.

    Raises:
        UserError: with the numbers, when even system text and last question do not fit.
    """
    spoken = [i for i, message in enumerate(messages) if message.role != "system"]
    # What is kept begins with a question; beginning at the first message keeps all.
    starts = spoken[:1] + [i for i in spoken[1:] if messages[i].role == "user"] or [0]

    def kept(start: int) -> list[ChatMessage]:
        return [message for i, message in enumerate(messages) if i >= start or message.role == "system"]

    def size(start: int) -> int:
        return len(render(kept(start), tokenizer, chat_format, add_generation_prompt=True).ids)

    room = context_length - reserve
    first, last = 0, len(starts) - 1
    while first < last:  # the later the start the shorter the text, so look for the earliest by halving
        middle = (first + last) // 2
        first, last = (first, middle) if size(starts[middle]) <= room else (middle + 1, last)
    if (needed := size(starts[first])) > room:
        raise UserError(
            f"The last message with the system text takes {needed} tokens, but the model reads {context_length}"
            f" at most, {reserve} of them kept for its reply. Shorten the message or the system text, or"
            " allow only a shorter reply."
        )
    remaining = kept(starts[first])
    return remaining, len(messages) - len(remaining)


def _pieces(
    messages: Sequence[ChatMessage],
    tokenizer: Tokenizer,
    chat_format: ChatFormat,
    add_generation_prompt: bool,
) -> Iterator[_Piece]:
    everything = chat_format.learns_everything
    yield from _split(chat_format.start, tokenizer, everything)
    for message in prepared(messages, chat_format):
        turn = chat_format.turn(message.role)
        is_reply = message.role == "assistant"
        yield from _split(turn.prefix, tokenizer, everything)
        if message.content:
            yield _Piece(turn.lead + message.content, False, everything or is_reply)
        yield from _suffix(turn.suffix, tokenizer, is_reply, everything)
    if add_generation_prompt:
        yield from _split(chat_format.assistant.prefix, tokenizer, everything)


def prepared(messages: Sequence[ChatMessage], chat_format: ChatFormat) -> list[ChatMessage]:
    """The messages as the format writes them: stripped, with the default system text, system text joined."""
    messages = list(messages)
    if chat_format.default_system and not any(message.role == "system" for message in messages):
        messages.insert(0, system(chat_format.default_system))
    if chat_format.strips:
        messages = [ChatMessage(role=m.role, content=m.content.strip()) for m in messages]
    return _with_system_joined(messages) if chat_format.joins_system else messages


def _with_system_joined(messages: list[ChatMessage]) -> list[ChatMessage]:
    instructions = "\n\n".join(m.content for m in messages if m.role == "system")
    others = [m for m in messages if m.role != "system"]
    question = next((i for i, m in enumerate(others) if m.role == "user"), None)
    if instructions and question is not None:
        content = f"{instructions}\n\n{others[question].content}"
        others[question] = ChatMessage(role="user", content=content)
    return others


def _filled(text: str, tokenizer: Tokenizer) -> str:
    end = next((name for name, i in tokenizer.special_tokens.items() if i == tokenizer.end_of_text), "")
    return text.replace(END, end)


def _special_pattern(tokenizer: Tokenizer) -> re.Pattern[str]:
    return _pattern_of(tuple(tokenizer.special_tokens))


@functools.lru_cache(maxsize=16)  # some models have a thousand special tokens
def _pattern_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """Finds special tokens, in a group so that `split` keeps them; of two that begin alike the longer."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first))})" if names else r"((?!))")


def _split(text: str, tokenizer: Tokenizer, is_learnt: bool) -> Iterator[_Piece]:
    """A text of the format, cut at its special tokens."""
    for part in _special_pattern(tokenizer).split(_filled(text, tokenizer)):
        if part:
            yield _Piece(part, part in tokenizer.special_tokens, is_learnt)


def _suffix(text: str, tokenizer: Tokenizer, is_reply: bool, everything: bool) -> Iterator[_Piece]:
    """After a reply its end token is learnt, and not what may follow that token."""
    is_learnt = is_reply
    for piece in _split(text, tokenizer, everything):
        yield piece._replace(is_learnt=is_learnt or everything)
        is_learnt = is_learnt and not piece.is_special


def _append_words(words: list[_Piece], tokenizer: Tokenizer, ids: list[int], mask: list[bool]) -> None:
    """Encode what stands between two special tokens, cut only where learning begins or ends."""
    before, done = "", 0
    for number, piece in enumerate(words):
        before += piece.text
        is_last = number + 1 == len(words) or words[number + 1].is_learnt != piece.is_learnt
        if is_last:
            new = _continuation(before[:done], before[done:], tokenizer)
            ids += new
            mask += [piece.is_learnt] * len(new)
            done = len(before)


def _continuation(before: str, text: str, tokenizer: Tokenizer) -> list[int]:
    """Ids of `text` after `before`: tokenizers that begin a text with a space must not do so in its midst."""
    if not before:
        return tokenizer.encode(text)
    head, whole = tokenizer.encode(before), tokenizer.encode(before + text)
    return whole[len(head) :] if whole[: len(head)] == head else tokenizer.encode(text)
