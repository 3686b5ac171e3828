"""An expression that vanishes at a random point of a random finite field vanishes identically, up to a stated chance.

Symbols take random values modulo a 61-bit prime; sums, products, exponentials, roots and logarithms keep
their laws there: exp(a + b) = exp(a) exp(b), root^2 = what stands under it, log(a b) = log a + log b.
What has no law (erf, a maximum, a condition) takes a random value for each value of its argument. So
whatever vanishes here vanishes for the real functions too; the converse need not be so. After Schwartz
(1980), Zippel (1979).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flint import fmpq, fmpz

from gradverify.symbolic import expression as ex
from gradverify.symbolic.expression import Expr

BITS = 61
TRIES = 600  # fresh fields, until everything that stands under a root is a square
TERMS = 4000  # terms that a product of sums may be multiplied out to
Monomial = tuple[tuple[Expr, int], ...]  # factors, with twice their exponents
Setting = Callable[["Field"], None]  # values chosen for symbols: constraints


class Unlucky(Exception):
    """A division by zero, or no square: another field is needed."""


class Rescaled(Exception):
    """An exponential needs a finer unit than was assumed."""


class Expansions:
    """What does not depend on the field: sums of monomials, and the unit in which each is exponentiated."""

    def __init__(self) -> None:
        self.of: dict[Expr, dict[Monomial, fmpq]] = {}
        self.units: dict[Monomial, fmpq] = {}

    def expanded(self, e: Expr) -> dict[Monomial, fmpq]:
        """e as a sum of coefficient * monomial; what is too long to multiply out is a monomial itself."""
        if e not in self.of:
            self.of[e] = self._expand(e)
        return self.of[e]

    def _expand(self, e: Expr) -> dict[Monomial, fmpq]:
        if e.kind == ex.NUMBER:
            return {(): e.args[0]} if e.args[0] != 0 else {}
        if e.kind == ex.SUM:
            total: dict[Monomial, fmpq] = {(): e.args[0]} if e.args[0] != 0 else {}
            for t, k in e.args[1]:
                for m, c in self.expanded(t).items():
                    total[m] = total.get(m, ex.ZERO_Q) + k * c
            return {m: c for m, c in total.items() if c != 0}
        if e.kind != ex.PRODUCT:
            return {((e, 2),): ex.ONE_Q}
        fixed = tuple((f, _twice(k)) for f, k in e.args if not (f.kind == ex.SUM and k.q == 1 and 0 < k.p <= 8))
        out: dict[Monomial, fmpq] = {_merged(fixed): ex.ONE_Q}
        for f, k in e.args:
            if f.kind == ex.SUM and k.q == 1 and 0 < k.p <= 8:
                terms = self.expanded(f)
                for _ in range(int(k.p)):
                    if len(out) * len(terms) > TERMS:
                        return {((e, 2),): ex.ONE_Q}
                    out = _times(out, terms)
        return out


def _twice(k: fmpq) -> int:
    return 2 * int(k.p) // int(k.q)


def _times(a: Mapping[Monomial, fmpq], b: Mapping[Monomial, fmpq]) -> dict[Monomial, fmpq]:
    out: dict[Monomial, fmpq] = {}
    for m, c in a.items():
        for n, d in b.items():
            key = _merged((*m, *n))
            out[key] = out.get(key, ex.ZERO_Q) + c * d
    return {m: c for m, c in out.items() if c != 0}


def _merged(factors: Iterable[tuple[Expr, int]]) -> Monomial:
    powers: dict[Expr, int] = {}
    for f, k in factors:
        powers[f] = powers.get(f, 0) + k
    return tuple(sorted(((f, _once(f, k)) for f, k in powers.items() if k), key=lambda p: p[0].serial))


def _once(f: Expr, k: int) -> int:
    return 2 if f.kind == ex.INDICATOR and k > 0 else k


class Field:
    """Values of expressions modulo one prime, at one random point."""

    def __init__(self, rng: random.Random, shared: Expansions, cases: Mapping[Expr, int]) -> None:
        self.rng, self.shared, self.cases = rng, shared, cases
        self.p = _prime(rng)
        self.values: dict[Expr, int] = {}
        self._free: dict[Any, int] = {}
        self._alias: dict[int, Monomial] = {}  # monomials of equal value are one

    def random(self) -> int:
        """A value other than 0."""
        return self.rng.randrange(1, self.p)

    def free(self, *key: Any) -> int:
        """A random value for something that has no law, the same whenever it is asked for."""
        if key not in self._free:
            self._free[key] = self.random()
        return self._free[key]

    def rational(self, q: fmpq) -> int:
        """A rational number modulo p."""
        bottom = int(q.q) % self.p
        if bottom == 0:
            raise Unlucky
        return int(q.p) % self.p * pow(bottom, -1, self.p) % self.p if bottom != 1 else int(q.p) % self.p

    def __call__(self, e: Expr) -> int:
        """The value of an expression."""
        for node in ex.reachable([e]) if e not in self.values else ():
            if node not in self.values:
                self.values[node] = self._value(node)
        return self.values[e]

    def _value(self, e: Expr) -> int:
        p, values = self.p, self.values
        if e.kind == ex.NUMBER:
            return self.rational(e.args[0])
        if e.kind == ex.SUM:
            return (self.rational(e.args[0]) + sum(self.rational(k) * values[t] for t, k in e.args[1])) % p
        if e.kind == ex.PRODUCT:
            out = 1
            for f, k in e.args:
                out = out * self._power(f, _twice(k)) % p
            return out
        if e.kind == ex.EXP:
            return self._exp(self.shared.expanded(e.args[0]))
        if e.kind == ex.LOG:
            return self._log(e.args[0])
        if e.kind in (ex.SIN, ex.COS):
            return self._turn(self.shared.expanded(e.args[0]))[e.kind == ex.SIN]
        if e.kind == ex.INDICATOR:
            if e in self.cases:
                return self.cases[e]
            v = values[e.args[0]]
            if p - v < v and not ex.conditions(e.args[0]):
                return (1 - self.free(e.kind, p - v)) % p  # [-u > 0] = 1 - [u > 0]
            return self.free(e.kind, v)
        if e.kind == ex.MAX:
            return self.free(e.kind, frozenset(values[a] for a in e.args))
        if e.kind in (ex.ERF, ex.ARCTAN):
            v = values[e.args[0]]
            return self.free(e.kind, v) if v <= p - v else p - self.free(e.kind, p - v)
        return self.free(e.kind, e)  # a symbol

    def _power(self, f: Expr, twice: int) -> int:
        base = self.values[f]
        if twice & 1:
            base = self._square_root(base)
        else:
            twice //= 2
        if twice < 0 and base == 0:
            raise Unlucky
        return base if twice == 1 else pow(base, twice, self.p)

    def _square_root(self, v: int) -> int:
        """A root of v, of random sign, the same for equal v."""
        root = pow(v, (self.p + 1) // 4, self.p)
        if root * root % self.p != v:
            raise Unlucky
        sign = self.free("sign of a root", v) & 1
        return root if sign else self.p - root

    # -- exponentials and turns: by monomials of the argument

    def _steps(self, terms: Mapping[Monomial, fmpq]) -> Iterable[tuple[Monomial, int]]:
        """Every monomial with its coefficient in whole units."""
        for m, c in terms.items():
            value = 1
            for f, k in m:
                self(f)
                value = value * self._power(f, k) % self.p
            rep = self._alias.setdefault(value, m)
            unit = self.shared.units.get(rep)
            if unit is None or (c / unit).q != 1:
                self.shared.units[rep] = abs(c) if unit is None else _common(unit, c)
                raise Rescaled
            yield rep, int((c / unit).p)

    def _exp(self, terms: Mapping[Monomial, fmpq]) -> int:
        out = 1
        for m, n in self._steps(terms):
            out = out * pow(self._exponential(m), n, self.p) % self.p
        return out

    def _exponential(self, m: Monomial) -> int:
        """exp of a unit of this monomial: free, but for exp(unit * log u), a power of u."""
        unit = self.shared.units[m]
        if len(m) == 1 and m[0][0].kind == ex.LOG and m[0][1] == 2 and math.gcd(int(unit.q), self.p - 1) == 1:
            base: int = self.values[m[0][0].args[0]]
            return pow(base, int(unit.p) * pow(int(unit.q), -1, self.p - 1), self.p)
        return self.free(ex.EXP, m)

    def _turn(self, terms: Mapping[Monomial, fmpq]) -> tuple[int, int]:
        """(cos, sin) of a sum, by turning a point of the circle."""
        p, c, s = self.p, 1, 0
        for m, n in self._steps(terms):
            t = self.free("circle", m)
            norm = pow(1 + t * t, -1, p)
            a, b = (1 - t * t) * norm % p, 2 * t * norm % p
            if n < 0:
                n, b = -n, p - b
            while n:
                if n & 1:
                    c, s = (c * a - s * b) % p, (c * b + s * a) % p
                a, b, n = (a * a - b * b) % p, 2 * a * b % p, n >> 1
        return c, s

    # -- logarithms: by factors of the argument

    def _log(self, u: Expr) -> int:
        """log |u|: of a monomial the sum of its factors' logarithms; of a sum, its common monomial comes out first."""
        terms = self.shared.expanded(u)
        laurent = [(c, self._split(m)) for m, c in terms.items()]
        common: dict[Any, fmpq] = {}
        for key in {k for _, powers in laurent for k in powers}:
            common[key] = min(powers.get(key, ex.ZERO_Q) for _, powers in laurent)
        content = _content([c for c, _ in laurent])
        out = sum(self.rational(k) * self._log_of_key(key) for key, k in common.items() if k != 0)
        for whole, sign in ((content.p, 1), (content.q, -1)):
            out += sum(sign * int(k) * self.free(ex.LOG, "prime", int(q)) for q, k in fmpz(whole).factor())
        rest = 0
        for c, powers in laurent:
            term = self.rational(c / content)
            for key in {*powers, *common}:
                n = powers.get(key, ex.ZERO_Q) - common.get(key, ex.ZERO_Q)
                term = term * self._key_power(key, n) % self.p
            rest = (rest + term) % self.p
        rest = min(rest, self.p - rest)
        return (out + (self.free(ex.LOG, rest) if rest != 1 else 0)) % self.p

    def _split(self, m: Monomial) -> dict[Any, fmpq]:
        """A monomial as powers of nodes, and of the exponentials of monomials."""
        powers: dict[Any, fmpq] = {}
        for f, k in m:
            if f.kind == ex.EXP:
                for rep, n in self._steps(self.shared.expanded(f.args[0])):
                    powers[rep] = powers.get(rep, ex.ZERO_Q) + fmpq(k * n, 2)
            else:
                powers[f] = powers.get(f, ex.ZERO_Q) + fmpq(k, 2)
        return powers

    def _key_power(self, key: Any, n: fmpq) -> int:
        if isinstance(key, Expr):
            return self._power(key, _twice(n))
        if n.q != 1:
            raise Unlucky
        return pow(self._exponential(key), int(n.p), self.p)

    def _log_of_key(self, key: Any) -> int:
        if isinstance(key, Expr):
            v = self.values[key]
            return self.free(ex.LOG, min(v, self.p - v))
        value = self.rational(self.shared.units[key])
        for f, k in key:
            value = value * self._power(f, k) % self.p
        return value


