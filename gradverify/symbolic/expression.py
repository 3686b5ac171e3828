"""Real expressions are a graph in which equal things are one node, so that comparing them is comparing pointers.

Built only by the functions below, which keep a normal form: sums are linear combinations with
rational coefficients, products have rational exponents, conditions are 0/1 indicators, the largest of
several is one opaque node. What is true only for positive numbers is used only where positivity is
known. Nothing is expanded; ``field`` and ``ball`` decide what the normal form leaves open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any
from weakref import WeakValueDictionary

from flint import fmpq, fmpz

NUMBER, SYMBOL, SUM, PRODUCT, INDICATOR, MAX = "number", "symbol", "sum", "product", "indicator", "max"
INFINITE = "infinite"  # a constant of the code; it must vanish (exp, max) before anything is decided
EXP, LOG, SIN, COS, ERF, ARCTAN = "exp", "log", "sin", "cos", "erf", "arctan"
FUNCTIONS = (EXP, LOG, SIN, COS, ERF, ARCTAN)

_serial = count()
_known: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()


class Expr:
    """One node: ``kind`` and ``args``. What it is made of has smaller serials: their order is one of evaluation."""

    __slots__ = ("__weakref__", "args", "kind", "serial")
    kind: str
    args: tuple[Any, ...]
    serial: int

    @property
    def value(self) -> fmpq:
        """The rational that a number is."""
        return self.args[0]

    def __repr__(self) -> str:
        return words(self)

    def __add__(self, other: Any) -> Expr:
        return linear(((ONE_Q, self), (ONE_Q, expr(other))))

    def __radd__(self, other: Any) -> Expr:
        return linear(((ONE_Q, expr(other)), (ONE_Q, self)))

    def __sub__(self, other: Any) -> Expr:
        return linear(((ONE_Q, self), (-ONE_Q, expr(other))))

    def __rsub__(self, other: Any) -> Expr:
        return linear(((ONE_Q, expr(other)), (-ONE_Q, self)))

    def __mul__(self, other: Any) -> Expr:
        return product(((self, ONE_Q), (expr(other), ONE_Q)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Expr:
        return product(((self, ONE_Q), (expr(other), -ONE_Q)))

    def __rtruediv__(self, other: Any) -> Expr:
        return product(((expr(other), ONE_Q), (self, -ONE_Q)))

    def __neg__(self) -> Expr:
        return linear(((-ONE_Q, self),))


def _make(kind: str, *args: Any) -> Expr:
    key = (kind, *map(_key, args))
    found = _known.get(key)
    if found is None:
        found = Expr()
        found.kind, found.args, found.serial = kind, args, next(_serial)
        _known[key] = found
    return found


def _key(arg: Any) -> Any:
    """What stands for an argument in the table: a rational by two whole numbers, whose hash is cheap."""
    if isinstance(arg, fmpq):
        return arg.p, arg.q
    return tuple(map(_key, arg)) if isinstance(arg, tuple) else arg


ONE_Q, ZERO_Q, HALF = fmpq(1), fmpq(0), fmpq(1, 2)


def number(q: Any) -> Expr:
    """A rational number."""
    return _make(NUMBER, fmpq(q) if not isinstance(q, fmpq) else q)


ZERO, ONE = number(0), number(1)


def symbol(name: str, low: fmpq | None = None, high: fmpq | None = None) -> Expr:
    """A real variable in the open interval (low, high); None is no bound."""
    return _make(SYMBOL, name, low, high)


def expr(value: Any) -> Expr:
    """An expression as it is, a whole or rational number as a node."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, bool | int | fmpq | fmpz):
        return number(fmpq(int(value)) if isinstance(value, bool | int | fmpz) else value)
    raise TypeError(f"{type(value).__name__} is no expression")


def infinity(sign: int) -> Expr:
    """Plus or minus infinity, as masks have it; what is not plain about it raises ValueError."""
    return _make(INFINITE, fmpq(1 if sign > 0 else -1))


# -- sums and products ----------------------------------------------------------------------------


