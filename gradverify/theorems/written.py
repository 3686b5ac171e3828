"""A formula written out at given sizes and evaluated, in balls, in rational numbers or in SymPy's scalar symbols.

This shares the syntax of terms with the index calculus and nothing else: no renaming, no substitution, no laws.
A sum is a loop, a function is called with the arrays it is given, a derivative is SymPy's ordinary one of a
formula in scalar symbols, a function that was declared without a formula is a polynomial of our choosing,
and the ReLU is the straight line it is on its side of 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any, Protocol

import sympy as sp
from flint import arb

from gradverify.theorems.ball import Undefined, ball, finite
from gradverify.theorems.draw import drawn
from gradverify.theorems.notation import Function
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
    Point,
    Power,
    Sigma,
    Term,
    Times,
)

Where = Mapping[Index, int]
Entries = Mapping[tuple[int, ...], Any]  # Fractions, or values of a carrier


# -- what numbers a formula is evaluated in -----------------------------------------------------------------


class Carrier(Protocol):
    """A kind of number."""

    def number(self, value: Fraction) -> Any: ...
    def power(self, base: Any, exponent: Fraction) -> Any: ...
    def exp(self, value: Any) -> Any: ...
    def log(self, value: Any) -> Any: ...
    def above_zero(self, value: Any) -> bool | None:
        """Whether it is > 0, None where it is exactly 0; Undefined where that cannot be told."""


class Exactly:
    """Rational numbers."""

    def number(self, value: Fraction) -> Fraction:
        return value

    def power(self, base: Fraction, exponent: Fraction) -> Fraction:
        if exponent.denominator != 1 or (base == 0 and exponent < 0):
            raise Undefined("it is not rational")
        return Fraction(base ** int(exponent))

    def exp(self, value: Fraction) -> Fraction:
        raise Undefined("it is not rational")

    log = exp

    def above_zero(self, value: Fraction) -> bool | None:
        return None if value == 0 else value > 0


class InBalls:
    """Balls, at the precision that is set."""

    def number(self, value: Fraction) -> arb:
        return ball(value)

    def power(self, base: arb, exponent: Fraction) -> arb:
        if exponent.denominator == 1:
            return finite(base ** int(exponent))
        if not base > 0:
            raise Undefined("a root of a number that is not positive")
        return finite(base ** ball(exponent))

    def exp(self, value: arb) -> arb:
        return finite(value.exp())

    def log(self, value: arb) -> arb:
        if not value > 0:
            raise Undefined("the logarithm of a number that is not positive")
        return finite(value.log())

    def above_zero(self, value: arb) -> bool | None:
        if value == 0:
            return None
        if not (value > 0 or value < 0):
            raise Undefined("its sign cannot be told")
        return bool(value > 0)


class InSymbols:
    """SymPy's scalar formulas; ``at`` says where each symbol is, which decides the side of a ReLU."""

    def __init__(self) -> None:
        self.at: dict[Any, Any] = {}

    def symbol(self, value: Any) -> Any:
        """A new symbol that stands for this value."""
        new = sp.Symbol(f"x{len(self.at)}")
        self.at[new] = numerical(value, self)
        return new

    def number(self, value: Fraction) -> Any:
        return sp.Rational(value.numerator, value.denominator)

    def power(self, base: Any, exponent: Fraction) -> Any:
        return base ** self.number(exponent)

    def exp(self, value: Any) -> Any:
        return sp.exp(value)

    def log(self, value: Any) -> Any:
        return sp.log(value)

    def above_zero(self, value: Any) -> bool | None:
        above = InBalls().above_zero(numerical(value, self))
        if above is None and value.free_symbols:  # it moves with what is differentiated by
            raise Undefined("a derivative at the kink of the ReLU")
        return above


def numerical(value: Any, symbols: InSymbols) -> arb:
    """A number of any kind as a ball."""
    if isinstance(value, Fraction):
        return ball(value)
    return value if isinstance(value, arb) else walked(value, symbols.at, InBalls())


def walked(tree: Any, at: Mapping[Any, Any], carrier: Carrier) -> Any:
    """A SymPy formula evaluated in another kind of number, node by node."""
    if tree in at:
        return at[tree]
    if tree.is_Symbol:
        return tree
    if tree.is_Rational:
        return carrier.number(Fraction(int(tree.p), int(tree.q)))
    if tree is sp.E:
        return carrier.exp(carrier.number(Fraction(1)))
    if tree.is_Pow and tree.exp.is_Rational:
        return carrier.power(walked(tree.base, at, carrier), Fraction(int(tree.exp.p), int(tree.exp.q)))
    parts = [walked(part, at, carrier) for part in tree.args]
    if tree.is_Add:
        return sum(parts[1:], parts[0])
    if tree.is_Mul:
        return _product(parts)
    if isinstance(tree, sp.exp):
        return carrier.exp(parts[0])
    if isinstance(tree, sp.log):
        return carrier.log(parts[0])
    raise Undefined(f"SymPy answered with {type(tree).__name__}")


