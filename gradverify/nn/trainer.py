"""What is trained is the very Subject that was verified: the trainer calls nothing but its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array
from gradverify._errors import Misuse
from gradverify._subject import Subject
from gradverify.nn.data import Digits
from gradverify.nn.network import initialise, logits, loss_and_gradient
from gradverify.nn.optimisers import SGD, Constant, Schedule

Progress = Callable[[int, int, float, float], None]  # epoch, epochs, loss, training accuracy


@dataclass(frozen=True)
class History:
    """A run, measured at the start of every epoch and once at its end: index e is after e epochs.

    ``amplitude`` is the mean of |W_ij|, ``norm`` the root of the sum of W_ij^2 and ``bias_norm`` that of
    b_i^2, each "epochs+1 layers"; ``rate`` is the one used in an epoch. ``diverged`` is the number of
    epochs after which the loss was no longer a finite number: the run stops there, and its last loss says so.
    """

    loss: Array
    train_accuracy: Array
    test_accuracy: Array
    rate: Array
    amplitude: Array
    norm: Array
    bias_norm: Array
    start: tuple[Array, ...]
    end: tuple[Array, ...]
    seed: int
    diverged: int | None = None

    @property
    def epochs(self) -> int:
        """The epochs done."""
        return len(self.loss) - 1


def train(
    network: Subject,
    data: Digits,
    *,
    rate: float | Schedule,
    epochs: int,
    init: str | Sequence[Array] = "he",
    scale: float = 0.1,
    seed: int = 0,
    batch: int | None = None,
    progress: Progress | None = None,
) -> History:
    """Gradient descent on the training images, the whole batch a step or ``batch`` at a time, reshuffled every epoch.

    ``rate`` is a number or a schedule; ``init`` a scheme of ``initialise`` (``scale`` is for "normal")
    or the parameters to start from, whose type then decides. ``seed`` draws the start and the order of
    the batches. Deterministic on one machine with one BLAS; not across them, since two right float32
    codes part after a ReLU flips.
    """
    if epochs < 0 or (batch is not None and batch < 1):
        raise Misuse(f"train: epochs={epochs}, batch={batch}; write epochs >= 0 and batch >= 1 (or None for all).")
    rng = np.random.default_rng(seed)
    if isinstance(init, str):
        init = initialise(network, rng, scheme=init, scale=scale, dtype=data.train_x.dtype.name)
    optimiser = SGD(Constant(rate) if isinstance(rate, int | float) else rate)
    labels = _labels(network, data)
    parameters = start = tuple(init)
    clock, rates, rows, diverged = optimiser.init(), [], [], None
    with np.errstate(over="ignore", invalid="ignore"):  # a rate that is too high is a result, not an accident
        while True:
            now = loss_and_gradient(network, data.train_x, labels, parameters)
            accuracy = _accuracy(now.logits, data.train_y)
            tested = _accuracy(logits(network, data.test_x, parameters), data.test_y)
            rows.append((now.loss, accuracy, tested, *_sizes(parameters)))
            if progress is not None:
                progress(clock.epoch, epochs, now.loss, accuracy)
            if not np.isfinite(now.loss):
                diverged = clock.epoch
            if diverged is not None or clock.epoch == epochs:
                break
            clock = optimiser.seen(clock, accuracy)
            rates.append(optimiser.schedule.at(clock))
            if batch is None:
                parameters = optimiser.step(clock, parameters, now.gradients)
            else:
                for some in _batches(rng, len(labels), batch):
                    there = loss_and_gradient(network, data.train_x[some], labels[some], parameters)
                    parameters = optimiser.step(clock, parameters, there.gradients)
            clock = optimiser.turn(clock)
    loss, train_accuracy, test_accuracy, amplitude, norm, bias_norm = (np.array(c) for c in zip(*rows, strict=True))
    return History(
        loss=loss,
        train_accuracy=train_accuracy,
        test_accuracy=test_accuracy,
        rate=np.array(rates),
        amplitude=amplitude,
        norm=norm,
        bias_norm=bias_norm,
        start=start,
        end=parameters,
        seed=seed,
        diverged=diverged,
    )


def _labels(network: Subject, data: Digits) -> Array:
    """One-hot or class numbers, as the network's loss wants them."""
    box = tuple(network.domain.arguments.values())[1]
    return data.train_y if box.kind == "index" else data.train_t


def _accuracy(scores: Array, classes: Array) -> float:
    """The share of rows whose largest score is the right class's; a row that is not finite is wrong."""
    best = np.argmax(scores, axis=-1)
    right = (best == classes) & np.isfinite(scores).all(axis=-1)
    return float(np.count_nonzero(right) / len(classes))


def _sizes(parameters: Sequence[Array]) -> tuple[list[float], list[float], list[float]]:
    """For each layer the mean of |W|, the norm of W and the norm of b."""
    weights, biases = parameters[::2], parameters[1::2]
    amplitude = [float(np.mean(np.abs(W))) for W in weights]
    return amplitude, [_norm(W) for W in weights], [_norm(b) for b in biases]


def _norm(a: Array) -> float:
    flat = a.ravel()
    return float(np.sqrt(flat @ flat))


def _batches(rng: np.random.Generator, n: int, size: int) -> Iterator[Array]:
    order = rng.permutation(n)
    for first in range(0, n, size):
        yield order[first : first + size]
