"""The rows of the main job come one at a time, so that whoever shows them need not wait."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradverify._check import run, untouched_state
from gradverify._domain import At, Domain
from gradverify._errors import Misuse
from gradverify._examine import examine
from gradverify._method import Method, Prover
from gradverify._subject import Subject
from gradverify._verdict import Status, Verdict
from gradverify.embedded.mistakes import MISTAKES, Mistake
from gradverify.laws import laws_of, pullback_is_the_derivative
from gradverify.nn import OPS, digits, initialise, network
from gradverify.sampling import Sampling

BATCH = 32  # digits in the batch whose gradient is checked
SMALL = (3, 4, 2)  # widths of the network that is proved
WIDTHS = (64, 64, 64, 64, 64, 64, 10)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    """One line of the main job: a subject's verdicts, an experiment's words and figure, or why there is neither.

    ``refuted`` are a mistake's verdicts, one a method; they are no verdicts about anything of ours.
    """

    name: str
    verdicts: tuple[Verdict, ...] = ()
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    figure: str = ""
    missing: str = ""
    refuted: tuple[Verdict, ...] = ()


def methods() -> tuple[Method | Prover, ...]:
    """The three Methods, as the table names them."""
    from gradverify.search import Search
    from gradverify.symbolic.proof import Proof

    return Proof(), Search(), Sampling()


def rows(*, seed: int, output: Path, progress: Progress, begin: Callable[[str], None]) -> Iterator[Row]:
    """The whole job in order. ``begin`` is told what starts, ``progress`` how far an experiment is."""
    with untouched_state():
        for subject in (*OPS, network(SMALL)):
            begin(subject.name)
            found = (run(subject, laws_of(subject.spec), by, seed=seed) for by in methods())
            yield Row(subject.name, tuple(itertools.chain.from_iterable(found)))
        begin("the network on digits")
        try:
            subject = network_on_digits(seed)
        except Misuse as missing:
            yield Row("network on digits", missing=str(missing))
        else:
            yield Row(subject.name, tuple(run(subject, laws_of(subject.spec), Sampling(), seed=seed)))
        for mistake in MISTAKES:
            begin(mistake.what)
            yield Row(mistake.what, refuted=refuted(mistake, seed))
        begin("the theorems")
        yield _theorems()
        yield from _experiments(seed, output, progress, begin)


def refuted(mistake: Mistake, seed: int) -> tuple[Verdict, ...]:
    """The verdict of each Method on the mistake's derivative; raises where one does not see it."""
    verdicts = tuple(examine(pullback_is_the_derivative, mistake.wrong, by=by, seed=seed) for by in methods())
    missed = [v.by for v in verdicts if v.status is not Status.FAILS]
    if missed:
        raise AssertionError(f"{mistake.what}: not refuted by {' and '.join(missed)}; no other verdict is worth much")
    return verdicts


def _theorems() -> Row:
    """The theorems proved again, and held against their certificates."""
    from gradverify.theorems import theorem

    try:
        place = theorem.folder()
        theorems = theorem.load(place)
        stale = theorem.stale(place)
    except Misuse as missing:
        return Row("theorems", missing=str(missing))
    if stale:
        files = ", ".join(name for name, _ in stale)
        raise AssertionError(f"theorems and files in {place} differ: {files}; gradverify prove writes them")
    return Row("theorems", text=f"{len(theorems)} theorems proved for every size, each as its certificate says")


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