def _content(coefficients: list[fmpq]) -> fmpq:
    out = abs(coefficients[0])
    for c in coefficients[1:]:
        out = _common(out, c)
    return out


def _common(a: fmpq, b: fmpq) -> fmpq:
    """The greatest common divisor of two rationals."""
    return fmpq(fmpz(a.p * b.q).gcd(fmpz(b.p * a.q)), a.q * b.q)


def _prime(rng: random.Random) -> int:
    """A random prime p of 61 bits: 3 modulo 4, and 3, 5 and 7 do not divide p - 1, so that roots are powers."""
    while True:
        candidate = rng.getrandbits(BITS) | (1 << (BITS - 1)) | 3
        if all((candidate - 1) % q for q in (3, 5, 7)) and fmpz(candidate).is_probable_prime():
            return candidate


class Fields:
    """A few fields at once, kept from one expression to the next: common parts are evaluated once.

    What vanishes in all of them is zero, save a chance below 2^-50 a field. A ``constrain`` sets symbols that
    are not free, ``cases`` the values of conditions.
    """

    def __init__(
        self,
        constrain: Setting = lambda field: None,
        *,
        seed: int = 0,
        cases: Mapping[Expr, int] | None = None,
        shared: Expansions | None = None,
        count: int = 2,
    ) -> None:
        self.constrain, self.rng, self.cases = constrain, random.Random(seed), cases or {}
        self.shared, self.count = shared or Expansions(), count
        self.now: list[Field] = []

    def vanishes(self, e: Expr) -> bool:
        """Is e zero in all of them? False says nothing: there are identities that no field knows."""
        if e.kind == ex.NUMBER:
            return bool(e.args[0] == 0)
        for _ in range(TRIES):
            try:
                return all(field(e) == 0 for field in self._all())
            except (Unlucky, ZeroDivisionError):
                self.now.pop(self.last)
            except Rescaled:
                self.now.clear()
        return False

    def _all(self) -> Iterator[Field]:
        for place in range(self.count):
            self.last = place
            if place == len(self.now):
                self.now.append(Field(self.rng, self.shared, self.cases))
                self.constrain(self.now[-1])
            yield self.now[place]


def vanishes(e: Expr) -> bool:
    """Is e zero, whatever its symbols stand for?"""
    return Fields().vanishes(e)
