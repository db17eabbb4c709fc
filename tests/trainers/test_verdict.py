"""What is said of curves whose story is known."""

import math
import random
from collections.abc import Callable

import pytest

from trainers.floors import Floor, Floors
from trainers.run_directory import MetricsRow
from trainers.verdict import Circumstances, Curves, Verdict, curves_of, floor_words, verdict_of

FLOORS = Floors(
    floors=tuple(
        Floor(order=order, loss=loss)
        for order, loss in {0: 4.174, 1: 3.347, 2: 2.486, 3: 2.049, 5: 1.669}.items()
    )
)
Shape = Callable[[float], float]


def curves(train: Shape, validation: Shape | None = None, steps: int = 2000, noise: float = 0.03) -> Curves:
    """Training losses every 10 steps with noise, validation every 100."""
    chance = random.Random(1)
    rows = [
        MetricsRow(
            step=step,
            loss=train(step) + chance.gauss(0, noise),
            val_loss=validation(step) if validation and step % 100 == 0 else None,
        )
        for step in range(0, steps + 1, 10)
    ]
    return curves_of(rows)


def falling(low: float, speed: float = 300) -> Shape:
    return lambda step: low + (4.2 - low) * math.exp(-step / speed)


def said(found: Curves, state: str = "running", floors: Floors | None = FLOORS, passes: float = 0) -> Verdict:
    return verdict_of(found, Circumstances(state, 2000, 4000, floors, passes))


def test_at_the_start_nothing_is_claimed():
    assert said(curves(falling(1.5), steps=60)).headline == "Too early to say"
    assert said(Curves()).headline == "Too early to say"


def test_a_steep_curve_is_still_learning_fast():
    found = said(curves(falling(1.3, 900), falling(1.4, 900)))
    assert found.headline == "Still learning fast"
    assert found.tone == "good"
    assert "better than counting trigrams (2.05), not yet than 5-grams (1.67)" in found.detail


def test_a_bent_curve_flattens_and_a_flat_one_hardly_learns():
    assert (
        said(curves(falling(1.4, 330), falling(1.5, 330))).headline == "Learning slowly, the curve flattens"
    )
    assert said(curves(falling(1.4, 100), falling(1.5, 100))).headline == "Hardly learns any more"


def test_validation_that_rises_while_training_falls_is_memorising_since_its_lowest_point():
    def validation(step: float) -> float:
        return falling(1.4)(step) + max(0.0, step - 1200) / 4000

    found = said(curves(falling(0.8, 500), validation), passes=12.4)
    assert found.headline == "Memorising since step 1,200"
    assert "while training falls" in found.detail and "read 12 times" in found.detail
    assert found.tone == "warning"


def test_one_bad_validation_is_not_memorising():
    def validation(step: float) -> float:
        return falling(1.4)(step) + (0.2 if step == 2000 else 0)

    assert "Memorising" not in said(curves(falling(0.8, 500), validation)).headline


def test_validation_that_rises_together_with_training_is_not_called_memorising():
    def both(step: float) -> float:
        return falling(1.6, 200)(step) + max(0.0, step - 1200) / 9000

    found = said(curves(both, both, noise=0.0))
    assert found.headline.startswith("Validation has been rising since step 1,2")
    assert "training does not fall either" in found.detail


def test_a_loss_that_rises_points_at_the_learning_rate():
    def train(step: float) -> float:
        return falling(2.0, 100)(step) + max(0.0, step - 1000) / 500

    found = said(curves(train))
    assert found.headline.startswith("The training loss has risen since step ")
    assert 840 <= float(found.headline.split()[-1].replace(",", "")) <= 1160  # within a twelfth of the curve
    assert "learning rate is probably too high" in found.detail and found.tone == "bad"


def test_a_loss_that_rose_and_falls_again_is_recovering():
    def train(step: float) -> float:
        return 0.5 if step < 300 else 1.1 - 0.3 * (step - 300) / 1700

    found = said(curves(train))
    assert found.headline == "Recovering from a rise of the training loss" and found.tone == "warning"
    assert "and is back at 0.8" in found.detail


def test_noise_alone_is_no_trouble():
    for noise in (0.05, 0.15):
        assert said(curves(falling(1.4), falling(1.5), noise=noise)).tone in ("good", "neutral")


def test_spikes_are_called_jumps():
    def train(step: float) -> float:
        return falling(1.5)(step) + (2.0 if step % 200 == 0 else 0)

    found = said(curves(train))
    assert found.headline == "The training loss jumps"


def test_a_loss_that_is_not_a_number_comes_first():
    found = curves(falling(1.5))
    found.bad_steps = [2000.0]
    assert said(found).headline == "The loss was not a number at step 2,000"
    found.bad_steps = [500.0]  # it recovered
    assert "not a number" not in said(found).headline


def test_a_model_above_the_bigrams_is_told_so():
    found = said(curves(falling(2.7, 300), falling(2.7, 300)))
    assert found.headline == "Has not beaten bigrams yet"
    assert "better than counting unigrams (3.35), not yet than bigrams (2.49)" in found.detail


@pytest.mark.parametrize(("loss", "ahead"), [(4.18, "blind guessing"), (3.6, "unigrams")])
def test_the_next_floor_is_the_one_that_is_named(loss: float, ahead: str):
    found = said(curves(falling(loss, 300), falling(loss, 300)))
    assert found.headline == f"Has not beaten {ahead} yet"


def test_a_run_that_has_ended_is_spoken_of_in_the_past():
    assert said(curves(falling(1.3, 900), falling(1.4, 900)), "stopped").headline == "Was still learning fast"


def test_a_finished_run_that_still_fell_could_go_on():
    assert (
        said(curves(falling(1.4, 600), falling(1.5, 600)), "finished").headline == "Finished, and could go on"
    )
    assert said(curves(falling(1.4, 100), falling(1.5, 100)), "finished").headline == "Finished"


def test_without_validation_the_training_loss_has_to_serve():
    found = said(curves(falling(1.2, 900)), floors=None)
    assert found.headline == "Still learning fast"
    assert "the training loss fell" in found.detail


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (5.0, "not yet better than guessing blindly (4.17)"),
        (1.0, "better than counting 5-grams (1.67)"),
        (None, ""),
    ],
)
def test_floors_are_told_by_the_two_nearest(loss: float | None, words: str):
    assert floor_words(loss, FLOORS) == words


def test_odd_curves_never_fail():
    for values in ([0.0] * 20, [1e30] * 20, [-1.0] * 20, [1.0] * 12):
        steps = [float(step) for step in range(len(values))]
        assert said(Curves(steps, values, steps, values)).headline
