"""Keys in the settings: actions that are none, keys that no keyboard sends, and two things on one key."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from tests.tui_chat.fake_engine import until
from tests.tui_chat.test_key_hints import app_with_keys
from tui_chat import cli, key_checks
from tui_chat.key_checks import actions, check_key, clashes, problems_of
from tui_chat.screens.chat import ChatScreen


@pytest.mark.parametrize(
    "keys", ["f9", "ctrl+s,alt+1", "question_mark", "minus", "ctrl+shift+left", "é", "space"]
)
def test_keys_that_a_keyboard_sends_are_taken(keys: str) -> None:
    check_key("chat.new_pane", keys)


@pytest.mark.parametrize(
    ("id", "keys", "sentence"),
    [
        ("chat.newpane", "f9", "there is no such action. Did you mean 'keys.chat.new_pane'?"),
        ("new_pane", "f9", "Did you mean 'keys.chat.new_pane'?"),
        ("qqq", "f9", "The settings screen .* lists them all"),
        ("app.help", "cntrl+s", "'cntrl\\+s' is no key. Did you mean 'ctrl'?"),
        ("app.help", "pagedwn", "Did you mean 'pagedown'?"),
        ("app.help", "ctrl+nn", "Did you mean 'ctrl\\+n'?"),
        ("app.help", "ctrl+nonsense", "Keys are named as in ctrl\\+s"),
        ("app.help", "ctrl+i", "terminals cannot tell ctrl\\+i from tab"),
    ],
)
def test_what_cannot_work_is_refused_with_what_was_meant(id: str, keys: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check_key(id, keys)


def test_every_default_key_is_one_and_no_default_is_called_a_clash() -> None:
    assert {"app.palette", "chat.new_pane", "prompt.send", "training.chat"} <= set(actions())
    assert problems_of({"chat.new_pane": "f12"}, {"chat.new_pane": "f12"}) == []


@pytest.mark.parametrize(
    ("id", "key", "other"),
    [
        ("chat.new_pane", "ctrl+o", "chat.model"),
        ("app.help", "ctrl+n", "chat.new"),
        ("prompt.newline", "f5", "chat.checkpoints"),
    ],
)
def test_one_key_for_two_things_on_a_screen_is_a_clash(id: str, key: str, other: str) -> None:
    (sentence,) = clashes(id, {id: key})
    assert id in sentence
    assert other in sentence


def test_one_key_on_two_screens_is_no_clash() -> None:
    assert clashes("training.pause", {"training.pause": "ctrl+o"}) == []


def test_config_set_refuses_and_warns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUI_CHAT_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as end:
            cli.main(["config", "set", *arguments])
        return int(end.value.code or 0), capsys.readouterr().err

    assert run("keys.foo", "x") == (
        1,
        "tui-chat: keys.foo: there is no such action. The settings screen (F2) lists them all.\n",
    )
    assert not (tmp_path / "config" / "config.toml").exists()
    code, said = run("keys.chat.new_pane", "ctrl+o")
    assert code == 0
    assert "ctrl+o does two things on one screen: chat.model and chat.new_pane" in said
    assert run("keys.chat.new_pane", "f12") == (0, "")


async def test_the_app_says_at_its_start_what_is_wrong_with_the_keys_of_the_file(tmp_path: Path) -> None:
    app = app_with_keys(tmp_path, chat__nothing="f9")
    async with app.run_test() as pilot:
        await until(pilot, lambda: any("there is no such action" in n.message for n in app._notifications))


def test_no_alt_key_of_the_chat_does_two_things_without_any_setting() -> None:
    done: dict[str, set[str]] = {}
    for cls in key_checks._classes_on(ChatScreen):
        for binding in key_checks._bindings(cls):
            for key in binding.key.split(","):
                if key.startswith("alt+") and binding.id:
                    done.setdefault(key, set()).add(binding.id)
    assert len(done) > 15
    assert {key: ids for key, ids in done.items() if len(ids) > 1} == {}