def _product(parts: Sequence[Any]) -> Any:
    total = parts[0]
    for part in parts[1:]:
        total = total * part
    return total


# -- a formula written out -------------------------------------------------------------------------------


@dataclass
class Instance:
    """Sizes and a value for every free array; ``number`` tells instances and their undeclared functions apart."""

    number: int
    sizes: Mapping[str, int]
    values: dict[str, dict[tuple[int, ...], Any]]
    sides: dict[str, set[bool | None]] = field(default_factory=dict)  # of 0, on which each ReLU's argument was

    def told(self) -> str:
        """The instance in words."""
        sizes = ", ".join(f"{name} = {n}" for name, n in self.sizes.items())
        values = "; ".join(
            f"{name} = {next(iter(v.values())) if () in v else '(' + ', '.join(map(str, v.values())) + ')'}"
            for name, v in self.values.items()
        )
        return f"{sizes}{'; ' if sizes and values else ''}{values}"


@dataclass(frozen=True)
class Scope:
    """What the names of arrays stand for: a function's parameters first, then everybody's.

    ``known`` keeps what has been evaluated with these names, by term and by where its free indices are.
    """

    everybody: Mapping[str, Entries]
    own: Mapping[str, Entries] = field(default_factory=dict)
    known: dict[tuple[str, tuple[int, ...]], Any] = field(default_factory=dict, repr=False, compare=False)

    def entries(self, name: str) -> Entries:
        return self.own[name] if name in self.own else self.everybody[name]

    def changed(self, name: str, at: tuple[int, ...], value: Any) -> Scope:
        """The same with another value of one entry."""
        where = dict(self.own if name in self.own else self.everybody)
        where[name] = {**where[name], at: value}
        return Scope(self.everybody, where) if name in self.own else Scope(where, self.own)

    def without_balls(self, symbols: InSymbols) -> Scope:
        """The same with a symbol for every ball."""
        return Scope(_symbolic(self.everybody, symbols), _symbolic(self.own, symbols))


def _symbolic(arrays: Mapping[str, Entries], symbols: InSymbols) -> Mapping[str, Entries]:
    return {
        name: {at: symbols.symbol(v) if isinstance(v, arb) else v for at, v in entries.items()}
        for name, entries in arrays.items()
    }


REMEMBERED = (Apply, Call, Partial, Sigma, Derivative)  # worth looking up before they are worked out again