def linear(terms: Iterable[tuple[fmpq, Expr]], const: fmpq = ZERO_Q) -> Expr:
    """const + sum of coefficient * node, like terms collected."""
    total: dict[Expr, fmpq] = {}
    infinite: Expr | None = None
    for c, e in terms:
        if e.kind == NUMBER:
            const = const + c * e.args[0]
        elif e.kind == INFINITE:
            if c != 0:
                infinite = _same_infinity(infinite, infinity(1 if c * e.args[0] > 0 else -1))
        elif e.kind == SUM:
            const = const + c * e.args[0]
            for t, k in e.args[1]:
                total[t] = total.get(t, ZERO_Q) + c * k
        else:
            total[e] = total.get(e, ZERO_Q) + c
    if infinite is not None:
        return infinite
    kept = sorted(((t, k) for t, k in total.items() if k != 0), key=_by_serial)
    if not kept:
        return number(const)
    if len(kept) == 1 and const == 0 and kept[0][1] == 1:
        return kept[0][0]
    return _make(SUM, const, tuple(kept))


def _same_infinity(one: Expr | None, other: Expr) -> Expr:
    if one is not None and one is not other:
        raise ValueError("infinity minus infinity")
    return other


def _by_serial(pair: tuple[Expr, Any]) -> int:
    return pair[0].serial


def total(entries: Iterable[Expr]) -> Expr:
    """The sum of many."""
    return linear((ONE_Q, e) for e in entries)


def product(factors: Iterable[tuple[Expr, fmpq]]) -> Expr:
    """The product of node ^ exponent; exponents are whole or halves."""
    coefficient, powers = ONE_Q, {}  # type: tuple[fmpq, dict[Expr, fmpq]]
    todo = list(factors)
    while todo:
        e, n = todo.pop()
        if n == 0:
            continue
        if e.kind == NUMBER:
            if n.q == 1:
                if e.args[0] == 0:
                    if n < 0:
                        raise ZeroDivisionError("division by zero")
                    return ZERO
                coefficient = coefficient * e.args[0] ** int(n.p)
            else:
                coefficient = coefficient * _surds(e.args[0], n, powers)
        elif e.kind == SUM:
            scale, primitive = _primitive(e, whole=n.q == 1)
            if scale != 1:
                todo += [(number(scale), n), (primitive, n)]
            else:
                powers[e] = powers.get(e, ZERO_Q) + n
        elif e.kind == PRODUCT:
            todo += [(f, k * n) for f, k in e.args] if n.q == 1 else _root(e, n, powers)
        elif e.kind == INFINITE and n < 0:
            return ZERO
        else:
            powers[e] = powers.get(e, ZERO_Q) + n
    kept = []
    for f, n in powers.items():
        if n == 0:
            continue
        if f.kind == NUMBER:  # a prime under a root: keep the exponent in (0, 1)
            whole = n.p // n.q
            coefficient = coefficient * f.args[0] ** int(whole)
            n = n - whole
            if n == 0:
                continue
        elif f.kind == INDICATOR and n > 0:
            n = ONE_Q
        elif f.kind == PRODUCT and n.q == 1:  # roots of a product that have become whole
            others = [(g, k) for g, k in powers.items() if g is not f]
            return product([(number(coefficient), ONE_Q), *others, *((g, k * n) for g, k in f.args)])
        kept.append((f, n))
    if not kept:
        return number(coefficient)
    kept.sort(key=_by_serial)
    if any(f.kind == INFINITE for f, _ in kept):
        return _infinite(coefficient, kept)
    monic = kept[0][0] if len(kept) == 1 and kept[0][1] == 1 else _make(PRODUCT, *kept)
    return monic if coefficient == 1 and monic.kind != SUM else linear(((coefficient, monic),))


def _infinite(coefficient: fmpq, factors: list[tuple[Expr, fmpq]]) -> Expr:
    """Infinity times factors of known sign."""
    sign = coefficient
    for f, n in factors:
        if f.kind == INFINITE and n == 1:
            sign = sign * f.args[0]
        elif not positive(f):
            raise ValueError("infinity times what may be 0")
    return infinity(1 if sign > 0 else -1)


def _primitive(e: Expr, *, whole: bool) -> tuple[fmpq, Expr]:
    """A sum as scale * sum: leading coefficient 1, or +-1 where it stands under a root; one term is no sum."""
    const, terms = e.args
    lead = terms[0][1]
    if not whole and lead < 0:
        lead = -lead
    if lead == 1 and (len(terms) > 1 or const != 0):
        return ONE_Q, e
    return lead, linear(((k / lead, t) for t, k in terms), const / lead)


