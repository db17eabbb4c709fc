"""How a run looks in words, glyphs and colours, wherever it is shown.

The one rule: a state is always a word too, so that nothing is told by colour alone.
"""

from __future__ import annotations

from textual.content import Content

from engine.records import explanation_of
from trainers.config import TrainingConfig
from trainers.datasets import DataReport
from trainers.run_directory import SampleRow
from tui_chat import quantities
from tui_chat.run_watch import WatchedRun
from tui_chat.text import one_line, plain, visible

_LOOKS = {
    "starting": ("◌", "$text-warning"),
    "running": ("●", "$text-success"),
    "paused": ("‖", "$text-warning"),
    "finished": ("✔", "$text-primary"),
    "stopped": ("■", "$foreground 70%"),
    "failed": ("✖", "$text-error"),
    "crashed": ("✖", "$text-error"),
}


_REASONS = {"bad_step": "loss not a number", "full_disk": "disk full"}


def state_style(watched: WatchedRun) -> str:
    """The colour of a run's state."""
    return _LOOKS[watched.status.state][1]


def state_glyph(watched: WatchedRun) -> str:
    """One cell for a run's state."""
    return _LOOKS[watched.status.state][0]


def state_words(watched: WatchedRun) -> str:
    """The state, with what was asked of the run and is not done yet."""
    status = watched.status
    if watched.is_active and status.silent:
        return f"silent: no sign of life for {quantities.duration(status.silent)}"
    if watched.is_active and "stop" in watched.wishes:
        return "stopping"
    if status.state == "paused" and status.paused_for:
        return f"paused: {_REASONS[status.paused_for]}"
    if status.state == "running" and "pause" in watched.wishes:
        return "pausing"
    if status.state == "starting" and status.stage not in ("", "starting"):
        return f"starting: {one_line(status.stage, 40)}"
    return status.state


def bar(share: float, width: int, style: str) -> Content:
    """A progress bar of `width` cells."""
    done = round(max(0.0, min(1.0, share)) * width)
    return Content.assemble(("━" * done, style), ("─" * (width - done), "$foreground 25%"))


def time_words(watched: WatchedRun) -> str:
    """What is left of an active run, how long an ended one took."""
    status = watched.status
    if watched.is_active:
        left = quantities.duration(status.seconds_left)
        return f"{left} left" if status.seconds_left is not None and status.state != "paused" else ""
    return f"took {quantities.duration(status.seconds_trained)}" if status.seconds_trained else ""


def list_lines(watched: WatchedRun, width: int, mark_style: str = "") -> Content:
    """A run as three lines of a list `width` cells wide; a marked one has the line of its ghost."""
    mark = "╍╍ " if mark_style else ""
    status, style = watched.status, state_style(watched)
    state = state_words(watched)
    state = state if len(state) < width // 2 else state[: max(0, width // 2 - 1)] + "…"
    name = one_line(watched.run.name, max(8, width - len(state) - len(mark) - 4))
    steps = f"{status.step:,}/{status.max_steps:,}"
    bar_width = max(4, width - len(steps) - 3)
    facts = [f"val {quantities.loss(status.val_loss)}"] if status.val_loss is not None else []
    if status.state == "running" and status.tokens_per_second is not None:
        facts.append(quantities.rate(status.tokens_per_second))
    facts.append(time_words(watched))
    gap = " " * max(1, width - len(mark) - len(name) - len(state) - 2)
    return Content("\n").join(
        [
            Content.assemble(
                (f"{state_glyph(watched)} ", style), (mark, mark_style), (name, "bold"), gap, (state, style)
            ),
            Content.assemble(
                "  ", bar(watched.share_done, bar_width, style), " ", (steps, "$foreground 70%")
            ),
            Content.styled("  " + " · ".join(fact for fact in facts if fact)[: width - 2], "$foreground 70%"),
        ]
    )


def list_line(watched: WatchedRun, width: int, mark_style: str = "") -> Content:
    """A run as one line, with its columns in the same places for every run."""
    status, style = watched.status, state_style(watched)
    mark = "╍╍ " if mark_style else ""
    name_width = max(12, width - 60) - len(mark)
    state = state_words(watched).partition(":")[0][:9]
    columns = [
        (f"{state_glyph(watched)} ", style),
        (mark, mark_style),
        (one_line(watched.run.name, name_width).ljust(name_width), "bold"),
        (f" {state:<9}", style),
        (f" {status.step:>7,}/{status.max_steps:<7,}"[:17].ljust(17), "$foreground 80%"),
        (f"val {quantities.loss(status.val_loss):<7}", "$foreground 80%"),
        (
            f" {quantities.rate(status.tokens_per_second) if status.state == 'running' else '':>7}",
            "$foreground 80%",
        ),
        (f" {time_words(watched).removeprefix('took ').removesuffix(' left'):>12}", "$foreground 80%"),
    ]
    return Content.assemble(*columns)


