"""A term is syntax with symbolic sizes: it stays as it is written, and building one evaluates nothing.

``notation`` has the words that terms are written with. Two terms are equal when they are written alike. What a
binder binds (a sum, an array given by a formula) is listed in its ``binds``, and an index has its size as type.

SymPy's own objects would not do: ``exp(a)*exp(-a)`` and ``x/x`` are 1 there before anybody has named a rule, and a
sum with a renamed index is another object.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

from gradverify._errors import Misuse

if TYPE_CHECKING:
    from gradverify.theorems.notation import Array, Function

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
SUBSCRIPT = re.compile(r"[~_]?[A-Za-z0-9]+")  # a mark in front is ours: ~0 for an opened binder, _1 for a closed one


def checked(kind: str, name: str, form: re.Pattern[str] = WORD) -> None:
    """Names are plain words: a term's key is built of them, and must not be readable in two ways."""
    if not form.fullmatch(name):
        raise Misuse(f"{kind} {name!r}: a name is a letter, then letters, digits or underscores.")


# -- indices ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Size:
    """A symbolic size K >= 1; as a term it is the number K."""

    name: str
    meaning: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        checked("size", self.name)

    def indices(self, names: str) -> tuple[Index, ...]:
        """Indices that run over this size, by their names: ``k, j = K.indices("k j")``."""
        for name in names.split():
            checked("index", name)
        return tuple(Index(name, self) for name in names.split())

    @property
    def number(self) -> Term:
        """This size as a number."""
        return Extent(self)


@dataclass(frozen=True)
class Index:
    """A name that runs over a size."""

    name: str
    size: Size

    def __post_init__(self) -> None:
        checked("index", self.name, SUBSCRIPT)

    @property
    def key(self) -> str:
        """What tells it from every other."""
        return f"{self.name}:{self.size.name}"

    @property
    def free(self) -> frozenset[Index]:
        """The index itself."""
        return frozenset((self,))


@dataclass(frozen=True)
class Label:
    """An index read from an array of indices, y[n]: a compound index, never itself bound."""

    array: Array
    points: tuple[Point, ...]

    @property
    def size(self) -> Size:
        """The size it points into."""
        assert self.array.into is not None
        return self.array.into

    @property
    def key(self) -> str:
        """What tells it from every other."""
        return f"({self.array.name} {' '.join(p.key for p in self.points)})"

    @property
    def free(self) -> frozenset[Index]:
        """The indices inside."""
        return frozenset[Index]().union(*(p.free for p in self.points))


Point = Index | Label  # what stands in a subscript
Points = tuple[Point, ...]
Indices = tuple[Index, ...]


# -- what may be added, multiplied, divided ----------------------------------------------------------


class Operand:
    """Anything that stands for a number in a formula."""

    def as_term(self) -> Term:
        """The term it stands for."""
        raise NotImplementedError

    def __add__(self, other: object) -> Term:
        return _plus(self, other)

    def __radd__(self, other: object) -> Term:
        return _plus(other, self)

    def __sub__(self, other: object) -> Term:
        return _plus(self, negative(term(other)))

    def __rsub__(self, other: object) -> Term:
        return _plus(other, negative(self.as_term()))

    def __mul__(self, other: object) -> Term:
        return _times(self, other)

    def __rmul__(self, other: object) -> Term:
        return _times(other, self)

    def __truediv__(self, other: object) -> Term:
        return _times(self, Power(term(other), Fraction(-1)))

    def __rtruediv__(self, other: object) -> Term:
        return _times(other, Power(self.as_term(), Fraction(-1)))

    def __neg__(self) -> Term:
        return negative(self.as_term())

    def __pow__(self, exponent: int | Fraction) -> Term:
        return Power(self.as_term(), Fraction(exponent))


Terms = tuple["Term", ...]


