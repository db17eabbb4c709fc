"""Models that only count, against published yardsticks and by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

from engine.errors import UserError
from trainers import ngrams
from trainers.corpora import TokenFiles
from trainers.floors import can_count, read_floors, start_counting
from trainers.run_directory import RunDirectory

YARDSTICKS = {0: 4.174, 1: 3.347, 2: 2.486, 3: 2.049, 5: 1.669}  # nats per character


def tokens_of_a_run(path: Path, ids: list[int], vocab_size: int, method: str = "pretraining") -> RunDirectory:
    folder = path / "tokens"
    folder.mkdir(parents=True)
    cut = len(ids) * 9 // 10
    np.array(ids[:cut], np.uint16).tofile(folder / "train.bin")
    np.array(ids[cut:], np.uint16).tofile(folder / "validation.bin")
    files = TokenFiles(
        method=method,
        vocab_size=vocab_size,
        context_length=8,
        train_tokens=cut,
        validation_tokens=len(ids) - cut,
    )
    (folder / "tokens.json").write_bytes(files.to_json())
    return RunDirectory(path)


def test_the_floors_of_tiny_shakespeare_are_the_known_ones(shared_data: Path):
    text = (shared_data / "eval" / "tinyshakespeare" / "input.txt").read_text()
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text], np.uint16)
    cut = int(len(ids) * 0.9)
    floors = ngrams.count_floors(ids[:cut], ids[cut:], len(letters))
    assert {floor.order: floor.loss for floor in floors.floors} == pytest.approx(YARDSTICKS, abs=0.01)
    assert not floors.is_sampled


def test_bigrams_are_counted_as_by_hand():
    train, validation = np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1])
    unigram, bigram = list(ngrams.witten_bell(train, validation, 3, 2))
    assert unigram.tolist() == pytest.approx([(3 + 3 / 3) / 9, (2 + 3 / 3) / 9])
    assert bigram[1] == pytest.approx((2 + 2 * unigram[1]) / (3 + 2))  # after 0 came 1 twice and 2 once


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_the_probabilities_of_all_next_tokens_sum_to_one(order: int):
    train = np.random.default_rng(1).integers(0, 4, 300)
    context = [1, 2, 3, 0][: order - 1]
    probabilities = [
        list(ngrams.witten_bell(train, np.array([*context, token]), 4, order))[order - 1][-1]
        for token in range(4)
    ]
    assert sum(probabilities) == pytest.approx(1.0)


def test_tokens_that_were_never_seen_have_a_finite_loss():
    floors = ngrams.count_floors(np.array([0, 0, 0, 0, 0, 0]), np.array([4, 3, 2, 1, 2, 3]), 5)
    assert all(math.isfinite(floor.loss) for floor in floors.floors)


def test_a_large_text_is_counted_in_blocks_and_says_so():
    ids = np.random.default_rng(1).integers(0, 50, 20_000).astype(np.uint16)
    floors = ngrams.count_floors(ids, ids, 50, most_training=6400, most_validation=640)
    assert (floors.train_tokens, floors.validation_tokens) == (6400, 640)
    assert floors.is_sampled
    assert floors.loss_of(1) == pytest.approx(math.log(50), abs=0.05)


def test_a_large_vocabulary_does_not_overflow():
    ids = np.random.default_rng(1).integers(0, 200_000, 3000)
    floors = ngrams.count_floors(ids, ids, 200_000)
    assert floors.loss_of(5) < floors.loss_of(2) < floors.loss_of(0)


def test_a_text_shorter_than_a_gram_gives_the_floors_there_are():
    floors = ngrams.count_floors(np.array([0, 1]), np.array([1, 0]), 2)
    assert [floor.order for floor in floors.floors] == [0, 1, 2]


def test_a_process_of_its_own_keeps_the_floors_in_the_run(tmp_path: Path):
    run = tokens_of_a_run(tmp_path / "run", [0, 1, 2, 1] * 200, 3)
    assert can_count(run) and read_floors(run) is None
    start_counting(run).join(60)
    floors = read_floors(run)
    assert floors is not None and floors.loss_of(2) < 0.5 < floors.loss_of(1) < floors.loss_of(0)
    assert not can_count(run)


def test_conversations_have_no_floors(tmp_path: Path):
    run = tokens_of_a_run(tmp_path / "run", [0, 1] * 50, 2, method="fine_tuning")
    with pytest.raises(UserError, match="no text with a validation part"):
        ngrams.write_floors(run.path)


def test_damaged_floors_are_no_floors(tmp_path: Path):
    (tmp_path / "floors.json").write_text("{")
    assert read_floors(RunDirectory(tmp_path)) is None
