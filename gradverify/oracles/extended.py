"""Higher precision at the same rounded inputs: a low-precision formula is judged by its twin in float64.

An oracle in higher precision first shows that it is one: its output really is of the higher type, and
it answers to a move far below the lower type's spacing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradverify._subject import Broken, Subject
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.oracles.finite_difference import FiniteDifference
from gradverify.oracles.line import Line, flat

MOST = 20_000  # entries; extended precision has no fast products beyond that


def is_higher(line: Line, dtype: type) -> bool:
    """Is the function's output really of this type, and does it answer to a move of 2^-40 of a step?"""
    try:
        still, nudged = line(0.0, dtype), line(2.0**-40, dtype)
    except Broken:
        return False
    if still.dtype != dtype:
        return False
    lower = np.float64 if dtype is np.longdouble else np.float32
    with np.errstate(all="ignore"):
        below = bool(np.any(still.astype(lower).astype(dtype) != still))
    return below or bool(np.any(still != nudged))


@dataclass(frozen=True)
class Extended:
    """The oracle: differences in extended precision (80 bits on x86), after the self-test."""

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, f'(x) u> with its error, or why extended precision is not to be had here."""
        if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
            return CannotHere("extended precision: this machine's long double is a double")
        if x.size > MOST:
            return CannotHere(f"extended precision: {x.size:,} entries are too many")
        line = Line(subject, x, u, flat(subject.forward(x)))
        if not is_higher(line, np.longdouble):
            return CannotHere("extended precision: the function does not compute in long double")
        return FiniteDifference("longdouble").directional(subject, x, u, v)
