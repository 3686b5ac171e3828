"""Laws of derivatives, exponentials, logarithms and the ReLU, each an equation read from left to right.

Every law is one line of a first-year course. A derivative is by one entry s_j of a free array, everything
else held; a function that was declared without a formula has whatever partial derivatives it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from gradverify.theorems.algebra import Law, Normal, base_and_exponent, factors
from gradverify.theorems.index import (
    MINUS_ONE,
    ONE,
    ZERO,
    Blocked,
    instances,
    is_partial,
    opened,
    plain,
    plus,
    points_in,
    power,
    put,
    rename,
    times,
    unfolded,
)
from gradverify.theorems.notation import Array, Function
from gradverify.theorems.term import (
    Apply,
    Call,
    Delta,
    Derivative,
    Entry,
    Formula,
    Number,
    Partial,
    Plus,
    Power,
    Sigma,
    Term,
    Times,
)

# -- derivatives -------------------------------------------------------------------------------------


def of_sum(t: Term, n: Normal) -> Term | None:
    """(u + v)' = u' + v', and the derivative of a finite sum is the sum of the derivatives."""
    if not isinstance(t, Derivative):
        return None
    if isinstance(t.body, Plus):
        return plus(Derivative(x, t.by) for x in t.body.terms)
    if isinstance(t.body, Sigma):
        inner = opened(t.body, avoid=t.by.indices)  # a name of the sum's own: s_j's j stays what it is
        assert isinstance(inner, Sigma)
        return Sigma(inner.binds, Derivative(inner.body, t.by))
    return None


def of_constant(t: Term, n: Normal) -> Term | None:
    """What does not speak of s has the derivative 0."""
    return ZERO if isinstance(t, Derivative) and t.by.array not in t.body.arrays else None


def constant_factor(t: Term, n: Normal) -> Term | None:
    """(c u)' = c u', where c does not speak of s."""
    if isinstance(t, Derivative) and isinstance(t.body, Times):
        outside = [x for x in t.body.terms if t.by.array not in x.arrays]
        inside = [x for x in t.body.terms if t.by.array in x.arrays]
        if outside and inside:
            return times((*outside, Derivative(times(inside), t.by)))
    return None


def of_product(t: Term, n: Normal) -> Term | None:
    """(u v)' = u' v + u v'."""
    if isinstance(t, Derivative) and isinstance(t.body, Times):
        parts = t.body.terms
        return plus(times((*parts[:i], Derivative(x, t.by), *parts[i + 1 :])) for i, x in enumerate(parts))
    return None


def of_quotient(t: Term, n: Normal) -> Term | None:
    """(u / v)' = (u' v - u v') / v^2, where v is not 0."""
    if not isinstance(t, Derivative):
        return None
    below = [x for x in factors(t.body) if base_and_exponent(x)[1] < 0]
    if not below:
        return None
    u = times(x for x in factors(t.body) if x not in below)
    v = times(power(base, -exponent) for base, exponent in map(base_and_exponent, below))
    if not n.is_nonzero(v):
        return None
    above = plus((times((Derivative(u, t.by), v)), times((MINUS_ONE, u, Derivative(v, t.by)))))
    return times((above, power(v, Fraction(-2))))


def of_power(t: Term, n: Normal) -> Term | None:
    """(u^m)' = m u^(m - 1) u': for m = 1, 2, ... always; else where u is not 0, or, for a root, positive."""
    if isinstance(t, Derivative) and isinstance(t.body, Power):
        base, exponent = t.body.base, t.body.exponent
        whole = exponent.denominator == 1
        if not (whole and (exponent > 0 or n.is_nonzero(base))) and not n.is_positive(base):
            return None
        return times((Number(exponent), power(base, exponent - 1), Derivative(base, t.by)))
    return None


def of_coordinate(t: Term, n: Normal) -> Term | None:
    """The derivative of s_k by s_j is delta(k, j)."""
    if isinstance(t, Derivative) and isinstance(t.body, Entry) and t.body.array == t.by.array:
        return times(Delta(pair) for pair in zip(t.body.points, t.by.points, strict=True))
    return None


def of_exp(t: Term, n: Normal) -> Term | None:
    """exp(u)' = exp(u) u'."""
    if isinstance(t, Derivative) and isinstance(t.body, Apply) and t.body.name == "exp":
        return times((t.body, Derivative(t.body.argument, t.by)))
    return None


def of_log(t: Term, n: Normal) -> Term | None:
    """log(u)' = u' / u, where u is positive."""
    if isinstance(t, Derivative) and isinstance(t.body, Apply) and t.body.name == "log":
        u = t.body.argument
        return times((power(u, Fraction(-1)), Derivative(u, t.by))) if n.is_positive(u) else None
    return None


def of_relu(t: Term, n: Normal) -> Term | None:
    """relu(u)' = slope(u) u' and slope(u)' = 0, where u is not 0."""
    if isinstance(t, Derivative) and isinstance(t.body, Apply) and t.body.name in ("relu", "slope"):
        u = t.body.argument
        if n.is_nonzero(u):
            return times((Apply("slope", u), Derivative(u, t.by))) if t.body.name == "relu" else ZERO
    return None


