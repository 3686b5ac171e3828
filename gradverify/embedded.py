"""The embedded default: our own operations and our own network on real digits, under every law, and both experiments.

A door without a target: what ``gradverify check`` runs when it is given nothing. Rows come one at a
time, so that whoever shows them need not wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradverify._check import run, untouched_state
from gradverify._domain import At, Domain
from gradverify._errors import Misuse
from gradverify._subject import Subject
from gradverify._verdict import Verdict
from gradverify.laws import laws_of
from gradverify.nn import OPS, digits, initialise, network
from gradverify.sampling import Sampling

BATCH = 32  # digits in the batch whose gradient is checked
WIDTHS = (64, 64, 64, 64, 64, 64, 10)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    """One line of the main job: a subject's verdicts, an experiment's words and figure, or why there is neither."""

    name: str
    verdicts: tuple[Verdict, ...] = ()
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    figure: str = ""
    missing: str = ""


def rows(*, seed: int, output: Path, progress: Progress, begin: Callable[[str], None]) -> Iterator[Row]:
    """The whole job in order. ``begin`` is told what starts, ``progress`` how far an experiment is."""
    with untouched_state():
        for op in OPS:
            begin(op.name)
            yield Row(op.name, tuple(run(op, laws_of(op.spec), Sampling(), seed=seed)))
        begin("the network on digits")
        try:
            subject = network_on_digits(seed)
        except Misuse as missing:
            yield Row("network on digits", missing=str(missing))
        else:
            yield Row(subject.name, tuple(run(subject, laws_of(subject.spec), Sampling(), seed=seed)))
        yield from _experiments(seed, output, progress, begin)


def network_on_digits(seed: int, dtype: str = "float64") -> Subject:
    """The six-layer network's loss at a real batch of digits, in every weight and bias.

    He weights, and small random biases, none of them zero: at zero the balance law could not see them.
    Raises Misuse where scikit-learn is not installed.
    """
    data = digits(dtype=dtype)
    rng = np.random.default_rng(seed)
    net = network(WIDTHS)
    parameters = initialise(net, rng, scheme="he", dtype=dtype)
    filled = [p if p.ndim > 1 else (0.1 * rng.standard_normal(p.shape)).astype(dtype) for p in parameters]
    given = (data.train_x[:BATCH], data.train_t[:BATCH], *filled)
    kinds = ["real", "one-hot", *["real"] * len(filled)]
    places = {n: At(a, kind=k) for n, a, k in zip(net.names, given, kinds, strict=True)}
    return replace(net, name=f"network on {BATCH} digits, {dtype}", domain=Domain(places))


def _experiments(seed: int, output: Path, progress: Progress, begin: Callable[[str], None]) -> Iterator[Row]:
    from gradverify.experiments import learning_rate, weight_amplitude
    from gradverify.experiments.learning_rate import SHORT as FEW
    from gradverify.experiments.weight_amplitude import SHORT as FEWER

    for name, experiment, epochs in (
        ("learning-rate", learning_rate, FEW),
        ("weight-amplitude", weight_amplitude, FEWER),
    ):
        begin(f"the {name} experiment")
        try:
            result = experiment(epochs, seed=seed, progress=lambda done, of, *_: progress(done, of))
            path = output / f"{name}.png"
            result.figure(str(path))
        except Misuse as missing:
            yield Row(name, missing=str(missing))
            continue
        yield Row(name, text=str(result), data=result.to_json(), figure=str(path))


def write(path: Path, text: str) -> None:
    """The text in a file, whole or not at all: written beside it and moved into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
