"""The law that says whether a derivative keeps the digits its problem leaves; ``derivative`` says whether it is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradverify._arrays import Array
from gradverify._claim import Claim, equal
from gradverify._floating import is_floating, unit
from gradverify._law import law
from gradverify._subject import Broken, Subject
from gradverify._vectors import CannotHere, Vectors, Weighed
from gradverify.oracles import arbitrary

BELOW, ABOVE = 1 / 8, 64  # units in the last place of x: a move that is rounded away in its type, and one that is not


@law(floats=True, after=("pullback_is_the_derivative",))
def pullback_is_accurate(f: Subject, x: Vectors, v: Vectors) -> Iterator[Claim]:
    """pullback(x, v) loses no more digits than the rounding of x and v does

    The rule is held against itself: on copies of the same rounded inputs in the next wider type, or in 730 digits.
    Granted are a few roundings of the largest entry, of |v||f|, and of the inputs; not what the code is seen to scatter
    by, which the law of the derivative grants. So a right formula that cancels FAILS this law alone, where no larger
    entry stands beside what it loses.
    """
    found = _in_more_digits(f, x, v)
    yield equal(f.pullback(x, v), found, "digits are lost that the inputs have", scatter=False)


def _in_more_digits(f: Subject, x: Vectors, v: Vectors) -> Vectors | CannotHere:
    """The rule's answer in the next wider type; where it has none, in 730 digits, rounded to float64."""
    y, w = (x.higher, v.higher) if x.higher is not x else (_extended(x), _extended(v))
    kinds = {p.dtype for p in y if is_floating(p.dtype)}
    if all(unit(kind) < unit(p.dtype) for kind in kinds for p in x if is_floating(p.dtype)):
        try:
            twin = f.pullback(y, w)
        except Broken:
            twin = None
        if twin is not None and all(p.dtype in kinds for p in twin if p.size) and _is_wider(f, x, y, w, twin):
            return twin
    exact = arbitrary.pullback(f, x.higher, v.higher)
    if isinstance(exact, CannotHere):
        return CannotHere(f"the rule answers in no wider type than its inputs' ({exact.reason})")

    def again(x: Vectors, v: Vectors) -> tuple[Array, ...]:
        moved = arbitrary.pullback(f, x, v)
        if isinstance(moved, CannotHere):
            raise Broken(f.name, moved.reason)
        return tuple(p.astype(np.float64) for p in moved)

    parts = tuple(p.astype(np.float64) for p in exact)
    (own,) = f.pullback(x.higher, v.higher).answers
    return Vectors(parts, None, (Weighed(replace(own.answer, again=again, parts=parts, memo={})),))


def _is_wider(f: Subject, x: Vectors, y: Vectors, w: Vectors, twin: Vectors) -> bool:
    """Does the rule answer to moves that x has no digits for, if it answers to larger ones at all? Else it casts."""

    def stands_still(units: float) -> bool:
        pairs = zip(x, y, strict=True)
        moved = tuple(q + units * unit(p.dtype) * q if is_floating(p.dtype) else q for p, q in pairs)
        answer = f.pullback(Vectors(moved, bare=y.bare), w)
        return all(np.array_equal(p, q, equal_nan=True) for p, q in zip(answer, twin, strict=True))

    try:
        return not stands_still(BELOW) or stands_still(ABOVE)
    except Broken:
        return False


def _extended(x: Vectors) -> Vectors:
    return Vectors(tuple(p.astype(np.longdouble) if is_floating(p.dtype) else p for p in x), bare=x.bare)
