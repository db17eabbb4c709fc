"""[providers.NAME] in the settings file: checked like everything else, and never a place for keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from tui_chat.config import load_config, parse_value, save_setting, settings_of_providers, value_of

CANARY = "sk-canary-0123456789"
FILE = """# mine
[providers.local]  # at home
base_url = "http://localhost:8000/v1"

[providers.openai]
base_url = "https://api.openai.com/v1"
api_key_env = "OPENAI_API_KEY"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    return path


def test_providers_are_read_with_defaults_for_what_is_not_said(path: Path) -> None:
    loaded = load_config(path, {})
    assert loaded.problem is None and list(loaded.config.providers) == ["local", "openai"]
    assert loaded.config.providers["openai"].api_key_env == "OPENAI_API_KEY"
    assert value_of(loaded.config, "providers.local.kind") == "auto"
    assert loaded.origin_of("providers.local.base_url") == "file"
    assert value_of(loaded.config, "providers.nobody.kind") is None
    assert [setting.key for setting in settings_of_providers(loaded.config)][:2] == [
        "providers.local.base_url",
        "providers.local.api_key_env",
    ]


def test_a_provider_is_changed_added_and_taken_out_while_comments_stay(path: Path) -> None:
    save_setting(path, "providers.local.models", parse_value("providers.local.models", '["a", "b:7b"]'))
    save_setting(path, "providers.new.base_url", "http://localhost:11434/v1")
    save_setting(path, "providers.openai", None)
    providers = load_config(path, {}).config.providers
    assert list(providers) == ["local", "new"] and providers["local"].models == ("a", "b:7b")
    text = path.read_text()
    assert text.startswith("# mine\n[providers.local]  # at home\n") and "[providers.new]\n" in text


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("providers.x.base_url", "http://example.com", "only for this machine"),
        ("providers.local.api_key_env", CANARY, "never into this file"),
        ("providers.local.api_key", CANARY, "a key does not belong into the settings"),
        ("providers.local.kind", "vlllm", "did you mean|one of"),
        ("providers.local.base_ur", "x", "Did you mean 'base_url'"),
        ("providers.local.attempts", 0, "from 1 to 10"),
        ("providers.local.models", ["a b"], "without spaces"),
        ("providers.a!b.kind", "vllm", "letters, digits"),
        ("providers.local.base_url", None, "base_url is missing"),
        ("providers.new.kind", "vllm", "base_url is missing"),
    ],
)
def test_what_is_wrong_with_a_provider_is_told_and_not_saved(
    path: Path, key: str, value: object, words: str
) -> None:
    with pytest.raises(UserError, match=words) as caught:
        save_setting(path, key, value)
    assert path.read_text() == FILE and CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("providers = 3\n", "'providers' is a section"),
        ("[providers]\nlocal = 3\n", r"write \[providers.local\]"),
        ("[providers.local]\n", "base_url is missing"),
        (
            f'[providers.local]\nbase_url = "https://a.example"\napi_key = "{CANARY}"\n',
            "line 3, .*does not belong",
        ),
        (f'[providers.local]\nbase_url = "https://me:{CANARY}@a.example"\n', "user name or password"),
    ],
)
def test_a_wrong_provider_in_the_file_is_told_without_its_values(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    loaded = load_config(path, {})
    assert loaded.file_is_broken and loaded.config.providers == {}
    with pytest.raises(AssertionError, match=words):
        raise AssertionError("; ".join(loaded.problems))
    assert CANARY not in repr(loaded)


def test_no_variable_can_send_a_key_elsewhere(path: Path) -> None:
    loaded = load_config(path, {"TUI_CHAT_PROVIDERS__OPENAI__BASE_URL": "https://evil.example/v1"})
    assert loaded.config.providers["openai"].base_url == "https://api.openai.com/v1"
    assert loaded.problem and "settings file only" in loaded.problem


def test_a_provider_as_a_whole_takes_no_value() -> None:
    with pytest.raises(UserError, match=r"providers\.local\.base_url"):
        parse_value("providers.local", "http://localhost:8000")
