"""The figures of a run in words: the memory that was expected stands beside the one that is used."""

from trainers.memory import MemoryParts
from trainers.run_directory import RunStatus
from tui_chat.screens.explain_numbers import explanation_words, values_of


def test_the_memory_that_was_expected_is_told_part_by_part_the_largest_first():
    parts = MemoryParts(weights=3_000_000, activations=45_000_000, program=330_000_000)
    values = values_of(RunStatus(memory_parts=parts), {}, "", "")
    assert values["memory expected"] == "378 MB: program 330 MB, activations 45 MB, weights 3 MB"
    assert values["memory expected"] in str(explanation_words(values, None, 75))


def test_of_runs_that_did_not_look_ahead_nothing_is_invented():
    assert values_of(RunStatus(), {}, "", "")["memory expected"] == "–"
