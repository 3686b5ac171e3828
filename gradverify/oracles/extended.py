"""Differences in long double, for functions that first show that they compute in it.

Their output really is of that type, and has digits that float64 has not, or answers to a move of 2^-40 of a step. What
they compute in float64 inside is noise, which the differences measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradverify._subject import Broken, Subject
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.oracles.finite_difference import FiniteDifference
from gradverify.oracles.line import Line, flat

MOST = 20_000  # entries; extended precision has no fast products beyond that


def is_higher(line: Line) -> bool:
    """Is the function's output in long double, and has more digits or answers to a move of 2^-40 of a step?"""
    try:
        moved = line(2.0**-40, np.longdouble)
        if moved.dtype != np.longdouble:
            return False
        with np.errstate(all="ignore"):
            below = bool((moved.astype(np.float64) != moved).any())
        return below or bool((moved != line(0.0, np.longdouble)).any())
    except Broken:
        return False


def refused(line: Line) -> str:
    """Why extended precision is not to be had along this line, or nothing."""
    if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        return "this machine's long double is a double"
    if line.x.size > MOST:
        return f"{line.x.size:,} entries are too many"
    return "" if is_higher(line) else "the function does not compute in long double"


@dataclass(frozen=True)
class Extended:
    """The oracle: differences in extended precision (80 bits on x86), after the self-test."""

    within: float = 1.0
    enough: float = 0.0

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, f'(x) u> with its error, or why extended precision is not to be had here."""
        refusal = refused(Line(subject, x, u, flat(subject.forward(x))))
        return CannotHere(f"extended precision: {refusal}") if refusal else self._directional(subject, x, u, v)

    def _directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        return FiniteDifference("longdouble", self.within, self.enough).directional(subject, x, u, v)
