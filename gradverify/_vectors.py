"""Tuples of arrays form one vector space, and every number that is not exact travels with its error.

A :class:`Vectors` is one element of that space: a point, a tangent, a cotangent or a gradient, one
array for each argument. Sums and inner products are taken in extended precision; what
is handed back to the subject is in its own type again, and the rounding is carried.

What the subject's own code computed keeps its :class:`Answer`, so that the
judge can measure that code's rounding where it matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gradverify._arrays import Array, Wide, deferred, slices, wide
from gradverify._floating import is_low, unit
from gradverify._steps import step_of, usual_step

FAR = 0.05  # of a gap: an oracle whose error is not below this share of it refutes nothing
EPS_WIDE = float(np.finfo(Wide).eps)


class Misfit(Exception):
    """Two vectors of different shapes met: no law about their numbers can be judged."""


@dataclass(frozen=True)
class Estimate:
    """A real number known to within ``error``, an absolute half-width >= 0.

    ``answers`` say whose rounding is not in the error yet.
    """

    value: float
    error: float = 0.0
    answers: tuple[Weighed, ...] = ()
    source: str = ""
    scale: float = 0.0  # of a sum that an oracle worked out: the sum of its terms' sizes
    refutes: float = 0.0  # the least gap that this oracle, looked at again with another, can refute ...
    share: float = 0.0  # ... and the least share of that scale
    second: Estimate | None = None  # what an oracle of another kind says of the same number

    def __post_init__(self) -> None:
        if not self.error >= 0:
            object.__setattr__(self, "error", float("inf"))

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.value + other.value, self.error + other.error, self.answers + other.answers)

    def __rmul__(self, a: float) -> Estimate:
        return Estimate(a * self.value, abs(a) * self.error, tuple(w.times(a) for w in self.answers))

    def __sub__(self, other: Estimate) -> Estimate:
        return self + (-1.0) * other


@dataclass(frozen=True)
class CannotHere:
    """An oracle's honest refusal: no derivative is known at this point, for this reason."""

    reason: str


@dataclass(frozen=True)
class Answer:
    """One call of a claimed rule: ``again(x, v)`` repeats it at another point and (co)tangent."""

    again: Callable[[Vectors, Vectors], tuple[Array, ...]]
    x: Vectors
    v: Vectors
    parts: tuple[Array, ...]
    natural: Callable[..., tuple[Array, ...]]  # the size of every entry without cancellation; see Subject.naturals
    moves: tuple[int, ...]  # the parts of x that may be moved to measure rounding
    bounds: Callable[[int], tuple[Any, Any]]  # ... and the range that each of them keeps to
    low: str = "float64"  # the coarsest type among inputs and answer
    amplified: Callable[[], float] = lambda: 0.0  # how far the function itself is off here, in eps of that type
    largest: Callable[[], float] = lambda: 0.0  # the largest |f| that the answer was pulled back from
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def eps(self) -> tuple[float, ...]:
        """The unit roundoff of each part: its own type's, or the coarsest input's if that is coarser."""
        return tuple(max(unit(p.dtype), unit(self.low)) for p in self.parts)


@dataclass(frozen=True)
class Weighed:
    """An answer times a number, or (``along``) its inner product with fixed vectors."""

    answer: Answer
    weight: float = 1.0
    along: Vectors | None = None

    def times(self, a: float) -> Weighed:
        return Weighed(self.answer, a * self.weight, self.along)


@dataclass(frozen=True)
class Pairing:
    """The inner product of two vectors of symbols, not multiplied out: exact, whatever they stand for."""

    left: Vectors
    right: Vectors


