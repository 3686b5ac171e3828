"""A low-precision answer beside its twin, the same formula in more digits: what saturates, and what is no accident."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from gradverify._arrays import Array, deferred, furthest, largest, slices
from gradverify._chance import NOISE
from gradverify._vectors import Vectors
from gradverify.judge.bars import entry_bar
from gradverify.judge.rounding import FLOOR, FLOOR_TWIN, HALF, ROUNDINGS, Rounding
from gradverify.judge.sizes import by_chance_elsewhere_of

SLOPE_SIGMAS = NOISE  # standard deviations of a common factor
SMALL = 0.1  # of the largest entry, and ...
SATURATED = 0.03  # ... of what it is computed from: entries smaller than that may be all rounding in a low type
FEWEST = 4  # entries, in effect, that a common factor is worked out from


def is_twin(left: Vectors, right: Vectors, k: int) -> bool:
    """Is the right side the left one's formula in higher precision?"""
    low, high = (max((w.answer.eps[k] for w in side.answers), default=0.0) for side in (left, right))
    return low > high > 0


def saturated(left: Vectors, right: Vectors, k: int, bar: Array) -> Array:
    """The bar; for small entries also roundings of the largest one, and of what they are without cancellation."""
    top = largest(deferred(np.abs, right[k]))
    for w in left.answers:
        sizes, own = by_chance_elsewhere_of(w.answer), by_chance_elsewhere_of(w.answer, usual=False)
        if k in sizes:
            eps = w.answer.eps[k]
            floor = (FLOOR_TWIN if eps > HALF else FLOOR) * eps
            bar = deferred(partial(_raised, top, floor), bar, right[k], sizes[k], own[k])
    return bar


def _raised(top: float, floor: float, bar: Array, twin: Array, size: Array, own: Array) -> Array:
    small = np.abs(twin) <= np.maximum(SMALL * top, SATURATED * size)
    return np.where(small, np.maximum(bar, floor * np.maximum(top, own)), bar)


def common_factor(left: Vectors, right: Vectors, k: int, most: Rounding) -> float:
    """The factor that a low-precision answer has beside its twin, where it is no accident of rounding; else 0.

    Rounding scatters about 0, so the slope of the difference on the twin is known far better than any entry:
    it must be beyond ``SLOPE_SIGMAS`` of its own scatter, and above two roundings of the type.
    """
    if not is_twin(left, right, k):
        return 0.0
    eps, g, twin = max(w.answer.eps[k] for w in left.answers), left[k], right[k]
    top, index = furthest(deferred(lambda t: np.abs(t.astype(np.float64)), twin))
    if not 0 < top < np.inf or not all(np.all(np.isfinite(run)) for (run,) in slices(g)):
        return 0.0

    def summed(term: Callable[[Array, Array], Array]) -> float:
        runs = slices(g, twin)
        return sum(float(term(p.astype(np.float64) / top, q.astype(np.float64) / top).sum()) for p, q in runs)

    total, count = summed(lambda p, q: q**2), _distinct(deferred(lambda q: (q.astype(np.float64) / top) ** 2, twin))
    if count < FEWEST:
        return 0.0
    slope = summed(lambda p, q: (p - q) * q) / total
    scatter = math.hypot(math.sqrt(summed(lambda p, q: ((p - q - slope * q) * q) ** 2)) / total, eps / 8)
    if abs(slope) <= max(2 * eps, ROUNDINGS * eps / count**0.5, SLOPE_SIGMAS * scatter):
        return 0.0
    # An error that all entries share, as of p - t near 1, is no fault.
    budget = float(entry_bar(left, right, k, most)[index]) / top
    return 1 + slope if abs(slope * float(twin[index]) / top) > budget / count**0.5 else 0.0


def _distinct(squares: Array) -> float:
    """How many entries, in effect, are unlike each other: equal ones are rounded alike, not apart."""
    ordered = np.array(squares).ravel()
    ordered.sort()
    above = np.diff(ordered, prepend=-1.0) > 0
    total = float(ordered.sum(where=above))
    np.square(ordered, out=ordered)
    return total**2 / float(ordered.sum(where=above))
