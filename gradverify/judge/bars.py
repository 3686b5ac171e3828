"""What two answers may differ by, entry by entry: the errors they carry, and the rounding that is granted them."""

from __future__ import annotations

from functools import partial

import numpy as np

from gradverify._arrays import Array, deferred, largest
from gradverify._vectors import Vectors
from gradverify.judge.rounding import FLOOR, HALF, ROUNDINGS, ROUNDINGS_HALF, Rounding
from gradverify.judge.scatter import response_of
from gradverify.judge.sizes import naturals_of, size_of


def entry_bar(left: Vectors, right: Vectors, k: int, rounding: Rounding) -> Array:
    """The errors of both sides' part k, and this much rounding of every answer in them."""
    bar = deferred(lambda e, e2: _bounded(e + e2), left.bars()[k], right.bars()[k])
    for w in (*left.answers, *right.answers):
        bar = deferred(partial(_widened, abs(w.weight)), bar, rounding(w.answer)[k])
    return bar


def _widened(weight: float, bar: Array, more: Array) -> Array:
    return np.asarray(bar + weight * _bounded(more))


def _bounded(bar: Array) -> Array:
    return np.nan_to_num(bar, nan=0.0, posinf=0.0)


def faintest(left: Vectors, right: Vectors) -> float:
    """Roundings of |v||f|: p(1 - p) of a saturated softmax is off by so much, whatever the size of x.

    Nothing between an answer and its twin in higher precision, whose difference is what is asked about.
    """
    units = [{eps for w in side.answers for eps in w.answer.eps} for side in (left, right)]
    if not all(units) or units[0] != units[1]:
        return 0.0
    sizes = (abs(w.weight) * size_of(w.answer) for w in (*left.answers, *right.answers))
    return FLOOR * max(units[0]) * sum(sizes)


def own_size(left: Vectors, right: Vectors, k: int) -> float:
    """Some roundings of the largest entry, and of |v||f|."""
    size = max(largest(deferred(np.abs, right[k])), *(size_of(w.answer, naturals_of) for w in left.answers))
    eps = _unit(left, k)
    return _roundings(eps) * eps * size


def conditioned(left: Vectors, right: Vectors, k: int, bar: Array) -> Array:
    """The bar, and as many roundings of the inputs as of an answer: by what they change the right side where it stands.

    A row far from 0 beside its own spread is known so well and no better, whichever way its sums are taken.
    """
    eps = _unit(left, k) or _unit(right, k)
    for w in right.answers:
        change = deferred(partial(np.multiply, _roundings(eps)), response_of(w.answer, eps)[k])
        bar = deferred(partial(_widened, abs(w.weight)), bar, change)
    return bar


def _unit(side: Vectors, k: int) -> float:
    return max((w.answer.eps[k] for w in side.answers), default=0.0)


def _roundings(eps: float) -> int:
    """As many as every computed entry is granted."""
    return ROUNDINGS_HALF if eps > HALF else ROUNDINGS