def facts(watched: WatchedRun, share_of_peak: str = "") -> list[tuple[str, str]]:
    """(what, value) of everything measured about a run, the most important first."""
    status = watched.status
    best = (
        f"{quantities.loss(status.best_val_loss)} at {status.best_step:,}"
        if status.best_step is not None
        else "–"
    )
    tokens = quantities.count(status.train_tokens) if status.train_tokens else quantities.NOTHING
    device = " ".join(word for word in (status.device, status.precision) if word)
    rate = f"{status.learning_rate:.2e}" if status.learning_rate is not None else quantities.NOTHING
    bits = f"{status.val_bits_per_byte:.3f}" if status.val_bits_per_byte is not None else quantities.NOTHING
    return [
        ("loss", quantities.loss(status.loss)),
        ("validation", quantities.loss(status.val_loss)),
        ("bits per byte", bits),
        ("best", best),
        ("tokens/s", quantities.rate(status.tokens_per_second).removesuffix("/s")),
        ("learning rate", rate),
        ("memory", quantities.byte_count(status.memory_bytes)),
        ("parameters", quantities.count(status.num_parameters or None)),
        ("training tokens", tokens),
        *([("of peak", share_of_peak)] if share_of_peak else []),
        ("device", visible(device) or quantities.NOTHING),
    ]


# The configuration in the order a person thinks of it.
_GROUPS = {
    "What it learns": (
        "method",
        "dataset",
        "validation_dataset",
        "validation_share",
        "base_model",
        "chat_format",
    ),
    "The model": (
        *(
            "num_layers",
            "num_heads",
            "embedding_size",
            "context_length",
            "dropout",
            "bias",
            "qkv_bias",
            "tied_head",
            "initialization",
        ),
        *("tokenizer", "vocab_size"),
    ),
    "Optimisation": (
        *("max_steps", "batch_size", "micro_batch_size", "learning_rate", "min_learning_rate", "schedule"),
        *("warmup_steps", "beta1", "beta2", "weight_decay", "gradient_clip"),
    ),
}


def config_words(config: TrainingConfig, width: int) -> Content:
    """Every setting of a run with its explanation; those that differ from the defaults stand out."""
    values, defaults = config.to_dict(), TrainingConfig().to_dict()
    grouped = {name for names in _GROUPS.values() for name in names}
    groups = {**_GROUPS, "Measuring and the machine": tuple(name for name in values if name not in grouped)}
    lines: list[Content] = []
    for title, names in groups.items():
        lines += [Content.styled(title, "bold $text-accent")] + [
            _setting_line(name, values[name], values[name] != defaults[name], width)
            for name in names
            if name in values
        ]
        lines.append(Content(""))
    return Content("\n").join(lines)


def _setting_line(name: str, value: object, is_changed: bool, width: int) -> Content:
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    shown = one_line(shown, max(10, width - 30)) or "–"
    explanation = explanation_of(TrainingConfig, name)
    room = max(0, width - 22 - max(14, len(shown)) - 2)
    explanation = explanation if len(explanation) <= room else explanation[: max(0, room - 1)].rstrip() + "…"
    return Content.assemble(
        (f"  {name:<19} ", "$foreground 70%"),
        (f"{shown:<14}", "bold" if is_changed else ""),
        (f"  {explanation}" if room > 12 else "", "$foreground 50%"),
    )


def sample_words(sample: SampleRow, width: int) -> Content:
    """One sample under a line with its step; a reply in a line of its own."""
    head = f" step {sample.step:,} "
    prompt = f"{sample.prompt}\n" if sample.is_reply else sample.prompt
    text = sample.text if sample.is_reply else sample.text.removeprefix(prompt)
    return Content.assemble(
        ("──", "$foreground 30%"),
        (head, "bold $text-accent"),
        ("─" * max(0, width - len(head) - 3), "$foreground 30%"),
        "\n",
        (visible(prompt), "$foreground 55%"),
        plain(text),
        "\n",
    )


def report_words(report: DataReport, width: int) -> Content:
    """What the look at the data found: how much, what is odd, and how it begins."""
    kind = "plain text" if report.format == "plain_text" else f"{report.format} rows"
    unit = "line" if report.format == "plain_text" else "row"
    more = "" if report.complete else " in its first part"
    counts = [
        quantities.counted(report.rows, unit),
        f"{quantities.count(report.characters)} character{'' if report.characters == 1 else 's'}{more}",
    ]
    if report.files > 1:
        counts.insert(0, f"{report.files:,} files")
    mark = ("✘ ", "$text-error") if report.has_nothing else ("✔ ", "$text-success")
    lines = [Content.assemble(mark, (kind, "bold"), " · ", " · ".join(counts))]
    lines += [
        Content.styled(f"! {one_line(warning, 200)}", "$text-warning") for warning in report.warnings[:4]
    ]
    lines += [
        Content.styled("  " + one_line(f"line {bad.line:,}: {bad.reason}", width - 2), "$text-warning")
        for bad in report.rejected[:3]
    ]
    lines += [Content.styled(one_line(f"│ {row}", width), "$foreground 60%") for row in report.preview[:2]]
    return Content("\n").join(lines)