class Term(Operand):
    """A formula; ``terms`` are its parts, ``points`` its own subscripts, ``binds`` what it binds in them."""

    terms: tuple[Term, ...] = ()  # a dataclass below says field(), lest it takes these for defaults
    points: tuple[Point, ...] = ()
    binds: tuple[Index, ...] = ()

    def as_term(self) -> Term:
        """Itself."""
        return self

    def own(self) -> str:
        """What it says beside its parts, subscripts and bound indices."""
        return ""

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        """The same kind of term of other parts."""
        raise NotImplementedError

    @cached_property
    def key(self) -> str:
        """The term written out; equal terms have equal keys."""
        words = [type(self).__name__, self.own(), *(i.key for i in self.binds), "|", *(p.key for p in self.points)]
        return f"({' '.join(words)} {' '.join(t.key for t in self.terms)})"

    @cached_property
    def free(self) -> frozenset[Index]:
        """The indices that no binder inside binds."""
        inside = frozenset[Index]().union(*(t.free for t in self.terms)) - set(self.binds)
        return inside.union(*(p.free for p in self.points))

    @cached_property
    def indices(self) -> frozenset[Index]:
        """Every index in it, free or bound."""
        own = frozenset(self.binds).union(*(p.free for p in self.points))
        return own.union(*(t.indices for t in self.terms))

    @cached_property
    def in_order(self) -> tuple[Index, ...]:
        """The free indices in an order that does not change."""
        return tuple(sorted(self.free, key=lambda i: i.key))

    @cached_property
    def arrays(self) -> frozenset[Array]:
        """The free arrays it speaks of, by itself or by the formula of a function in it."""
        return self.written | self.hidden

    @cached_property
    def written(self) -> frozenset[Array]:
        """The free arrays written in it, those in its subscripts too."""
        return frozenset().union(*(t.written for t in self.terms), *(arrays_of(p) for p in self.points))

    @cached_property
    def hidden(self) -> frozenset[Array]:
        """The arrays that a function in it speaks of without taking them as parameters."""
        return frozenset().union(*(t.hidden for t in self.terms))

    @cached_property
    def functions(self) -> frozenset[Function]:
        """The functions in it, and those in their formulas."""
        return frozenset().union(*(t.functions for t in self.terms))

    @cached_property
    def height(self) -> int:
        """How many binders are nested in it, each index counted."""
        return max((t.height for t in self.terms), default=0) + len(self.binds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


# -- the kinds of terms --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Number(Term):
    """A rational number."""

    value: Fraction

    def own(self) -> str:
        return str(self.value)

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return self


@dataclass(frozen=True, eq=False)
class Extent(Term):
    """A size as a number: K."""

    size: Size

    def own(self) -> str:
        return self.size.name

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return self


@dataclass(frozen=True, eq=False)
class Entry(Term):
    """An entry of an array: s[k]."""

    array: Array
    points: tuple[Point, ...] = field()

    def own(self) -> str:
        return self.array.name

    @cached_property
    def written(self) -> frozenset[Array]:
        return frozenset((self.array,)).union(*(arrays_of(p) for p in self.points))

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Entry(self.array, points)


@dataclass(frozen=True, eq=False)
class Formula(Term):
    """An array given by a formula: the array whose entry k is ``s[k] + c``. It stands only as a function's argument."""

    binds: tuple[Index, ...] = field()
    body: Term = field()

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override] # a dataclass cannot inherit a field it computes
        return (self.body,)

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Formula(binds, terms[0])


class OfFunction(Term):
    """What a call and a partial derivative have in common: the function they speak of."""

    function: Function

    @cached_property
    def hidden(self) -> frozenset[Array]:
        return self.function.arrays.union(*(t.hidden for t in self.terms))

    @cached_property
    def functions(self) -> frozenset[Function]:
        body = self.function.body
        inside: frozenset[Function] = body.functions if body is not None else frozenset()
        return inside.union((self.function,), *(t.functions for t in self.terms))


@dataclass(frozen=True, eq=False)
class Call(OfFunction):
    """A function of arrays at these arrays, and the entry of its answer: p(s)[k]."""

    function: Function = field()
    points: tuple[Point, ...] = field()
    terms: tuple[Term, ...] = field()

    def own(self) -> str:
        return self.function.name

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Call(self.function, points, terms)