def _surds(q: fmpq, n: fmpq, powers: dict[Expr, fmpq]) -> fmpq:
    """q^n for a half n: primes go to ``powers``; raises ValueError for a negative q."""
    if q < 0:
        raise ValueError(f"the root of {q}")
    if q == 0:
        if n < 0:
            raise ZeroDivisionError("division by zero")
        return ZERO_Q
    for whole, sign in ((q.p, 1), (q.q, -1)):
        for prime, k in fmpz(whole).factor():
            node = number(fmpq(prime))
            powers[node] = powers.get(node, ZERO_Q) + sign * int(k) * n
    return ONE_Q


def _root(e: Expr, n: fmpq, powers: dict[Expr, fmpq]) -> list[tuple[Expr, fmpq]]:
    """(product)^n for a half n. The root of f^2 is |f|; factors of unknown sign stay together under the root."""
    out: list[tuple[Expr, fmpq]] = []
    together: list[tuple[Expr, fmpq]] = []
    for f, k in e.args:
        m = k * n
        if nonnegative(f):
            out.append((f, m))
        elif k.q == 1 and k.p % 2 == 0:
            out.append((f, m) if m.q == 1 and m.p % 2 == 0 else (absolute(f), m))
        else:
            together.append((f, k))
    if len(together) == 1:
        out.append((together[0][0], together[0][1] * n))
    elif together:
        base = _make(PRODUCT, *together)
        powers[base] = powers.get(base, ZERO_Q) + n
    return out


def power(e: Expr, n: fmpq) -> Expr:
    """e^n: n whole or half as a power, any other rational as exp(n log e)."""
    if n.q in (1, 2):
        return product(((e, n),))
    return exp(linear(((n, log(e)),)))


# -- functions ------------------------------------------------------------------------------------


def exp(u: Expr) -> Expr:
    """e^u. exp(c log v + w) = v^c exp(w) for whole and half c; exp(-w) = 1 / exp(w)."""
    if u is ZERO:
        return ONE
    if u.kind == INFINITE:
        return u if u.args[0] > 0 else ZERO
    const, terms = _as_sum(u)
    out = [(t.args[0], k) for t, k in terms if t.kind == LOG and k.q in (1, 2)]
    rest = linear(((k, t) for t, k in terms if not (t.kind == LOG and k.q in (1, 2))), const)
    if rest is not ZERO:
        lead = rest.args[1][0][1] if rest.kind == SUM else rest.args[0] if rest.kind == NUMBER else ONE_Q
        sign = ONE_Q if lead > 0 else -ONE_Q
        out.append((_make(EXP, linear(((sign, rest),))), sign))
    return product(out)


def _as_sum(u: Expr) -> tuple[fmpq, tuple[tuple[Expr, fmpq], ...]]:
    if u.kind == NUMBER:
        return u.args[0], ()
    return u.args if u.kind == SUM else (ZERO_Q, ((u, ONE_Q),))


def log(u: Expr) -> Expr:
    """The natural logarithm. log(exp w) = w; factors known to be positive come out."""
    if u.kind == EXP:
        inside: Expr = u.args[0]
        return inside
    if u is ZERO or u.kind == INFINITE:
        return infinity(-1 if u is ZERO else 1)
    scale, monic = ONE_Q, u
    if u.kind == NUMBER:
        scale, monic = u.args[0], ONE
    elif u.kind == SUM:
        scale, monic = _primitive(u, whole=False)
    if scale <= 0:
        raise ValueError(f"the logarithm of {words(u)}")
    terms: list[tuple[fmpq, Expr]] = []
    if scale != 1:
        for whole, sign in ((scale.p, 1), (scale.q, -1)):
            terms += [(fmpq(sign * int(k)), _make(LOG, number(fmpq(p)))) for p, k in fmpz(whole).factor()]
    rest: list[tuple[Expr, fmpq]] = []
    for f, k in monic.args if monic.kind == PRODUCT else () if monic is ONE else ((monic, ONE_Q),):
        if f.kind == EXP:
            terms.append((k, f.args[0]))
        elif positive(f):
            terms.append((k, _make(LOG, f)))
        else:
            rest.append((f, k))
    if len(rest) == 1 and rest[0][1] == 1:
        terms.append((ONE_Q, _make(LOG, rest[0][0])))
    elif rest:
        terms.append((ONE_Q, _make(LOG, product(rest))))
    return linear(terms)


