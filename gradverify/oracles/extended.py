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
    """Is the function's output really of this type: has it more digits, or answers it to a move of 2^-40 of a step?"""
    try:
        still = line(0.0, dtype)
        if still.dtype != dtype:
            return False
        lower = np.float64 if dtype is np.longdouble else np.float32
        with np.errstate(all="ignore"):
            below = bool(np.any(still.astype(lower).astype(dtype) != still))
        return below or bool(np.any(still != line(2.0**-40, dtype)))
    except Broken:
        return False


def refused(line: Line) -> str:
    """Why extended precision is not to be had along this line, or nothing."""
    if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        return "this machine's long double is a double"
    if line.x.size > MOST:
        return f"{line.x.size:,} entries are too many"
    return "" if is_higher(line, np.longdouble) else "the function does not compute in long double"


@dataclass(frozen=True)
class Extended:
    """The oracle: differences in extended precision (80 bits on x86), after the self-test."""

    def directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        """<v, f'(x) u> with its error, or why extended precision is not to be had here."""
        refusal = refused(Line(subject, x, u, flat(subject.forward(x))))
        return CannotHere(f"extended precision: {refusal}") if refusal else self._directional(subject, x, u, v)

    def _directional(self, subject: Subject, x: Vectors, u: Vectors, v: Vectors) -> Estimate | CannotHere:
        return FiniteDifference("longdouble").directional(subject, x, u, v)
