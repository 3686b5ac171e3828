"""The words that terms are written with: arrays, functions of arrays, sums, derivatives.

    K = Size("K", "the number of classes")
    k, j, c = K.indices("k j c")
    s = Array("s", (K,), "the scores")
    p = Function("p", (s,), (k,), exp(s[k]) / Sum(c, exp(s[c])), "the probabilities")
    D(p[k], s[j])  # a term; nothing is differentiated

What cannot be meant (an index over another size, a formula with a stray index) is Misuse where it is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gradverify._errors import Misuse
from gradverify.theorems.term import (
    Apply,
    Call,
    Delta,
    Derivative,
    Entry,
    Formula,
    Index,
    Label,
    Operand,
    Partial,
    Point,
    Sigma,
    Size,
    Term,
    checked,
    term,
)


@dataclass(frozen=True)
class Array(Operand):
    """A free array of real numbers; with ``into``, of indices into that size (class numbers)."""

    name: str
    sizes: tuple[Size, ...] = ()
    meaning: str = field(default="", compare=False)
    into: Size | None = None
    latex: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        checked("array", self.name)

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
        checked("function", self.name)
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
