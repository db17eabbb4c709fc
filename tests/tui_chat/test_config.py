"""The settings file: what is refused, what is said about it, and that a person's file is never spoilt."""

import re
import stat
from pathlib import Path

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import UserError
from tui_chat import toml_text
from tui_chat.config import (
    AppConfig,
    all_settings,
    load_config,
    parse_value,
    save_setting,
    set_aside,
    value_of,
)

# (the file, the line it must name, what the message must hold)
BAD_FILES = [
    ("[ui", 1, "not valid TOML"),
    ("[ui]\ntheme = ", 2, "not valid TOML"),
    ("[ui]\ntheme = nord", 2, "not valid TOML"),
    ("[ui]\ntheme = 'nord", 2, "not valid TOML"),
    ("[ui]\ntheme = 'nord'\ntheme = 'nord'", 3, "not valid TOML"),
    ("[ui]\n[ui]", 2, "not valid TOML"),
    ("[ui]\nenter_sends = True", 2, "not valid TOML"),
    ("[ui]\nenter_sends: true", 2, "not valid TOML"),
    ("[chat]\nsystem_prompt = 'a\x1b[2J'", 2, "not valid TOML"),
    ("\n\n{}", 3, "not valid TOML"),
    ("[generaton]\ntop_k = 1", 1, "'generation'"),
    ("theme = 'nord'", 1, "'ui.theme'"),
    ("# hello\ntemprature = 1", 2, "'temprature'"),
    ("ui = 3", 1, "'ui' is a section"),
    ("[[ui]]\ntheme = 'nord'", 1, "'ui' is a section"),
    ("[ui]\nkey_set = 'pink'", 2, "key_set must be one of: standard, vim"),
    ("[ui]\ntheme = 1", 2, "theme must be"),
    ("[ui]\nThemes = 'nord'", 2, "'ui.Themes'"),
    ("[ui]\nenter_sends = 1", 2, "enter_sends must be true or false"),
    ("[ui]\nenter_sends = 'true'", 2, "enter_sends must be true or false"),
    ("[ui]\n\n\nshow_conversations = []", 4, "show_conversations must be true or false"),
    ("ui.show_conversations = 0", 1, "show_conversations must be true or false"),
    ("ui = {show_conversations = 0}", 1, "show_conversations must be true or false"),
    ("[ui]\n'enter_sends' = 0.0", 2, "enter_sends must be true or false"),
    ("[chat]\nmodel = true", 2, "model must be a text"),
    ("[chat]\nmodel = 2026-01-01", 2, "model must be a text"),
    ("[chat]\nsystem_prompt = ['a']", 2, "system_prompt must be a text"),
    ("[chat]\nsystem_prompt = '''\n\n'''\nmodel = 1", 5, "model must be a text"),
    ("[generation]\ntemperature = 9", 2, "temperature must be a number from 0 to 5"),
    ("[generation]\ntemperature = -0.1", 2, "temperature must be a number from 0 to 5"),
    ("[generation]\ntemperature = nan", 2, "temperature must be a number from 0 to 5"),
    ("[generation]\ntemperature = inf", 2, "temperature must be a number from 0 to 5"),
    ("[generation]\ntemperature = true", 2, "temperature must be a number from 0 to 5"),
    ("[generation]\ntop_p = 0", 2, "top_p must be a number from 0.001 to 1"),
    ("[generation]\ntop_k = 1.5", 2, "top_k must be a whole number from 0 to 1,000,000"),
    ("[generation]\ntop_k = 99999999999999999999", 2, "top_k must be a whole number from 0 to 1,000,000"),
    ("[generation]\nstop = 'User:'", 2, "stop must be a list"),
    ("[generation]\nstop = ['a',\n1]", 2, "stop must be a list"),
    ("[generation]\nseed = -1", 2, "seed must be"),
    ("[generation]\nseed = 'random'", 2, "seed must be"),
    ("[engine]\ndevice = 'gpu'", 2, "device must be one of: auto, cpu, cuda"),
    ("[engine]\nthreads = 2000", 2, "threads must be a whole number from 0 to 1,024"),
    ("[engine]\nthreads = {}", 2, "threads must be a whole number from 0 to 1,024"),
    ("[keys]\n'prompt.send' = 9", 2, "'prompt.send' must be a key"),
    ("[keys]\nprompt.send = 'Control S'", 2, "'prompt.send' must be a key"),
    ("[training]\nthreads = 1\n\n[training.device]\nx = 1", 4, "device must be one of"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


@pytest.mark.parametrize(("text", "line", "said"), BAD_FILES)
def test_a_broken_file_is_named_with_its_line_and_left_as_it_is(
    path: Path, text: str, line: int, said: str
) -> None:
    path.write_text(text)
    loaded = load_config(path, {})
    assert loaded.config == AppConfig()
    assert loaded.file_is_broken
    assert loaded.problem is not None
    assert loaded.problem.startswith(f"{path}, line {line}")
    assert said in loaded.problem
    with pytest.raises(UserError):
        save_setting(path, "chat.system_prompt" if "theme" in text else "ui.theme", "nord")
    assert path.read_text() == text


@pytest.mark.parametrize(
    "content", [b"a = [" + b"[" * 100_000, b"x" * 300_000, b"[ui]\n\xff\xfe", b"a=" + b"9" * 9000]
)
def test_a_hostile_file_is_reported_too(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    loaded = load_config(path, {})
    assert loaded.config == AppConfig()
    assert str(path) in str(loaded.problem)
    assert path.read_bytes() == content


def test_every_problem_of_a_file_is_told(path: Path) -> None:
    path.write_text("[ui]\ntheme = 1\n[generation]\ntop_k = 'x'\ntop_p = 'y'\n")
    assert [problem.split(", line ")[1][0] for problem in load_config(path, {}).problems] == ["2", "4", "5"]


def test_a_problem_never_repeats_the_value_and_never_holds_control_characters(path: Path) -> None:
    path.write_text('[chat]\nmodel = ["s3cret"]\n"\\u001b[2Jevil\\u202e" = 1\n')
    problems = " ".join(load_config(path, {}).problems)
    assert "s3cret" not in problems
    assert problems.replace("\n", "").isprintable()


toml_values = st.recursive(
    st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=4,
)
key_names = st.sampled_from(
    [setting.key for setting in all_settings()] + ["ui.colour", "keys.prompt.send", "chat"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(key_names, toml_values, max_size=4))
def test_any_values_either_hold_or_are_refused_with_their_line(
    tmp_path: Path, data: dict[str, object]
) -> None:
    import tomlkit

    path = tmp_path / "any.toml"
    lines = [f"{key} = {tomlkit.item(value).as_string()}\n" for key, value in data.items()]  # type: ignore[arg-type]
    path.write_text("".join(lines))
    loaded = load_config(path, {})
    if loaded.problem is None:
        assert all(
            value_of(loaded.config, key) == (tuple(v) if isinstance(v, list) else v)
            for key, v in data.items()
        )
    else:
        assert ", line " in loaded.problem
        assert loaded.config == AppConfig()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_survived_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bytes.toml"
    path.write_bytes(content)
    loaded = load_config(path, {})
    assert isinstance(loaded.config, AppConfig)
    assert path.read_bytes() == content


def test_without_a_file_all_is_default_and_nothing_is_written(path: Path) -> None:
    loaded = load_config(path, {})
    assert loaded.problem is None
    assert loaded.origin_of("ui.theme") == "default"
    assert not path.exists()


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(path: Path) -> None:
    path.write_text("[generation]\ntemperature = 0.1\ntop_p = 0.1\ntop_k = 1\n")
    environment = {
        "TUI_CHAT_GENERATION__TEMPERATURE": "0.2",
        "TUI_CHAT_GENERATION__TOP_P": "0.2",
        "TUI_CHAT_HOME": "x",
    }
    loaded = load_config(path, environment, {"generation.temperature": 0.3})
    generation = loaded.config.generation
    assert (generation.temperature, generation.top_p, generation.top_k) == (0.3, 0.2, 1)
    names = ("temperature", "top_p", "top_k", "seed")
    assert [loaded.origin_of(f"generation.{name}") for name in names] == [
        "flag",
        "environment",
        "file",
        "default",
    ]


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("TUI_CHAT_ENGINE__DEVICE", "gpu", "device must be one of: auto, cpu, cuda"),
        ("TUI_CHAT_ENGINE__DEVIC", "cpu", "Did you mean 'engine.device'"),
        ("TUI_CHAT_UI__ENTER_SENDS", "maybe", "enter_sends must be true or false"),
    ],
)
def test_a_wrong_environment_variable_is_named_and_passed_over(
    path: Path, variable: str, text: str, said: str
) -> None:
    path.write_text("[ui]\ntheme = 'nord'\n")
    loaded = load_config(path, {variable: text})
    assert variable in str(loaded.problem)
    assert said in str(loaded.problem)
    assert loaded.config.ui.theme == "nord"
    assert not loaded.file_is_broken


def test_a_wrong_flag_is_an_error(path: Path) -> None:
    with pytest.raises(UserError, match=r"generation\.top_p: top_p must be a number from 0.001 to 1"):
        load_config(path, {}, {"generation.top_p": 2.0})


WRITTEN_BY_A_PERSON = """\
# my settings

[generation]
top_k   =  7  # few
# temperature = 2

[ui]   # looks
theme = 'nord'
"""


def test_a_change_keeps_comments_order_and_layout(path: Path) -> None:
    path.write_text(WRITTEN_BY_A_PERSON)
    save_setting(path, "generation.top_k", 9)
    assert path.read_text() == WRITTEN_BY_A_PERSON.replace("7  # few", "9  # few")
    save_setting(path, "generation.top_k", 7)
    save_setting(path, "engine.device", "cpu")
    assert path.read_text().startswith(WRITTEN_BY_A_PERSON)
    assert load_config(path, {}).config.engine.device == "cpu"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.sampled_from(
        [
            "",
            WRITTEN_BY_A_PERSON,
            WRITTEN_BY_A_PERSON.replace("\n", "\r\n"),
            "ui.theme = 'nord'\ngeneration.top_k = 3",
            "ui = {theme = 'nord', enter_sends = true}\n",
            "[keys]\nprompt.send = 'f9'\n[keys.app]\nquit = 'ctrl+q'\n",
        ]
    ),
    change=st.sampled_from(
        [
            ("ui.theme", "dracula"),
            ("ui.theme", None),
            ("generation.stop", ("a\n\x1b", '"')),
            ("chat.system_prompt", "Zeile 1\nline 2 \\ '''"),
            ("keys.prompt.send", "f10,ctrl+s"),
            ("keys.prompt.send", None),
        ]
    ),
)
def test_a_change_changes_what_was_asked_and_nothing_else(
    tmp_path: Path, text: str, change: tuple[str, object]
) -> None:
    path = tmp_path / "change.toml"
    path.write_bytes(text.encode())
    before = load_config(path, {})
    save_setting(path, *change)
    after = load_config(path, {})
    assert after.problem is None
    for key in {setting.key for setting in all_settings()} | {"keys.prompt.send", "keys.app.quit"}:
        default = value_of(AppConfig(), key)
        wished = default if change[1] is None else change[1]
        assert value_of(after.config, key) == (wished if key == change[0] else value_of(before.config, key))


def test_a_broken_value_can_be_mended_by_setting_it(path: Path) -> None:
    path.write_text("[ui]\ntheme = 3 # nice\n")
    save_setting(path, "ui.theme", "nord")
    assert path.read_text() == '[ui]\ntheme = "nord" # nice\n'


def test_an_unknown_setting_is_refused_with_what_was_meant(path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no setting 'ui\.them'. Did you mean 'ui\.theme'\?"):
        save_setting(path, "ui.them", "nord")
    assert not path.exists()


def test_a_value_out_of_range_is_not_saved(path: Path) -> None:
    with pytest.raises(UserError, match="temperature must be a number from 0 to 5"):
        save_setting(path, "generation.temperature", 6.0)
    assert not path.exists()


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("/help vote", "There is no model '/help vote'"),
        ("run:gone", "There is no run 'gone'"),
        ("hf:nonsense", "is written hf:OWNER/NAME"),
        ("api:nowhere/model", "There is no provider 'nowhere'"),
        ("", "No model is named"),
    ],
)
def test_what_can_be_no_model_is_not_saved_as_one(path: Path, model: str, problem: str) -> None:
    with pytest.raises(UserError, match=f"chat.model: .*{re.escape(problem)}"):
        save_setting(path, "chat.model", model)
    assert not path.exists()


