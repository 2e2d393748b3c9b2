"""Lesson 11's explorer: loss and accuracy while a model trains at 8, 4 and 2 bits, live."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from torch import nn

from qlab.explore.base import Explorer, button, check, choice, whole
from qlab.explore.comparison import Cell, Comparison
from qlab.explore.curves import Curves
from qlab.explore.panels import Panel, error_panel, fixed, significant, value_panel
from qlab.explore.training_runs import (
    GRANULARITIES,
    RATES,
    SCALES,
    SEEDS,
    SHOWN,
    STEPS,
    WIDTHS,
    Run,
    subject,
    warm_up,
)
from qlab.explore.view import Number, State, call
from qlab.metrics import mse, sqnr

PAUSE = 0.002  # seconds between two pieces of work, in which the kernel can answer a click


def training(
    model: nn.Module | None = None,
    granularity: str = "per row",
    scales: str = "learned",
    learning_rate: float = 0.005,
    seed: int = 0,
    step: int = 0,
):
    """The explorer of lesson 11, to be shown as the last line of a notebook's cell.

    model: None for the digits network, or your own module from images (N, 1, 8, 8) to scores (N, 10). granularity
    of the weights' scales: "per tensor" or "per row". scales: "learned" or "observed", as in `prepare_qat`.
    learning_rate: 0.001, 0.005 or 0.02. seed: of the order of the images, 0 to 4. step: how many of the 60 steps
    are made before the explorer is shown. Raises ValueError for a setting outside these.
    """
    chosen = subject(model)
    check("granularity", granularity, tuple(GRANULARITIES))
    check("scales", scales, SCALES)
    if learning_rate not in RATES:
        raise ValueError(f"learning_rate must be one of {', '.join(map(str, RATES))}, got {learning_rate!r}")
    check("seed", seed, SEEDS)
    check("step", step, range(STEPS + 1))
    controls = {
        "granularity": choice("scales", tuple(GRANULARITIES), granularity, "the weights that share a scale"),
        "scales": choice("found", SCALES, scales, "whether scales are learned or follow the observed range"),
        "learning_rate": choice("rate", RATES, learning_rate, "the learning rate at the first step"),
        "seed": whole("seed", SEEDS, seed, "seed of the order of the images"),
        "train": button("train", "train from where it stands, or stop"),
    }
    return Training(chosen, controls, step)


def state(run: Run) -> State:
    """What the explorer shows of a run as it stands."""
    chosen, granularity, scales, learning_rate, seed = run.settings
    settings = {"granularity": granularity, "scales": scales, "learning_rate": learning_rate}
    losses = {width: list(enumerate(losses, start=1)) for width, losses in run.losses.items()}
    return State(
        call=call("training", *chosen.call, **settings, seed=seed, step=run.step),
        numbers=_numbers(run),
        panels=_panels(run),
        table=_table(run),
        remark=_remark(run),
        note=_note(run),
        lead=Curves(STEPS, losses, run.accuracies, chosen.accuracy),
    )


class Training(Explorer):
    """The explorer with a button that trains. In a notebook's kernel the steps are made one after the other between
    the kernel's other work, so the button and all controls answer meanwhile; elsewhere all are made at once.
    """

    def __init__(self, chosen, controls: dict, step: int) -> None:
        self.chosen, self.run, self.running = chosen, None, False
        self._in_work = None  # the run that steps are being made of
        self._task = None  # kept, or it could be collected while it runs
        self._first = step
        warm_up()
        super().__init__(controls, self._state, {"train": self._pressed})

    def _state(self, **settings) -> State:
        """The run of these settings as it stands; another one is begun where they have changed."""
        wanted = (self.chosen, *settings.values())
        if self.run is None or self.run.settings != wanted:
            self._rest()
            self.run, self._first = Run(*wanted).to(self._first), 0
        return state(self.run)

    def _pressed(self) -> None:
        """Stop after the step that is in work, if there is one; else go on, or begin again after the last step."""
        if self._in_work is self.run:
            self.running = False
            return
        if self.run.step == STEPS:
            self.run = Run(*self.run.settings)
        self.running, self.controls["train"].description = True, "stop"
        if _in_kernel():
            self._task = asyncio.get_running_loop().create_task(self._between_other_work())
        else:
            for _ in self._pieces():
                pass

    async def _between_other_work(self) -> None:
        for _ in self._pieces():
            await asyncio.sleep(PAUSE)

    def _pieces(self) -> Iterator[None]:
        """The steps that are left, until a setting changes or the button is pressed; the view follows each step."""
        run = self._in_work = self.run
        try:
            while run is self.run and self.running and run.step < STEPS:
                yield from run.advance()
                if run is self.run:
                    self.refresh()
        finally:
            if run is self.run:
                self._rest()
            if run is self._in_work:
                self._in_work = None

    def _rest(self) -> None:
        self.running, self.controls["train"].description = False, "train"


def _in_kernel() -> bool:
    """Whether a notebook's kernel runs this, which has a loop that takes on tasks."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")


