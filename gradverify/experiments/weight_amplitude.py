"""The layer that starts smallest changes most, because every layer gains about the same squared norm.

A ReLU net is unchanged when a hidden unit's incoming weights and bias are multiplied by c > 0 and its
outgoing weights divided by c. Hence <w_in, dL/dw_in> + b dL/db = <w_out, dL/dw_out> for every hidden
unit, and under gradient flow |W_l|^2 + |b_l|^2 - |W_{l+1}|^2 never changes. The biases aside, all layers
gain one squared norm G, and

    |W_l(t)| / |W_l(0)| = sqrt(1 + G(t) / |W_l(0)|^2).

What is *predicted* is this ratio of norms. The mean of |W_ij|, drawn beside it, follows the norm only as
far as the weights keep the shape of their distribution. A step of size ``rate`` moves the conserved
quantity by rate^2 times a difference of squared gradients, so the prediction is not exact either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify.experiments import _canvas as draw
from gradverify.experiments.learning_rate import at_least_one, counted
from gradverify.nn import History, digits, initialise, network, train
from gradverify.nn.trainer import Progress

FULL = 600  # epochs
SHORT = 200  # the order of the layers and the prediction already show; the ratios still grow
RATE = 0.1
SHRUNK, FACTOR = 3, 0.25  # in the second run this layer starts at this fraction of its size


@dataclass(frozen=True)
class Layers:
    """One run, its weights measured layer by layer; arrays are "epochs+1 layers", layers counted from 1."""

    name: str
    history: History

    @property
    def amplitude_ratio(self) -> Array:
        """The mean of |W_ij| relative to its start: the quantity of the seed's figure."""
        amplitude = self.history.amplitude
        ratio: Array = amplitude / amplitude[0]
        return ratio

    @property
    def norm_ratio(self) -> Array:
        """The norm |W_l| relative to its start: the quantity that is predicted."""
        norm = self.history.norm
        ratio: Array = norm / norm[0]
        return ratio

    @property
    def gain(self) -> Array:
        """G(t), one number for each time: the mean over the layers of |W_l(t)|^2 - |W_l(0)|^2, taken from this run."""
        squared = self.history.norm**2
        mean: Array = np.mean(squared - squared[0], axis=1)
        return mean

    @property
    def predicted_ratio(self) -> Array:
        """sqrt(1 + G(t) / |W_l(0)|^2): one number from the run, six curves."""
        ratio: Array = np.sqrt(1 + self.gain[:, None] / self.history.norm[0] ** 2)
        return ratio

    @property
    def off_by(self) -> Array:
        """How far each layer's norm ratio ends from its prediction, relative to the prediction."""
        off: Array = np.abs(self.norm_ratio[-1] / self.predicted_ratio[-1] - 1)
        return off

    @property
    def off_by_at_most(self) -> float:
        """The same, the worst layer at the worst time."""
        return float(np.max(np.abs(self.norm_ratio / self.predicted_ratio - 1)))

    @property
    def smallest(self) -> int:
        """The layer whose norm is smallest at the start."""
        return 1 + int(np.argmin(self.history.norm[0]))

    @property
    def changes_most(self) -> int:
        """The layer whose norm ratio ends farthest from 1."""
        return 1 + int(np.argmax(np.abs(self.norm_ratio[-1] - 1)))

    @property
    def amplitude_changes_most(self) -> int:
        """The layer whose mean |W_ij| ends farthest, relative to its start, from 1."""
        return 1 + int(np.argmax(np.abs(self.amplitude_ratio[-1] - 1)))

    def to_json(self) -> dict[str, Any]:
        """Everything drawn or printed, as plain numbers."""
        return {
            "name": self.name,
            "smallest_layer": self.smallest,
            "norm_changes_most_in_layer": self.changes_most,
            "mean_absolute_weight_changes_most_in_layer": self.amplitude_changes_most,
            "off_by_at_the_end": self.off_by.tolist(),
            "off_by_at_most": self.off_by_at_most,
            "final_train_accuracy": float(self.history.train_accuracy[-1]),
            "diverged_after": self.history.diverged,
            "norm_at_start": self.history.norm[0].tolist(),
            "gain": self.gain.tolist(),
            "amplitude_ratio": self.amplitude_ratio.tolist(),
            "norm_ratio": self.norm_ratio.tolist(),
            "predicted_norm_ratio": self.predicted_ratio.tolist(),
        }