def of_function(t: Term, n: Normal) -> Term | None:
    """F(y)' is the sum over i of F's partial derivative by entry i, times y_i', where F is differentiable."""
    if not isinstance(t, Derivative) or not isinstance(t.body, Call) or not t.body.terms:
        return None
    call = t.body
    if t.by.array in call.function.arrays or is_partial(t) or has_kinks(call.function):
        return None  # its formula speaks of s beside its parameters; or it is a partial derivative already
    parts = []
    for position, argument in enumerate(call.terms):
        if t.by.array not in argument.arrays:
            continue  # it does not move
        inner = opened(argument, avoid=t.indices)
        assert isinstance(inner, Formula)
        by = Partial(call.function, position, (*call.points, *inner.binds), call.terms)
        body = times((by, Derivative(inner.body, t.by)))
        parts.append(Sigma(inner.binds, body) if inner.binds else body)
    return plus(parts)


def has_kinks(t: Term | Function) -> bool:
    """Whether a ReLU stands in a formula: only once it is unfolded can it be said where it is differentiable."""
    if isinstance(t, Function):
        return t.body is not None and has_kinks(t.body)
    inside = any(has_kinks(f) for f in t.functions) if isinstance(t, Call | Partial) else False
    return inside or (isinstance(t, Apply) and t.name in ("relu", "slope")) or any(has_kinks(x) for x in t.terms)


# -- exponentials and logarithms -------------------------------------------------------------------------


def exp_of_sum(t: Term, n: Normal) -> Term | None:
    """exp(a + b) = exp(a) exp(b), exp(-a) = 1 / exp(a), exp(0) = 1."""
    if isinstance(t, Apply) and t.name == "exp":
        a = t.argument
        if isinstance(a, Plus):
            return times(Apply("exp", x) for x in a.terms)
        if a == ZERO:
            return ONE
        if isinstance(a, Times) and isinstance(a.terms[0], Number) and a.terms[0].value.denominator == 1:
            return power(Apply("exp", times(a.terms[1:])), a.terms[0].value)
    return None


def log_of_product(t: Term, n: Normal) -> Term | None:
    """log(a b) = log(a) + log(b) and log(a^m) = m log(a), where a and b are positive; log(1) = 0."""
    if isinstance(t, Apply) and t.name == "log":
        a = t.argument
        if a == ONE:
            return ZERO
        if isinstance(a, Times) and all(n.is_positive(x) for x in a.terms):
            return plus(Apply("log", x) for x in a.terms)
        if isinstance(a, Power) and n.is_positive(a.base):
            return times((Number(a.exponent), Apply("log", a.base)))
    return None


def log_of_exp(t: Term, n: Normal) -> Term | None:
    """log(exp(a)) = a, for every real a."""
    if isinstance(t, Apply) and t.name == "log" and isinstance(t.argument, Apply) and t.argument.name == "exp":
        return t.argument.argument
    return None


def exp_of_log(t: Term, n: Normal) -> Term | None:
    """exp(log(a)) = a, where a is positive."""
    if isinstance(t, Apply) and t.name == "exp" and isinstance(t.argument, Apply) and t.argument.name == "log":
        a = t.argument.argument
        return a if n.is_positive(a) else None
    return None


def relu_is_slope_times(t: Term, n: Normal) -> Term | None:
    """relu(z) = slope(z) z, where z is not 0."""
    if isinstance(t, Apply) and t.name == "relu" and n.is_nonzero(t.argument):
        return times((Apply("slope", t.argument), t.argument))
    return None


# -- laws that speak of one declared thing ---------------------------------------------------------------


def definition(function: Function) -> Law:
    """A call of this function is its formula."""

    def unfold(t: Term, n: Normal) -> Term | None:
        try:
            return unfolded(t) if isinstance(t, Call) and t.function == function else None
        except Blocked:
            return None

    return unfold


def equation(
    left: Term, right: Term, at: Mapping[Array, Formula] | None = None, at_the_point: frozenset[Array] = frozenset()
) -> Law:
    """The left side is the right side, for every value of the free indices, with arrays replaced by formulas.

    ``at_the_point`` are the arrays that the equation binds: it holds for these values of theirs only, so it is not
    used under a derivative by one of them.
    """
    left, right = plain(left), plain(right)
    if at:
        left, right = put(left, at), put(right, at)
    pattern = left.free | right.free
    several = isinstance(left, Times)

    def replace(t: Term, n: Normal) -> Term | None:
        if n.under & at_the_point:
            return None
        if type(t) is not type(left):
            return None
        for to in instances(pattern, points_in(t)):
            this = rename(left, to)
            if this == t:
                return rename(right, to)
            rest = _without(t, this) if several and isinstance(t, Times) else None
            if rest is not None:
                return times((*rest, rename(right, to)))
        return None

    return replace


def _without(t: Times, part: Term) -> list[Term] | None:
    """The factors of a product that are left when those of another are taken out; None if they are not all there."""
    rest = list(t.terms)
    for x in factors(part):
        if x not in rest:
            return None
        rest.remove(x)
    return rest