def test_a_model_that_is_here_or_can_be_downloaded_or_asked_is_saved(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    save_setting(path, "providers.local.base_url", "http://localhost:8000/v1")
    for model in ("builtin", str(folder), "hf:owner/name", "api:local/small"):
        save_setting(path, "chat.model", model)
        assert load_config(path, {}).config.chat.model == model


def test_the_file_is_for_its_owner_only_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "real.toml", tmp_path / "config.toml"
    real.parent.mkdir()
    real.write_text("[ui]\n")
    real.chmod(0o644)
    link.symlink_to(real)
    save_setting(link, "ui.theme", "nord")
    assert link.is_symlink()
    assert tomli.loads(real.read_text()) == {"ui": {"theme": "nord"}}
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert [file.name for file in real.parent.iterdir()] == ["real.toml"]


def test_when_the_disk_fails_the_old_file_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path.write_text(WRITTEN_BY_A_PERSON)
    monkeypatch.setattr(toml_text.os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        save_setting(path, "ui.theme", "dracula")
    assert path.read_text() == WRITTEN_BY_A_PERSON
    assert [file.name for file in path.parent.iterdir()] == ["config.toml"]


def test_a_link_that_points_at_itself_is_an_error_for_people(path: Path) -> None:
    path.symlink_to(path)
    assert "cannot be read" in str(load_config(path, {}).problem)
    with pytest.raises(UserError, match="cannot be"):
        save_setting(path, "ui.theme", "nord")


def test_a_broken_file_set_aside_is_kept(path: Path) -> None:
    path.write_text("[ui")
    kept = set_aside(path)
    assert kept.read_text() == "[ui"
    assert ".bad-" in kept.name
    assert load_config(path, {}).problem is None
    with pytest.raises(UserError, match="cannot be renamed"):
        set_aside(path)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("ui.enter_sends", "off", False),
        ("generation.seed", "none", None),
        ("generation.seed", "12", 12),
        ("generation.temperature", "1", 1),
        ("generation.top_k", "1_000", 1000),
        ("generation.stop", '["a", "b"]', ["a", "b"]),
        ("chat.system_prompt", " as it is ", " as it is "),
        ("keys.app.quit", "ctrl+x", "ctrl+x"),
    ],
)
def test_what_a_person_types_becomes_a_value(key: str, text: str, value: object) -> None:
    assert parse_value(key, text) == value


def test_every_setting_is_explained() -> None:
    assert [setting.key for setting in all_settings() if not setting.explanation] == []


def test_every_theme_of_the_setting_exists() -> None:
    from textual.theme import BUILTIN_THEMES

    themes = next(setting for setting in all_settings() if setting.key == "ui.theme")
    assert set(themes.words) <= set(BUILTIN_THEMES)
