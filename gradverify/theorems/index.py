"""The index calculus: renaming and substitution that capture nothing, and one form for terms that differ only in form.

A term in *plain form* has its sums and products flat and in a fixed order, its numbers computed, and its
bound indices named by the height at which they are bound (``_1`` innermost), so that two terms that differ
by a renamed index, an order of factors or ``1 x`` are the same term. A binder never binds an index lower
than one inside it, so closing captures nothing; a binder that is opened gets a name used nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import permutations, product

from gradverify.theorems.notation import Array
from gradverify.theorems.term import (
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
    Size,
    Term,
    Times,
)

LARGEST_EXPONENT = 64  # of a number that is computed; a certificate may ask for any
ZERO, ONE, MINUS_ONE = Number(Fraction(0)), Number(Fraction(1)), Number(Fraction(-1))

# -- plain form ----------------------------------------------------------------------------------------


def plain(t: Term) -> Term:
    """The plain form of a term."""
    t = opened(t)
    return settled(t.rebuilt(tuple(plain(part) for part in t.terms), t.points, t.binds))


def settled(t: Term) -> Term:
    """The plain form of a term whose parts are in plain form."""
    if isinstance(t, Plus):
        return plus(t.terms)
    if isinstance(t, Times):
        return times(t.terms)
    if isinstance(t, Power):
        return power(t.base, t.exponent)
    if isinstance(t, Delta):
        return Delta(tuple(sorted(t.points, key=lambda p: p.key)))
    if isinstance(t, Sigma):
        return summed(t.binds, t.body)
    if isinstance(t, Formula):
        return closed(t)
    if isinstance(t, Partial):
        return _partial(t)
    return t


def plus(terms: Iterable[Term]) -> Term:
    """A flat sum in order, its numbers added."""
    flat = [x for t in terms for x in (t.terms if isinstance(t, Plus) else (t,))]
    number = sum((t.value for t in flat if isinstance(t, Number)), Fraction(0))
    rest = sorted((t for t in flat if not isinstance(t, Number)), key=lambda t: t.key)
    kept = [Number(number), *rest] if number else rest
    return kept[0] if len(kept) == 1 else Plus(tuple(kept)) if kept else ZERO


def times(factors: Iterable[Term]) -> Term:
    """A flat product in order, its numbers multiplied; 0 if one of them is 0."""
    flat = [x for t in factors for x in (t.terms if isinstance(t, Times) else (t,))]
    number = Fraction(1)
    for t in flat:
        if isinstance(t, Number):
            number *= t.value
    rest = sorted((t for t in flat if not isinstance(t, Number)), key=lambda t: t.key)
    if number == 0:
        return ZERO
    kept = [Number(number), *rest] if number != 1 else rest
    return kept[0] if len(kept) == 1 else Times(tuple(kept)) if kept else ONE


def power(base: Term, exponent: Fraction) -> Term:
    """A power; whole powers of numbers are computed."""
    if exponent == 1:
        return base
    if exponent == -1 and isinstance(base, Power) and base.exponent > 0:
        return Power(base.base, -base.exponent)  # 1/u^2 has one notation
    small = exponent.denominator == 1 and abs(exponent) <= LARGEST_EXPONENT
    if isinstance(base, Number) and small and (base.value or exponent > 0):
        return Number(base.value ** int(exponent))
    return Power(base, exponent)


def summed(binds: tuple[Index, ...], body: Term) -> Term:
    """A sum over these indices; one directly inside another becomes one sum over both."""
    if not binds:
        return body
    if body == ZERO:
        return ZERO
    if isinstance(body, Sigma):
        inner = opened(body, avoid=frozenset(binds))
        assert isinstance(inner, Sigma)
        return closed(Sigma((*binds, *inner.binds), inner.body))
    return closed(Sigma(binds, body))


def closed(t: Term) -> Term:
    """A binder whose indices are named by their height; its parts must be in plain form.

    A free index that has such a name already, because the binder around was not opened, is not captured.
    """
    taken = [int(i.name[1:]) for i in t.free if i.name[0] == "_"]
    height = max([part.height for part in t.terms] + taken, default=0)
    names = tuple(Index(f"_{height + n}", i.size) for n, i in enumerate(reversed(t.binds), start=1))[::-1]
    moved = dict(zip(t.binds, names, strict=True))
    return t.rebuilt(tuple(rename(part, moved) for part in t.terms), t.points, names)


def opened(t: Term, avoid: frozenset[Index] = frozenset()) -> Term:
    """A binder with new names for what it binds; anything else stays as it is."""
    if not t.binds:
        return t
    taken = {i.name for i in avoid}.union(*({i.name for i in part.indices} for part in t.terms))
    fresh = _unused(taken)
    moved = {i: Index(next(fresh), i.size) for i in t.binds}
    return t.rebuilt(tuple(rename(part, moved) for part in t.terms), t.points, tuple(moved.values()))


def _unused(taken: set[str]) -> Iterator[str]:
    n = 0
    while True:
        if f"~{n}" not in taken:
            yield f"~{n}"
        n += 1


# -- renaming and substitution ---------------------------------------------------------------------------


def rename(t: Term, to: Mapping[Index, Point]) -> Term:
    """The term with free indices replaced; a bound index that would capture one is renamed first."""
    to = {i: p for i, p in to.items() if i in t.free and i != p}
    if not to:
        return t
    if t.binds and frozenset(t.binds) & frozenset[Index]().union(*(p.free for p in to.values())):
        t = opened(t, avoid=frozenset(to).union(*(p.free for p in to.values())))
    return settled(
        t.rebuilt(tuple(rename(part, to) for part in t.terms), tuple(moved(p, to) for p in t.points), t.binds)
    )


def moved(p: Point, to: Mapping[Index, Point]) -> Point:
    """A subscript with indices replaced, inside y[n] too."""
    if isinstance(p, Label):
        return Label(p.array, tuple(moved(q, to) for q in p.points))
    return to.get(p, p)


class Blocked(Exception):
    """An array cannot be replaced here: a derivative by its entries would lose its meaning."""


def put(t: Term, arrays: Mapping[Array, Formula]) -> Term:
    """The term with arrays replaced by formulas, capturing nothing.

    A derivative by an entry of a replaced array becomes the function's partial derivative at the formula where it
    is the derivative of a function at that very array; elsewhere Blocked is raised.
    """
    if any(a in arrays for a in t.hidden):
        raise Blocked(f"a function speaks of {', '.join(a.name for a in arrays)} without taking it as a parameter")
    if not any(a in arrays for a in t.written):
        return t
    if isinstance(t, Entry) and t.array in arrays:
        formula = arrays[t.array]
        return rename(formula.body, dict(zip(formula.binds, t.points, strict=True)))
    if isinstance(t, Derivative) and t.by.array in arrays:
        t = as_partial(t)
    if t.binds:
        t = opened(t, avoid=frozenset[Index]().union(*(f.indices for f in arrays.values())))
    return settled(t.rebuilt(tuple(put(part, arrays) for part in t.terms), t.points, t.binds))


def as_partial(t: Derivative) -> Partial:
    """The derivative of F(q) by q[k], as F's partial derivative at q."""
    call, array = t.body, t.by.array
    if isinstance(call, Call) and is_partial(t):
        position = next(n for n, a in enumerate(call.terms) if array in a.arrays)
        return Partial(call.function, position, (*call.points, *t.by.points), call.terms)
    raise Blocked(f"the derivative by {array.name} is not of a function at {array.name} itself")