def _odd(kind: str, u: Expr) -> Expr:
    if u is ZERO:
        return ZERO
    lead = u.args[1][0][1] if u.kind == SUM else u.args[0] if u.kind == NUMBER else ONE_Q
    return _make(kind, u) if lead > 0 else linear(((-ONE_Q, _make(kind, linear(((-ONE_Q, u),)))),))


def sin(u: Expr) -> Expr:
    """The sine, odd."""
    return _odd(SIN, u)


def cos(u: Expr) -> Expr:
    """The cosine, even."""
    if u is ZERO:
        return ONE
    lead = u.args[1][0][1] if u.kind == SUM else u.args[0] if u.kind == NUMBER else ONE_Q
    return _make(COS, u if lead > 0 else linear(((-ONE_Q, u),)))


def erf(u: Expr) -> Expr:
    """The error function, odd."""
    return _odd(ERF, u)


def arctan(u: Expr) -> Expr:
    """The inverse tangent, odd."""
    return _odd(ARCTAN, u)


PI = linear(((fmpq(4), _make(ARCTAN, ONE)),))


# -- conditions -----------------------------------------------------------------------------------

SPLIT = 2  # conditions inside a condition that are told apart case by case


def above(u: Expr) -> Expr:
    """1 where u > 0, else 0. Off ties [u > 0] and 1 - [-u > 0] are one thing wherever u has no condition inside."""
    u = max_by_cases(u)
    if u.kind in (NUMBER, INFINITE):
        return ONE if u.args[0] > 0 else ZERO
    if positive(u):
        return ONE
    if u.kind == INDICATOR:
        return u
    if u.kind == SUM:
        scale, primitive = _primitive(u, whole=True)
        if scale < 0:
            return _below(primitive) if not conditions(u) else _cases(linear(((-ONE_Q, primitive),)), above)
        u = primitive
    if u.kind == PRODUCT:
        return _above_product(u)
    if positive(-u):
        return ZERO
    return _cases(u, above) if u.kind == SUM and conditions(u) else _make(INDICATOR, u)


def _below(u: Expr) -> Expr:
    """[-u > 0] for a u without conditions: 1 - [u > 0] off the tie."""
    if nonnegative(u):
        return ZERO
    return linear(((-ONE_Q, above(u)),), ONE_Q)


def _above_product(u: Expr) -> Expr:
    """[f g > 0]: factors known to be positive and even powers drop out, conditions come out."""
    conditions = [f for f, k in u.args if f.kind == INDICATOR]
    rest = [f for f, k in u.args if f.kind != INDICATOR and not nonnegative(f) and not (k.q == 1 and k.p % 2 == 0)]
    if len(rest) <= 1:
        sign = above(rest[0]) if rest else ONE
    else:
        sign = ONE  # [f g > 0] = f g both above or both below: 1 - s - t + 2 s t
        for number_, f in enumerate(rest):
            s = above(f)
            sign = s if number_ == 0 else ONE - sign - s + 2 * (sign * s)
    return product([(sign, ONE_Q), *((c, ONE_Q) for c in conditions)])


def _cases(u: Expr, decide: Callable[[Expr], Expr]) -> Expr:
    """A condition on u, case by case of the conditions inside u where they are few."""
    inside = conditions(u)
    if len(inside) > SPLIT:
        return _make(INDICATOR, u)
    h = inside[0]
    yes, no = decide(replaced(u, {h: ONE})), decide(replaced(u, {h: ZERO}))
    return h * yes + (1 - h) * no


def conditions(u: Expr) -> list[Expr]:
    """The conditions that occur in u, outside other conditions."""
    found: dict[Expr, None] = {}
    seen: set[Expr] = set()
    todo = [u]
    while todo:
        e = todo.pop()
        if e in seen:
            continue
        seen.add(e)
        if e.kind == INDICATOR:
            found[e] = None
        else:
            todo += children(e)
    return sorted(found, key=lambda e: e.serial)


def at_least(u: Expr) -> Expr:
    """1 where u >= 0, else 0."""
    return ONE - above(-u)


def equals_zero(u: Expr) -> Expr:
    """1 where u = 0, else 0: neither above nor below."""
    return ONE - above(u) - above(-u)


