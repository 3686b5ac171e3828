"""A term is syntax with symbolic sizes: it stays as it is written, and building one evaluates nothing.

    K = Size("K", "the number of classes")
    k, j, c = K.indices("k j c")
    s = Array("s", (K,), "the scores")
    p = Function("p", (s,), (k,), exp(s[k]) / Sum(c, exp(s[c])), "the probabilities")
    D(p[k], s[j])  # a term; nothing is differentiated

SymPy's own objects would not do: ``exp(a)*exp(-a)`` and ``x/x`` are 1 there before anybody has named a
rule, and a sum with a renamed index is another object. Two terms are equal here when they are written alike.
Every binder (a sum, an array given by a formula) is listed in ``binds``, and indices have their size as type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from gradverify._errors import Misuse

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
SUBSCRIPT = re.compile(r"[~_]?[A-Za-z0-9]+")  # a mark in front is ours: ~0 for an opened binder, _1 for a closed one


def _checked(kind: str, name: str, form: re.Pattern[str] = WORD) -> None:
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
        _checked("size", self.name)

    def indices(self, names: str) -> tuple[Index, ...]:
        """Indices that run over this size, by their names: ``k, j = K.indices("k j")``."""
        for name in names.split():
            _checked("index", name)
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
        _checked("index", self.name, SUBSCRIPT)

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

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
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
        return frozenset[Array]().union(*(t.written for t in self.terms), *(arrays_of(p) for p in self.points))

    @cached_property
    def hidden(self) -> frozenset[Array]:
        """The arrays that a function in it speaks of without taking them as parameters."""
        return frozenset[Array]().union(*(t.hidden for t in self.terms))

    @cached_property
    def functions(self) -> frozenset[Function]:
        """The functions in it, and those in their formulas."""
        return frozenset[Function]().union(*(t.functions for t in self.terms))

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

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
        return self


@dataclass(frozen=True, eq=False)
class Extent(Term):
    """A size as a number: K."""

    size: Size

    def own(self) -> str:
        return self.size.name

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
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

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
        return Entry(self.array, points)


@dataclass(frozen=True, eq=False)
class Formula(Term):
    """An array given by a formula: the array whose entry k is ``s[k] + c``. It stands only as a function's argument."""

    binds: tuple[Index, ...] = field()
    body: Term = field()

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override] # a dataclass cannot inherit a field it computes
        return (self.body,)

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
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
        inside = body.functions if body is not None else frozenset[Function]()
        return inside.union((self.function,), *(t.functions for t in self.terms))


@dataclass(frozen=True, eq=False)
class Call(OfFunction):
    """A function of arrays at these arrays, and the entry of its answer: p(s)[k]."""

    function: Function = field()
    points: tuple[Point, ...] = field()
    terms: tuple[Term, ...] = field()

    def own(self) -> str:
        return self.function.name

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
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

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
        return Partial(self.function, self.position, points, terms)


@dataclass(frozen=True, eq=False)
class Plus(Term):
    """A sum of written-out terms."""

    terms: tuple[Term, ...] = field()

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
        return Plus(terms)


@dataclass(frozen=True, eq=False)
class Times(Term):
    """A product."""

    terms: tuple[Term, ...] = field()

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
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

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
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

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
        return Apply(self.name, terms[0])


@dataclass(frozen=True, eq=False)
class Sigma(Term):
    """The sum of its body over every value of the indices it binds."""

    binds: tuple[Index, ...] = field()
    body: Term = field()

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override] # a dataclass cannot inherit a field it computes
        return (self.body,)

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
        return Sigma(binds, terms[0])


@dataclass(frozen=True, eq=False)
class Delta(Term):
    """Kronecker's delta: 1 where its two indices agree, else 0."""

    points: tuple[Point, ...] = field()

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
        return Delta(points)


@dataclass(frozen=True, eq=False)
class Derivative(Term):
    """The derivative of a term by one entry of an array, all other entries and arrays held."""

    body: Term
    by: Entry

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override] # a dataclass cannot inherit a field it computes
        return (self.body, self.by)

    def rebuilt(self, terms: tuple[Term, ...], points: tuple[Point, ...], binds: tuple[Index, ...]) -> Term:
        by = terms[1]
        assert isinstance(by, Entry)
        return Derivative(terms[0], by)


# -- what terms are written with -----------------------------------------------------------------------


@dataclass(frozen=True)
class Array(Operand):
    """A free array of real numbers; with ``into``, of indices into that size (class numbers)."""

    name: str
    sizes: tuple[Size, ...] = ()
    meaning: str = field(default="", compare=False)
    into: Size | None = None
    latex: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _checked("array", self.name)

    def __getitem__(self, subscript: Point | Label | tuple[Point, ...]) -> Entry:
        points = _subscript(self.name, self.sizes, subscript)
        if self.into is not None:
            raise Misuse(f"{self.name}: holds indices into {self.into.name}, not numbers; write {self.name}.at(...).")
        return Entry(self, points)

    def at(self, *points: Point) -> Label:
        """The index that an array of indices holds there."""
        if self.into is None:
            raise Misuse(f"{self.name}: holds numbers, not indices; give it into=, or write {self.name}[...].")
        return Label(self, _subscript(self.name, self.sizes, points))

    def as_term(self) -> Term:
        """Its one entry, where it has no index."""
        return self[()]


