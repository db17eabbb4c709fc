"""The chat formats by name, and how one is stored in a model directory and found again.

A directory keeps its format under `tui_chat_format` in tokenizer_config.json, beside an equivalent `chat_template`
for Hugging Face users (same ids). A foreign model's format is known by the marker tokens in its template.
The one rule: a template is searched for markers, and never executed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from engine.errors import UserError
from engine.model_card import read_json
from engine.tokenizers import END_OF_TEXT, Tokenizer
from engine.tokenizers.chat_format import END, ChatFormat, Turn, missing_special_tokens
from engine.tokenizers.tokenizer_files import CONFIG_FILE, update_config

FORMAT_KEY = "tui_chat_format"
TEMPLATE_FILE = "chat_template.jinja"

CHAT = ChatFormat(
    name="chat",
    system=Turn(prefix="<|system|>"),
    user=Turn(prefix="<|user|>"),
    assistant=Turn(prefix="<|assistant|>", suffix=END_OF_TEXT),
    special_tokens=("<|system|>", "<|user|>", "<|assistant|>", END_OF_TEXT),
)
PLAIN = ChatFormat(
    name="plain",
    system=Turn(suffix="\n"),
    user=Turn(prefix="User:", suffix="\n", lead=" "),
    assistant=Turn(prefix="Assistant:", suffix=END + "\n", lead=" "),
    stop=("\nUser:",),
    strips=True,
)
ALPACA = ChatFormat(
    name="alpaca",
    system=Turn(suffix="\n\n"),
    user=Turn(prefix="### Instruction:\n", suffix="\n\n"),
    assistant=Turn(prefix="### Response:\n", suffix=END + "\n\n"),
    stop=("\n### Instruction:",),
    strips=True,
)
COMPLETION = ChatFormat(name="completion", learns_everything=True)
CHATML = ChatFormat(
    name="chatml",
    system=Turn(prefix="<|im_start|>system\n", suffix="<|im_end|>\n"),
    user=Turn(prefix="<|im_start|>user\n", suffix="<|im_end|>\n"),
    assistant=Turn(prefix="<|im_start|>assistant\n", suffix="<|im_end|>\n"),
    special_tokens=("<|im_start|>", "<|im_end|>"),
)
LLAMA3 = ChatFormat(
    name="llama3",
    start="<|begin_of_text|>",
    system=Turn(prefix="<|start_header_id|>system<|end_header_id|>\n\n", suffix="<|eot_id|>"),
    user=Turn(prefix="<|start_header_id|>user<|end_header_id|>\n\n", suffix="<|eot_id|>"),
    assistant=Turn(prefix="<|start_header_id|>assistant<|end_header_id|>\n\n", suffix="<|eot_id|>"),
    special_tokens=("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    strips=True,
)
GEMMA = ChatFormat(
    name="gemma",
    start="<bos>",
    user=Turn(prefix="<start_of_turn>user\n", suffix="<end_of_turn>\n"),
    assistant=Turn(prefix="<start_of_turn>model\n", suffix="<end_of_turn>\n"),
    special_tokens=("<bos>", "<start_of_turn>", "<end_of_turn>"),
    joins_system=True,
    strips=True,
)
ZEPHYR = ChatFormat(  # its role names are ordinary text
    name="zephyr",
    system=Turn(prefix="<|system|>\n", suffix=END + "\n"),
    user=Turn(prefix="<|user|>\n", suffix=END + "\n"),
    assistant=Turn(prefix="<|assistant|>\n", suffix=END + "\n"),
)
MISTRAL = ChatFormat(
    name="mistral",
    start="<s>",
    user=Turn(prefix="[INST]", suffix=" [/INST]", lead=" "),
    assistant=Turn(suffix=END, lead=" "),
    special_tokens=("<s>",),
    joins_system=True,
)
CHAT_FORMATS = {
    known.name: known for known in (CHAT, PLAIN, ALPACA, COMPLETION, CHATML, LLAMA3, GEMMA, ZEPHYR, MISTRAL)
}
# `prepared` and `render` of chat_format.py once more, for Hugging Face users.
_TEMPLATE = """\
{%- set told = messages | selectattr('role', 'equalto', 'system') | list -%}
{%- if default_system and not told -%}
    {%- set told = [{'role': 'system', 'content': default_system}] -%}
    {%- set messages = told + messages -%}
{%- endif -%}
{%- set head = namespace(text='') -%}
{%- if joins_system -%}
    {%- set texts = told | map(attribute='content') -%}
    {%- set head.text = (texts | map('trim') if strips else texts) | join('\\n\\n') -%}
    {%- if head.text -%}{%- set head.text = head.text + '\\n\\n' -%}{%- endif -%}
    {%- set messages = messages | rejectattr('role', 'equalto', 'system') | list -%}
{%- endif -%}
{{- start -}}
{%- for message in messages -%}
    {%- set text = message['content'] | trim if strips else message['content'] -%}
    {%- if message['role'] == 'user' -%}
        {%- set text = head.text + text -%}
        {%- set head.text = '' -%}
    {%- endif -%}
    {{- prefix[message['role']] + (lead[message['role']] if text else '') + text + suffix[message['role']] -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- prefix['assistant'] -}}{%- endif -%}
