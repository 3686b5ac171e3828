"""Arrays that show a failure are made small: entries become plain in blocks, those left over round numbers.

Half of the cells of an array after the other is made plain (zero, the first class, ...) as long as it still fails
(delta debugging: Zeller & Hildebrandt, Simplifying and isolating failure-inducing input, 2002), so that one entry
among n is found in at most 2 log2(n) calls; then magnitudes are bisected and digits dropped. What counts as *still
failing* is :func:`alike`: the same law, the same argument, the same kind and size of disagreement.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array, clone
from gradverify._domain import At, Box
from gradverify._verdict import Finding

MOST = 100  # calls of the predicate
SHARE = 40  # of them spent on the blocks of one array: 2 log2(n) for any n below a million
FEW = 8  # entries left over up to which each is made round by itself
CLOSE = 1.02  # magnitudes are bisected down to this ratio, which three digits can tell apart
NEAR = 1.25  # a rounder number may be this much larger than the least that fails
PLAIN = (0.0, 1.0, -1.0, 0.5, -0.5)
ENTRYWISE = {"real": 0.0, "index": 0.0, "mask": 0.0, "sign": 1.0}  # kinds whose entries may change one by one

Arrays = tuple[Array, ...]


@dataclass(frozen=True)
class Smaller:
    """The arrays that still fail, and how often the predicate was asked."""

    arrays: Arrays
    calls: int


def minimise(
    arrays: Arrays, fails: Callable[[Arrays], bool], domain: Sequence[Box | At], *, most: int = MOST
) -> Smaller:
    """The arrays with as many plain entries as ``most`` calls can show to fail still; as given where they do not fail.

    ``domain`` says for each array what it may become: an At stays exactly as it is, a Box keeps its bounds,
    its dtype and its kind (labels stay labels).
    """
    search = _Search(arrays, fails, most)
    if not search.accepts(arrays):
        return Smaller(arrays, search.calls)
    if not all(a.flags.c_contiguous for a in arrays):
        search.accepts(tuple(np.ascontiguousarray(a).reshape(a.shape) for a in arrays))
    found = (_Cells.of(k, place, a) for k, (place, a) in enumerate(zip(domain, arrays, strict=True)))
    movable = [cells for cells in found if cells is not None]
    parts = [cells for cells in movable if not cells.cleared(search, 0, len(cells.plain))]
    for cells in reversed(parts):  # cotangents stand last, and have no kinks to run into
        _clear_parts(search, cells)
    for cells in movable:
        if cells.real:
            _round(search, cells)
    return Smaller(search.arrays, search.calls)


@dataclass
class _Search:
    """The smallest arrays so far; ``accepts`` asks about others, and takes them if they fail."""

    arrays: Arrays
    fails: Callable[[Arrays], bool]
    most: int
    calls: int = 0

    def accepts(self, others: Arrays) -> bool:
        if self.calls >= self.most:
            return False
        self.calls += 1
        if not self.fails(others):
            return False
        self.arrays = others
        return True

    def with_entries(self, k: int, rows: slice | Array, values: Array, width: int) -> bool:
        """Are these rows of cells of array k accepted with these values?"""
        changed = clone(self.arrays[k])
        changed.flags.writeable = True
        flat = np.array(changed).reshape(-1, width)
        flat[rows] = values
        changed[...] = flat.reshape(changed.shape)
        return self.accepts((*self.arrays[:k], changed, *self.arrays[k + 1 :]))


@dataclass(frozen=True)
class _Cells:
    """What may change by itself in array k: its entries, or the rows that are one label each."""

    k: int
    plain: Array  # (cells, width)
    low: Array
    high: Array
    real: bool

    @staticmethod
    def of(k: int, place: Box | At, a: Array) -> _Cells | None:
        """None for what must stay as it is."""
        if isinstance(place, At) or not a.size:
            return None
        if place.kind == "one-hot":
            plain = np.zeros((a.size // a.shape[-1], a.shape[-1]), a.dtype)
            plain[:, 0] = 1
            return _Cells(k, plain, plain, plain, False)
        if place.kind not in ENTRYWISE:
            return None
        real = place.kind == "real"
        ends = (place.low, place.high) if real else (-np.inf, np.inf)
        low, high = (np.broadcast_to(np.asarray(end, float), a.shape).reshape(-1, 1) for end in ends)
        plain = _plainest(low, high) if real else np.full((a.size, 1), ENTRYWISE[place.kind])
        return _Cells(k, plain.astype(a.dtype), low, high, real)

    def now(self, search: _Search) -> Array:
        return np.array(search.arrays[self.k]).reshape(self.plain.shape)

    def left(self, search: _Search) -> Array:
        """The numbers of the cells that are not plain."""
        return np.flatnonzero((self.now(search) != self.plain).any(axis=1))

    def cleared(self, search: _Search, start: int, stop: int) -> bool:
        """Are these cells plain, or accepted as plain?"""
        block = slice(start, stop)
        if not (self.now(search)[block] != self.plain[block]).any():
            return True
        return search.with_entries(self.k, block, self.plain[block], self.plain.shape[1])

    def one(self, search: _Search) -> bool:
        """Are all entries accepted as 1? Where 0 is a kink, that is plain enough."""
        ones = np.ones_like(self.plain)
        return (
            self.real
            and _inside(self, np.arange(len(ones)), ones)
            and search.with_entries(self.k, slice(None), ones, 1)
        )


def _plainest(low: Array, high: Array) -> Array:
    """The plainest of a few numbers that is an inner point of the range, or else the middle of it."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(low) & np.isfinite(high)
        plain = np.where(finite, (low + high) / 2, np.where(np.isfinite(low), low + 1, high - 1))
    for value in reversed(PLAIN):
        plain = np.where((low < value) & (value < high), value, plain)
    return plain


