"""What the curves of a run say, in a sentence for a person.

    verdict_of(curves_of(rows), Circumstances(state="running", step=1900, max_steps=2000, floors=floors))
    Verdict("Memorising since step 1,200", "validation rose from 1.48 to 1.61 while training fell; ...", "warning")

The one rule: pure functions that claim what the numbers show and no more; where they show nothing yet, they say that.
Trouble comes first, then memorising, then how fast the run learns and which floors of counting it has passed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median, pstdev
from typing import Literal, NamedTuple

from trainers.floors import Floor, Floors
from trainers.run_directory import MetricsRow

Tone = Literal["good", "neutral", "warning", "bad"]
_FAST, _SLOW = 0.03, 0.005  # share of the loss that the last quarter of the steps took off
_LOOKED_BACK = 400  # losses; the whole of a long run would cost time at every look
_LEAST_MEASUREMENTS = 12  # training losses below which nothing is said


class Verdict(NamedTuple):
    """A few words, what they rest on, and how serious it is."""

    headline: str
    detail: str
    tone: Tone = "neutral"


@dataclass
class Curves:
    """Measured losses in nats per token, by step; only finite ones."""

    steps: Sequence[float] = ()
    losses: Sequence[float] = ()
    val_steps: Sequence[float] = ()
    val_losses: Sequence[float] = ()
    bad_steps: Sequence[float] = field(default_factory=tuple)  # the loss was NaN or infinite


class Circumstances(NamedTuple):
    """What else is known of the run."""

    state: str = "running"
    step: int = 0
    max_steps: int = 0
    floors: Floors | None = None
    passes: float = 0.0  # how often the run has read its data; 0 = unknown


def curves_of(rows: Iterable[MetricsRow]) -> Curves:
    """The losses among the rows of metrics.jsonl."""
    rows = list(rows)
    train = [(row.step, row.loss) for row in rows if row.loss is not None]
    validation = [(row.step, row.val_loss) for row in rows if row.val_loss is not None]
    return Curves(
        [step for step, _ in train],
        [loss for _, loss in train],
        [step for step, _ in validation],
        [loss for _, loss in validation],
        [row.step for row in rows if row.loss is None and row.note],
    )


def verdict_of(curves: Curves, known: Circumstances) -> Verdict:
    """The most important thing to say."""
    if len(curves.losses) < _LEAST_MEASUREMENTS and not curves.bad_steps:
        return Verdict("Too early to say", "a few measurements more, and there is a trend")
    return _trouble(curves) or _memorising(curves, known) or _progress(curves, known)


def _trouble(curves: Curves) -> Verdict | None:
    """Losses that are not numbers, that rose, or that jump."""
    if curves.bad_steps and (not curves.steps or curves.bad_steps[-1] >= curves.steps[-1]):
        return Verdict(
            f"The loss was not a number at step {curves.bad_steps[-1]:,.0f}",
            "a lower learning rate or a longer warm-up usually helps",
            "bad",
        )
    averages = _averages(curves.losses)
    low = min(averages)
    lowest = max(index for index, average in enumerate(averages) if average <= low + 0.01 * abs(low))
    width = len(curves.losses) // len(averages)
    since = len(curves.losses) - 1 - (len(averages) - 1 - lowest) * width
    rise = averages[-1] - averages[lowest]
    noise = pstdev(curves.losses[-width:]) / math.sqrt(width)
    if rise > max(0.1, 0.07 * averages[lowest], 4 * noise):
        peak = max(averages[lowest:])
        if peak - averages[-1] > max(rise / 3, 4 * noise):
            return Verdict(
                "Recovering from a rise of the training loss",
                f"after step {curves.steps[since]:,.0f} it rose from {averages[lowest]:.3g} to {peak:.3g}, and is "
                f"back at {averages[-1]:.3g}; a lower learning rate or a longer warm-up avoids the detour",
                "warning",
            )
        return Verdict(
            f"The training loss has risen since step {curves.steps[since]:,.0f}",
            f"from {averages[lowest]:.3g} to {averages[-1]:.3g}; the learning rate is probably too high",
            "bad",
        )
    jumps = _jumps(curves.losses)
    if jumps >= 3:
        return Verdict(
            "The training loss jumps",
            f"{jumps} times lately by more than a quarter; the learning rate may be too high, or the batch too small",
            "warning",
        )
    return None


def _averages(losses: Sequence[float], parts: int = 12) -> list[float]:
    """Means of equal parts of the curve; what does not fill a part is left out at the start."""
    width = max(1, len(losses) // parts)
    first = len(losses) % width if len(losses) >= parts else 0
    return [fmean(losses[start : start + width]) for start in range(first, len(losses) - width + 1, width)]


def _jumps(losses: Sequence[float], before: int = 8) -> int:
    """How often a loss of the newer half lies far above the median of those before it."""
    count = 0
    for index in range(max(before, len(losses) // 2, len(losses) - _LOOKED_BACK), len(losses)):
        usual = median(losses[index - before : index])
        count += losses[index] > usual * 1.25 + 0.25
    return count


def _memorising(curves: Curves, known: Circumstances) -> Verdict | None:
    """Validation rises from its lowest point while training falls."""
    if len(curves.val_losses) < 4:
        return None
    lowest = min(range(len(curves.val_losses)), key=curves.val_losses.__getitem__)
    low, now = curves.val_losses[lowest], curves.val_losses[-1]
    is_rising = len(curves.val_losses) - lowest >= 3 and now > low + max(0.01, 0.01 * low)
    if not is_rising:
        return None
    since = curves.val_steps[lowest]
    place = bisect_right(curves.steps, since)
    before, after = curves.losses[max(0, place - 10) : place], curves.losses[place:][-10:]
    rose = f"validation rose from {low:.3f} to {now:.3f}"
    if not before or not after or fmean(after) >= fmean(before):
        return Verdict(
            f"Validation has been rising since step {since:,.0f}",
            f"{rose}, and training does not fall either; a lower learning rate may help",
            "warning",
        )
    read = f" (it was read {known.passes:,.0f} times)" if known.passes >= 5 else ""
    return Verdict(
        f"Memorising since step {since:,.0f}",
        f"{rose} while training falls. More data{read}, more dropout or a smaller model help; "
        "the best checkpoint is kept",
        "warning",
    )


def _progress(curves: Curves, known: Circumstances) -> Verdict:
    """How fast the run learns, which floors it has passed, and whether more steps would pay."""
    if len(curves.val_losses) >= 4:
        what, steps, losses = "validation loss", curves.val_steps, curves.val_losses
    else:
        what, steps, losses = "training loss", curves.steps, curves.losses
    now = _level(steps, losses, steps[-1])
    fell = _level(steps, losses, steps[0] + 0.75 * (steps[-1] - steps[0])) - now
    share = fell / abs(now) if now else 0.0
    trend = (
        f"the {what} fell by {fell:.3f} in the last quarter" if fell > 0 else f"the {what} no longer falls"
    )
    where = floor_words(curves.val_losses[-1] if curves.val_losses else None, known.floors)
    detail = f"{trend}; {where}" if where else trend
    if floor := _next_of_the_easy(curves, known):
        what_is_ahead = "blind guessing" if floor.name == "uniform" else f"{floor.name}s"
        return Verdict(
            f"Has not beaten {what_is_ahead} yet", detail, "neutral" if share > _FAST else "warning"
        )
    if known.state == "finished":
        return _finished(share, detail)
    is_over = known.state in ("stopped", "failed", "crashed")
    if share > _FAST:
        return Verdict("Was still learning fast" if is_over else "Still learning fast", detail, "good")
    if share > _SLOW:
        return Verdict("Was learning slowly" if is_over else "Learning slowly, the curve flattens", detail)
    return Verdict("Hardly learned any more" if is_over else "Hardly learns any more", detail)


def _finished(share: float, detail: str) -> Verdict:
    if share > _FAST / 3:
        return Verdict("Finished, and could go on", f"{detail}. Resume trains further", "good")
    return Verdict("Finished", f"{detail}; more steps alone would bring little", "good")


def _level(steps: Sequence[float], losses: Sequence[float], step: float) -> float:
    """The loss around a step: the mean of a tenth of the curve up to it, so that noise is no trend."""
    end = max(1, bisect_right(steps, step))
    return fmean(losses[max(0, end - max(1, len(losses) // 10)) : end])


def _next_of_the_easy(curves: Curves, known: Circumstances) -> Floor | None:
    """The next floor to pass, of those up to bigrams; None when all of them are."""
    if known.floors is None or not curves.val_losses:
        return None
    easy = (
        floor for floor in known.floors.floors if floor.order <= 2 and curves.val_losses[-1] >= floor.loss
    )
    return max(easy, key=lambda floor: floor.loss, default=None)


def floor_words(val_loss: float | None, floors: Floors | None) -> str:
    """The two floors around a loss: "better than counting trigrams (2.05), not yet than 5-grams (1.67)"."""
    if val_loss is None or floors is None or not floors.floors:
        return ""
    passed = [floor for floor in floors.floors if val_loss < floor.loss]
    ahead = [floor for floor in floors.floors if val_loss >= floor.loss]
    nearest = max(ahead, key=lambda floor: floor.loss) if ahead else None
    if not passed:
        return f"not yet better than {_counting(ahead[0].name)} ({ahead[0].loss:.3g})"
    best = min(passed, key=lambda floor: floor.loss)
    words = f"better than {_counting(best.name)} ({best.loss:.3g})"
    return f"{words}, not yet than {nearest.name}s ({nearest.loss:.3g})" if nearest else words


def _counting(name: str) -> str:
    return "guessing blindly" if name == "uniform" else f"counting {name}s"
