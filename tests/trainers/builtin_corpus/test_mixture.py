"""The files that come out, made from a small corpus written here."""

import json
from pathlib import Path
from random import Random

import pytest

from engine.errors import UserError
from trainers.builtin_corpus import __main__ as program
from trainers.builtin_corpus import corpus, mixture
from trainers.builtin_corpus.mixture import ExamPrompts, filled_up, is_held_out, normalised

CHAT_FILES = (
    "chat_smalltalk",
    "facts_cc0",
    "facts_wordnet",
    "chat_jokes",
    "chat_poems",
    "chat_cannot",
    "instruct_rasbt",
)
PERSON = "My wife and I went to the lake."


def small_corpus(folder: Path) -> Path:
    chat = {
        "messages": [
            {"role": "user", "content": "Is it a test?"},
            {"role": "assistant", "content": "It is one."},
        ]
    }
    talk = {
        "messages": [{"role": "system", "content": "I like lakes."}, *[
            {"role": role, "content": PERSON} for role in ("user", "assistant") * 7
        ]],
        "simple": 1.0,
    }  # fmt: skip
    for name in CHAT_FILES:
        (folder / f"{name}.jsonl").write_text(json.dumps(chat) + "\n")
    query = {"text": "What do they call you?", "intent": "what_is_your_name"}
    (folder / "queries_clinc.jsonl").write_text(json.dumps(query) + "\n")
    for name in mixture.PRETRAINING_SHARES:
        row = talk if name.startswith("dialog_") else {"text": "A cat sat on a mat. " * 20, "simple": 1.0}
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "corpus").mkdir()
    folder, out = small_corpus(tmp_path / "corpus"), tmp_path / "out"
    arguments = [
        "--corpus",
        str(folder),
        "--out",
        str(out),
        "--dialogues",
        "200",
        "--pretraining-characters",
        "20000",
    ]
    assert program.main(arguments) == 0
    return out


def test_every_file_is_written_and_the_mix_is_reported(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {path.name for path in output.iterdir()}
    assert names == {
        "chat.jsonl",
        "chat_validation.jsonl",
        "exam.jsonl",
        "pretraining.jsonl",
        "pretraining_validation.jsonl",
    }
    assert len(rows(output / "chat.jsonl")) > 150
    assert "dialogues for training" in capsys.readouterr().out


def test_the_assistant_never_speaks_for_a_person_of_the_dialogues_without_being_told_to(output: Path) -> None:
    for row in rows(output / "chat.jsonl"):
        messages = row["messages"]
        assert isinstance(messages, list)
        if any(message["content"] == PERSON for message in messages):
            assert messages[0]["role"] == "system"
    scripts = [str(row["text"]) for row in rows(output / "pretraining.jsonl")]
    assert any(f"A: {PERSON}\nB: {PERSON}" in text for text in scripts)


def test_no_exam_prompt_is_in_the_training_data(output: Path) -> None:
    exam = ExamPrompts.read()
    for name in ("chat.jsonl", "chat_validation.jsonl"):
        assert not [row for row in rows(output / name) if exam.asked_in(row["messages"])]  # type: ignore[arg-type]


def test_an_exam_prompt_is_found_whatever_its_case_and_punctuation(tmp_path: Path) -> None:
    exam = ExamPrompts(frozenset({"who are you really"}), frozenset({("hi", "my name?")}))
    assert exam.asked_in([{"role": "user", "content": "Who are you  really?!"}])
    assert not exam.asked_in([{"role": "user", "content": "who are you"}])
    assert normalised(" Hello,  There! ") == "hello, there"


def test_validation_documents_are_not_in_the_training_data(output: Path) -> None:
    training = {json.dumps(row) for row in rows(output / "chat.jsonl")}
    assert not training & {json.dumps(row) for row in rows(output / "chat_validation.jsonl")}


def test_a_document_is_held_out_by_its_text_alone() -> None:
    held_out = [n for n in range(5000) if is_held_out(f"document {n}")]
    assert 60 < len(held_out) < 140
    assert held_out == [n for n in range(5000) if is_held_out(f"document {n}")]


def test_a_small_source_is_repeated_but_not_for_ever() -> None:
    assert len(filled_up(["abc"], 1_000_000, Random(0))) == mixture.MOST_REPEATS
    assert filled_up(["abc", "def"], 3, Random(0)) in (["abc"], ["def"])


def test_a_folder_without_the_corpus_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="there is no chat_jokes.jsonl"):
        corpus.read(tmp_path, "chat_jokes")
    assert program.main(["--corpus", str(tmp_path), "--out", str(tmp_path / "out"), "--dialogues", "1"]) == 1
    assert "--corpus names the folder" in capsys.readouterr().err


def test_the_exam_is_well_formed() -> None:
    questions = rows(mixture.EXAM)
    assert len(questions) >= 150
    for question in questions:
        messages = question["messages"]
        assert isinstance(messages, list) and 1 <= len(messages) <= 3
        assert question["topic"] and question["expect"]
