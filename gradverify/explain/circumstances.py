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
BESIDE = 2.0**-10  # of an entry, or of 1: so far from a special value
MANY, EXAMPLES = 16, 6  # examples of a batch, and of those as many as are asked by themselves
ADDED = 2.0**-30  # of the largest number: what adding in another order changes is less


@dataclass(frozen=True)
class Change:
    """The same point but for one circumstance, and what it would mean if the failure were gone."""

    x: Vectors
    cause: Cause


def changes(f: Subject, x: Vectors, *, finite: bool) -> Iterator[Change]:
    """Every circumstance that is not plain here, made plain. ``finite``: what is claimed here is."""
    if any(is_low(a.dtype) for a in x):
        kinds = ", ".join(dict.fromkeys(a.dtype.name for a in x if is_low(a.dtype)))
        yield Change(x.higher, Cause("precision", f"wrong in {kinds}; right at the same numbers in float64"))
    if not all(a.flags.c_contiguous for a in x):
        plain = Vectors(tuple(np.ascontiguousarray(a).reshape(a.shape) for a in x), bare=x.bare)
        yield Change(plain, Cause("layout", "right once the arrays are contiguous"))
    for k, place in enumerate(f.domain.arguments.values()):
        for change, kind, says in _of_one(f.names[k], place, x[k], f.domain.bounds(k), finite):
            parts = list(x.parts)
            parts[k] = change
            yield Change(Vectors(tuple(parts), bare=x.bare), Cause(kind, says))


def _of_one(
    name: str, place: Box | At, a: Array, bounds: tuple[object, object], finite: bool
) -> Iterator[tuple[Array, str, str]]:
    """An argument with one circumstance made plain, and what that says."""
    if place.kind == "simplex" and a.ndim and np.any((a != 0) & (a != 1)):
        hard = np.zeros_like(a)
        np.put_along_axis(hard, np.argmax(a, axis=-1, keepdims=True), 1, axis=-1)
        yield hard, "labels", f"right once the rows of {name} are one-hot"
    if place.kind == "index" and np.unique(a).size < a.size:
        yield _distinct(a), "duplicates", f"right once no index in {name} repeats"
    if place.kind != "real" or not is_floating(a.dtype) or not a.size:
        return
    low, high = (np.asarray(end, np.float64) for end in bounds)
    free = bool(np.all(low == -np.inf) and np.all(high == np.inf))

    def within(numbers: Array) -> Array:
        return np.clip(numbers, low, high).astype(a.dtype)

    top = float(np.max(np.abs(a)))
    if free and top > LARGE:
        kind = "branch" if finite else "range"
        yield within(a / (top / 2)), kind, f"right once the entries of {name} are made small (2 at most)"
    odd = special(a)
    if a.size > 1 and odd.any():
        rng = np.random.default_rng(20265)
        way = rng.uniform(0.5, 1.0, a.shape) * rng.choice([-1.0, 1.0], a.shape)
        apart = within(np.where(odd, a + BESIDE * np.maximum(np.abs(a), 1.0) * way, a))
        yield apart, "ties", f"right once no entries of {name} tie or are whole numbers"
    if free and np.any(a < 0) and np.any(a > 0):
        yield within(np.abs(a)), "branch", f"right once no entry of {name} is negative"
        yield within(-np.abs(a)), "branch", f"right once no entry of {name} is positive"


def special(a: Array) -> Array:
    """The entries that are whole numbers, or tie with others."""
    _, same, counts = np.unique(a, return_inverse=True, return_counts=True)
    return np.asarray((a == np.round(a)) | (counts[same].reshape(a.shape) > 1))


def _distinct(a: Array) -> Array:
    """Indices of which none repeats: those that do are the least that do not occur."""
    flat = a.ravel().tolist()
    seen: set[int] = set()
    taken, out = set(flat), []
    unused = (n for n in range(max(flat)) if n not in taken)  # below the largest: those exist
    free = itertools.chain(unused, itertools.count(max(flat) + 1))
    for n in flat:
        out.append(next(free) if n in seen else n)
        seen.add(n)
    return np.array(out, a.dtype).reshape(a.shape)


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
                says = f"right once {name} is made symmetric in axes {i} and {j}"
                yield _with(x, k, even.astype(a.dtype), Cause("transposed", says))
        if a.ndim > 1 and a.shape[-1] * a.shape[-2] > 2:
            even = (a + np.flip(a, (-1, -2))) / 2
            yield _with(x, k, even.astype(a.dtype), Cause("moved", f"right once {name} reads the same backwards"))


def of_a_batch(f: Subject, x: Vectors, holds: Callable[[Vectors], bool]) -> Cause | None:
    """Is every example right by itself, where each counts by itself?"""
    ones = _each_of_a_batch(f, x)
    if not ones or not all(map(holds, ones)):
        return None
    return Cause("mixed", "right for a batch of one: what belongs to other examples enters")


def repeats(f: Subject, x: Vectors) -> bool:
    """Does an index occur twice?"""
    pairs = zip(f.domain.arguments.values(), x, strict=True)
    return any(place.kind == "index" and np.unique(a).size < a.size for place, a in pairs)


def _with(x: Vectors, k: int, a: Array, cause: Cause) -> Change:
    parts = list(x.parts)
    parts[k] = a
    return Change(Vectors(tuple(parts), bare=x.bare), cause)


def _each_of_a_batch(f: Subject, x: Vectors) -> list[Vectors]:
    """Some examples by themselves, in every argument that has them along its first axis; none where they mix."""
    fixed = all(np.ndim(end) == 0 for k in range(len(x)) for end in f.domain.bounds(k))
    if not fixed or not x[0].ndim or x[0].shape[0] < 2:
        return []
    count = x[0].shape[0]

    def each(rows: list[int]) -> Vectors:
        return Vectors(tuple(a[rows] if a.ndim and a.shape[0] == count else a for a in x), bare=x.bare)

    if count > MANY:
        return []
    try:
        whole, alone = f.forward(x), [f.forward(each([row])) for row in range(count)]
    except Broken:
        return []
    if any(len(one) != len(whole) for one in alone):
        return []
    if not all(_by_row(p, [one[j] for one in alone]) for j, p in enumerate(whole)):
        return []
    return [each([int(row)]) for row in np.unique(np.linspace(0, count - 1, EXAMPLES).astype(int))]


def _by_row(whole: Array, alone: list[Array]) -> bool:
    """Is an output made of what every example gives by itself: row by row, or as their sum or mean?"""
    if whole.ndim and len(whole) == len(alone) and all(p.shape == (1, *whole.shape[1:]) for p in alone):
        return _same(whole, np.concatenate(alone))
    if any(p.shape != alone[0].shape for p in alone):
        return False
    total = np.stack(alone).astype(np.float64).sum(axis=0)
    return _same(whole, total) or _same(whole, np.asarray(total / len(alone)))


def _same(p: Array, q: Array) -> bool:
    """The same numbers, but for the order in which they were added up."""
    if p.shape != q.shape:
        return False
    p, q = p.astype(np.float64), q.astype(np.float64)
    return bool(np.all(np.abs(p - q) <= ADDED * np.max(np.abs(p), initial=0.0)))


def vanishing(changes: Iterator[Change], holds: Callable[[Vectors], bool]) -> Cause | None:
    """The first change with which it ``holds``."""
    return next((change.cause for change in changes if holds(change.x)), None)
