"""Laws about values: what softmax and cross-entropy are, whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._claim import Claim, at_most, equal
from gradverify._floating import is_floating, unit
from gradverify._law import law
from gradverify._subject import Subject
from gradverify._vectors import Estimate, Vectors


@law(needs=())
def softmax_lands_on_the_simplex(f: Subject, x: Vectors) -> Iterator[Claim]:
    """softmax(x) >= 0, and every row sums to 1."""
    p = f.forward(x)
    yield at_most(-1.0 * p, _filled(p, 0.0), "a probability is negative", about="output")
    yield equal(row_sums(p), Vectors((np.ones(p[0].shape[:-1]),)), "a row does not sum to 1", about="output")


@law(needs=())
def softmax_ignores_a_shift(f: Subject, x: Vectors, a: float) -> Iterator[Claim]:
    """softmax(x + a) = softmax(x) for every real a."""
    yield equal(f.forward(shifted(x, a)), f.forward(x), f"all inputs moved by {a}", about="output")


@law(needs=())
def log_softmax_ignores_a_shift(f: Subject, x: Vectors, a: float) -> Iterator[Claim]:
    """log_softmax(x + a) = log_softmax(x) for every real a."""
    yield equal(f.forward(shifted(x, a)), f.forward(x), f"all inputs moved by {a}", about="output")


@law(after=("pullback_is_the_derivative",))
def a_shift_leaves_no_trace(f: Subject, x: Vectors, u: Vectors, v: Vectors) -> Iterator[Claim]:
    """J(x) 1 = 0: the pullback of every row sums to 0, the shift invariance at first order."""
    along = np.broadcast_to(u[0].reshape(x[0].shape)[..., :1], x[0].shape)
    ones = Vectors((along, *(np.zeros(0) for _ in x.parts[1:])))
    yield equal(f.pullback(x, v).inner(ones), Estimate(0.0), "every row moved by a constant")


@law(needs=())
def cross_entropy_is_at_least_the_label_entropy(f: Subject, x: Vectors) -> Iterator[Claim]:
    """-mean_n sum_k t_nk log p_nk >= -mean_n sum_k t_nk log t_nk (Gibbs' inequality); 0 for index labels."""
    entropy: Any = np.asarray(0.0)
    if is_floating(x[1].dtype):
        t = x[1].astype(np.float64)
        with np.errstate(all="ignore"):
            entropy = -np.where(t > 0, t * np.log(np.where(t > 0, t, 1)), 0).sum() / max(len(t), 1)
    loss, says = f.forward(x), "the loss is below the labels' entropy"
    if loss.symbolic:
        yield at_most(Vectors((entropy,)), loss, says, about="output")
        return
    rounding = np.asarray(4 * float(np.finfo(np.float64).eps) * entropy * x[0].shape[-1])
    yield at_most(Vectors((np.asarray(entropy),), (rounding,)), loss, says, about="output")


def row_sums(p: Vectors) -> Vectors:
    """Sums over the last axis of the first part, with the rounding of every entry they add."""
    if p.symbolic:
        return Vectors((p[0].sum(-1),))
    y = p[0].astype(np.longdouble)
    eps = unit(p[0].dtype)
    n = y.shape[-1]
    own = (4 + n) * eps * np.abs(y).sum(-1)
    return Vectors((np.asarray(y.sum(-1)),), (np.asarray(own),))


def shifted(x: Vectors, a: float) -> Vectors:
    """Every entry of the first argument plus a, rounded to its type."""
    if x.symbolic:
        return Vectors((x[0] + a, *x.parts[1:]), bare=x.bare)
    return Vectors(((x[0] + np.asarray(a, x[0].dtype)).astype(x[0].dtype), *x.parts[1:]), bare=x.bare)


def _filled(p: Vectors, value: float) -> Vectors:
    parts: tuple[Array, ...] = tuple(np.full(a.shape, value) for a in p)
    return Vectors(parts)