def is_partial(t: Derivative) -> bool:
    """Whether this is the derivative of F(q) by an entry of q, which only one argument speaks of."""
    if not isinstance(t.body, Call):
        return False
    speaking = [a for a in t.body.terms if t.by.array in a.arrays]
    return len(speaking) == 1 and plain(speaking[0]) == identity(t.by.array)


def _partial(t: Partial) -> Term:
    """A partial derivative at a free array is the derivative by that array's entry: one notation for both."""
    here = t.terms[t.position]
    assert isinstance(here, Formula)
    if isinstance(here.body, Entry) and here == identity(here.body.array):
        derivative = Derivative(Call(t.function, t.answer, t.terms), Entry(here.body.array, t.by))
        if is_partial(derivative) and here.body.array not in t.function.arrays:
            return derivative
    return t


def identity(array: Array) -> Term:
    """The array as a formula of itself, in plain form."""
    own = tuple(Index(f"~{n}", size) for n, size in enumerate(array.sizes))
    return closed(Formula(own, Entry(array, own)))


def unfolded(t: Call) -> Term | None:
    """What a call abbreviates: the function's formula at these arrays; nothing for a function without a formula."""
    f = t.function
    if f.body is None:
        return None
    body = rename(plain(f.body), dict(zip(f.indices, t.points, strict=True)))
    arguments = {p: a for p, a in zip(f.parameters, t.terms, strict=True) if isinstance(a, Formula)}
    changed = {p: a for p, a in arguments.items() if plain(a) != identity(p)}
    return put(body, changed) if changed else body


# -- matching -----------------------------------------------------------------------------------------


def instances(free: Iterable[Index], points: Iterable[Point]) -> Iterator[dict[Index, Point]]:
    """Every way of choosing, for each free index of a pattern, a subscript of its size."""
    pattern = sorted(free, key=lambda i: i.key)
    found = sorted(set(points), key=lambda p: p.key)
    choices = [[p for p in found if p.size == i.size] for i in pattern]
    for chosen in product(*choices):
        yield dict(zip(pattern, chosen, strict=True))


def points_in(t: Term) -> frozenset[Point]:
    """Every subscript in a term that no binder inside it binds."""
    inside = frozenset[Point]().union(*(points_in(part) for part in t.terms))
    own = frozenset(t.points).union(*(_inside(p) for p in t.points))
    return frozenset(p for p in inside | own if not p.free & frozenset(t.binds))


def _inside(p: Point) -> frozenset[Point]:
    return frozenset(p.points).union(*(_inside(q) for q in p.points)) if isinstance(p, Label) else frozenset()


def orders(t: Sigma) -> Iterator[Term]:
    """The same sum with its indices in every order."""
    wide = opened(t)
    assert isinstance(wide, Sigma)
    for binds in permutations(wide.binds):
        yield closed(Sigma(binds, wide.body))


def sizes_in(t: Term) -> frozenset[Size]:
    """Every size that a term speaks of."""
    own = frozenset(i.size for i in t.indices) | frozenset(s for a in t.written for s in a.sizes)
    own |= frozenset([t.size] if isinstance(t, Extent) else [])
    return own.union(*(sizes_in(part) for part in t.terms))