def absolute(u: Expr) -> Expr:
    """|u| = u (2 [u > 0] - 1)."""
    return u if nonnegative(u) else u * (2 * above(u) - 1)


def maximum(a: Expr, b: Expr) -> Expr:
    """max(a, b) = b + (a - b) [a > b]."""
    for one, other in ((a, b), (b, a)):
        if one.kind == INFINITE:
            return one if one.args[0] > 0 else other
    return b + (a - b) * above(a - b)


def largest(entries: Sequence[Expr]) -> Expr:
    """The largest of several: opaque, so that what does not depend on it need not ask which it is."""
    flat = sorted({f for e in entries for f in (e.args if e.kind == MAX else (e,))}, key=lambda e: e.serial)
    if infinity(1) in flat or flat == [infinity(-1)]:
        return infinity(1 if infinity(1) in flat else -1)
    flat = [e for e in flat if e.kind != INFINITE]
    numbers = [e for e in flat if e.kind == NUMBER]
    if numbers:
        top = max(numbers, key=lambda e: e.args[0])
        flat = [e for e in flat if e.kind != NUMBER or e is top]
    return flat[0] if len(flat) == 1 else _make(MAX, *flat)


def winners(m: Expr) -> list[tuple[Expr, Expr]]:
    """For each of the entries of a maximum, 1 where it is the largest, else 0."""
    return [(a, product((above(a - b), ONE_Q) for b in m.args if b is not a)) for a in m.args]


def max_by_cases(u: Expr) -> Expr:
    """u with every maximum written out by cases; an entry minus its maximum keeps one case apart."""
    inside = [e for e in reachable([u]) if e.kind == MAX]
    if not inside:
        return u
    if u.kind == SUM and len(inside) == 1 and len(u.args[1]) >= 2:
        const, terms = u.args
        m = inside[0]
        weight = dict(terms).get(m)
        if weight is not None:
            other = linear(((k, t) for t, k in terms if t is not m), const)
            entry = linear(((-1 / weight, other),))
            if entry in m.args:  # entry - max: 0 where the entry wins, else below
                w = dict(winners(m))[entry]
                return linear(((weight, 1 - w),))
    cases = {m: total(w * a for a, w in winners(m)) for m in inside}
    return max_by_cases(replaced(u, cases))


# -- signs ----------------------------------------------------------------------------------------


def positive(e: Expr) -> bool:
    """Is e known to be > 0 wherever it is defined?"""
    low, high, strict = _range(e)
    del high
    return low is not None and (low > 0 or (low == 0 and strict))


def nonnegative(e: Expr) -> bool:
    """Is e known to be >= 0 wherever it is defined?"""
    low = _range(e)[0]
    return low is not None and low >= 0


def _range(e: Expr) -> tuple[fmpq | None, fmpq | None, bool]:
    """(low, high, low is not attained) as far as it is plain."""
    if e.kind == NUMBER:
        return e.args[0], e.args[0], False
    if e.kind == SYMBOL:
        return e.args[1], e.args[2], True
    if e.kind == EXP:
        return ZERO_Q, None, True
    if e.kind == INDICATOR:
        return ZERO_Q, ONE_Q, False
    if e.kind in (SIN, COS, ERF):
        return -ONE_Q, ONE_Q, False
    if e.kind == ARCTAN:
        return (ZERO_Q if nonnegative(e.args[0]) else None), None, positive(e.args[0])
    if e.kind == MAX:
        lows = [r for r in map(_range, e.args) if r[0] is not None]
        best = max(lows, key=lambda r: (r[0], r[2]), default=None)
        return (best[0], None, best[2]) if best else (None, None, False)
    if e.kind == SUM:
        return _range_of_sum(e)
    if e.kind == PRODUCT:
        signs = [(_range(f), k) for f, k in e.args]
        if all((r[0] is not None and r[0] >= 0) or (k.q == 1 and k.p % 2 == 0) or k.q == 2 for r, k in signs):
            sure = all(r[0] is not None and (r[0] > 0 or (r[0] == 0 and r[2])) for r, k in signs)
            return ZERO_Q, None, sure
    return None, None, False


