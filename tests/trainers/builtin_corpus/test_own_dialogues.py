"""What the generated dialogues promise: right roles, right facts, right names, nothing from the exam."""

import re

import pytest

from trainers.builtin_corpus.arithmetic import is_held_out
from trainers.builtin_corpus.composition import Dialogue, compose
from trainers.builtin_corpus.mixture import ExamPrompts
from trainers.builtin_corpus.phrases import load

SUM = re.compile(r"(\d+) (\+|-|x|/|plus|minus|times|divided by) (\d+) (?:=|is) (-?\d+)\.")


@pytest.fixture(scope="module")
def dialogues() -> list[Dialogue]:
    return [compose(0, number) for number in range(500)]


def turns(dialogue: Dialogue) -> list[dict[str, str]]:
    return [message for message in dialogue.messages if message["role"] != "system"]


def test_user_and_assistant_take_turns_and_the_assistant_speaks_last(dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues:
        roles = [message["role"] for message in turns(dialogue)]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert roles


def test_no_message_is_empty_and_no_slot_or_choice_is_left_open(dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues:
        for message in dialogue.messages:
            assert message["content"].strip()
            assert not re.search(r"[{}|\x02\x03]", message["content"]), message


def test_every_sum_is_right(dialogues: list[Dialogue]) -> None:
    seen = 0
    for dialogue in dialogues:
        for a, sign, b, value in SUM.findall(dialogue.text):
            x, y = int(a), int(b)
            right = {"+": x + y, "plus": x + y, "-": x - y, "minus": x - y, "x": x * y, "times": x * y}
            assert int(value) == (right[sign] if sign in right else x // y), dialogue.text
            seen += 1
    assert seen > 30


def test_every_capital_is_right(dialogues: list[Dialogue]) -> None:
    countries = load("countries")["countries"]
    seen = 0
    for dialogue in dialogues:
        for message in turns(dialogue):
            if match := re.search(r"[Tt]he capital of ([^?]+) is ([A-Z][^.]+)\.", message["content"]):
                assert countries[match[1]][0] == match[2]
                seen += 1
    assert seen > 10


def test_a_name_that_was_told_comes_back_letter_by_letter(dialogues: list[Dialogue]) -> None:
    seen = 0
    for dialogue in dialogues:
        said = ""
        for message in turns(dialogue):
            if message["role"] == "user":
                said += " " + message["content"].lower()
            elif match := re.search(
                r"(?:Your name is|your name is|You are|You're|you are) ([A-Z][^.!\s]*)[.!]",
                message["content"],
            ):
                assert match[1].lower() in said
                seen += 1
    assert seen > 10


def test_the_same_number_gives_the_same_dialogue_and_another_seed_another_one() -> None:
    assert compose(0, 7) == compose(0, 7)
    assert [compose(0, i).text for i in range(5)] != [compose(1, i).text for i in range(5)]


def test_dialogues_fit_into_the_context(dialogues: list[Dialogue]) -> None:
    assert max(len(dialogue.text) for dialogue in dialogues if len(dialogue.messages) > 3) < 1800


def test_few_dialogues_meet_the_exam_by_chance(dialogues: list[Dialogue]) -> None:
    exam = ExamPrompts.read()
    assert sum(exam.asked_in(dialogue.messages) for dialogue in dialogues) < 5


def test_held_out_sums_are_marked_so_that_training_never_sees_them(dialogues: list[Dialogue]) -> None:
    signs = {"plus": "+", "minus": "-", "times": "*", "x": "*", "divided by": "/"}
    for dialogue in dialogues:
        for a, sign, b, _ in SUM.findall(dialogue.text):
            if is_held_out(int(a), signs.get(sign, sign), int(b)) and "have" not in dialogue.text:
                assert dialogue.held_out
