"""Personas: files that say who a model is to be; read strictly, found, saved, shared."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import UserError
from engine.generation import GenerationSettings
from engine.paths import personas_path
from engine.remote.provider import ProviderSettings
from tui_chat.chat_settings import ChatSettings, restored
from tui_chat.personas import library
from tui_chat.personas.choosing import settings_with, settings_without
from tui_chat.personas.persona import Persona, changed_text, check_persona, parse_persona, persona_text

CAPTAIN = Persona(
    name="Sea captain",
    description="Has seen it all.",
    greeting="Ahoy!",
    system_prompt="You are an old captain.\nBe gruff.",
    generation={"temperature": 0.9, "stop": ["User:"]},
)


def put(text: str, name: str = "mine.toml") -> Path:
    path = personas_path() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# ---- what is in a file


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'name = "x"\nsystem_promt = "y"',
            "f.toml, line 2: there is no setting 'system_promt'. Did you mean 'system_",
        ),
        (
            'name = "x"\n[generation]\ntemprature = 1',
            r"f.toml, line 3, \[generation\]: .*Did you mean 'temperature'",
        ),
        ('name = "x"\n[generation]\ntemperature = 9', "line 3, .*temperature must be from 0 to 5"),
        ('name = "x"\n[generation]\ntemperature = nan', "line 3, .*must be a finite number"),
        ('name = "x"\n[generation]\nalternatives = 3', "there is no setting 'alternatives' here"),
        ('name = "x"\ngeneration = 3', "line 2: generation must be named settings"),
        ('greeting = "x"', "f.toml: 'name' is missing"),
        ("name = 3", "f.toml, line 1: name must be a text"),
        ('name = "a\\u001bb"', "line 1: name must be one line of visible characters"),
        ('name = "a\\nb"', "line 1: name must be one line"),
        ('name = " a"', "begins or ends with a space"),
        (f'name = "{"x" * 49}"', "name is longer than 48 characters"),
        ("name = ", "f.toml, line 1: not valid TOML"),
        ("name = " + "[" * 5000, "nested too deeply"),
    ],
)
def test_a_file_with_a_mistake_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        parse_persona(text, "f.toml")


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(prompt=words, greeting=words, temperature=st.floats(0, 5), stops=st.lists(words, max_size=3))
def test_what_is_written_is_read_back(
    prompt: str, greeting: str, temperature: float, stops: list[str]
) -> None:
    prompt, greeting = prompt.replace("\r", ""), greeting.replace("\r", "")
    generation = {"temperature": temperature, "stop": stops}
    persona = Persona(name="Someone", system_prompt=prompt, greeting=greeting, generation=generation)
    assert parse_persona(persona_text(persona), "f.toml") == persona


def test_a_change_leaves_the_comments_where_they_are() -> None:
    text = '# my own\nname = "Sea captain"  # the old one\ngreeting = "Ahoy!"\n\n[generation]\ntemperature = 0.9\n'
    changed = changed_text(
        text, Persona(name="Sea captain", generation={"temperature": 0.5, "top_k": 3}), "f.toml"
    )
    assert "# my own" in changed
    assert "# the old one" in changed
    assert "greeting" not in changed
    assert parse_persona(changed, "f.toml").generation == {"temperature": 0.5, "top_k": 3}


def test_one_from_a_form_is_checked_like_one_of_a_file() -> None:
    with pytest.raises(UserError, match="'name' is missing"):
        check_persona(Persona())
    with pytest.raises(UserError, match="top_p must be from 0.001 to 1"):
        check_persona(Persona(name="x", generation={"top_p": 2}))


# ---- those that ship


def test_the_personas_that_ship_are_right_and_short_enough_for_a_small_model() -> None:
    shipped = library.list_personas()
    assert len(shipped) >= 6
    assert all(not entry.problem and not entry.is_own for entry in shipped)
    for entry in shipped:
        persona = entry.persona
        assert library.key_of(persona.name) == entry.key
        assert persona.description and persona.greeting and persona.generation
        assert len(persona.system_prompt.split()) <= 40, "a context of 256 tokens has other things to hold"
        assert not persona.model, "the model is whichever is there"
    assert len({entry.persona.system_prompt for entry in shipped}) == len(shipped)


def test_the_package_data_of_the_wheel_name_the_personas() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "personas/*.toml" in project["tool"]["setuptools"]["package-data"]["tui_chat"]
    assert any(file.name.endswith(".toml") for file in files("tui_chat.personas").iterdir())


# ---- finding and saving


def test_one_is_found_by_its_file_or_by_its_name_and_a_wrong_name_says_which_was_meant() -> None:
    key = library.save_persona(CAPTAIN)
    assert key == "sea-captain"
    assert (
        library.find_persona("SEA CAPTAIN").persona == library.find_persona("sea-captain").persona == CAPTAIN
    )
    with pytest.raises(UserError, match="no persona 'sea-captan'. Did you mean 'sea-captain'?"):
        library.find_persona("sea-captan")
    with pytest.raises(UserError, match="There are: interviewer"):
        library.find_persona("zzzz")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Patient tutor", "patient-tutor"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "con-persona"),
        ("!!", "persona"),
    ],
)
def test_a_name_becomes_a_harmless_file_name(name: str, key: str) -> None:
    assert library.key_of(name) == key


def test_a_changed_one_that_ships_is_the_users_until_it_is_deleted() -> None:
    tutor = library.find_persona("patient-tutor")
    library.save_persona(Persona(name="Patient tutor", greeting="Hm?"), tutor.key)
    mine = library.find_persona("patient-tutor")
    assert (mine.is_own, mine.is_changed, mine.persona.greeting) == (True, True, "Hm?")
    assert "as it was shipped" in library.delete_persona(mine.key)
    assert library.find_persona("patient-tutor") == tutor
    with pytest.raises(UserError, match="ships with the program"):
        library.delete_persona("patient-tutor")


def test_a_file_that_cannot_be_deleted_is_told() -> None:
    (personas_path() / "mine.toml").mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be deleted"):
        library.delete_persona("mine")


def test_a_name_is_given_once_and_copies_get_a_free_one() -> None:
    with pytest.raises(UserError, match="persona 'Storyteller' already"):
        library.save_persona(Persona(name="storyteller"))
    copy = library.copied(library.find_persona("storyteller").persona)
    assert copy.name == "Storyteller 2"
    library.save_persona(copy)
    assert library.copied(copy).name == "Storyteller 2 2"


def test_a_file_with_a_mistake_is_listed_with_it_and_cannot_be_used() -> None:
    path = put('name = "Broken"\nmodell = "x"')
    (entry,) = [entry for entry in library.list_personas() if entry.problem]
    assert entry.problem.startswith(f"{path}, line 2: there is no setting 'modell'")
    with pytest.raises(UserError, match="modell"):
        library.find_persona("mine")
    assert library.find_persona("mine", with_mistakes=True).key == "mine"


# ---- sharing


def test_what_is_exported_can_be_imported_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library.save_persona(CAPTAIN)
    file = library.export_persona(library.find_persona("sea-captain"), str(tmp_path))
    assert file == tmp_path / "sea-captain.toml"
    with pytest.raises(UserError, match="is there already"):
        library.export_persona(library.find_persona("sea-captain"), str(file))
    monkeypatch.setenv("TUI_CHAT_HOME", str(tmp_path / "elsewhere"))
    assert library.import_persona(file).persona == CAPTAIN
    assert library.import_persona(file).persona == CAPTAIN  # the same once more is no harm


@pytest.mark.parametrize("target", ["no/such/folder/x.toml", "x" * 5000])
def test_a_place_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(UserError, match="no such folder|no place for a file"):
        library.export_persona(library.find_persona("storyteller"), target)


def test_an_import_replaces_nothing_unless_asked(tmp_path: Path) -> None:
    library.save_persona(CAPTAIN)
    file = tmp_path / "theirs.toml"
    file.write_text('# from a friend\nname = "Sea captain"\n', encoding="utf-8")
    with pytest.raises(UserError, match="another persona 'Sea captain' already"):
        library.import_persona(file)
    assert library.find_persona("sea-captain").persona == CAPTAIN
    library.import_persona(file, is_replacing=True)
    assert "# from a friend" in (personas_path() / "sea-captain.toml").read_text()
    file.write_text('name = "Sea captain"\nodd = 1', encoding="utf-8")
    with pytest.raises(UserError, match="line 2: there is no setting 'odd'"):
        library.import_persona(file, is_replacing=True)
    assert library.find_persona("sea-captain").persona == Persona(name="Sea captain")
    with pytest.raises(UserError, match="no such file"):
        library.import_persona(tmp_path / "nowhere.toml")


# ---- choosing


DEFAULT = ChatSettings(generation=GenerationSettings(top_k=7, temperature=0.4))


def test_a_persona_sets_what_it_says_and_leaves_the_rest_to_the_settings() -> None:
    current = DEFAULT.with_changes("test", model="run:mine", system_prompt="Old.", generation={"seed": 3})
    settings, notice = settings_with(CAPTAIN, current, DEFAULT, {})
    assert notice == ""
    assert (settings.persona, settings.greeting, settings.model) == ("Sea captain", "Ahoy!", "run:mine")
    assert (settings.generation.temperature, settings.generation.top_k) == (0.9, 7)
    assert settings.generation.seed is None
    assert settings_without(settings, DEFAULT) == DEFAULT.with_changes("test", model="run:mine")


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("run:gone", "There is no run 'gone'"),
        ("hf:some/model", "not on this machine; `tui-chat models pull hf:some/model` gets it"),
        ("hf:nonsense", "is written hf:OWNER/NAME"),
        ("api:nowhere/model", "no provider 'nowhere'"),
        ("/no/such/folder", "There is no model"),
    ],
)
def test_a_model_that_is_not_there_is_said_and_the_current_one_stays(model: str, why: str) -> None:
    settings, notice = settings_with(Persona(name="x", model=model), DEFAULT, DEFAULT, {})
    assert settings.model == "builtin"
    assert f"x wishes for {model}, so the model stays as it is." in notice
    assert why in notice


def test_a_model_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "find_in_cache", lambda model: Path("/"))
    providers = {"ours": ProviderSettings(base_url="http://localhost:1/v1")}
    for model in ("builtin", "hf:some/model", "api:ours/tiny"):
        current = DEFAULT.with_changes("test", model="run:mine")
        settings, notice = settings_with(Persona(name="x", model=model), current, DEFAULT, providers)
        assert (settings.model, notice) == (model, "")


def test_settings_from_before_there_were_personas_still_load() -> None:
    old = '{"model":"run:x","generation":{"temperature":0.5},"system_prompt":"Be brief."}'
    settings = restored(old, "run:x", DEFAULT)
    assert (settings.system_prompt, settings.persona, settings.greeting) == ("Be brief.", "", "")


# ---- the command line


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    from tui_chat import cli

    with pytest.raises(SystemExit) as end:
        cli.main(["personas", *arguments])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_personas_are_made_changed_shared_and_deleted_by_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    made = run(capsys, "new", "Sea captain", "--system", "Ahoy.", "--temperature", "0.9", "--greeting", "Arr")
    assert made[0] == 0
    assert "tui-chat --persona sea-captain" in made[1]
    assert (
        run(capsys, "edit", "sea-captain", "--top-k", "5", "--unset", "temperature", "--name", "Captain")[0]
        == 0
    )
    _, out, _ = run(capsys, "show", "captain")
    assert parse_persona(out, "shown") == Persona(
        name="Captain", system_prompt="Ahoy.", greeting="Arr", generation={"top_k": 5}
    )
    assert run(capsys, "edit", "captain", "--temperature", "9") == (
        1, "", "tui-chat: --temperature must be from 0 to 5.\n"
    )  # fmt: skip
    assert run(capsys, "export", "captain", str(tmp_path / "c.toml"))[0] == 0
    assert "is there already" in run(capsys, "export", "captain", str(tmp_path / "c.toml"))[2]
    assert run(capsys, "export", "captain", "-o", str(tmp_path / "d.toml"))[0] == 0
    assert (tmp_path / "d.toml").read_text() == (tmp_path / "c.toml").read_text()
    assert run(capsys, "delete", "captain")[1] == "sea-captain was deleted.\n"
    assert run(capsys, "import", str(tmp_path / "c.toml"))[1].startswith("Imported captain.")
    assert "sea-captain" not in run(capsys, "list")[1]
    assert '"key": "captain", "own": true' in run(capsys, "list", "--json")[1]
    assert '"name": "Captain"' in run(capsys, "show", "captain", "--json")[1]


def test_a_model_of_this_machine_is_spoken_of_when_a_persona_leaves_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(capsys, "new", "Mine", "--model", "run:demo")
    assert (
        "names the model run:demo, which others do not have"
        in run(capsys, "export", "mine", str(tmp_path))[2]
    )


def editor(path: Path, code: str) -> str:
    """A program that changes the file it is given."""
    script = path / "editor.py"
    script.write_text(
        f"import sys\nfile = open(sys.argv[1], 'r+')\ntext = file.read()\n{code}", encoding="utf-8"
    )
    return f'"{sys.executable}" "{script}"'


def test_an_editor_changes_a_file_only_when_it_ends_up_right(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "")
    assert "Set VISUAL or EDITOR" in run(capsys, "edit", "storyteller")[2]
    monkeypatch.setenv("EDITOR", editor(tmp_path, "file.write('\\n# mine\\n')"))
    assert run(capsys, "edit", "storyteller")[1] == "Saved storyteller.\n"
    assert library.find_persona("storyteller").is_own
    assert "# mine" in (personas_path() / "storyteller.toml").read_text()
    monkeypatch.setenv("EDITOR", editor(tmp_path, "file.write('\\nodd = 1\\n')"))
    code, _, error = run(capsys, "edit", "storyteller")
    assert code == 1
    assert "there is no setting 'odd'" in error
    assert "your text is kept there" in error
    assert "odd" not in (personas_path() / "storyteller.toml").read_text()
    monkeypatch.setenv("EDITOR", editor(tmp_path, "sys.exit(3)"))
    assert "ended with code 3; nothing was changed" in run(capsys, "edit", "storyteller")[2]
    monkeypatch.setenv("EDITOR", "/no/such/editor")
    assert "is not there" in run(capsys, "edit", "storyteller")[2]
    monkeypatch.setenv("EDITOR", "nano 'half")
    assert "cannot be read as a command" in run(capsys, "edit", "storyteller")[2]
    no_program = tmp_path / "notes"
    no_program.write_text("no program\n", encoding="utf-8")
    no_program.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(no_program))
    assert "cannot be started" in run(capsys, "edit", "storyteller")[2]


def test_a_file_with_a_mistake_is_not_changed_by_flags(capsys: pytest.CaptureFixture[str]) -> None:
    put('name = "Broken"\nmodell = "x"')
    assert "Without flags, your editor opens it" in run(capsys, "edit", "mine", "--top-k", "3")[2]
    assert "modell" in run(capsys, "list")[1]
    assert run(capsys, "delete", "mine")[0] == 0
