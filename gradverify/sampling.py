"""The Method Sampling: seeded floats, plain points first, every point the same again for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradverify._method import Loop, Trial
from gradverify._subject import Subject
from gradverify._vectors import Vectors
from gradverify.floats import Floats, answers, named, typical
from gradverify.points import KINDS, Kind, Seeded, combinations, point, swept


@dataclass(frozen=True)
class Sampling:
    """Points from a seed. ``points`` is how many kinds of generated points are tried (all by default).

    What breaks is shown at the smallest inputs and cotangent found that break in the same way, for up to a second
    each; not ``smallest``, as it was found.
    """

    points: int = len(KINDS)
    smallest: bool = True
    instruments: Floats = field(default_factory=Floats, compare=False)
    name: str = "Sampling"

    def drive(self, subject: Subject, seed: int, loop: Loop) -> None:
        """Bring every point of ``trials`` while any law is open."""
        reported = self.instruments.shrink if self.smallest else self.instruments.plainer
        for trial in self.trials(subject, seed):
            if not loop.open:
                return
            for finding in loop.judge(trial):
                reported(trial, finding, loop)
                self.instruments.explain(trial, finding, loop)
        if subject.domain.fixed:
            self._look_inside(subject, seed, loop)

    def _look_inside(self, subject: Subject, seed: int, loop: Loop) -> None:
        """What breaks a law just inside the ends of a given range is found too; what holds there adds nothing."""
        for trial in self.instruments.inside(subject, seed):
            for law in loop.open:
                if (finding := loop.again(trial, law)) is not None:
                    loop.keep(finding)
                    return

    def trials(self, subject: Subject, seed: int) -> Iterator[Trial]:
        """The options alone and in pairs at the plain point in every type, and in turn at the other kinds of points."""

        def given(options: Mapping[str, Any]) -> Trial:
            return self.instruments.given(subject, options, seed)

        if subject.domain.fixed:
            yield from swept(subject.options, given, answers)
            return
        subject = typical(subject, seed)
        usable: dict[str, list[Mapping[str, Any]]] = {dtype: [] for dtype in subject.dtypes}  # options that answer
        for number, kind in enumerate(KINDS[: self.points]):
            for dtype in subject.dtypes:

                def made(options: Mapping[str, Any], n: int = number, kind: Kind = kind, dtype: str = dtype) -> Trial:
                    return self._made(subject, options, n, kind, dtype, seed)

                if number == 0:
                    for trial in swept(subject.options, made, answers):
                        yield trial
                        usable[dtype] += [trial.subject.at] if subject.options and answers(trial) else []
                else:
                    choices = usable[dtype] or combinations(subject.options)
                    yield made(choices[number % len(choices)])

    def _made(
        self, subject: Subject, options: Mapping[str, Any], number: int, kind: Kind, dtype: str, seed: int
    ) -> Trial:
        """The trial at the point of this kind and type, which is the same for all options."""
        key = (named(subject.name), number, named(dtype))
        x = Vectors(point(subject.domain, kind, dtype, Seeded(np.random.default_rng([seed, *key])), subject.literals))
        return self.instruments.trial(subject.given(options), x, kind.name, seed, key)