def _range_of_sum(e: Expr) -> tuple[fmpq | None, fmpq | None, bool]:
    low: fmpq | None = e.args[0]
    high: fmpq | None = e.args[0]
    strict = False
    for t, k in e.args[1]:
        below, top, open_ = _range(t)
        if k < 0:
            below, top, open_ = top, below, t.kind == SYMBOL
        low = None if low is None or below is None else low + k * below
        high = None if high is None or top is None else high + k * top
        strict = strict or open_
    return low, high, strict and low is not None


def defined(e: Expr) -> bool:
    """Has e plainly a value for all values of its symbols, isolated points aside?"""
    for node in reachable([e]):
        if node.kind == LOG and not positive(node.args[0]):
            return False
        if node.kind == PRODUCT and any(k.q == 2 and not nonnegative(f) for f, k in node.args):
            return False
        if node.kind == INFINITE:
            return False
    return True


# -- walking --------------------------------------------------------------------------------------


def children(e: Expr) -> Iterator[Expr]:
    """The nodes that e is made of."""
    if e.kind == SUM:
        yield from (t for t, _ in e.args[1])
    elif e.kind == PRODUCT:
        yield from (f for f, _ in e.args)
    elif e.kind not in (NUMBER, SYMBOL, INFINITE):
        yield from e.args


def reachable(roots: Iterable[Expr]) -> list[Expr]:
    """Every node below these, each after what it is made of."""
    seen: set[Expr] = set()
    todo = list(roots)
    while todo:
        e = todo.pop()
        if e not in seen:
            seen.add(e)
            todo += children(e)
    return sorted(seen, key=lambda e: e.serial)


def replaced(e: Expr, by: dict[Expr, Expr]) -> Expr:
    """e with these nodes exchanged for others, wherever they occur."""
    done = dict(by)
    for node in reachable([e]):
        if node not in done:
            done[node] = rebuilt(node, done)
    return done[e]


def rebuilt(node: Expr, of: dict[Expr, Expr]) -> Expr:
    """The same node over other children."""
    if node.kind in (NUMBER, SYMBOL, INFINITE) or all(of[c] is c for c in children(node)):
        return node
    if node.kind == SUM:
        return linear(((k, of[t]) for t, k in node.args[1]), node.args[0])
    if node.kind == PRODUCT:
        return product((of[f], k) for f, k in node.args)
    if node.kind == INDICATOR:
        return above(of[node.args[0]])
    if node.kind == MAX:
        return largest([of[a] for a in node.args])
    make: Callable[[Expr], Expr] = {EXP: exp, LOG: log, SIN: sin, COS: cos, ERF: erf, ARCTAN: arctan}[node.kind]
    return make(of[node.args[0]])


# -- words ----------------------------------------------------------------------------------------


def words(e: Expr, most: int = 120) -> str:
    """The expression as a person would type it, shortened in the middle where it is long."""
    text = _words(e, 4)
    return text if len(text) <= most else f"{text[: most // 2 - 2]} ... {text[2 - most // 2 :]}"


def _decimal(q: fmpq) -> str:
    """A short fraction as it is, a long one as a float."""
    text = str(q)
    return text if len(text) <= 9 else f"{int(q.p) / int(q.q):.6g}"


def _words(e: Expr, depth: int) -> str:
    if e.kind == INFINITE:
        return "inf" if e.args[0] > 0 else "-inf"
    if e.kind in (NUMBER, SYMBOL):
        return _decimal(e.args[0]) if e.kind == NUMBER else str(e.args[0])
    if depth == 0:
        return "..."
    if e.kind == SUM:
        parts = [f"{_factor(k)}{_words(t, depth - 1)}" for t, k in e.args[1]]
        parts += [_decimal(e.args[0])] if e.args[0] != 0 else []
        return "(" + " + ".join(parts).replace("+ -", "- ") + ")"
    if e.kind == PRODUCT:
        return " ".join(f"{_words(f, depth - 1)}{_exponent(k)}" for f, k in e.args)
    if e.kind == INDICATOR:
        return f"[{_words(e.args[0], depth - 1)} > 0]"
    return f"{e.kind}({', '.join(_words(a, depth - 1) for a in e.args)})"


def _factor(k: fmpq) -> str:
    return "" if k == 1 else "-" if k == -1 else f"{_decimal(k)} "


def _exponent(k: fmpq) -> str:
    return "" if k == 1 else f"^{k}" if k > 0 and k.q == 1 else f"^({k})"