def _now(run: Run, width: str) -> float:
    """The accuracy measured last."""
    return run.accuracies[width][-1][1]


def _percent(share: float) -> str:
    return f"{fixed(100 * share, 1)} %"


def _numbers(run: Run) -> dict[str, Number]:
    """The figures above the panels: accuracies, then the weights at 2 bits."""
    _, before, _, rounded = run.weights()
    bits, error, ratio = run.bits_per_weight(SHOWN), mse(before, rounded), sqnr(before, rounded)
    figures = [
        ("step", "step", run.step, f"{run.step} of {STEPS}"),
        ("float32", "float32 model", 100 * run.chosen.accuracy, _percent(run.chosen.accuracy)),
        ("start", "2 bits, step 0", 100 * run.accuracies[SHOWN][0][1], _percent(run.accuracies[SHOWN][0][1])),
        ("now", "2 bits, now", 100 * _now(run, SHOWN), _percent(_now(run, SHOWN))),
        ("bits", "bits per weight", bits, fixed(bits, 3)),
        ("mse", "MSE, weights", error, significant(error)),
        ("sqnr", "SQNR, weights", ratio, f"{fixed(ratio, 1)} dB"),
    ]
    return {name: Number(label, value, text) for name, label, value, text in figures}


def _panels(run: Run) -> tuple[Panel, ...]:
    """One weight at 2 bits: before, the float that is trained, what is computed with, and how far that moved."""
    _, *weights = run.weights()
    before, kept, rounded = (weight.numpy() for weight in weights)
    largest = abs(before).max().item()
    return (
        value_panel("before", before, largest),
        value_panel("float kept", kept, largest),
        value_panel("at 2 bits", rounded, largest),
        error_panel("moved", rounded - before, largest),
    )


def _table(run: Run) -> Comparison:
    """Each width: what it costs, its accuracy before and now, its loss."""
    rows = []
    for width in WIDTHS:
        start, now, losses = run.accuracies[width][0][1], _now(run, width), run.losses[width]
        loss = significant(losses[-1], 3) if losses else "no step yet"
        bits = Cell(fixed(run.bits_per_weight(width), 3))
        rows.append((Cell(width), bits, Cell(_percent(start), start), Cell(_percent(now), now), Cell(loss)))
    heads = ("weights", "bits per weight", "accuracy at step 0", "accuracy now", "loss now")
    return Comparison("All three widths; activations have 8 bits", heads, tuple(rows), list(WIDTHS).index(SHOWN))


def _remark(run: Run) -> str:
    """What training has done at 2 bits so far."""
    start, now = _percent(run.accuracies[SHOWN][0][1]), _percent(_now(run, SHOWN))
    begun = f"At 2 bits {start} of the held-out digits are read right after calibration alone"
    if not run.step:
        *_, learning_rate, seed = run.settings
        return f"{begun}. Train: {STEPS} steps, rate {learning_rate:g} at first, images in order {seed}."
    measured = run.accuracies[SHOWN][-1][0]
    return f"{begun}, {now} after {measured} steps."


def _note(run: Run) -> str:
    name, before, _, _ = run.weights()
    corner = " Pictured: its top left corner." if max(before.shape) > 50 else ""
    return (
        f"The weight of {name}, with a row for each output: before training, batch norms folded, and now.{corner}"
    )
