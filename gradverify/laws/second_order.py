"""Laws that hold second derivatives and forward rules to account, and need no oracle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradverify._arrays import Array
from gradverify._claim import Claim, equal, same_bits
from gradverify._law import law
from gradverify._subject import NOTHING, Broken, Subject
from gradverify._vectors import Estimate, Vectors

NAMED = 16  # entries of x up to which the two Hessian entries furthest apart are named, which costs a call for each


@law(needs=("jvp",), after=("same_answer_twice",))
def pushforward_is_linear(f: Subject, x: Vectors, u: Vectors, a: float) -> Iterator[Claim]:
    """pushforward(x, u + a t) = pushforward(x, u) + a pushforward(x, t)

    For t = u and a = -3 too: a rule that forgets the tangent, squares it, drops its sign or clips it breaks that,
    in one dimension as well.
    """
    for t, b in ((u, -3.0), (_turned(u), a)):
        yield equal(f.pushforward(x, u + b * t), f.pushforward(x, u) + b * f.pushforward(x, t), about="output")


@law(needs=("jvp",), floats=True)
def pushforward_is_shaped_like_the_value(f: Subject, x: Vectors, u: Vectors) -> Iterator[Claim]:
    """pushforward(x, u) has the shape and the dtype of f(x)."""
    says = "the forward rule must answer in the value's shape and dtype"
    yield same_bits(_form(f.pushforward(x, u)), _form(f.forward(x)), says, about="output")


@law(needs=(), after=("pullback_is_the_derivative", "pushforward_is_the_derivative"))
def hessian_is_symmetric(f: Subject, x: Vectors, v: Vectors, w: Vectors) -> Iterator[Claim]:
    """<H v, w> = <v, H w>, where f is a gradient and H its Jacobian.

    Where it is not, there is no function that f could be the gradient of. The formula is judged on float64 copies.
    """
    y, v, w = x.higher, v.higher, w.higher
    says = f"<H v, w> against <v, H w>{_furthest_apart(f, y, v)}"
    yield equal(_product(f, y, v, w), _product(f, y, w, v), says)


def _form(arrays: Vectors) -> Vectors:
    """dtype and shape of every array, in words."""
    return Vectors((np.asarray(", ".join(f"{a.dtype.name} {a.shape}" for a in arrays)),))


def _product(f: Subject, x: Vectors, v: Vectors, w: Vectors) -> Estimate:
    """<H v, w> by whichever rule is claimed: a pullback applies H transposed, a pushforward H."""
    if f.vjp is not None:
        found: Estimate = f.pullback(x, v).inner(_beside(f, x, w))
    else:
        found = f.pushforward(x, _beside(f, x, v)).inner(w)
    return found


def _beside(f: Subject, x: Vectors, v: Vectors) -> Vectors:
    """v, a part for each input that is differentiated, with nothing for the others."""
    parts = iter(v)
    return Vectors(tuple(next(parts, NOTHING) if k in f.domain.smooth else NOTHING for k in range(len(x))))


def _turned(u: Vectors) -> Vectors:
    """u with every other entry turned round and doubled, the first of them all included; as exact as u is."""
    ends = np.cumsum([p.size for p in u])
    factors = [np.where(np.arange(end - p.size, end) % 2, 1.0, -2.0) for p, end in zip(u, ends, strict=True)]
    return Vectors(tuple(p * c.reshape(p.shape) for p, c in zip(u, factors, strict=True)), bare=u.bare)


def _furthest_apart(f: Subject, x: Vectors, v: Vectors) -> str:
    """Which two entries of H that should be the same differ most, in words; nothing where that would cost too much."""
    count = sum(p.size for p in v)
    if v.symbolic or not 1 < count <= NAMED:
        return ""
    names = [f.names[k] for k in f.domain.smooth]
    places = [(part, index) for part, p in enumerate(v) for index in np.ndindex(p.shape)]
    try:
        rows = [_row(f, x, v, part, index) for part, index in places]
    except (Broken, ValueError):
        return ""
    h = np.array(rows, np.float64)
    gap = np.nan_to_num(np.abs(h - h.T), nan=np.inf)
    i, j = (int(n) for n in np.unravel_index(int(np.argmax(gap)), gap.shape))
    first, second = (f"{names[part]}{list(index) if index else ''}" for part, index in (places[i], places[j]))
    return f"; H differs most between {first} and {second}: {h[i, j]:.9g} one way round, {h[j, i]:.9g} the other"


def _row(f: Subject, x: Vectors, v: Vectors, part: int, index: tuple[int, ...]) -> Array:
    """H e for one entry e, all parts one after another."""
    unit = [np.zeros_like(p) for p in v]
    unit[part][index] = 1
    e = Vectors(tuple(unit), bare=v.bare)
    found = f.pullback(x, e) if f.vjp is not None else f.pushforward(x, _beside(f, x, e))
    return np.concatenate([p.ravel() for p in found if p.size])
