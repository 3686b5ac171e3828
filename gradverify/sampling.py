"""The Method Sampling: seeded floats, plain points first, every point the same again for the same seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gradverify._method import Loop, Trial
from gradverify._subject import Subject
from gradverify._vectors import Vectors
from gradverify.floats import Floats, named, typical
from gradverify.points import KINDS, Seeded, point


@dataclass(frozen=True)
class Sampling:
    """Points from a seed. ``points`` is how many kinds of generated points are tried (all by default).

    ``smallest`` has what breaks shown at the smallest inputs that break in the same way, for about a second each.
    """

    points: int = len(KINDS)
    smallest: bool = False
    instruments: Floats = field(default_factory=Floats, compare=False)
    name: str = "Sampling"

    def drive(self, subject: Subject, seed: int, loop: Loop) -> None:
        """Bring every point of ``trials`` while any law is open."""
        for trial in self.trials(subject, seed):
            if not loop.open:
                return
            for finding in loop.judge(trial):
                if self.smallest:
                    self.instruments.shrink(trial, finding, loop)

    def trials(self, subject: Subject, seed: int) -> Iterator[Trial]:
        """Every combination of dtype and options at the plain point, then the other kinds of points."""
        choices = [dict(zip(subject.options, o, strict=True)) for o in itertools.product(*subject.options.values())]
        if subject.domain.fixed:
            for options in choices:
                yield self.instruments.given(subject, options, seed)
            return
        subject = typical(subject, seed)
        for number, kind in enumerate(KINDS[: self.points]):
            for dtype in subject.dtypes:
                for options in choices if number == 0 else choices[number % len(choices) :][:1]:
                    key = (named(subject.name), number, named(dtype))
                    source = Seeded(np.random.default_rng([seed, *key]))
                    x = Vectors(point(subject.domain, kind, dtype, source, subject.literals))
                    yield self.instruments.trial(subject.given(options), x, kind.name, seed, key)