"""
_MARKERS = (  # all of these in a template -> that format; more telling ones first
    (("<|im_start|>", "<|im_end|>"), CHATML),
    (("<|start_header_id|>", "<|eot_id|>"), LLAMA3),
    (("<start_of_turn>", "<end_of_turn>"), GEMMA),
    (("[INST]", "[/INST]"), MISTRAL),
    (("<|user|>", "<|assistant|>", "eos_token"), ZEPHYR),
)


def chat_format_named(name: str, source: str = "chat_format") -> ChatFormat:
    """A format by its name.

    Raises:
        UserError: listing the names there are.
    """
    if name not in CHAT_FORMATS:
        raise UserError(f"{source}: there is no chat format '{name}'. Known: {', '.join(CHAT_FORMATS)}.")
    return CHAT_FORMATS[name]


def chat_format_of(directory: Path, tokenizer: Tokenizer) -> ChatFormat:
    """The format a model was trained on: stored by us, or known by its template's markers.

    "completion" for a model without a template; "plain" for one whose template is of no known family.

    Raises:
        UserError: when a stored format is damaged or needs tokens that the tokenizer has not.
    """
    path = directory / CONFIG_FILE
    config = read_json(path, "") if path.is_file() else {}
    if (stored := config.get(FORMAT_KEY)) is not None:
        return _stored_format(stored, tokenizer, str(path))
    template = _template_text(directory, config.get("chat_template"))
    if not template:
        return COMPLETION
    for markers, known in _MARKERS:
        if all(marker in template for marker in markers) and not missing_special_tokens(tokenizer, known):
            return _with_default_system(known, template)
    return PLAIN


def save_chat_format(directory: Path, chat_format: ChatFormat) -> None:
    """Store the format in tokenizer_config.json, with a chat template for Hugging Face users."""
    # A model that only continues text gets no template: other programs take one for the sign of a chat model.
    template = None if chat_format.learns_everything else jinja_template(chat_format)
    update_config(directory, **{FORMAT_KEY: chat_format.to_dict(), "chat_template": template})
    (directory / TEMPLATE_FILE).unlink(missing_ok=True)  # would win over the key


def jinja_template(chat_format: ChatFormat) -> str:
    """The format as a Jinja template that `transformers` renders to the same ids."""
    turns = {"system": chat_format.system, "user": chat_format.user, "assistant": chat_format.assistant}
    values = {
        "start": _expression(chat_format.start),
        "default_system": _expression(chat_format.default_system),
        "joins_system": json.dumps(chat_format.joins_system),
        "strips": json.dumps(chat_format.strips),
        "prefix": _mapping({role: turn.prefix for role, turn in turns.items()}),
        "lead": _mapping({role: turn.lead for role, turn in turns.items()}),
        "suffix": _mapping({role: turn.suffix for role, turn in turns.items()}),
    }
    return "".join(f"{{%- set {name} = {value} -%}}\n" for name, value in values.items()) + _TEMPLATE


def _expression(text: str) -> str:
    """A text of the format as a Jinja expression."""
    return " + (eos_token or '') + ".join(json.dumps(piece) for piece in text.split(END))


def _mapping(texts: dict[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(key)}: {_expression(text)}" for key, text in texts.items()) + "}"


def _stored_format(stored: object, tokenizer: Tokenizer, source: str) -> ChatFormat:
    where = f"{source}, {FORMAT_KEY}"
    found = (
        chat_format_named(stored, where) if isinstance(stored, str) else ChatFormat.from_dict(stored, where)
    )
    if missing := missing_special_tokens(tokenizer, found):
        raise UserError(
            f"{where}: the chat format '{found.name}' needs the special tokens {', '.join(missing)}, which the"
            " tokenizer beside it has not. The files belong to different models."
        )
    return found


def _template_text(directory: Path, template: object) -> str:
    path = directory / TEMPLATE_FILE
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    if isinstance(template, list):  # several by name; the first is the one for chat
        template = next((entry.get("template") for entry in template if isinstance(entry, dict)), None)
    return template if isinstance(template, str) else ""


def _with_default_system(known: ChatFormat, template: str) -> ChatFormat:
    """ChatML models differ in the system text their template puts in when there is none."""
    stated = re.search(r"<\|im_start\|>system\\n([^<{}'\"\\]+)<\|im_end\|>", template)
    return known.with_changes(known.name, default_system=stated[1]) if known is CHATML and stated else known
