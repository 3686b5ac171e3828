"""A term's value in ordinary floats: a third opinion, written for the tests and sharing only the syntax of terms.

Derivatives are dual numbers, which nest; nothing of SymPy, of python-flint or of the index calculus is used.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from gradverify.theorems.derivation import Derivation
from gradverify.theorems.notation import Array, Function
from gradverify.theorems.term import (
    Apply,
    Call,
    Delta,
    Derivative,
    Entry,
    Extent,
    Formula,
    Index,
    Label,
    Number,
    Partial,
    Plus,
    Power,
    Sigma,
    Term,
    Times,
)

CLOSE = 1e-7  # relative: two sides of the seed's theorems agree to 1e-12 here, wrong ones differ by more than 1e-3


@dataclass(frozen=True)
class Dual:
    """u + v e with e^2 = 0, where every derivative has an e of its own: ``level`` tells the inner from the outer."""

    u: Any
    v: Any
    level: int

    def __add__(self, other: Any) -> Dual:
        top, x, y = together(self, other)
        return Dual(x.u + y.u, x.v + y.v, top)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Dual:
        top, x, y = together(self, other)
        return Dual(x.u * y.u, x.u * y.v + x.v * y.u, top)

    __rmul__ = __mul__


def level(x: Any) -> int:
    return x.level if isinstance(x, Dual) else 0


def together(x: Any, y: Any) -> tuple[int, Dual, Dual]:
    """Both at the level of the inner of the two, for which the other is a constant."""
    top = max(level(x), level(y))
    return top, *(z if level(z) == top else Dual(z, 0.0, top) for z in (x, y))


LEVELS = itertools.count(1)


def differentiated(f: Callable[[Any], Any], x: Any) -> Any:
    """f'(x)."""
    own = next(LEVELS)
    y = f(Dual(x, 1.0, own))
    return y.v if level(y) == own else 0.0


def power(x: Any, n: float) -> Any:
    return Dual(power(x.u, n), x.v * (n * power(x.u, n - 1)), x.level) if isinstance(x, Dual) else x**n


def exp(x: Any) -> Any:
    return Dual(exp(x.u), x.v * exp(x.u), x.level) if isinstance(x, Dual) else math.exp(x)


def log(x: Any) -> Any:
    return Dual(log(x.u), x.v * power(x.u, -1), x.level) if isinstance(x, Dual) else math.log(x)


def real(x: Any) -> float:
    return real(x.u) if isinstance(x, Dual) else float(x)


def relu(x: Any) -> Any:
    return x if real(x) > 0 else 0.0 * x


def slope(x: Any) -> Any:
    return 1.0 if real(x) > 0 else 0.0


ELEMENTARY = {"exp": exp, "log": log, "relu": relu, "slope": slope}


@dataclass(frozen=True)
class Point:
    """Sizes, and a float or an index for every entry of every free array."""

    sizes: Mapping[str, int]
    values: Mapping[str, Mapping[tuple[int, ...], Any]]


def value(t: Term, point: Point, where: Mapping[Index, int], own: Mapping[str, Any] | None = None) -> Any:
    """The value of a term; ``own`` are the arrays a function was called with."""
    arrays = {**point.values, **(own or {})}

    def at(points: Any) -> tuple[int, ...]:
        return tuple(point.values[p.array.name][at(p.points)] if isinstance(p, Label) else where[p] for p in points)

    def inside(x: Term, more: Mapping[Index, int] | None = None) -> Any:
        return value(x, point, {**where, **(more or {})}, own)

    match t:
        case Number():
            return float(t.value)
        case Extent():
            return float(point.sizes[t.size.name])
        case Entry():
            return arrays[t.array.name][at(t.points)]
        case Delta():
            return float(len(set(at(t.points))) == 1)
        case Plus():
            return sum((inside(x) for x in t.terms), 0.0)
        case Times():
            return math.prod((inside(x) for x in t.terms), start=1.0)
        case Power():
            return power(inside(t.base), float(t.exponent))
        case Apply():
            return ELEMENTARY[t.name](inside(t.argument))
        case Sigma():
            return sum((inside(t.body, more) for more in every(t.binds, point)), 0.0)
        case Call():
            return called(t.function, at(t.points), given(t, point, where, own), point)
        case Derivative():
            name, here = t.by.array.name, at(t.by.points)

            def moved(new: Any) -> Any:
                if own and name in own:
                    return value(t.body, point, where, {**own, name: {**own[name], here: new}})
                values = {**point.values, name: {**point.values[name], here: new}}
                return value(t.body, Point(point.sizes, values), where, own)

            return differentiated(moved, arrays[name][here])
        case Partial():
            f, arguments, here = t.function, given(t, point, where, own), at(t.by)
            name = f.parameters[t.position].name

            def bumped(new: Any) -> Any:
                return called(f, at(t.answer), {**arguments, name: {**arguments[name], here: new}}, point)

            return differentiated(bumped, arguments[name][here])
    raise TypeError(type(t).__name__)