@dataclass(frozen=True)
class WeightAmplitude:
    """Two runs that differ in the start of one layer; as text (``str``), as data (``to_json``) and as a figure."""

    standard: Layers
    shrunk: Layers
    epochs: int
    seed: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What this run cannot show."""
        notes = [
            "G is the layers' mean gain, taken from the run: it predicts how they differ, not how much they gain.",
            "One data set and one seed: what is said here is said of these two runs.",
        ]
        if self.epochs < FULL:
            notes.append(f"A short run, {self.epochs} epochs of {FULL}: the ratios would grow on.")
        return tuple(notes)

    def __str__(self) -> str:
        setting = f"digits (512 images), He start, full batch, rate {RATE}, {self.epochs} epochs, seed {self.seed}"
        lines = [f"Weight amplitude by layer: {setting}"]
        row = "{:>7} {:>12} {:>15} {:>12} {:>12} {:>8}"
        for run in (self.standard, self.shrunk):
            lines += ["", f"{run.name} (training accuracy {run.history.train_accuracy[-1]:.3f})"]
            lines.append(row.format("layer", "|W| at start", "mean |Wij| ratio", "norm ratio", "predicted", "off by"))
            for k, off in enumerate(run.off_by):
                numbers = (run.amplitude_ratio[-1, k], run.norm_ratio[-1, k], run.predicted_ratio[-1, k])
                start = f"{run.history.norm[0, k]:.2f}"
                lines.append(row.format(k + 1, start, *(f"{number:.3f}" for number in numbers), f"{100 * off:.1f} %"))
            lines.append(
                f"Layer {run.changes_most} changes most; layer {run.smallest} starts smallest. "
                f"At no time is a layer off its prediction by more than {100 * run.off_by_at_most:.1f} %."
            )
        return "\n".join((*lines, "", *self.notes))

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return {
            "experiment": "weight_amplitude",
            "epochs": self.epochs,
            "seed": self.seed,
            "notes": list(self.notes),
            "runs": [self.standard.to_json(), self.shrunk.to_json()],
        }

    def figure(self, path: str | Path) -> Path:
        """Mean |W_ij| by epoch, and the norms of both runs with their prediction; saved as PNG."""
        figure, panels = draw.canvas(1, 3, size=(13.2, 4.9), sharey=True)
        drawn = (
            (
                self.standard,
                self.standard.amplitude_ratio,
                None,
                f"Mean |Wᵢⱼ|: layer {self.standard.amplitude_changes_most} moves most",
            ),
            (
                self.standard,
                self.standard.norm_ratio,
                self.standard.predicted_ratio,
                f"Norm ‖W‖: layer {self.standard.changes_most} moves most",
            ),
            (
                self.shrunk,
                self.shrunk.norm_ratio,
                self.shrunk.predicted_ratio,
                f"Norm, layer {SHRUNK} started at a quarter: layer {self.shrunk.changes_most} moves most",
            ),
        )
        for panel, (_, ratio, predicted, title) in zip(panels, drawn, strict=True):
            for k, colour in enumerate(COLOURS):
                panel.plot(ratio[:, k], color=colour, linewidth=1.8)
                if predicted is not None:
                    panel.plot(predicted[:, k], color=draw.INK, linewidth=1, linestyle=(0, (2, 2)))
            panel.set_xlim(0, len(ratio) - 1)
            draw.caption(panel, title, x="epoch", y="size relative to its start" if panel is panels[0] else "")
        as_said = all(run.changes_most == run.smallest for run in (self.standard, self.shrunk))
        headline = "The smallest layer changes most" if as_said else "The size of each layer"
        figure.suptitle(
            f"{headline}. Dashed: √(1 + G(t) / ‖W(0)‖²), with one number G(t) for all six layers",
            x=0.01,
            ha="left",
            fontsize=12,
            color=draw.INK,
        )
        figure.supxlabel(
            f"digits, 512 images, full batch, rate {RATE}; 64-64-64-64-64-64-10, ReLU; He start; seed {self.seed}. "
            "G(t): the layers' mean gain in squared norm, from the run.",
            fontsize=8,
            color=draw.FAINT,
            x=0.01,
            ha="left",
        )
        figure.draw_without_rendering()
        for panel, (_, ratio, _, _) in zip(panels, drawn, strict=True):
            labels = [
                (float(ratio[-1, k]), f"W{k + 1}  {ratio[-1, k]:.2f}", colour) for k, colour in enumerate(COLOURS)
            ]
            draw.label_ends(panel, labels)
        return draw.save(figure, path)


COLOURS = (draw.SKY, draw.BLUE, draw.GREEN, draw.ORANGE, draw.PURPLE, draw.RED)


def weight_amplitude(epochs: int = FULL, *, seed: int = 0, progress: Progress | None = None) -> WeightAmplitude:
    """Train from a He start, and again with layer 3 started at a quarter; ``progress`` counts over both."""
    at_least_one(epochs, "weight_amplitude")
    net, data = network(), digits()
    standard = initialise(net, np.random.default_rng(seed), scheme="he")
    place = 2 * (SHRUNK - 1)
    shrunk = tuple(p * np.float32(FACTOR) if k == place else p for k, p in enumerate(standard))
    names = ("He start", f"He start, layer {SHRUNK} times {FACTOR}")
    runs = []
    for k, (name, start) in enumerate(zip(names, (standard, shrunk), strict=True)):
        tell = counted(progress, k * epochs, 2 * epochs)
        runs.append(Layers(name, train(net, data, rate=RATE, epochs=epochs, init=start, seed=seed, progress=tell)))
    return WeightAmplitude(runs[0], runs[1], epochs, seed)