@dataclass(frozen=True)
class Writer:
    """Evaluates terms of one instance in one kind of number."""

    instance: Instance
    carrier: Any

    def value(self, t: Term, where: Where, scope: Scope) -> Any:
        """The value of a term, its free indices where they are."""
        if not isinstance(t, REMEMBERED):
            return self.evaluated(t, where, scope)
        place = (t.key, tuple([where[i] for i in t.in_order]))
        if place not in scope.known:
            scope.known[place] = self.evaluated(t, where, scope)
        return scope.known[place]

    def evaluated(self, t: Term, where: Where, scope: Scope) -> Any:
        """The same, worked out."""
        c = self.carrier
        if isinstance(t, Number):
            return c.number(t.value)
        if isinstance(t, Extent):
            return c.number(Fraction(self.instance.sizes[t.size.name]))
        if isinstance(t, Entry):
            found = scope.entries(t.array.name)[self.at(t.points, where)]
            return c.number(found) if isinstance(found, Fraction) else found
        if isinstance(t, Delta):
            left, right = self.at(t.points, where)
            return c.number(Fraction(int(left == right)))
        if isinstance(t, Plus):
            return sum((self.value(x, where, scope) for x in t.terms), c.number(Fraction(0)))
        if isinstance(t, Times):
            return _product([self.value(x, where, scope) for x in t.terms])
        if isinstance(t, Power):
            return c.power(self.value(t.base, where, scope), t.exponent)
        if isinstance(t, Sigma):
            every = self.everywhere(t.binds)
            return sum((self.value(t.body, {**where, **at}, scope) for at in every), c.number(Fraction(0)))
        if isinstance(t, Apply):
            return self.elementary(t, self.value(t.argument, where, scope))
        if isinstance(t, Call):
            return self.called(t.function, t.points, t.terms, where, scope)
        if isinstance(t, Partial):
            return self.partial(t, where, scope)
        if isinstance(t, Derivative):
            return self.derivative(t, where, scope)
        raise Undefined(f"a {type(t).__name__} has no value")

    def at(self, points: tuple[Point, ...], where: Where) -> tuple[int, ...]:
        """The numbers that subscripts stand for."""
        return tuple(
            self.instance.values[p.array.name][self.at(p.points, where)] if isinstance(p, Label) else where[p]
            for p in points
        )

    def everywhere(self, binds: tuple[Index, ...]) -> Iterator[dict[Index, int]]:
        """Every value of these indices."""
        for numbers in product(*(range(self.instance.sizes[i.size.name]) for i in binds)):
            yield dict(zip(binds, numbers, strict=True))

    def elementary(self, t: Apply, u: Any) -> Any:
        if t.name == "exp":
            return self.carrier.exp(u)
        if t.name == "log":
            return self.carrier.log(u)
        above = self.carrier.above_zero(u)
        self.instance.sides.setdefault(t.key, set()).add(above)
        if t.name == "relu":
            return u if above else self.carrier.number(Fraction(0))
        if above is None:
            raise Undefined("the slope of the ReLU at 0")
        return self.carrier.number(Fraction(int(above)))

    def arguments(self, f: Function, given: tuple[Term, ...], where: Where, scope: Scope) -> dict[str, Entries]:
        """The arrays a function is called with, entry by entry."""
        arrays: dict[str, Entries] = {}
        for parameter, formula in zip(f.parameters, given, strict=True):
            assert isinstance(formula, Formula)
            arrays[parameter.name] = {
                tuple(at.values()): self.value(formula.body, {**where, **at}, scope)
                for at in self.everywhere(formula.binds)
            }
        return arrays

    def called(
        self, f: Function, points: tuple[Point, ...], given: tuple[Term, ...], where: Where, scope: Scope
    ) -> Any:
        own = self.arguments(f, given, where, scope)
        inner = Scope(scope.everybody, own) if own or scope.own else scope
        return self.answer(f, self.at(points, where), inner)

    def answer(self, f: Function, at: tuple[int, ...], scope: Scope) -> Any:
        """A function's value with its parameters in scope."""
        if f.body is None:
            return self.polynomial(f, at, [v for p in f.parameters for v in scope.own[p.name].values()])
        return self.value(f.body, dict(zip(f.indices, at, strict=True)), scope)

    def polynomial(self, f: Function, at: tuple[int, ...], values: list[Any]) -> Any:
        """Our choice for a function without a formula: its own for every function, entry and instance."""

        def coefficient(*words: object) -> Any:
            return self.carrier.number(drawn(f.name, at, self.instance.number, *words))

        total = coefficient("1")
        for n, v in enumerate(values):
            following = values[(n + 1) % len(values)]
            total = total + v * (coefficient("x", n) + coefficient("xy", n) * following)
        return total

    def derivative(self, t: Derivative, where: Where, scope: Scope) -> Any:
        name, at, inner = t.by.array.name, self.at(t.by.points, where), self.in_symbols()
        variable = inner.carrier.symbol(scope.entries(name)[at])
        moved = scope.without_balls(inner.carrier).changed(name, at, variable)
        return self.slope(inner.value(t.body, where, moved), variable, inner.carrier, scope.entries(name)[at])

    def partial(self, t: Partial, where: Where, scope: Scope) -> Any:
        f, inner = t.function, self.in_symbols()
        name, at = f.parameters[t.position].name, self.at(t.by, where)
        called = Scope(scope.everybody, self.arguments(f, t.terms, where, scope))
        variable = inner.carrier.symbol(called.own[name][at])
        moved = called.without_balls(inner.carrier).changed(name, at, variable)
        formula = inner.answer(f, self.at(t.answer, where), moved)
        return self.slope(formula, variable, inner.carrier, called.own[name][at])

    def in_symbols(self) -> Writer:
        """The writer of a formula that SymPy is to differentiate."""
        return self if isinstance(self.carrier, InSymbols) else Writer(self.instance, InSymbols())

    def slope(self, formula: Any, variable: Any, symbols: InSymbols, here: Any) -> Any:
        """SymPy's derivative by one scalar symbol, evaluated where the symbol is."""
        slope = sp.diff(formula, variable)
        if self.carrier is not symbols:
            return walked(slope, symbols.at, self.carrier)
        return walked(slope, {variable: symbols.number(here) if isinstance(here, Fraction) else here}, symbols)
