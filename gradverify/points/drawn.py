"""A point made of numbers that are chosen one by one: by a search that shrinks them, or by a memory of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from gradverify._arrays import Array
from gradverify._domain import Box
from gradverify._floating import is_floating, limits
from gradverify._subject import Subject
from gradverify.points.generate import SPECIAL, Kind, point

T = TypeVar("T")
SEEDS = 2**16 - 1  # dense values come from one of these: enough, and short to shrink
MAPS = ((1.0, 0.0), (0.01, 0.0), (3.0, 0.0), (1.0, 1.0), (-1.0, -3.0))  # scale, then offset
SPANS = (4.0, 100.0, 1e4)  # single entries are drawn below one of these, where their range allows it
OVERRIDES = 3  # single entries set by themselves
LAYOUTS = ("C", "F", "reversed", "strided")
Options = Mapping[str, Any]
Cell = tuple[tuple[str, ...], tuple[Options, ...]]  # the types and the options to choose from
Made = tuple[int | float, ...]  # all numbers that were chosen, in order


class Stale(Exception):
    """Numbers that were kept make no point any more."""


def remembered(made: Made) -> Callable[[float, float, int], int | float]:
    """These numbers again, one after another; raises Stale where the next does not fit."""
    left: Iterator[int | float] = iter(made)

    def number(low: float, high: float, width: int) -> int | float:
        value = next(left, None)
        if type(value) is not (int if width == 0 else float) or not low <= value <= high:
            raise Stale
        return value

    return number


@dataclass(frozen=True, repr=False)
class Point:
    """Inputs with their options, and the numbers that made them."""

    arrays: tuple[Array, ...]
    options: Options
    made: Made
    seed: int


@dataclass(frozen=True)
class Drawn:
    """Choices from ``number(low, high, width)``: an integer (width 0) or a float of this many bits in [low, high].

    Whole arrays come from a seed among them. ``made`` is all of them in order.
    """

    number: Callable[[float, float, int], int | float]
    made: list[int | float] = field(default_factory=list)

    def one(self, low: float, high: float, width: int) -> int | float:
        """A number in [low, high]."""
        self.made.append(self.number(low, high, width))
        return self.made[-1]

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high], shrinking to low."""
        return int(self.one(low, high, 0)) if low < high else low

    def pick(self, options: Sequence[T]) -> T:
        """One of these, shrinking to the first."""
        return options[self.integer(0, len(options) - 1)]

    @cached_property
    def seed(self) -> int:
        """What whole arrays are drawn from."""
        return self.integer(0, SEEDS)

    @cached_property
    def rng(self) -> np.random.Generator:
        """A generator of its own: Hypothesis resets the global one for every example."""
        return np.random.default_rng(self.seed)


def drawn_point(c: Drawn, subject: Subject, kind: Kind, cell: Cell) -> Point:
    """A point of this kind, to some scale, about some offset, with a few entries set by themselves."""
    dtypes, choices = cell
    dtype, options, (scale, offset) = c.pick(dtypes), c.pick(choices), c.pick(MAPS)

    def fill(c: Any, shape: tuple[int, ...], special: tuple[float, ...]) -> Array:
        return offset + scale * kind.fill(c, shape, special)

    sizes, layout = c.pick((kind.sizes, "random")), c.pick((kind.layout, *LAYOUTS))
    changed = dataclasses.replace(kind, fill=fill, sizes=sizes, layout=layout)
    arrays = tuple(map(np.asarray, point(subject.domain, changed, dtype, c, subject.literals)))
    _override(c, subject, arrays)
    return Point(arrays, options, tuple(c.made), c.seed)


def _override(c: Drawn, subject: Subject, arrays: tuple[Array, ...]) -> None:
    """A few entries of real Boxes set, in place, to single numbers: any at all, or those where functions branch."""
    places = subject.domain.arguments.values()
    free = [
        (box, a)
        for box, a in zip(places, arrays, strict=True)
        if isinstance(box, Box) and box.kind == "real" and is_floating(a.dtype) and a.size
    ]
    for _ in range(c.integer(0, OVERRIDES) if free else 0):
        box, a = c.pick(free)
        index = np.unravel_index(c.integer(0, a.size - 1), a.shape)
        low, high = (float(np.broadcast_to(np.asarray(end, float), a.shape)[index]) for end in (box.low, box.high))
        known = [n for n in (*box.kinks, *subject.literals, *SPECIAL) if low <= n <= high]
        a[index] = c.pick(known) if known and c.integer(0, 1) else c.one(*_range(low, high, c.pick(SPANS), a.dtype))


def _range(low: float, high: float, span: float, dtype: np.dtype[Any]) -> tuple[float, float, int]:
    """The ends of [low, high], and of the span where that leaves something, as floats of a width."""
    most = limits(dtype).max
    least, greatest = max(low, -span, -most), min(high, span, most)
    if least >= greatest:
        least, greatest = max(low, -most), min(high, most)
    width = {2: 16, 4: 32}.get(dtype.itemsize, 64)
    return (_inward(least, 1, dtype), _inward(greatest, -1, dtype), width) if width < 64 else (least, greatest, width)


def _inward(end: float, sign: int, dtype: np.dtype[Any]) -> float:
    """The end of a range as a number of this type that lies in the range."""
    rounded = dtype.type(end)
    outside = (float(rounded) - end) * sign < 0
    return float(np.nextafter(rounded, dtype.type(sign * np.inf)) if outside else rounded)
