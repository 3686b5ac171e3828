"""Changes of a term in one place: ones that look like slips of the pen, and ones that leave its value as it is.

Each yields a name and the changed term. Whether a slip is really wrong is for the caller to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from gradverify.theorems.derivation import Derivation
from gradverify.theorems.term import (
    Apply,
    Call,
    Delta,
    Derivative,
    Entry,
    Extent,
    Formula,
    Index,
    Number,
    Partial,
    Plus,
    Power,
    Sigma,
    Term,
    Times,
    negative,
)

Named = tuple[str, Term]
Change = Callable[[Term, Derivation, frozenset[Index]], Iterator[Named]]


def everywhere(t: Term, change: Change, d: Derivation, scope: frozenset[Index]) -> Iterator[Named]:
    """The term with one of its parts changed, for every part and every way of changing it."""
    if not isinstance(t, Formula):
        yield from change(t, d, scope)
    inside = scope | frozenset(t.binds)
    for n, part in enumerate(t.terms):
        if isinstance(t, Derivative) and n == 1:
            continue  # the variable itself is an index slip of the derivative
        for name, new in everywhere(part, change, d, inside):
            yield name, t.rebuilt((*t.terms[:n], new, *t.terms[n + 1 :]), t.points, t.binds)


# -- slips ------------------------------------------------------------------------------------------------------------


def slips(t: Term, d: Derivation, scope: frozenset[Index]) -> Iterator[Named]:
    """What a tired person might write instead."""
    yield from _indices(t, scope)
    yield from _signs_and_factors(t, d)
    yield from _functions(t)
    yield from _names(t, d)


def _indices(t: Term, scope: frozenset[Index]) -> Iterator[Named]:
    where = t.by if isinstance(t, Derivative) else t
    for n, p in enumerate(where.points):
        for other in sorted(scope, key=lambda i: i.key):
            if other.size == p.size and other != p:
                moved = where.rebuilt(where.terms, (*where.points[:n], other, *where.points[n + 1 :]), where.binds)
                yield "another index", t.rebuilt((t.body, moved), (), ()) if isinstance(t, Derivative) else moved
    if isinstance(t, Delta):
        yield "a dropped delta", Number(Fraction(1))
        yield "a delta turned over", Plus((Number(Fraction(1)), negative(t)))
    if isinstance(t, Sigma):
        for n, i in enumerate(t.binds):
            for other in sorted(scope, key=lambda x: x.key):
                if other.size == i.size and other != i:
                    body = _exchanged(t.body, i, other)
                    rest = (*t.binds[:n], *t.binds[n + 1 :])
                    yield "a dropped sum", Sigma(rest, body) if rest else body
        if len(t.binds) > 1:
            yield "a sum that counts twice", Times((Extent(t.binds[0].size), t))


def _exchanged(t: Term, old: Index, new: Index) -> Term:
    """The bound index replaced by one that stands outside: on purpose with no care at all."""
    points = tuple(new if p == old else p for p in t.points)
    return t.rebuilt(tuple(_exchanged(x, old, new) for x in t.terms), points, t.binds)


def _signs_and_factors(t: Term, d: Derivation) -> Iterator[Named]:
    yield "a sign", negative(t)
    yield "a factor 2", Times((Number(Fraction(2)), t))
    yield "a constant added", Plus((t, Number(Fraction(1))))
    if d.sizes:
        yield "a factor of the size", Times((Extent(d.sizes[0]), t))
    if isinstance(t, Plus):
        for n in range(len(t.terms)):
            rest = t.terms[:n] + t.terms[n + 1 :]
            yield "a dropped summand", rest[0] if len(rest) == 1 else Plus(rest)
    if isinstance(t, Times):
        for n in range(len(t.terms)):
            rest = t.terms[:n] + t.terms[n + 1 :]
            yield "a dropped factor", rest[0] if len(rest) == 1 else Times(rest)
            yield "a factor twice", Times((*t.terms, t.terms[n]))
    if isinstance(t, Power):
        yield "another exponent", Power(t.base, t.exponent * 2)
        yield "an exponent upside down", Power(t.base, -t.exponent)


def _functions(t: Term) -> Iterator[Named]:
    if isinstance(t, Apply):
        yield "a dropped function", t.argument
        for other in {"exp": ("log",), "log": ("exp",), "relu": ("slope",), "slope": ("relu",)}[t.name]:
            yield "another function", Apply(other, t.argument)
    if isinstance(t, Derivative):
        yield "a dropped derivative", t.body


def _names(t: Term, d: Derivation) -> Iterator[Named]:
    if isinstance(t, Entry | Call) and t.points:
        sizes = tuple(p.size for p in t.points)
        for array in d.arrays:
            if array.sizes == sizes and array.into is None and not (isinstance(t, Entry) and t.array == array):
                yield "another array", array[t.points]
        for f in d.functions:
            if tuple(i.size for i in f.indices) == sizes and not (isinstance(t, Call) and t.function == f):
                yield "another function's value", f[t.points]


# -- changes that leave the value as it is ---------------------------------------------------------------------------


def rewrites(t: Term, d: Derivation, scope: frozenset[Index]) -> Iterator[Named]:
    """Other ways to write the same; names that are new are new in the whole derivation."""
    zero, one, two = (Number(Fraction(n)) for n in (0, 1, 2))
    yield "times 1", Times((one, t))
    yield "plus 0", Plus((t, zero))
    yield "twice minus once", Plus((Times((two, t)), negative(t)))
    yield "minus minus", negative(Times((Number(Fraction(-1)), t)))
    if isinstance(t, Plus):
        yield "other order of summands", Plus(t.terms[::-1])
        yield "brackets", Plus((t.terms[0], Plus(t.terms[1:])))
    if isinstance(t, Times):
        yield "other order of factors", Times(t.terms[::-1])
        for n, x in enumerate(t.terms):
            rest = t.terms[:n] + t.terms[n + 1 :]
            if isinstance(x, Plus):
                yield "multiplied out", Plus(tuple(Times((*rest, y)) for y in x.terms))
            if isinstance(x, Delta):
                yield from _beside_a_delta(x, rest)
            if isinstance(x, Sigma) and not frozenset(x.binds) & frozenset[Index]().union(*(y.free for y in rest)):
                yield "a factor moved into the sum", Sigma(x.binds, Times((*rest, x.body)))
    if isinstance(t, Delta):
        yield "a delta's other order", Delta(t.points[::-1])
        yield "a delta squared", Power(t, Fraction(2))
    if isinstance(t, Sigma):
        yield from _sums(t)
    if isinstance(t, Power) and t.exponent == -1:
        yield "a square of an inverse", Times((t.base, Power(t.base, Fraction(-2))))
    if isinstance(t, Entry | Call) and len(t.points) == 1 and isinstance(t.points[0], Index):
        new = Index("e", t.points[0].size)
        picked = t.rebuilt(t.terms, (new,), t.binds)
        yield "picked out by a delta", Sigma((new,), Times((Delta((new, t.points[0])), picked)))


def _beside_a_delta(x: Delta, rest: tuple[Term, ...]) -> Iterator[Named]:
    for here, there in (x.points, x.points[::-1]):
        if isinstance(here, Index) and any(here in y.free for y in rest):
            yield "one index for the other beside a delta", Times((x, *(_exchanged(y, here, there) for y in rest)))


def _sums(t: Sigma) -> Iterator[Named]:
    new = tuple(Index(f"e{n}", i.size) for n, i in enumerate(t.binds))
    body = t.body
    for old, fresh in zip(t.binds, new, strict=True):
        body = _exchanged(body, old, fresh)
    yield "a bound index renamed", Sigma(new, body)
    yield "half and half", Plus((Sigma(t.binds, Times((Number(Fraction(1, 2)), t.body))),) * 2)
    if isinstance(t.body, Plus):
        yield "a sum split", Plus(tuple(Sigma(t.binds, x) for x in t.body.terms))
    if len(t.binds) > 1:
        yield "sums exchanged", Sigma(t.binds[::-1], t.body)
        yield "one sum in another", Sigma(t.binds[:1], Sigma(t.binds[1:], t.body))


def is_partial(t: Term) -> bool:
    """Whether a partial derivative is written in the term."""
    return isinstance(t, Partial) or any(is_partial(x) for x in t.terms)
