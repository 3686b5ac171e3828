"""One rate is too low and learns slowly, one is adequate and peaks before it falls, one is too high and breaks down.

Six weight layers (64-64-64-64-64-64-10, ReLU, softmax and cross-entropy) on 512 digits, full batch,
weights from N(0, 0.1^2). The fourth curve is the next step: the adequate rate, decayed by accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._errors import Misuse
from gradverify.experiments import _canvas as draw
from gradverify.nn import ByAccuracy, Constant, History, Schedule, digits, network, train
from gradverify.nn.trainer import Progress

FULL = 1000  # epochs; every curve has then shown what it does
SHORT = 600  # the adequate rate has peaked and fallen, but decay by accuracy is still on its way to 0.9
ADEQUATE = 0.06
CURVES: tuple[tuple[str, Schedule], ...] = (
    ("too low", Constant(0.003)),
    ("adequate", Constant(ADEQUATE)),
    ("too high", Constant(1.2)),
    ("decayed by accuracy", ByAccuracy(ADEQUATE)),
)
GOOD = 0.9  # the training accuracy at which we call the digits learnt
RISE = 1.05  # a loss above this times the least so far has risen
FALL = 0.2  # how far below its best the accuracy has fallen when we say it fell
BROKEN = 0.5  # the final training accuracy below which a run that rose has broken down


@dataclass(frozen=True)
class Curve:
    """One run and what is measured on its training curve."""

    name: str
    schedule: Schedule
    history: History

    @property
    def accuracy(self) -> Array:
        """Training accuracy after each number of epochs."""
        return self.history.train_accuracy

    @property
    def reached(self) -> int | None:
        """The epochs after which the training accuracy was first 0.9."""
        good = np.flatnonzero(self.accuracy >= GOOD)
        return int(good[0]) if good.size else None

    @property
    def deepest_drop(self) -> tuple[float, int] | None:
        """The most the accuracy lay below its best so far, once 0.9 was reached, and after how many epochs."""
        if self.reached is None:
            return None
        below = (np.maximum.accumulate(self.accuracy) - self.accuracy)[self.reached :]
        return float(below.max()), self.reached + int(below.argmax())

    @property
    def rises(self) -> Array:
        """The epochs at which the loss was above 1.05 times its least so far, or no number any more."""
        loss = self.history.loss
        return 1 + np.flatnonzero(~(loss[1:] <= RISE * np.minimum.accumulate(loss)[:-1]))

    @property
    def broke_down(self) -> bool:
        """Final training accuracy below 0.5 *and* a rise of the loss; a slow run is not a broken one."""
        return bool(self.accuracy[-1] < BROKEN and self.rises.size)

    @property
    def outcome(self) -> str:
        """What happened, in words."""
        if self.history.diverged is not None:
            return f"diverged after {self.history.diverged} epochs"
        if self.broke_down:
            return "broke down"
        if self.reached is None:
            return "still learning"
        drop, _ = self.deepest_drop or (0.0, 0)
        if drop < FALL:
            return "learnt"
        return "learnt, fell and recovered" if self.accuracy[-1] >= GOOD else "learnt and fell"

    def to_json(self) -> dict[str, Any]:
        """Everything drawn or printed, as plain numbers; a loss that was no number is None."""
        drop = self.deepest_drop
        return {
            "name": self.name,
            "schedule": repr(self.schedule),
            "reached_0.9_after": self.reached,
            "deepest_drop": None if drop is None else {"by": drop[0], "after": drop[1]},
            "loss_rises": int(self.rises.size),
            "first_loss_rise": int(self.rises[0]) if self.rises.size else None,
            "broke_down": self.broke_down,
            "diverged_after": self.history.diverged,
            "outcome": self.outcome,
            "loss": [float(v) if np.isfinite(v) else None for v in self.history.loss],
            "train_accuracy": self.accuracy.tolist(),
            "test_accuracy": self.history.test_accuracy.tolist(),
            "rate": self.history.rate.tolist(),
        }


@dataclass(frozen=True)
class LearningRate:
    """The four curves, their facts as text (``str``), as data (``to_json``) and as a figure."""

    curves: tuple[Curve, ...]
    epochs: int
    seed: int

    def __getitem__(self, name: str) -> Curve:
        return next(curve for curve in self.curves if curve.name == name)

    @property
    def notes(self) -> tuple[str, ...]:
        """What this run cannot show."""
        notes = ["One data set and one seed: what is said here is said of this run."]
        if self.epochs < FULL:
            waiting = [c.name for c in self.curves if c.reached is None and not c.broke_down]
            still = f" Not yet at {GOOD}: {', '.join(waiting)}." if waiting else ""
            notes.append(f"A short run, {self.epochs} epochs of {FULL}; how each curve ends is not shown.{still}")
        return tuple(notes)

    def __str__(self) -> str:
        head = (
            f"Accuracy by learning rate: digits (512 images), six weight layers, N(0, 0.1^2) start, full batch, "
            f"{self.epochs} epochs, seed {self.seed}\n"
        )
        row = "{:<20} {:>13} {:>6} {:>6} {:>10} {:>17} {:>11}  {}"
        lines = [row.format("curve", "rate", "train", "test", "0.9 after", "deepest drop", "loss rises", "outcome")]
        for curve in self.curves:
            drop = curve.deepest_drop
            lines.append(
                row.format(
                    curve.name,
                    _span(curve.history.rate),
                    f"{curve.accuracy[-1]:.3f}",
                    f"{curve.history.test_accuracy[-1]:.3f}",
                    "-" if curve.reached is None else curve.reached,
                    "-" if drop is None else f"{drop[0]:.2f} (epoch {drop[1]})",
                    curve.rises.size,
                    curve.outcome,
                )
            )
        return "\n".join((head, *lines, "", *self.notes))

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return {
            "experiment": "learning_rate",
            "epochs": self.epochs,
            "seed": self.seed,
            "notes": list(self.notes),
            "curves": [curve.to_json() for curve in self.curves],
        }

    def figure(self, path: str | Path) -> Path:
        """Training accuracy and, below it, the loss, by epoch; saved as PNG."""
        figure, (top, bottom) = draw.canvas(2, 1, size=(9.6, 7.2), sharex=True, gridspec_kw={"height_ratios": (3, 2)})
        for curve in self.curves:
            colour, behind = COLOURS[curve.name], curve.name == "adequate"
            style = {"color": colour, "linewidth": 1.1 if behind else 1.8, "zorder": 2 if behind else 3}
            top.plot(100 * curve.accuracy, **style)
            bottom.plot(curve.history.loss, **style)
        top.set_xlim(0, self.epochs)
        top.set_ylim(0, 102)
        draw.logarithmic(bottom)
        spikes, calm = self["adequate"].rises.size, self["decayed by accuracy"].rises.size
        bottom.axhline(np.log(10), color=draw.FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        draw.caption(
            top, "One rate too low, one adequate, one too high; and the adequate one decayed", y="training accuracy (%)"
        )
        draw.caption(
            bottom,
            f"Loss above {RISE} times its least so far: {spikes} epochs at the adequate rate, {calm} decayed",
            x="epoch",
            y="training loss (nats)",
        )
        self._point_out(top)
        figure.draw_without_rendering()
        labels = [
            (100 * c.accuracy[-1], f"{c.name}\nrate {_span(c.history.rate)}", COLOURS[c.name]) for c in self.curves
        ]
        draw.label_ends(top, labels, lines=2)
        draw.label_ends(bottom, [(np.log(10), "ln 10, the loss\nof a uniform guess", draw.FAINT)], lines=2)
        figure.supxlabel(
            f"digits, 512 images, full batch; 64-64-64-64-64-64-10, ReLU; weights N(0, 0.1²); seed {self.seed}",
            fontsize=8,
            color=draw.FAINT,
            x=0.01,
            ha="left",
        )
        return draw.save(figure, path)

    def _point_out(self, panel: Any) -> None:
        curve = self["adequate"]
        if curve.deepest_drop is None:
            return
        _, when = curve.deepest_drop
        peak = int(curve.accuracy[:when].argmax()) if when else 0
        best, height = 100 * float(curve.accuracy[peak]), 100 * float(curve.accuracy[when])
        side = 1 if when < 0.75 * self.epochs else -1  # where there is room
        panel.annotate(
            f"{best:.0f} % at epoch {peak},\n{best - height:.0f} points less at epoch {when}",
            (when, height),
            xytext=(14 * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=9,
            color=draw.INK,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
            arrowprops={"arrowstyle": "-", "color": draw.INK, "linewidth": 0.8},
            zorder=5,
        )


COLOURS = {
    "too low": draw.BLUE,
    "adequate": draw.GREEN,
    "too high": draw.RED,
    "decayed by accuracy": draw.PURPLE,
}


def learning_rate(epochs: int = FULL, *, seed: int = 0, progress: Progress | None = None) -> LearningRate:
    """Train the four curves from one start; ``progress(epoch, epochs, loss, accuracy)`` counts over all of them."""
    at_least_one(epochs, "learning_rate")
    net, data = network(), digits()
    curves = []
    for k, (name, schedule) in enumerate(CURVES):
        tell = counted(progress, k * epochs, len(CURVES) * epochs)
        history = train(net, data, rate=schedule, epochs=epochs, init="normal", scale=0.1, seed=seed, progress=tell)
        curves.append(Curve(name, schedule, history))
    return LearningRate(tuple(curves), epochs, seed)


def at_least_one(epochs: int, experiment: str) -> None:
    """Misuse where there is no epoch to show."""
    if epochs < 1:
        raise Misuse(f"{experiment}: epochs={epochs} leaves nothing to show; write 1 or more.")


def counted(progress: Progress | None, before: int, total: int) -> Callable[[int, int, float, float], None] | None:
    """The same progress, told of one run among several: ``before`` epochs are done, ``total`` there are."""
    if progress is None:
        return None
    tell = progress
    return lambda epoch, epochs, loss, accuracy: tell(before + epoch, total, loss, accuracy)


def _span(rate: Array) -> str:
    if not rate.size:
        return "-"
    return f"{rate[0]:.3g}" if rate[0] == rate[-1] else f"{rate[0]:.2g} to {rate[-1]:.2g}"