@dataclass(frozen=True)
class Function(Operand):
    """A function of arrays: by a formula in its parameters, or, without a body, any differentiable one.

    ``p[k]`` is the function at its own parameters; ``p(...)`` puts other arrays in their place. A
    function without parameters is an abbreviation.
    """

    name: str
    parameters: tuple[Array, ...]
    indices: tuple[Index, ...] = ()
    body: Term | None = None
    meaning: str = field(default="", compare=False)
    latex: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _checked("function", self.name)
        if self.body is not None:
            object.__setattr__(self, "body", term(self.body))
            stray = sorted(i.name for i in self.body.free - set(self.indices))
            if stray:
                raise Misuse(f"{self.name}: its formula has a free index {', '.join(stray)}; bind it, or name it.")
            unseen = sorted(a.name for a in self.body.hidden & set(self.parameters))
            if unseen:
                raise Misuse(
                    f"{self.name}: a function in its formula speaks of {', '.join(unseen)} without taking it as a "
                    "parameter; give that function the parameter."
                )

    @property
    def arrays(self) -> frozenset[Array]:
        """The arrays its formula speaks of beside its parameters."""
        return self.body.arrays - frozenset(self.parameters) if self.body is not None else frozenset()

    def __call__(self, *arguments: Array | Function | Applied | Formula) -> Applied:
        if len(arguments) != len(self.parameters):
            raise Misuse(f"{self.name}: takes {len(self.parameters)} arrays, got {len(arguments)}.")
        given = tuple(formula_of(p, a, self.name) for p, a in zip(self.parameters, arguments, strict=True))
        return Applied(self, given)

    def __getitem__(self, subscript: Point | tuple[Point, ...]) -> Term:
        return self(*self.parameters)[subscript]

    def as_term(self) -> Term:
        """Its value at its own parameters, where its answer has no index."""
        return self[()]


@dataclass(frozen=True)
class Applied(Operand):
    """A function with its arrays, its answer's entry not yet said."""

    function: Function
    arguments: tuple[Formula, ...]

    def __getitem__(self, subscript: Point | tuple[Point, ...]) -> Term:
        f = self.function
        points = _subscript(f.name, tuple(i.size for i in f.indices), subscript)
        return Call(f, points, self.arguments)

    def as_term(self) -> Term:
        """The answer, where it has no index."""
        return self[()]

    def by(self, *points: Point, entry: tuple[Point, ...] = (), position: int = 0) -> Partial:
        """The partial derivative of the answer's entry by this entry of an argument: ``loss(p).by(k)``."""
        f = self.function
        own = _subscript(f.name, tuple(i.size for i in f.indices), entry)
        argument = f.parameters[position]
        return Partial(f, position, (*own, *_subscript(argument.name, argument.sizes, points)), self.arguments)


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


def Sum(index: Index | tuple[Index, ...], body: object) -> Sigma:
    """The sum of the body over an index, or over several."""
    return Sigma(index if isinstance(index, tuple) else (index,), term(body))


def D(body: object, by: object) -> Derivative:
    """The derivative of a term by an entry of an array."""
    entry = term(by)
    if not isinstance(entry, Entry):
        raise Misuse(f"D(..., {type(by).__name__}): a derivative is by an entry of a free array, such as s[j].")
    return Derivative(term(body), entry)


def delta(left: Point, right: Point) -> Delta:
    """Kronecker's delta of two indices of one size."""
    if left.size != right.size:
        raise Misuse(f"delta: {left.key} and {right.key} run over different sizes.")
    return Delta((left, right))


def each(index: Index | tuple[Index, ...], body: object) -> Formula:
    """The array whose entry at the index is the body."""
    return Formula(index if isinstance(index, tuple) else (index,), term(body))


def exp(argument: object) -> Apply:
    """The exponential of a term."""
    return Apply("exp", term(argument))


def log(argument: object) -> Apply:
    """The natural logarithm of a term, where that is positive."""
    return Apply("log", term(argument))


def relu(argument: object) -> Apply:
    """The greater of a term and 0."""
    return Apply("relu", term(argument))


def slope(argument: object) -> Apply:
    """The slope of the ReLU: 1 where a term is positive, 0 where it is negative; it has no value at 0."""
    return Apply("slope", term(argument))


def arrays_of(p: Point) -> frozenset[Array]:
    """The arrays of indices that a subscript reads."""
    return frozenset((p.array,)).union(*(arrays_of(q) for q in p.points)) if isinstance(p, Label) else frozenset()


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


def _subscript(name: str, sizes: tuple[Size, ...], subscript: Point | tuple[Point, ...]) -> tuple[Point, ...]:
    points = subscript if isinstance(subscript, tuple) else (subscript,)
    wanted, found = [s.name for s in sizes], [p.size.name for p in points if isinstance(p, Index | Label)]
    if len(found) != len(points) or wanted != found:
        raise Misuse(
            f"{name}: its indices run over ({', '.join(wanted)}); got "
            f"({', '.join(getattr(p, 'key', repr(p)) for p in points)})."
        )
    return points


def formula_of(array: Array, given: Array | Function | Applied | Formula, whose: str = "") -> Formula:
    """What is given in the place of an array, as a formula over the same sizes."""
    if isinstance(given, Formula):
        formula = given
    else:
        found = given.sizes if isinstance(given, Array) else tuple(i.size for i in _answer(given).indices)
        own = tuple(Index(f"~{n}", size) for n, size in enumerate(found))
        formula = Formula(own, given[own])
    if tuple(i.size for i in formula.binds) != array.sizes:
        raise Misuse(
            f"{whose or array.name}: {array.name} is an array over ({', '.join(s.name for s in array.sizes)}); got one "
            f"over ({', '.join(i.size.name for i in formula.binds)})."
        )
    return formula


def _answer(argument: Function | Applied) -> Function:
    return argument.function if isinstance(argument, Applied) else argument