@dataclass(frozen=True)
class Vectors:
    """An element of a product of array spaces: ``parts`` (any shapes), with an entrywise ``error`` or none.

    On symbols (arrays that call themselves ``exact``) there is no rounding and no error, and an inner
    product is a :class:`Pairing`.
    """

    parts: tuple[Array, ...]
    error: tuple[Array, ...] | None = None
    answers: tuple[Weighed, ...] = ()
    bare: bool = False  # a single array rather than a tuple of one
    spare: frozenset[int] = frozenset()  # the parts that nobody else holds: they are handed out without a copy
    random: bool = False  # its signs were drawn at random, independent of all that is multiplied with it

    __array_ufunc__ = None  # an array on the left leaves the product to ``__rmul__``

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Array]:
        return iter(self.parts)

    def __getitem__(self, k: int) -> Array:
        return self.parts[k]

    @property
    def size(self) -> int:
        return sum(p.size for p in self.parts)

    @property
    def symbolic(self) -> bool:
        """Are these symbols rather than floats?"""
        return any(getattr(p, "exact", False) for p in self.parts)

    @np.errstate(all="ignore")
    def __add__(self, other: Vectors) -> Vectors:
        if self.symbolic or other.symbolic:
            return Vectors(tuple(_sum(a, b) for a, b in zip(self, other, strict=True)), bare=self.bare)
        parts, error = [], []
        answers = self.answers + other.answers
        _match(self, other)
        for a, b, e, e2 in zip(self.parts, other.parts, self.bars(), other.bars(), strict=True):
            _fit(a, b)
            total = deferred(lambda a, b: wide(a) + wide(b), a, b)
            kept = total if answers else _rounded(total, np.result_type(a.dtype, b.dtype))
            parts.append(kept)
            error.append(deferred(lambda t, k, e, e2: e + e2 + _lost(t, k), total, kept, e, e2))
        return Vectors(tuple(parts), tuple(error), answers, self.bare)

    @np.errstate(all="ignore")
    def __rmul__(self, a: float) -> Vectors:
        if self.symbolic:
            return Vectors(tuple(a * p for p in self), bare=self.bare)
        parts, error = [], []
        for p, e in zip(self.parts, self.bars(), strict=True):
            product = deferred(lambda p: a * wide(p), p)
            kept = product if self.answers else _rounded(product, p.dtype)
            parts.append(kept)
            error.append(deferred(lambda t, k, e: abs(a) * e + _lost(t, k), product, kept, e))
        return Vectors(tuple(parts), tuple(error), tuple(w.times(a) for w in self.answers), self.bare)

    def __sub__(self, other: Vectors) -> Vectors:
        return self + (-1.0) * other

    @cached_property
    def higher(self) -> Vectors:
        """The same numbers, floating parts at least in float64; the vectors themselves where nothing is lower."""
        parts = tuple(p.astype(np.float64, order="K") if is_low(p.dtype) else p for p in self)
        return Vectors(parts, bare=self.bare) if any(a is not b for a, b in zip(parts, self, strict=True)) else self

    @cached_property
    def usual_steps(self) -> tuple[float, ...]:
        """The usual size of each part's entries: see ``usual_step``."""
        return tuple(usual_step(p) for p in self)

    @cached_property
    def steps(self) -> tuple[Array, ...]:
        """The natural step of every entry: see ``step_of``."""
        return tuple(step_of(p, usual) for p, usual in zip(self, self.usual_steps, strict=True))

    def bars(self) -> tuple[Array, ...]:
        """The known error of every entry; zeros for exact vectors."""
        return self.error or tuple(np.broadcast_to(0.0, p.shape) for p in self.parts)

    @np.errstate(all="ignore")
    def inner(self, other: Vectors) -> Any:
        """The sum of products over all parts: an Estimate with the rounding of its own terms, on symbols a Pairing."""
        if self.symbolic or other.symbolic:
            return Pairing(self, other)
        total, rounding, error = Wide(0), Wide(0), 0.0
        _match(self, other)
        for k, (a, b) in enumerate(zip(self.parts, other.parts, strict=True)):
            if not a.size or not b.size:
                continue
            _fit(a, b)
            sums, sizes = [], []
            for p, q in slices(a, b):
                terms = wide(p) * wide(q)
                sums.append(terms.sum())
                sizes.append(np.abs(terms).sum())
            for bars, parts in ((self.error, b), (other.error, a)):
                error += sum(float((e * np.abs(p)).sum()) for e, p in slices(bars[k], parts)) if bars else 0.0
            total += sum(sums)
            rounding += (2 + math.log2(a.size + 2)) * EPS_WIDE * sum(sizes)
        if self.answers and other.answers:
            raise TypeError("an inner product of two answers is not linear in either; make one of them exact")
        answers = tuple(Weighed(w.answer, w.weight, other) for w in self.answers)
        answers += tuple(Weighed(w.answer, w.weight, self) for w in other.answers)
        return Estimate(float(total), error + float(rounding), answers)

    def exact(self) -> Vectors:
        """The same numbers, taken as they are: no error, no answers."""
        return Vectors(self.parts, bare=self.bare)

    def only(self, *positions: int) -> Vectors:
        """These parts, and nothing (no entry) elsewhere."""
        kept = tuple(p if k in positions else np.zeros(0) for k, p in enumerate(self.parts))
        return Vectors(kept, bare=self.bare)


def _match(a: Vectors, b: Vectors) -> None:
    if len(a) != len(b):
        raise Misfit(f"one has {len(a)} array(s), the other {len(b)}")


def _fit(a: Array, b: Array) -> None:
    if a.shape != b.shape:
        raise Misfit(f"shapes {a.shape} and {b.shape} differ")


def _sum(a: Array, b: Array) -> Array:
    _fit(a, b)
    return np.asanyarray(a + b)


def _rounded(a: Array, dtype: Any) -> Array:
    return np.asarray(deferred(lambda p: p.astype(dtype), a))


def _lost(exact: Array, kept: Array) -> Array:
    """The rounding of a number in extended precision, and of what is kept of it."""
    return np.asarray(EPS_WIDE * np.abs(exact) + np.abs(wide(kept) - exact))


def vectors(parts: Sequence[Any]) -> Vectors:
    """Exact vectors from anything array-like."""
    return Vectors(tuple(np.asarray(p) for p in parts))
