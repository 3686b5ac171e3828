"""Laws that say whether a claimed derivative is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradverify._claim import Claim, equal, same_bits
from gradverify._law import law
from gradverify._subject import Broken, Subject, ends
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.laws.ends import claims_at_ends, pushed_at_ends

FORMULA = "the formula, on float64 copies of the inputs"
ANSWER = "the answer, against the same formula in float64"
FIRST = ("same_answer_twice", "layout_does_not_matter")  # without these a point says little about the derivative


@law(derivative=True, almost_everywhere=True, after=FIRST)
def pullback_is_the_derivative(f: Subject, x: Vectors, u: Vectors, v: Vectors, D: Any) -> Iterator[Claim]:
    """<pullback(x, v), u> = <v, Df(x) u>

    In a type below float64 the formula is judged by its twin (the same rule on float64 copies of the
    same rounded inputs) and the low-precision answer, entry by entry, against its own twin.
    """
    y, w = x.higher, v.higher
    twin = f.pullback(x, v) if y is x else _twin(lambda: f.pullback(y, w))
    if twin is None:
        yield equal(f.pullback(x, v).inner(u), D.directional(f, y, u, w))
        return
    yield equal(twin.inner(u), D.directional(f, y, u, w), "" if y is x else FORMULA)
    if not x.symbolic:
        yield from claims_at_ends(f, y, w)
    if y is not x:
        yield equal(f.pullback(x, v), twin, ANSWER)


def _twin(answer: Callable[[], Vectors]) -> Vectors | None:
    """A rule's answer on float64 copies, if it takes them and answers in float64."""
    try:
        twin = answer()
    except Broken:
        return None
    return twin if all(p.dtype == np.float64 for p in twin if p.size) else None


@law(needs=("jvp",), derivative=True, almost_everywhere=True, after=FIRST)
def pushforward_is_the_derivative(f: Subject, x: Vectors, u: Vectors, v: Vectors, D: Any) -> Iterator[Claim]:
    """<v, pushforward(x, u)> = <v, Df(x) u>

    In a type below float64 by its twin, as the pullback is, along the tangent as it was rounded.
    """
    y, w = x.higher, v.higher
    t = u if y is x else _rounded(f, x, u)
    twin = f.pushforward(x, u) if y is x else _twin(lambda: f.pushforward(y, t))
    if twin is None:
        yield equal(f.pushforward(x, u).inner(v), D.directional(f, y, t, w))
        return
    if not x.symbolic and ends(f, y) and not all(np.all(np.isfinite(p)) for p in twin):
        why = "the forward rule is not finite where an input lies at an end of its range and does not move: 0 times inf"
        yield equal(twin.inner(w), CannotHere(why))
        return
    yield equal(twin.inner(w), D.directional(f, y, t, w), "" if y is x else FORMULA)
    if not x.symbolic:
        yield from pushed_at_ends(f, y, w)
    if y is not x:
        says = ANSWER
        yield equal(f.pushforward(x, t), twin, says, about="output")


def _rounded(f: Subject, x: Vectors, u: Vectors) -> Vectors:
    """u in the numbers that the rule is handed, as float64."""
    handed = f.whole_tangent(x, u).higher
    return Vectors(tuple(h if p.size else p for h, p in zip(handed, u, strict=True)), bare=u.bare)


@law(needs=("vjp", "jvp"), after=("pullback_is_the_derivative", "pushforward_is_the_derivative"))
def pullback_is_the_adjoint(f: Subject, x: Vectors, u: Vectors, v: Vectors) -> Iterator[Claim]:
    """<pushforward(x, u), v> = <u, pullback(x, v)>

    Needs no oracle: the two rules hold each other to account, on float64 copies where they take these.
    """
    y, w = x.higher, v.higher
    yield equal(f.pushforward(y, u).inner(w), f.pullback(y, w).inner(u))


@law(after=FIRST)
def pullback_is_linear(f: Subject, x: Vectors, v: Vectors, w: Vectors, a: float) -> Iterator[Claim]:
    """pullback(x, v + a w) = pullback(x, v) + a pullback(x, w)

    True of every correct pullback, smooth point or kink; needs no oracle.
    """
    yield equal(f.pullback(x, v + a * w), f.pullback(x, v) + a * f.pullback(x, w))


@law(after=FIRST)
def pullback_of_zero_is_zero(f: Subject, x: Vectors, v: Vectors) -> Iterator[Claim]:
    """pullback(x, 0) = 0

    What is not 0 there has not come from the cotangent.
    """
    g = f.pullback(x, 0.0 * v.exact())
    nothing = Vectors(tuple(np.where(np.isnan(p), p, np.zeros_like(p)) for p in g))  # 0 times inf is another's matter
    yield same_bits(g, nothing, "a cotangent of 0 gives a gradient: part of it does not come from the cotangent")


@law(after=("pullback_is_the_derivative",))
def pullback_remembers_nothing(f: Subject, x: Vectors, y: Vectors, u: Vectors, v: Vectors, D: Any) -> Iterator[Claim]:
    """After a call at x, pullback(y, v) is the derivative at y.

    A rule that keeps what an earlier call saw answers for the wrong point. The oracle is asked only
    for arguments whose answer at y is the answer at x, bit for bit; another answer is y's own.
    """
    before, after = f.pullback(x, v), f.pullback(y, v)
    same = tuple(k for k, p in enumerate(before) if p.size and np.array_equal(p, after[k]) and np.any(p))
    if same:
        here = D.directional(f, y.higher, u.only(*same), v.higher)
        yield equal(after.inner(u.only(*same)), here, "the gradient stayed what it was elsewhere", about="output")
    else:
        yield equal(Estimate(0.0), Estimate(0.0), "gradients that stayed what they were", about="output")
