"""The ladder asks the cheapest oracle that can decide: complex step, differences in long double or float64, or more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradverify._subject import Broken, Subject
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.judge.numbers import BLUNT
from gradverify.oracles import arbitrary, complex_step, extended, finite_difference
from gradverify.oracles.line import Line, flat

SHARP = 1e-9  # a bar this far below sum |v||f'u| needs no finer oracle: mistakes are looked for at 1e-2 and up


@dataclass(frozen=True)
class Ladder:
    """The default oracle. It remembers that the complex step was confirmed at the latest trial, or point.

    ``careful`` asks for a second opinion of another kind with every answer.
    """

    careful: bool = False
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, f'(x) u> with its error, and ``second``, the opinion of another oracle, where there is one."""
        try:
            found = self._directional(subject, x, u, v)
            return self._with_limits(found, subject, x, u) if isinstance(found, Estimate) else found
        except Broken as failure:
            return CannotHere(str(failure))

    def _with_limits(self, found: Estimate, subject: Subject, x: Vectors, u: Vectors) -> Estimate:
        """The estimate with the least gap that a second look can confirm: its oracle's bar has to be far below."""
        if "higher" not in self.memo:
            self.memo["higher"] = self._higher(subject, x, u)
        second = "longdouble" if self.memo["higher"] else "float64"
        sharper = self.memo["higher"] and found.source == "float64 differences"
        return replace(
            found,
            refutes=0.0 if sharper else found.error / BLUNT,
            share=finite_difference.TARGET[second] / BLUNT,
        )

    def _higher(self, subject: Subject, x: Vectors, u: Vectors) -> bool:
        """Does the function run in more digits than float64 has?"""
        y = subject.forward(x)
        if not extended.refused(Line(subject, x, u, flat(y))):
            return True
        ones = Vectors(tuple(np.ones(p.shape) for p in y), bare=y.bare)
        return isinstance(arbitrary.Arbitrary().directional(subject, x, u, ones), Estimate)

    def _directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        here = (id(subject.memory), str(subject.at)) if self._trusting(subject) else tuple(map(id, x.parts))
        if self.memo.get("here") != here:
            self.memo.clear()
            self.memo.update(here=here, keep=(subject.memory, x), analytic=None)
        line = Line(subject, x, u, flat(subject.forward(x)))
        weights = flat(v).astype(np.float64)
        analytic: Estimate | CannotHere = CannotHere("complex step: refuted here")
        if self.memo["analytic"] is not False:
            slope = complex_step.raw(line)
            if isinstance(slope, CannotHere):
                self.memo["analytic"], analytic = False, slope
            else:
                if self.memo["analytic"] is None:
                    self.memo["analytic"] = complex_step.self_test(line, slope, np.abs(weights))
                if self.memo["analytic"]:
                    analytic = finite_difference.combined(
                        line, complex_step.settled(line, slope), weights, "complex step"
                    )
        if isinstance(analytic, Estimate) and not self.careful:
            return analytic
        wide = extended.Extended().directional(subject, x, u, v)
        if _sharp(wide) and not self.careful:
            return wide
        plain = finite_difference.combined(
            line, finite_difference.slopes(line, "float64", np.abs(weights)), weights, "float64 differences"
        )
        if not _sharp(wide) and (self.careful or not _sharp(plain)):
            more = arbitrary.Arbitrary().directional(subject, x, u, v)
            wide = more if isinstance(more, Estimate) else wide
        if isinstance(wide, Estimate) and (isinstance(plain, CannotHere) or wide.error < plain.error):
            plain = replace(wide, second=plain if isinstance(plain, Estimate) else None)
        if isinstance(analytic, Estimate):
            return replace(analytic, second=plain if isinstance(plain, Estimate) else None)
        return plain

    def _trusting(self, subject: Subject) -> bool:
        """Is a confirmation good for all points of one trial? Not where a disagreement is looked at again."""
        return subject.memory is not None and not self.careful


def _sharp(found: Estimate | CannotHere) -> bool:
    """Is its bar so far below the value that no finer oracle is needed?"""
    return isinstance(found, Estimate) and found.error <= SHARP * abs(found.value)
