"""What NumPy's entrywise functions and reductions are on expressions, by their names."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from flint import fmpq

from gradverify.symbolic import expression as ex
from gradverify.symbolic.branches import Unsupported, compared, divisor
from gradverify.symbolic.expression import Expr


def _power(a: Expr, b: Expr) -> Expr:
    if b.kind == ex.NUMBER:
        if b.args[0] == 0:
            return ex.ONE
        return ex.power(a, b.args[0])
    return ex.exp(b * ex.log(a))


def _log1p(a: Expr) -> Expr:
    return ex.log(1 + a)


def _logaddexp(a: Expr, b: Expr) -> Expr:
    return ex.log(ex.exp(a) + ex.exp(b))


def _tanh(a: Expr) -> Expr:
    return 1 - 2 / (ex.exp(2 * a) + 1)


def _sigmoid(a: Expr) -> Expr:
    return 1 / (1 + ex.exp(-a))


def _half(n: int) -> fmpq:
    return fmpq(n, 2)


def _root(a: Expr) -> Expr:
    return ex.power(a, _half(1))


def _sign(a: Expr) -> Expr:
    return ex.above(a) - ex.above(-a)


def _xlogy(a: Expr, b: Expr) -> Expr:
    return ex.ZERO if a is ex.ZERO else a * ex.log(b)


LN2, LN10 = ex.log(ex.number(2)), ex.log(ex.number(10))
UFUNCS: dict[str, Callable[..., Expr]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / divisor(b),
    "true_divide": lambda a, b: a / divisor(b),
    "negative": lambda a: -a,
    "positive": lambda a: a,
    "conjugate": lambda a: a,
    "power": _power,
    "float_power": _power,
    "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / divisor(a),
    "sqrt": _root,
    "cbrt": lambda a: _sign(a) * ex.power(ex.absolute(a), fmpq(1, 3)),
    "exp": ex.exp,
    "exp2": lambda a: ex.exp(a * LN2),
    "expm1": lambda a: ex.exp(a) - 1,
    "log": ex.log,
    "log2": lambda a: ex.log(a) / LN2,
    "log10": lambda a: ex.log(a) / LN10,
    "log1p": _log1p,
    "logaddexp": _logaddexp,
    "sin": ex.sin,
    "cos": ex.cos,
    "tan": lambda a: ex.sin(a) / ex.cos(a),
    "arctan": ex.arctan,
    "arcsin": lambda a: ex.arctan(a / _root(1 - a * a)),
    "arccos": lambda a: ex.PI / 2 - ex.arctan(a / _root(1 - a * a)),
    "arctan2": lambda b, a: 2 * ex.arctan(b / (_root(a * a + b * b) + a)),
    "sinh": lambda a: (ex.exp(a) - ex.exp(-a)) / 2,
    "cosh": lambda a: (ex.exp(a) + ex.exp(-a)) / 2,
    "tanh": _tanh,
    "arccosh": lambda a: ex.log(a + _root(a * a - 1)),
    "arcsinh": lambda a: ex.log(a + _root(a * a + 1)),
    "arctanh": lambda a: (ex.log(1 + a) - ex.log(1 - a)) / 2,
    "hypot": lambda a, b: _root(a * a + b * b),
    "absolute": ex.absolute,
    "fabs": ex.absolute,
    "sign": _sign,
    "maximum": ex.maximum,
    "fmax": ex.maximum,
    "minimum": lambda a, b: -ex.maximum(-a, -b),
    "fmin": lambda a, b: -ex.maximum(-a, -b),
    "heaviside": lambda a, b: ex.above(a) + b * ex.equals_zero(a),
    "greater": lambda a, b: ex.above(compared(a - b)),
    "less": lambda a, b: ex.above(compared(b - a)),
    "greater_equal": lambda a, b: ex.at_least(compared(a - b)),
    "less_equal": lambda a, b: ex.at_least(compared(b - a)),
    "equal": lambda a, b: ex.ONE if a is b else ex.equals_zero(compared(a - b)),
    "not_equal": lambda a, b: ex.ZERO if a is b else 1 - ex.equals_zero(compared(a - b)),
    "logical_not": lambda a: 1 - flag(a),
    "invert": lambda a: 1 - flag(a),
    "logical_and": lambda a, b: flag(a) * flag(b),
    "bitwise_and": lambda a, b: flag(a) * flag(b),
    "logical_or": lambda a, b: flag(a) + flag(b) - flag(a) * flag(b),
    "bitwise_or": lambda a, b: flag(a) + flag(b) - flag(a) * flag(b),
    "logical_xor": lambda a, b: flag(a) + flag(b) - 2 * (flag(a) * flag(b)),
    "isfinite": lambda a: ex.ZERO if a.kind == ex.INFINITE else with_a_value(a, ex.ONE),
    "isnan": lambda a: ex.ZERO if a.kind == ex.INFINITE else with_a_value(a, ex.ZERO),
    "isinf": lambda a: ex.ONE if a.kind == ex.INFINITE else with_a_value(a, ex.ZERO),
    "erf": ex.erf,
    "erfc": lambda a: 1 - ex.erf(a),
    "expit": _sigmoid,
    "log_expit": lambda a: -ex.log(1 + ex.exp(-a)),
    "logit": lambda a: ex.log(a) - ex.log(1 - a),
    "xlogy": _xlogy,
    "xlog1py": lambda a, b: _xlogy(a, 1 + b),
    "clip": lambda a, low, high: -ex.maximum(-ex.maximum(a, low), -high),
}


CONDITIONS = frozenset(
    [
        "greater",
        "less",
        "greater_equal",
        "less_equal",
        "equal",
        "not_equal",
        "logical_not",
        "invert",
        "logical_and",
        "bitwise_and",
        "logical_or",
        "bitwise_or",
        "logical_xor",
        "isfinite",
        "isnan",
        "isinf",
    ]
)


def with_a_value(a: Expr, answer: Expr) -> Expr:
    """The answer, where a has a value for all real inputs; raises Unsupported where it may be NaN."""
    if not ex.defined(a):
        raise Unsupported(f"asking whether {ex.words(a, 40)} has a value")
    return answer


def flag(a: Expr) -> Expr:
    """A condition as it is, any other number as the condition that it is not 0: so it is, off ties."""
    if a.kind == ex.NUMBER or is_condition(a):
        return ex.ZERO if a is ex.ZERO else a if a.kind != ex.NUMBER else ex.ONE
    return 1 - ex.equals_zero(a) if ex.conditions(a) else ex.ONE


def _sum(some: list[Expr]) -> Expr:
    return ex.total(some)


def _product(some: list[Expr]) -> Expr:
    return ex.product((e, ex.ONE_Q) for e in some)


def _or(some: list[Expr]) -> Expr:
    return 1 - ex.product((1 - flag(e), ex.ONE_Q) for e in some)


REDUCTIONS: dict[str, Callable[[list[Expr]], Expr]] = {
    "add": _sum,
    "multiply": _product,
    "maximum": ex.largest,
    "minimum": lambda some: -ex.largest([-e for e in some]),
    "logaddexp": lambda some: ex.log(ex.total(map(ex.exp, some))),
    "logical_and": lambda some: ex.product((flag(e), ex.ONE_Q) for e in some),
    "logical_or": _or,
}


def is_condition(e: Expr) -> bool:
    """Is e 0 or 1, whatever its symbols stand for?"""
    return e.kind == ex.INDICATOR or e in (ex.ZERO, ex.ONE) or (ex.reachable([e]) != [] and _zero_one(e))


def _zero_one(e: Expr) -> bool:
    """Is e made of conditions, and 0 or 1 whatever they are?"""
    inside = ex.conditions(e)
    if not inside or len(inside) > 4:
        return False
    for values in itertools.product((ex.ZERO, ex.ONE), repeat=len(inside)):
        if ex.replaced(e, dict(zip(inside, values, strict=True))) not in (ex.ZERO, ex.ONE):
            return False
    return True