# -- blocks ---------------------------------------------------------------------------------------


def _clear_parts(search: _Search, cells: _Cells) -> None:
    """Make plain what need not be otherwise, in an array that is known not to go as a whole; large blocks first."""
    limit = search.calls + SHARE

    def split(start: int, stop: int) -> None:
        """The parts of a block that is known not to go as a whole."""
        middle = (start + stop) // 2
        if stop - start == 1 or search.calls >= limit:
            return
        if cells.cleared(search, start, middle):
            split(middle, stop)  # all else is plain, so this half cannot go as a whole: no need to ask
        elif search.calls < limit and cells.cleared(search, middle, stop):
            split(start, middle)
        elif stop - start < len(cells.plain) or not cells.one(search):
            split(start, middle)
            split(middle, stop)

    split(0, len(cells.plain))


# -- round numbers --------------------------------------------------------------------------------


def _round(search: _Search, cells: _Cells) -> None:
    """Make the entries that are left over round: all together, and then, if they are few, one by one."""
    left = cells.left(search)
    if len(left) > 1:
        now = cells.now(search)[left]
        for values in _rounder(now):
            if np.array_equal(values, now):
                break
            if _inside(cells, left, values) and search.with_entries(cells.k, left, values, 1):
                break
    for i in left if len(left) <= FEW else ():
        _shorten(search, cells, int(i))


def _rounder(values: Array) -> Iterator[Array]:
    """+-1 throughout, then one digit, then two."""
    yield np.sign(values)
    for digits in (1, 2):
        yield np.vectorize(lambda v, n=digits: _digits(v, n), otypes=[values.dtype])(values)


def _shorten(search: _Search, cells: _Cells, i: int) -> None:
    """One entry: +-1 if that fails too, else the least magnitude above 1 that does, in few digits."""

    def accepted(value: float) -> bool:
        new = np.full((1, 1), value).astype(cells.plain.dtype)
        return _inside(cells, np.array([i]), new) and search.with_entries(cells.k, slice(i, i + 1), new, 1)

    value = float(cells.now(search)[i, 0])
    size, sign = abs(value), math.copysign(1.0, value)
    if not math.isfinite(value) or value in (1.0, -1.0) or accepted(sign):
        return
    passes, fails = 1.0, size
    while fails > CLOSE * passes and search.calls < search.most:
        between = _digits(math.sqrt(passes) * math.sqrt(fails), 3)
        if not passes < between < fails:
            break
        passes, fails = (passes, between) if accepted(sign * between) else (between, fails)
    top = min(NEAR * fails, CLOSE * size)
    rounded = (_digits(fails, digits, up) for digits in (1, 2, 3) for up in (False, True))
    any(passes < r <= top and (r == fails or accepted(sign * r)) for r in rounded)


def _digits(value: float, digits: int, up: bool = False) -> float:
    """The number in this many significant digits; ``up`` away from zero."""
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return value
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1)
    if unit == 0 or not math.isfinite(unit):
        return value
    whole = math.ceil(abs(value) / unit) if up else round(abs(value) / unit)
    return math.copysign(float(f"{whole * unit:.{digits}g}"), value)


def _inside(cells: _Cells, rows: Array, values: Array) -> bool:
    return bool(np.all((values >= cells.low[rows]) & (values <= cells.high[rows])))


# -- the same failure -----------------------------------------------------------------------------


def alike(one: Finding, other: Finding) -> bool:
    """Do two findings show the same mistake: one law, one argument, one kind and about one size of disagreement?"""
    if _manner(one) != _manner(other):
        return False
    sizes = _relative(one), _relative(other)
    return sizes[0] == sizes[1] or (min(sizes) > 0 and max(sizes) <= 10 * min(sizes))


def _manner(f: Finding) -> tuple[str, ...]:
    """What does not change with the numbers: law, argument, cause, and how the two sides relate."""
    claimed, expected = f.claimed, f.expected
    if isinstance(claimed, str):
        how = f"{claimed} / {expected}"
    elif not math.isfinite(claimed):
        how = "not finite"
    elif isinstance(expected, str):
        how = "beside a kink"
    elif claimed == 0 or expected == 0:
        how = "nothing claimed" if claimed == 0 else "nothing expected"
    else:
        how = "of the other sign" if (claimed < 0) != (expected < 0) else "of the same sign"
    return f.law, f.argument, _skeleton(f.cause), _skeleton(how)


def _skeleton(words: str) -> str:
    """The words without their numbers, and of a list of entries the first."""
    return re.sub(r"(, [^,;:]*\[#[^\]]*\])+", "", re.sub(r"-?\d+(\.\d+)?(e[-+]?\d+)?", "#", words))


def _relative(f: Finding) -> float:
    """The gap over the larger side; 0 where that is no number."""
    if isinstance(f.claimed, str) or isinstance(f.expected, str) or not math.isfinite(f.claimed):
        return 0.0
    larger = max(abs(f.claimed), abs(f.expected))
    return abs(f.claimed - f.expected) / larger if math.isfinite(larger) and larger > 0 else 0.0
