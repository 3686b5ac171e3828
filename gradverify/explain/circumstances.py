"""One circumstance of a failing point after the other is made plain: where the failure is gone, that one is the cause.

Whatever else is peculiar stays as it is (Zeller, Isolating cause-effect chains, 2002: what makes the difference between
a run that fails and one that does not is the cause).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array
from gradverify._cause import Cause
from gradverify._domain import At, Box
from gradverify._floating import is_floating, is_low
from gradverify._subject import Broken, Subject
from gradverify._vectors import Vectors

LARGE = 8.0  # entries beyond are large
ADDED = 2.0**-30  # of the largest number: what adding in another order changes is less


@dataclass(frozen=True)
class Change:
    """The same point but for one circumstance, and what it would mean if the failure were gone."""

    x: Vectors
    cause: Cause


def changes(f: Subject, x: Vectors) -> Iterator[Change]:
    """Every circumstance that is not plain here, made plain."""
    if any(is_low(a.dtype) for a in x):
        kinds = ", ".join(dict.fromkeys(a.dtype.name for a in x if is_low(a.dtype)))
        yield Change(x.higher, Cause("precision", f"wrong in {kinds}; right at the same numbers in float64"))
    if not all(a.flags.c_contiguous for a in x):
        plain = Vectors(tuple(np.ascontiguousarray(a).reshape(a.shape) for a in x), bare=x.bare)
        yield Change(plain, Cause("layout", "right once the arrays are contiguous"))
    for k, place in enumerate(f.domain.arguments.values()):
        for change, kind, says in _of_one(f.names[k], place, x[k], f.domain.bounds(k)):
            parts = list(x.parts)
            parts[k] = change
            yield Change(Vectors(tuple(parts), bare=x.bare), Cause(kind, says))


def _of_one(name: str, place: Box | At, a: Array, bounds: tuple[object, object]) -> Iterator[tuple[Array, str, str]]:
    """An argument with one circumstance made plain, and what that says."""
    if place.kind == "simplex" and a.ndim and np.any((a != 0) & (a != 1)):
        hard = np.eye(a.shape[-1], dtype=a.dtype)[np.argmax(a, axis=-1)]
        yield hard, "labels", f"right once the rows of {name} are one-hot"
    if place.kind == "index" and np.unique(a).size < a.size:
        apart = (np.arange(a.size) + int(a.min())).astype(a.dtype).reshape(a.shape)
        yield apart, "duplicates", f"right once no index in {name} repeats"
    if place.kind != "real" or not is_floating(a.dtype) or not a.size:
        return
    low, high = (np.asarray(end, np.float64) for end in bounds)
    free = bool(np.all(low == -np.inf) and np.all(high == np.inf))

    def within(numbers: Array) -> Array:
        return np.clip(numbers, low, high).astype(a.dtype)

    rng = np.random.default_rng(20265)
    if a.size > 1 and (np.unique(a).size < a.size or np.any(a == np.round(a))):
        size = np.maximum(np.abs(a), 0.5)
        apart = within(a + size * rng.uniform(1 / 16, 1 / 4, a.shape) * rng.choice([-1.0, 1.0], a.shape))
        yield apart, "ties", f"right once no entries of {name} tie or are whole numbers"
    top = float(np.max(np.abs(a)))
    if free and top > LARGE:
        yield within(a / (top / 2)), "range", f"right once {name} is no larger than 2"
    if free and np.any(a < 0) and np.any(a > 0):
        yield within(np.abs(a)), "branch", f"right once no entry of {name} is negative"
        yield within(-np.abs(a)), "branch", f"right once no entry of {name} is positive"


def symmetries(f: Subject, x: Vectors) -> Iterator[Change]:
    """Arguments that are the same with two axes exchanged, or turned round, and batches of one."""
    for k, place in enumerate(f.domain.arguments.values()):
        a, name = x[k], f.names[k]
        low, high = (np.asarray(end, np.float64) for end in f.domain.bounds(k))
        if place.kind != "real" or not is_floating(a.dtype) or np.any(low > -np.inf) or np.any(high < np.inf):
            continue
        for i, j in itertools.combinations(range(a.ndim), 2):
            if a.shape[i] == a.shape[j] > 1:
                even = (a + np.swapaxes(a, i, j)) / 2
                says = f"right once {name} is the same with axes {i} and {j} exchanged"
                yield _with(x, k, even.astype(a.dtype), Cause("transposed", says))
        if a.ndim > 1 and a.shape[-1] * a.shape[-2] > 2:
            even = (a + np.flip(a, (-1, -2))) / 2
            yield _with(x, k, even.astype(a.dtype), Cause("moved", f"right once {name} reads the same backwards"))
    if (one := _one_of_a_batch(f, x)) is not None:
        yield Change(one, Cause("mixed", "right for a batch of one: what belongs to other examples enters"))


def _with(x: Vectors, k: int, a: Array, cause: Cause) -> Change:
    parts = list(x.parts)
    parts[k] = a
    return Change(Vectors(tuple(parts), bare=x.bare), cause)


def _one_of_a_batch(f: Subject, x: Vectors) -> Vectors | None:
    """The first example in every argument that has them along its first axis: whose order is without effect."""
    fixed = all(np.ndim(end) == 0 for k in range(len(x)) for end in f.domain.bounds(k))
    if not fixed or not x[0].ndim or x[0].shape[0] < 2:
        return None
    count = x[0].shape[0]

    def each(rows: list[int]) -> Vectors:
        return Vectors(tuple(a[rows] if a.ndim and a.shape[0] == count else a for a in x), bare=x.bare)

    turned = [*range(1, count), 0]
    try:
        pairs = list(zip(f.forward(x), f.forward(each(turned)), strict=True))
    except Broken:
        return None
    ways = ([(p, q) for p, q in pairs], [(p[turned], q) for p, q in pairs if q.ndim and len(q) == count])
    alike = any(len(way) == len(pairs) and all(map(_same, *zip(*way, strict=True))) for way in ways if way)
    return each([0]) if alike else None


def _same(p: Array, q: Array) -> bool:
    """The same numbers, but for the order in which they were added up."""
    return p.shape == q.shape and bool(np.all(np.abs(p - q) <= ADDED * np.max(np.abs(p), initial=0.0)))


def vanishing(changes: Iterator[Change], holds: Callable[[Vectors], bool]) -> Cause | None:
    """The first change with which it ``holds``."""
    return next((change.cause for change in changes if holds(change.x)), None)
