"""The ladder asks the cheapest oracle that can decide: complex step, differences in long double or float64, or more."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._memory import ENTRIES
from gradverify._subject import Broken, Subject
from gradverify._vectors import FAR, CannotHere, Estimate, Vectors
from gradverify.oracles import arbitrary, complex_step, extended, finite_difference
from gradverify.oracles.line import Line, flat

SHARP = 1e-9  # a bar this far below the value needs no finer oracle
PLAIN = "float64 differences"
ANSWERS = 4  # that a careful oracle remembers: looks that agree are gone through again
BESIDE = 16.0  # times what is enough: as good as a second opinion beside an analytic one has to be


def is_final(known: Estimate | CannotHere) -> bool:
    """Is there no other oracle that could say more? The function takes neither complex numbers nor more digits."""
    return isinstance(known, Estimate) and known.source == PLAIN and known.refutes > 0


@dataclass(frozen=True)
class Ladder:
    """The default oracle. It remembers that the complex step was confirmed at the latest trial, or point.

    ``careful`` asks for a second opinion with every answer, where one is to be had. Where ``enough`` is given, an
    answer whose bar is below that needs no finer one, and any other does. No step is longer than ``within``.
    """

    careful: bool = False
    enough: float = 0.0
    within: float = 1.0
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, f'(x) u> with its error, and ``second``, the opinion of another oracle, where there is one."""
        asked = (subject.memory, x, u, v)
        for before, within, answer in self.memo.get("answers", ()) if self.careful else ():
            if within == self.within and all(map(operator.is_, asked, before)):
                known: Estimate | CannotHere = answer
                return known
        try:
            found = self._directional(subject, x, u, v)
            found = self._with_limits(found, subject, x, u) if isinstance(found, Estimate) else found
        except Broken as failure:
            found = CannotHere(str(failure))
        if self.careful and x.size <= ENTRIES:
            self.memo["answers"] = [*self.memo.get("answers", ()), (asked, self.within, found)][-ANSWERS:]
        return found

    def trusts(self, subject: Subject, x: Vectors) -> bool:
        """Was the complex step confirmed here when last asked? It needs no step, so that every direction suits it."""
        return self.knows(subject, x) and self.memo["analytic"] is True

    def knows(self, subject: Subject, x: Vectors) -> bool:
        """Was it asked here last?"""
        return self.memo.get("here") == self._here(subject, x)

    def _with_limits(self, found: Estimate, subject: Subject, x: Vectors, u: Vectors) -> Estimate:
        """The estimate with the least gap that a second look can confirm: its oracle's bar has to be far below."""
        if "higher" not in self.memo:
            self.memo["higher"] = self._higher(subject, x, u)
        second = "longdouble" if self.memo["higher"] else "float64"
        sharper = self.memo["higher"] and found.source == PLAIN
        return replace(
            found,
            refutes=0.0 if sharper else found.error / FAR,  # a second look would ask the sharper oracle instead
            share=finite_difference.TARGET[second] / FAR,
        )

    def _higher(self, subject: Subject, x: Vectors, u: Vectors) -> bool:
        """Does the function run in more digits than float64 has?"""
        y = subject.forward(x)
        if not extended.refused(Line(subject, x, u, flat(y))):
            return True
        ones = Vectors(tuple(np.ones(p.shape) for p in y), bare=y.bare)
        return isinstance(arbitrary.Arbitrary().directional(subject, x, u, ones), Estimate)

    def _directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        here = self._here(subject, x)
        if self.memo.get("here") != here:
            self.memo.clear()
            self.memo.update(here=here, keep=(subject.memory, x), analytic=None)
        line = Line(subject, x, u, flat(subject.forward(x)), self.within)
        weights = flat(v).astype(np.float64)
        analytic = self._analytic(line, weights)
        if isinstance(analytic, Estimate) and not self.careful:
            return analytic
        other = self._differences(line, v, weights, alone=not isinstance(analytic, Estimate))
        if not isinstance(analytic, Estimate):
            return other
        if not isinstance(other, Estimate):
            return analytic
        apart = abs(analytic.value - other.value) > analytic.error + other.error
        if apart and other.source == arbitrary.SOURCE:  # which is off by less: an inverse may have lost its digits
            return other
        return replace(analytic, second=other)

    def _analytic(self, line: Line, weights: Array) -> Estimate | CannotHere:
        """The complex step, once differences have confirmed it here; after a refusal it is not asked again."""
        if self.memo["analytic"] is False:
            return CannotHere("complex step: refuted here")
        slope = complex_step.raw(line)
        if isinstance(slope, CannotHere):
            self.memo["analytic"] = False
            return slope
        if self.memo["analytic"] is None:
            self.memo["analytic"] = complex_step.self_test(line, slope, np.abs(weights))
        if not self.memo["analytic"]:
            return CannotHere("complex step: refuted here")
        return finite_difference.combined(line, complex_step.settled(line, slope), weights, "complex step")

    def _differences(self, line: Line, v: Vectors, weights: Array, *, alone: bool) -> Estimate | CannotHere:
        """Differences in long double if they are sharp, else the sharper of those in float64 and in more digits.

        ``alone``: no complex step stands beside them, so that a careful look wants both.
        """
        subject, x, u = line.subject, line.x, line.u
        enough = self.enough * (1.0 if alone else BESIDE)
        finer = extended.Extended(self.within, enough).directional(subject, x, u, v)
        if self._sharp(finer) and not (self.careful and alone):
            return finer
        slopes = finite_difference.slopes(line, "float64", np.abs(weights), enough)
        plain = finite_difference.combined(line, slopes, weights, PLAIN)
        if not self._sharp(finer) and (self.careful or not self._sharp(plain)):
            more = arbitrary.Arbitrary().directional(subject, x, u, v)
            finer = more if isinstance(more, Estimate) else finer
        if isinstance(finer, Estimate) and (isinstance(plain, CannotHere) or finer.error < plain.error):
            return replace(finer, second=plain if isinstance(plain, Estimate) else None)
        return plain

    def _sharp(self, found: Estimate | CannotHere) -> bool:
        """Is its bar below what is asked for, or else so far below the value, that no finer oracle is needed?"""
        return isinstance(found, Estimate) and found.error <= (self.enough or SHARP * abs(found.value))

    def _here(self, subject: Subject, x: Vectors) -> tuple[Any, ...]:
        """Where a confirmation is good: all of one trial; where a disagreement is looked at again, the very point."""
        trial = subject.memory is not None and not self.careful
        return (id(subject.memory), str(subject.at)) if trial else tuple(map(id, x.parts))
