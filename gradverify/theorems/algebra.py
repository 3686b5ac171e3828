"""Laws of rings, fractions, finite sums and Kronecker's delta, each an equation read from left to right.

A law takes a term in plain form and gives the term it equals, or None where it has nothing to say. ``Normal``
applies a few named laws, innermost first, until none applies; what is not named is not applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from gradverify.theorems.index import (
    ONE,
    opened,
    orders,
    plus,
    power,
    rename,
    settled,
    times,
)
from gradverify.theorems.notation import Array
from gradverify.theorems.sign import Facts, nonzero, positive
from gradverify.theorems.term import Delta, Derivative, Extent, Index, Number, Plus, Power, Sigma, Term, Times

Law = Callable[[Term, "Normal"], Term | None]
NO_FACTS = Facts()
MOST_REWRITES = 200  # of one term at its head: far more than any law needs, and whatever is left is still equal
LARGEST_POWER = 8  # of a sum that is multiplied out


@dataclass
class Normal:
    """The form of a term under these laws; ``leaned_on`` gathers why something was positive or not 0.

    ``under`` are the arrays by whose entries the term at hand is being differentiated: an equation that holds at a
    point, and not beside it, must not be used there.
    """

    laws: tuple[Law, ...]
    facts: Facts = NO_FACTS
    under: frozenset[Array] = frozenset()
    leaned_on: set[str] = field(default_factory=set)
    known: dict[str, Term] = field(default_factory=dict)
    inner: dict[Array, Normal] = field(default_factory=dict)
    rewritten: list[Facts] = field(default_factory=list)

    def __call__(self, t: Term) -> Term:
        found = self.known.get(t.key)
        if found is None:
            found = self.known[t.key] = self._form(t)
        return found

    def _form(self, t: Term) -> Term:
        """Rewrite until no law applies; where laws chase each other in a circle, the first of it in order."""
        passed: list[Term] = []
        for _ in range(MOST_REWRITES):
            wide = opened(t)
            below = self.differentiating(t.by.array) if isinstance(t, Derivative) else self
            t = settled(wide.rebuilt(tuple(below(part) for part in wide.terms), wide.points, wide.binds))
            if t in passed:
                return min(passed[passed.index(t) :], key=lambda x: x.key)
            passed.append(t)
            new = next((new for law in self.laws if (new := law(t, self)) is not None), None)
            if new is None:
                return t
            t = new
        return passed[-1]

    def differentiating(self, array: Array) -> Normal:
        """The same for what stands under a derivative by this array."""
        if array in self.under:
            return self
        if array not in self.inner:
            self.inner[array] = Normal(self.laws, self.facts, self.under | {array}, self.leaned_on)
        return self.inner[array]

    def is_nonzero(self, t: Term) -> bool:
        """Whether a reason is known; it is noted down."""
        reason = nonzero(t, self.facts)
        return self._noted(nonzero(t, self.rewritten_facts()) if reason is None and self.facts.nonzero else reason)

    def rewritten_facts(self) -> Facts:
        """The facts in the form that terms have under these laws."""
        if not self.rewritten:
            self.rewritten.append(self.facts)  # for what is asked while they are being rewritten
            self.rewritten[0] = replace(self.facts, nonzero=tuple(self(t) for t in self.facts.nonzero))
        return self.rewritten[0]

    def is_positive(self, t: Term) -> bool:
        """Whether a reason is known; it is noted down."""
        return self._noted(positive(t, self.facts))

    def _noted(self, reason: frozenset[str] | None) -> bool:
        self.leaned_on |= reason or frozenset()
        return reason is not None


def factors(t: Term) -> tuple[Term, ...]:
    """The factors of a product; of anything else, itself."""
    return t.terms if isinstance(t, Times) else (t,)


def base_and_exponent(t: Term) -> tuple[Term, Fraction]:
    """b and e of b^e; of anything else, itself and 1."""
    return (t.base, t.exponent) if isinstance(t, Power) else (t, Fraction(1))


# -- rings -------------------------------------------------------------------------------------------


def distribute(t: Term, n: Normal) -> Term | None:
    """a (b + c) = a b + a c; a whole power of a sum is such a product."""
    if isinstance(t, Power) and isinstance(t.base, Plus) and t.exponent.denominator == 1:
        return Times((t.base,) * int(t.exponent)) if 1 < t.exponent <= LARGEST_POWER else None
    if isinstance(t, Times):
        for position, factor in enumerate(t.terms):
            if isinstance(factor, Plus):
                rest = t.terms[:position] + t.terms[position + 1 :]
                return plus(times((*rest, x)) for x in factor.terms)
    return None


def collect(t: Term, n: Normal) -> Term | None:
    """2 a + 3 a = 5 a."""
    if not isinstance(t, Plus):
        return None
    count: dict[Term, Fraction] = {}
    for x in t.terms:
        number = x.terms[0].value if isinstance(x, Times) and isinstance(x.terms[0], Number) else None
        rest = times(x.terms[1:]) if isinstance(x, Times) and number is not None else x
        count[rest] = count.get(rest, Fraction(0)) + (Fraction(1) if number is None else number)
    return plus(times((Number(c), x)) for x, c in count.items()) if len(count) < len(t.terms) else None


def gather(t: Term, n: Normal) -> Term | None:
    """a a = a^2, for exponents of one sign."""
    return _together(t, lambda base, exponents: min(exponents) > 0 or max(exponents) < 0)


def cancel(t: Term, n: Normal) -> Term | None:
    """a / a = 1, where a is not 0."""
    return _together(t, lambda base, exponents: min(exponents) < 0 < max(exponents) and n.is_nonzero(base))


def _together(t: Term, may: Callable[[Term, list[Fraction]], bool]) -> Term | None:
    if not isinstance(t, Times):
        return None
    found: dict[Term, list[Fraction]] = {}
    for x in t.terms:
        base, exponent = base_and_exponent(x)
        found.setdefault(base, []).append(exponent)
    for base, exponents in found.items():
        if len(exponents) > 1 and not isinstance(base, Number) and may(base, exponents):
            rest = [x for x in t.terms if base_and_exponent(x)[0] != base]
            total = sum(exponents, Fraction(0))
            return times((*rest, power(base, total) if total else ONE))
    return None


def powers(t: Term, n: Normal) -> Term | None:
    """(a b)^n = a^n b^n and (a^m)^n = a^(m n), for whole exponents, or where a and b are positive."""
    if not isinstance(t, Power):
        return None
    whole = t.exponent.denominator == 1
    if isinstance(t.base, Times) and (whole or all(n.is_positive(x) for x in t.base.terms)):
        return times(power(x, t.exponent) for x in t.base.terms)
    if isinstance(t.base, Power):
        inner, outer = t.base.exponent, t.exponent
        plain_case = whole and inner.denominator == 1 and max(inner, outer) > 0  # 1/(1/a) = a needs a reason
        if plain_case or n.is_positive(t.base.base) or (whole and inner.denominator == 1 and n.is_nonzero(t.base.base)):
            return power(t.base.base, inner * outer)
    return None


def without_denominators(difference: Term, n: Normal) -> Term:
    """The difference times its denominators, where they are not 0: it is 0 exactly when the difference is."""
    for _ in range(LARGEST_POWER):
        summands = difference.terms if isinstance(difference, Plus) else (difference,)
        deepest: dict[Term, Fraction] = {}
        for x in summands:
            for base, exponent in map(base_and_exponent, factors(x)):
                if exponent < 0 and n.is_nonzero(base):
                    deepest[base] = min(deepest.get(base, Fraction(0)), exponent)
        if not deepest:
            break
        difference = n(Plus(tuple(_raised(x, deepest) for x in summands)))
    return difference


def _raised(t: Term, deepest: dict[Term, Fraction]) -> Term:
    exponents = dict(deepest)
    kept = []
    for x in factors(t):
        base, exponent = base_and_exponent(x)
        if base in exponents:
            exponents[base] -= exponent
        else:
            kept.append(x)
    return Times((ONE, *kept, *(Power(base, -e) for base, e in exponents.items() if e)))


# -- finite sums -----------------------------------------------------------------------------------------


def split(t: Term, n: Normal) -> Term | None:
    """The sum of a_k + b_k is the sum of a_k plus the sum of b_k."""
    if isinstance(t, Sigma) and isinstance(t.body, Plus):
        return plus(Sigma(t.binds, x) for x in t.body.terms)
    return None


def scope(t: Term, n: Normal) -> Term | None:
    """A factor that does not speak of the index stands outside the sum; sums that share no factor are a product."""
    if not isinstance(t, Sigma):
        return None
    wide = opened(t)
    assert isinstance(wide, Sigma)
    merged = _merged(wide)
    if merged is not None:
        return merged
    outside = [x for x in factors(wide.body) if not x.free & frozenset(wide.binds)]
    groups = _connected(wide)
    if (outside and outside != [ONE]) or len(groups) > 1:
        return times([*outside, *(Sigma(binds, times(inside)) for binds, inside in groups)])
    return None


def _merged(t: Sigma) -> Term | None:
    """One sum over both, where a factor is itself a sum that speaks of the index and has company."""
    inside = factors(t.body)
    for position, x in enumerate(inside):
        rest = inside[:position] + inside[position + 1 :]
        if isinstance(x, Sigma) and rest and x.free & frozenset(t.binds):
            taken = frozenset(t.binds).union(*(y.indices for y in rest))
            inner = opened(x, avoid=taken)
            assert isinstance(inner, Sigma)
            return Sigma((*t.binds, *inner.binds), times((*rest, inner.body)))
    return None


def _connected(t: Sigma) -> list[tuple[tuple[Index, ...], list[Term]]]:
    """The indices in groups that share a factor, each with its factors."""
    groups: list[tuple[tuple[Index, ...], list[Term]]] = [((i,), []) for i in t.binds]
    for x in factors(t.body):
        touched = [g for g in groups if x.free & frozenset(g[0])]
        if touched:
            groups = [g for g in groups if g not in touched]
            binds = tuple(i for i in t.binds if any(i in g[0] for g in touched))
            groups.append((binds, [y for g in touched for y in g[1]] + [x]))
    return groups


def exchange(t: Term, n: Normal) -> Term | None:
    """Nested finite sums may be taken in any order."""
    if not isinstance(t, Sigma) or len(t.binds) < 2:
        return None
    first = min(orders(t), key=lambda x: x.key)
    return first if first.key < t.key else None


def count(t: Term, n: Normal) -> Term | None:
    """A sum of K equal terms is K times the term."""
    if isinstance(t, Sigma):
        idle = [i for i in t.binds if i not in t.body.free]
        if idle:
            rest = tuple(i for i in t.binds if i in t.body.free)
            return times([*(Extent(i.size) for i in idle), Sigma(rest, t.body) if rest else t.body])
    return None


# -- Kronecker's delta ----------------------------------------------------------------------------------


def contract(t: Term, n: Normal) -> Term | None:
    """The sum over k of delta(k, j) a_k is a_j: only where k itself, not y_k, is an argument of the delta."""
    if not isinstance(t, Sigma):
        return None
    wide = opened(t)
    assert isinstance(wide, Sigma)
    for x in factors(wide.body):
        if isinstance(x, Delta):
            for bound, other in (x.points, x.points[::-1]):
                if isinstance(bound, Index) and bound in wide.binds and bound not in other.free:
                    rest = times(rename(y, {bound: other}) for y in factors(wide.body) if y is not x)
                    left = tuple(i for i in wide.binds if i != bound)
                    return Sigma(left, rest) if left else rest
    return None


def substitute(t: Term, n: Normal) -> Term | None:
    """delta(k, j) a_k = delta(k, j) a_j."""
    if isinstance(t, Times):
        for x in t.terms:
            if isinstance(x, Delta):
                first, second = sorted(x.points, key=lambda p: (isinstance(p, Index), p.key))
                if isinstance(second, Index) and second not in first.free:
                    rest = [y for y in t.terms if y is not x]
                    if any(second in y.free for y in rest):
                        return times([x, *(rename(y, {second: first}) for y in rest)])
    return None


def same(t: Term, n: Normal) -> Term | None:
    """delta(k, k) = 1, and a power of a delta is the delta."""
    if isinstance(t, Delta) and t.points[0] == t.points[1]:
        return ONE
    if isinstance(t, Power) and isinstance(t.base, Delta) and t.exponent > 0:
        return t.base
    if isinstance(t, Times):
        deltas = [x for x in t.terms if isinstance(x, Delta)]
        if len(set(deltas)) < len(deltas):
            rest = [x for x in t.terms if not isinstance(x, Delta)]
            return times([*rest, *dict.fromkeys(deltas)])
    return None