def given(t: Call | Partial, point: Point, where: Mapping[Index, int], own: Any) -> dict[str, Any]:
    arrays = {}
    for parameter, formula in zip(t.function.parameters, t.terms, strict=True):
        assert isinstance(formula, Formula)
        arrays[parameter.name] = {
            tuple(more.values()): value(formula.body, point, {**where, **more}, own)
            for more in every(formula.binds, point)
        }
    return arrays


def called(f: Function, at: tuple[int, ...], own: Mapping[str, Any], point: Point) -> Any:
    if f.body is not None:
        return value(f.body, point, dict(zip(f.indices, at, strict=True)), own)
    draw = random.Random(f"{f.name}{at}{sorted(point.sizes.items())}")  # any smooth function will do
    entries = [v for p in f.parameters for v in own[p.name].values()]
    angle = sum((draw.uniform(-1, 1) * v for v in entries), 0.0)
    return exp(0.1 * angle) * draw.uniform(1, 2) + sum((draw.uniform(-1, 1) * v * v for v in entries), 0.0)


def every(binds: tuple[Index, ...], point: Point) -> Iterator[dict[Index, int]]:
    for numbers in product(*(range(point.sizes[i.size.name]) for i in binds)):
        yield dict(zip(binds, numbers, strict=True))


def points(d: Derivation, seed: int = 0, many: int = 3) -> Iterator[Point]:
    """Random points of a derivation that satisfy its hypotheses, whose equations hold for arrays that sum to 1."""
    draw = random.Random(f"{d.name}{seed}")
    for _ in range(many):
        sizes = {s.name: draw.choice([2, 3]) for s in d.sizes}
        values = {a.name: dict(entries(a, sizes, d, draw)) for a in d.arrays}
        if any(h.name == "labels sum to 1" for h in d.hypotheses):
            total = sum(abs(v) for v in values["t"].values())
            values["t"] = {at: abs(v) / total for at, v in values["t"].items()}
        if "T" in values:
            for n in range(sizes["N"]):
                total = sum(abs(v) for at, v in values["T"].items() if at[0] == n)
                values["T"] |= {at: abs(v) / total for at, v in values["T"].items() if at[0] == n}
        if any(h.fixes.name == "sigma" for h in d.hypotheses):
            z = next(f for f in d.functions if f.name == "z")
            point = Point(sizes, values)
            values["sigma"] = {at: slope(called(z, at, {}, point)) for at in values["sigma"]}
        yield Point(sizes, values)


def entries(a: Array, sizes: Mapping[str, int], d: Derivation, draw: random.Random) -> Iterator[tuple[Any, Any]]:
    for at in product(*(range(sizes[s.name]) for s in a.sizes)):
        if a.into is not None:
            yield at, draw.randrange(sizes[a.into.name])
        else:
            yield at, draw.uniform(0.2, 2) * (1 if a in d.positive else draw.choice([-1, 1]))


def apart(left: Term, right: Term, point: Point) -> bool:
    """Whether two terms clearly differ somewhere at this point."""
    free = tuple(sorted(left.free | right.free, key=lambda i: i.key))
    for where in every(free, point):
        a, b = real(value(left, point, where)), real(value(right, point, where))
        if not abs(a - b) <= CLOSE * max(1.0, abs(a), abs(b)):
            return True
    return False
