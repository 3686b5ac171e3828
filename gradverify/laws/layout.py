"""Laws about memory: the order in which arrays lie there, and who may write to it, is no part of the mathematics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from gradverify._arrays import Array
from gradverify._claim import Claim, equal
from gradverify._law import law
from gradverify._subject import Broken, Subject
from gradverify._vectors import Estimate, Vectors

Arranged = Callable[[Array], Array]


@law(needs=(), after=("same_answer_twice", "inputs_are_left_unchanged"), floats=True)
def layout_does_not_matter(f: Subject, x: Vectors, v: Vectors) -> Iterator[Claim]:
    """Value and gradient are the same however the arrays lie in memory: transposed, reversed, strided or read-only."""
    known = f.forward(x)
    for how, arranged in ARRANGEMENTS:
        if how in ORDERS and _changes(arranged, x):
            yield _same(partial(_value, f, arranged, x), known, f"{f.name}, its inputs {how}", "output")
    known = f.pullback(x, v) if f.vjp is not None else known
    for how, arranged in ARRANGEMENTS if f.vjp is not None else ():
        if _changes(arranged, x) or _changes(arranged, v):
            yield _same(partial(_gradient, f, arranged, x, v), known, f"the vjp, its arrays {how}", "input")
    del known
    if f.vjp is not None and _changes(_expanded, v):
        wide = _each(_expanded, v)
        dense = Vectors(tuple(np.ascontiguousarray(p) for p in wide), bare=v.bare)
        yield _same(partial(f.pullback, x, wide), f.pullback(x, dense), "the vjp, its cotangent expanded", "input")


def _value(f: Subject, arranged: Arranged, x: Vectors) -> Vectors:
    return f.forward(_each(arranged, x))


def _gradient(f: Subject, arranged: Arranged, x: Vectors, v: Vectors) -> Vectors:
    return f.pullback(_each(arranged, x), _each(arranged, v))


ORDERS = ("transposed (column-major)", "strided and read-only")  # what the function itself is tried in


def _column_major(a: Array) -> Array:
    return np.asfortranarray(a) if a.ndim > 1 else a


def _reversed(a: Array) -> Array:
    every = (slice(None, None, -1),) * a.ndim
    return np.ascontiguousarray(a[every])[every] if a.size > 1 else a


def _strided(a: Array) -> Array:
    out = np.repeat(a, 2, axis=-1)[..., ::2] if a.size > 1 else np.array(a)
    out.flags.writeable = False
    return out


def _expanded(a: Array) -> Array:
    """The first slice of a, standing for all of them: strides of 0, as the backward of a sum hands on."""
    return np.broadcast_to(a[:1], a.shape) if a.ndim and len(a) > 1 else a


ARRANGEMENTS: tuple[tuple[str, Arranged], ...] = (
    (ORDERS[0], _column_major),
    ("reversed (negative strides)", _reversed),
    (ORDERS[1], _strided),
)


def _each(arranged: Arranged, arrays: Vectors) -> Vectors:
    """All of them arranged so, for one call only; themselves where that changes none."""
    parts = tuple(arranged(p) for p in arrays)
    made = frozenset(k for k, (a, b) in enumerate(zip(parts, arrays, strict=True)) if not np.may_share_memory(a, b))
    return Vectors(parts, bare=arrays.bare, spare=made)


def _changes(arranged: Arranged, arrays: Vectors) -> bool:
    return any(arranged(p) is not p for p in arrays)


def _same(ask: Callable[[], Vectors], known: Vectors, what: str, about: str) -> Claim:
    """The answer to the same numbers in another arrangement; code that raises there, and not else, disagrees."""
    try:
        answer = ask()
    except Broken as failure:
        return equal(Estimate(1.0), Estimate(0.0), f"{what}: it {failure.what}")
    return equal(answer, known, what, about="output" if about == "output" else "input")