@dataclass(frozen=True, eq=False)
class Partial(OfFunction):
    """A function's derivative by one entry of one of its arguments, at these arrays.

    ``points`` are the entry of the answer, then the entry of the argument at ``position``.
    """

    function: Function = field()
    position: int = field()
    points: tuple[Point, ...] = field()
    terms: tuple[Term, ...] = field()

    def own(self) -> str:
        return f"{self.function.name} {self.position}"

    @property
    def answer(self) -> tuple[Point, ...]:
        """Which entry of the function is differentiated."""
        return self.points[: len(self.function.indices)]

    @property
    def by(self) -> tuple[Point, ...]:
        """By which entry of the argument."""
        return self.points[len(self.function.indices) :]

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Partial(self.function, self.position, points, terms)


@dataclass(frozen=True, eq=False)
class Plus(Term):
    """A sum of written-out terms."""

    terms: tuple[Term, ...] = field()

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Plus(terms)


@dataclass(frozen=True, eq=False)
class Times(Term):
    """A product."""

    terms: tuple[Term, ...] = field()

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Times(terms)


@dataclass(frozen=True, eq=False)
class Power(Term):
    """A term to a rational power; a quotient u/v is u times v to the power -1."""

    base: Term
    exponent: Fraction

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override] # a dataclass cannot inherit a field it computes
        return (self.base,)

    def own(self) -> str:
        return str(self.exponent)

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Power(terms[0], self.exponent)


ELEMENTARY = ("exp", "log", "relu", "slope")


@dataclass(frozen=True, eq=False)
class Apply(Term):
    """An elementary function: exp, log, relu (the greater of z and 0), slope (1 where z > 0, 0 where z < 0)."""

    name: str
    argument: Term

    def __post_init__(self) -> None:
        if self.name not in ELEMENTARY:
            raise Misuse(f"{self.name!r} is no elementary function; they are {', '.join(ELEMENTARY)}.")

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override] # a dataclass cannot inherit a field it computes
        return (self.argument,)

    def own(self) -> str:
        return self.name

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Apply(self.name, terms[0])


@dataclass(frozen=True, eq=False)
class Sigma(Term):
    """The sum of its body over every value of the indices it binds."""

    binds: tuple[Index, ...] = field()
    body: Term = field()

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override] # a dataclass cannot inherit a field it computes
        return (self.body,)

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Sigma(binds, terms[0])


@dataclass(frozen=True, eq=False)
class Delta(Term):
    """Kronecker's delta: 1 where its two indices agree, else 0."""

    points: tuple[Point, ...] = field()

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        return Delta(points)


@dataclass(frozen=True, eq=False)
class Derivative(Term):
    """The derivative of a term by one entry of an array, all other entries and arrays held."""

    body: Term
    by: Entry

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override] # a dataclass cannot inherit a field it computes
        return (self.body, self.by)

    def rebuilt(self, terms: Terms, points: Points, binds: Indices) -> Term:
        by = terms[1]
        assert isinstance(by, Entry)
        return Derivative(terms[0], by)


# -- what stands for a term -----------------------------------------------------------------------------


def term(value: object) -> Term:
    """A term, or what stands for one; whole numbers and fractions are numbers, floats are refused."""
    if isinstance(value, Operand):
        return value.as_term()
    if isinstance(value, Size):
        return value.number
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        return Number(Fraction(value))
    hint = "; write a Fraction" if isinstance(value, float) else ""
    raise Misuse(f"{value!r} is no term{hint}.")


def negative(t: Term) -> Term:
    """Minus a term, written with its number in front."""
    if isinstance(t, Number):
        return Number(-t.value)
    if isinstance(t, Times) and isinstance(t.terms[0], Number):
        number, rest = -t.terms[0].value, t.terms[1:]
        return Times((Number(number), *rest)) if number != 1 else rest[0] if len(rest) == 1 else Times(rest)
    return Times((Number(Fraction(-1)), *(t.terms if isinstance(t, Times) else (t,))))


def _plus(left: object, right: object) -> Term:
    first = term(left)
    return Plus((*(first.terms if isinstance(first, Plus) else (first,)), term(right)))


def _times(left: object, right: object) -> Term:
    first = term(left)
    return Times((*(first.terms if isinstance(first, Times) else (first,)), term(right)))


def arrays_of(p: Point) -> frozenset[Array]:
    """The arrays of indices that a subscript reads."""
    return frozenset((p.array,)).union(*(arrays_of(q) for q in p.points)) if isinstance(p, Label) else frozenset()
