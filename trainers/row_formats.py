"""What a row of a JSON data set means: a conversation, or a text. The formats people actually have.

    messages           {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    sharegpt           {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello!"}]}
    alpaca             {"instruction": "Translate", "input": "Hallo", "output": "Hello"}   (or "response")
    prompt_completion  {"prompt": "Hi", "completion": "Hello!"}   (or prompt/response, input/output, query/response ...)
    preference         {"prompt": "Hi", "chosen": "Hello!", "rejected": "Go away."}   (fine-tuning learns the chosen)
    question_answer    {"question": "1 + 1?", "answer": "2"}
    persona            {"input persona": "I am a robot.", "synthesized text": "User: Hi\\nPersona: Beep."}
    text               {"text": "Once upon a time"}

The one rule: a row is understood completely or refused with a reason; it never enters half understood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from engine.chat import ChatMessage, Role, assistant, system, user

# Tool calls are said by the model; what tools give back is said to it.
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "observation": "user",
    "tool": "user",
    "function": "user",
    "function_response": "user",
    "tool_response": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
}


@dataclass(frozen=True, slots=True)
class DataRow:
    """One understood row: `messages` of a conversation, or else `text`."""

    line: int  # where it begins in its file, from 1
    format: str
    messages: tuple[ChatMessage, ...] = ()
    text: str = ""
    file: str = ""  # when the data set is a folder

    def as_text(self) -> str:
        """The row as running text; a conversation becomes "User: ..." and "Assistant: ..." paragraphs."""
        if not self.messages:
            return self.text
        return "\n".join(f"{message.role.capitalize()}: {message.content}" for message in self.messages)

    @property
    def content(self) -> str:
        """All that was said, without a word about who said it."""
        return self.text + "".join(message.content for message in self.messages)

    @property
    def characters(self) -> int:
        """Characters of content, without markers."""
        return len(self.content)


class RowRefusedError(Exception):
    """Why a row cannot be used, in words for a person."""


def understand(value: object, line: int) -> DataRow:
    """A decoded JSON value as a row.

    Raises:
        RowRefusedError: with the reason.
    """
    if not isinstance(value, dict):
        raise RowRefusedError(f"expected an object with named fields, found {_kind(value)}")
    for name, keys, convert in _FORMATS:
        if all(key in value for key in keys):
            content = convert(value)
            if isinstance(content, str):
                return DataRow(line, name, text=_checked_text(content, "the text"))
            return DataRow(line, name, messages=_checked_conversation(content))
    found = ", ".join(repr(str(key)[:40]) for key in list(value)[:6]) or "none"
    raise RowRefusedError(
        f"unknown fields ({found}); expected messages, conversations, instruction and output, prompt and completion, "
        "prompt, chosen and rejected, question and answer, or text"
    )


def _from_messages(row: dict[str, Any]) -> list[ChatMessage]:
    return _with_instructions(row, _turns(row["messages"], "messages", "role", "content"))


def _from_sharegpt(row: dict[str, Any]) -> list[ChatMessage]:
    return _with_instructions(row, _turns(row["conversations"], "conversations", "from", "value"))


def _with_instructions(row: dict[str, Any], turns: list[ChatMessage]) -> list[ChatMessage]:
    """The turns after the system text and the tools that stand beside them in the row."""
    found = [row.get(key) for key in ("system", "tools")]
    words = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in found if one]
    instructions = [text for text in words if text.strip()]
    if instructions and turns and turns[0].role == "system":
        instructions.insert(0, turns.pop(0).content)
    return ([system("\n".join(instructions))] if instructions else []) + turns


def _from_alpaca(row: dict[str, Any]) -> list[ChatMessage]:
    answer = row["output"] if "output" in row else row["response"]
    request = _string(row["instruction"], "instruction")
    extra = _string(row.get("input") or row.get("context") or "", "input")
    messages = [system(_string(row["system"], "system"))] if row.get("system") else []
    question = f"{request}\n{extra}" if request and extra else request or extra
    return [*messages, user(question), assistant(_string(answer, "the answer"))]


def _from_prompt_completion(row: dict[str, Any]) -> list[ChatMessage]:
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, list) or isinstance(completion, list):
        turns = [
            _turns(part, name, "role", "content")
            for part, name in ((prompt, "prompt"), (completion, "completion"))
        ]
        return turns[0] + turns[1]
    return [user(_string(prompt, "prompt")), assistant(_string(completion, "completion"))]


def _pair(asked: str, answered: str) -> Callable[[dict[str, Any]], list[ChatMessage]]:
    """A question and its answer, in fields of these names."""

    def convert(row: dict[str, Any]) -> list[ChatMessage]:
        told = [system(_string(row["system"], "system"))] if row.get("system") else []
        return [*told, user(_string(row[asked], asked)), assistant(_string(row[answered], answered))]

    return convert


_SPEAKER = re.compile(r"^(User|Human|Persona|Assistant|AI|Bot|Character)((?: ?\d)?): ?", re.MULTILINE)


def _from_persona(row: dict[str, Any]) -> list[ChatMessage] | str:
    persona = _string(row["input persona"], "input persona")
    text = _string(row["synthesized text"], "synthesized text")
    speakers = list(_SPEAKER.finditer(text))
    if not speakers or speakers[0].start() != 0:  # a problem or an article about the persona
        return f"{persona}\n\n{text}"
    messages = [system(persona)]
    names = list(dict.fromkeys(speaker[1] + speaker[2] for speaker in speakers))
    # "User 1" and "User 2": the one who answers is the persona.
    answers = names[1:2] if all(name.startswith("User") for name in names) else []
    ends = [speaker.start() for speaker in speakers[1:]] + [len(text)]
    for speaker, end in zip(speakers, ends, strict=True):
        content = text[speaker.end() : end].strip()
        is_asking = speaker[1] in ("User", "Human") and speaker[1] + speaker[2] not in answers
        messages.append(user(content) if is_asking else assistant(content))
    return messages


_HALF = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")


def _from_preference(row: dict[str, Any]) -> list[ChatMessage]:
    """The question with the answer that was chosen; the one that was rejected must be there, and is left out."""
    before = _asked(row)
    chosen, rejected = (_answered(row[name], name, bool(before)) for name in ("chosen", "rejected"))
    if chosen == rejected:
        raise RowRefusedError("chosen and rejected are the same")
    if chosen[0].role == "assistant":
        return before + chosen
    return ([] if chosen[0].role == "system" else [m for m in before if m.role == "system"]) + chosen


def _asked(row: dict[str, Any]) -> list[ChatMessage]:
    """What stands before the two answers: `prompt` or `conversations`; nothing where the answers are whole chats."""
    told = [system(_string(row["system"], "system"))] if row.get("system") else []
    if row.get("conversations"):
        return told + _turns(row["conversations"], "conversations", "from", "value")
    if row.get("instruction"):
        return _from_alpaca({**row, "output": ""})[:-1]
    prompt = row.get("prompt") or row.get("question") or []
    if isinstance(prompt, list):
        return told + (_turns(prompt, "prompt", "role", "content") if prompt else [])
    return [*told, user(_string(prompt, "prompt"))]


def _answered(value: object, name: str, has_prompt: bool) -> list[ChatMessage]:
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list):
        turns = _turns(value, name, "role", "content")
    elif has_prompt:
        turns = [assistant(_string(value, name))]
    else:
        turns = _human_and_assistant(_string(value, name), name)
    for number, turn in enumerate(turns, 1):
        _checked_text(turn.content, name if len(turns) == 1 else f"turn {number} of {name}")
    return turns


def _human_and_assistant(text: str, name: str) -> list[ChatMessage]:
    """A chat written as one text: "Human: Hi", an empty line, "Assistant: Hello!"."""
    parts = _HALF.split(text.strip())
    if len(parts) < 3 or parts[0].strip():
        raise RowRefusedError(f"there is no prompt, and {name} does not begin with 'Human:'")
    speakers = zip(parts[1::2], parts[2::2], strict=True)
    return [user(words.strip()) if who == "Human" else assistant(words.strip()) for who, words in speakers]


_PAIRS = (
    ("prompt", "response"),
    ("prompt", "output"),
    ("prompt", "answer"),
    ("input", "output"),
    ("input", "response"),
    ("query", "response"),
    ("query", "answer"),
    ("question", "response"),
    ("user", "assistant"),
)
_FORMATS: tuple[tuple[str, tuple[str, ...], Callable[[dict[str, Any]], list[ChatMessage] | str]], ...] = (
    ("preference", ("chosen", "rejected"), _from_preference),
    ("messages", ("messages",), _from_messages),
    ("sharegpt", ("conversations",), _from_sharegpt),
    ("alpaca", ("instruction", "output"), _from_alpaca),
    ("alpaca", ("instruction", "response"), _from_alpaca),
    ("prompt_completion", ("prompt", "completion"), _from_prompt_completion),
    ("question_answer", ("question", "answer"), _pair("question", "answer")),
    ("persona", ("input persona", "synthesized text"), _from_persona),
    *(("prompt_completion", names, _pair(*names)) for names in _PAIRS),
    ("text", ("text",), lambda row: _string(row["text"], "text")),
    ("persona", ("persona",), lambda row: _string(row["persona"], "persona")),
)

FIELD_NAMES = frozenset(key for _, keys, _ in _FORMATS for key in keys) | {
    "input",
    "context",
    "system",
    "tools",
}


def is_a_format(fields: Iterable[str]) -> bool:
    """Whether rows with these fields are of a format that is known."""
    names = set(fields)
    return any(names.issuperset(keys) for _, keys, _ in _FORMATS)


def _turns(value: object, field: str, role_key: str, content_key: str) -> list[ChatMessage]:
    if not isinstance(value, list) or not value:
        raise RowRefusedError(f"'{field}' must be a list of turns")
    turns = []
    for number, turn in enumerate(value, 1):
        if not isinstance(turn, dict):
            raise RowRefusedError(f"turn {number} is {_kind(turn)}, not an object")
        # Files mix the two spellings, even within one list.
        keys = (role_key, content_key) if role_key in turn else _OTHER_KEYS[role_key]
        if keys[0] in turn and turn.get("tool_calls"):  # then some leave the text out
            turn = {keys[1]: None, **turn}
        if keys[0] not in turn or keys[1] not in turn:
            raise RowRefusedError(f"turn {number} needs '{role_key}' and '{content_key}'")
        role = _ROLES.get(str(turn[keys[0]]).strip().lower())
        if role is None:
            raise RowRefusedError(f"turn {number} has the unknown speaker {str(turn[keys[0]])[:40]!r}")
        turns.append(ChatMessage(role=role, content=_said(turn, keys[1], f"turn {number}")))
    return turns


def _said(turn: dict[str, Any], key: str, place: str) -> str:
    """What a turn says: its text, and the tools it calls."""
    calls = turn.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return _content(turn[key], place)
    text = _content(turn[key], place) if turn[key] else ""
    functions = [call.get("function", call) if isinstance(call, dict) else call for call in calls]
    return "\n".join([text] * bool(text) + [json.dumps(one, ensure_ascii=False) for one in functions])


_OTHER_KEYS = {"role": ("from", "value"), "from": ("role", "content")}


def _content(value: object, place: str) -> str:
    """A turn's text; lists of text parts (as servers send them) are joined."""
    if isinstance(value, list):
        if not all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
            raise RowRefusedError(f"{place} holds something other than text")
        return "".join(part["text"] for part in value)
    return _string(value, place)


def _checked_conversation(messages: list[ChatMessage]) -> tuple[ChatMessage, ...]:
    for number, message in enumerate(messages, 1):
        _checked_text(message.content, f"turn {number}")
    if not any(message.role == "assistant" for message in messages):
        raise RowRefusedError("there is no assistant turn to learn from")
    return tuple(messages)


def _checked_text(text: str, place: str) -> str:
    if not text.strip():
        raise RowRefusedError(f"{place} is empty")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise RowRefusedError(f"{place} holds half of a character (a lone surrogate)") from None
    return text


def _string(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise RowRefusedError(f"{place} is {_kind(value)}, not a text")
    return value


def _kind(value: object) -> str:
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), "null" if value is None else type(value).__name__)
