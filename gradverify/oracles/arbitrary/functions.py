"""Each function of NumPy on real numbers, rounded once at a given precision; outside its domain it is NaN, as in NumPy.

A number is a ``Raw``, libmp's tuple of sign, mantissa, exponent and bit count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import libmp

from gradverify._floating import is_floating

Raw = Any
NEAREST = "n"
GUARD = 12  # bits added where two roundings become one
WILD = 2**12  # bits before the point: float64 has 1024, and exp, sin ... of more take for ever
INFINITE = frozenset({libmp.finf, libmp.fninf, libmp.fnan})


class Refused(Exception):
    """What the arithmetic does not do, or the function must not; the message is a reason of CannotHere."""


def exact(value: Any) -> Raw:
    """This real number without rounding, None if it is none."""
    if isinstance(value, int | np.integer | np.bool_):
        return libmp.from_int(int(value))
    if isinstance(value, float):
        return libmp.from_float(value)
    if isinstance(value, np.longdouble):
        high = float(value)
        low = float(value - high) if np.isfinite(high) else 0.0
        return libmp.mpf_add(libmp.from_float(high), libmp.from_float(low))
    if isinstance(value, np.generic) and is_floating(value.dtype):
        return libmp.from_float(float(value))
    return getattr(value, "_mpf_", None)  # a constant that the user wrote in mpmath


def magnitude(a: Raw) -> int:
    """The m with 2^(m-1) <= |a| < 2^m, for a finite a that is not 0."""
    return int(a[2] + a[3])


def _tame(a: Raw) -> None:
    if a not in INFINITE and a != libmp.fzero and magnitude(a) > WILD:
        raise Refused("computes with numbers beyond 10^1000")


def or_nan(function: Callable[..., Raw]) -> Callable[..., Raw]:
    """The function, NaN where libmp finds a complex result or none."""

    def real(*args: Any) -> Raw:
        for a in args[:-1]:
            _tame(a)
        try:
            return function(*args, NEAREST)
        except (libmp.ComplexResult, ValueError, ZeroDivisionError):
            return libmp.fnan

    real.__name__ = function.__name__
    return real


# -- of two numbers ---------------------------------------------------------------------------------


def add(a: Raw, b: Raw, bits: int) -> Raw:
    """a + b."""
    return libmp.mpf_add(a, b, bits, NEAREST)


def subtract(a: Raw, b: Raw, bits: int) -> Raw:
    """a - b."""
    return libmp.mpf_sub(a, b, bits, NEAREST)


def multiply(a: Raw, b: Raw, bits: int) -> Raw:
    """a b."""
    return libmp.mpf_mul(a, b, bits, NEAREST)


def divide(a: Raw, b: Raw, bits: int) -> Raw:
    """a / b; by 0 it is inf of a's sign, or NaN."""
    if b == libmp.fzero:
        return libmp.fnan if a in (libmp.fzero, libmp.fnan) else libmp.finf if libmp.mpf_sign(a) > 0 else libmp.fninf
    return libmp.mpf_div(a, b, bits, NEAREST)


def power(a: Raw, b: Raw, bits: int) -> Raw:
    """a^b; NaN for a negative a and a b that is not whole."""
    if a == libmp.fone or b == libmp.fzero:
        return libmp.fone
    if libmp.fnan in (a, b):
        return libmp.fnan
    _tame(a)
    if b in INFINITE:
        grows = (libmp.mpf_gt(libmp.mpf_abs(a), libmp.fone)) == (b == libmp.finf)
        return libmp.fone if libmp.mpf_abs(a) == libmp.fone else libmp.finf if grows else libmp.fzero
    if b[2] + b[3] > 64:
        raise Refused("raises a number to a power beyond 10^19")
    try:
        return libmp.mpf_pow(a, b, bits, NEAREST)
    except libmp.ComplexResult:
        return libmp.fnan
    except ZeroDivisionError:
        return libmp.finf


def floor_divide(a: Raw, b: Raw, bits: int) -> Raw:
    """The greatest whole number <= a / b."""
    return libmp.mpf_floor(divide(a, b, bits), bits, NEAREST)


def remainder(a: Raw, b: Raw, bits: int) -> Raw:
    """a - b floor(a / b)."""
    if b == libmp.fzero or a in INFINITE or b in INFINITE:
        return libmp.fnan
    return libmp.mpf_mod(a, b, bits, NEAREST)


def logaddexp(a: Raw, b: Raw, bits: int) -> Raw:
    """log(e^a + e^b), folded onto the larger."""
    if a == b:
        return add(a, libmp.mpf_ln2(bits + GUARD), bits)
    high, low = (a, b) if libmp.mpf_ge(a, b) else (b, a)
    if libmp.fnan in (a, b):
        return libmp.fnan
    small = exp(subtract(low, high, bits + GUARD), bits + GUARD)
    return add(high, log1p(small, bits + GUARD), bits)


def logaddexp2(a: Raw, b: Raw, bits: int) -> Raw:
    """log2(2^a + 2^b)."""
    ln2 = libmp.mpf_ln2(bits + GUARD)
    wide = bits + GUARD
    return divide(logaddexp(multiply(a, ln2, wide), multiply(b, ln2, wide), wide), ln2, bits)


def copysign(a: Raw, b: Raw, bits: int) -> Raw:
    """|a| with b's sign; there is no negative 0."""
    return libmp.mpf_neg(libmp.mpf_abs(a)) if libmp.mpf_sign(b) < 0 else libmp.mpf_abs(a)


def heaviside(a: Raw, b: Raw, bits: int) -> Raw:
    """0, b or 1 as a is below, at or above 0."""
    return libmp.fnan if a == libmp.fnan else (libmp.fzero, b, libmp.fone)[libmp.mpf_sign(a) + 1]


def xlogy(a: Raw, b: Raw, bits: int) -> Raw:
    """a log b, 0 where a is 0."""
    return libmp.fzero if a == libmp.fzero and b != libmp.fnan else multiply(a, log(b, bits + GUARD), bits)


# -- of one number ------------------------------------------------------------------------------------

exp, log = or_nan(libmp.mpf_exp), or_nan(libmp.mpf_log)


def log1p(a: Raw, bits: int) -> Raw:
    """log(1 + a), with the bits that a small a needs."""
    if a in INFINITE or a == libmp.fzero or magnitude(a) >= 0:
        return log(add(libmp.fone, a, bits + GUARD) if a not in INFINITE else a, bits)
    small = -magnitude(a)
    if small > bits + GUARD:
        return a
    return log(add(libmp.fone, a, bits + small + GUARD), bits)


def expm1(a: Raw, bits: int) -> Raw:
    """e^a - 1, with the bits that a small a needs."""
    small = 0 if a in INFINITE or a == libmp.fzero else max(0, -magnitude(a))
    if small > bits + GUARD:
        return a
    return subtract(exp(a, bits + small + GUARD), libmp.fone, bits)


def log2(a: Raw, bits: int) -> Raw:
    """The logarithm to base 2."""
    return divide(log(a, bits + GUARD), libmp.mpf_ln2(bits + GUARD), bits)


def log10(a: Raw, bits: int) -> Raw:
    """The logarithm to base 10."""
    return divide(log(a, bits + GUARD), libmp.mpf_ln10(bits + GUARD), bits)


def exp2(a: Raw, bits: int) -> Raw:
    """2^a."""
    return power(libmp.ftwo, a, bits)


def cbrt(a: Raw, bits: int) -> Raw:
    """The real cube root."""
    root = or_nan(libmp.mpf_cbrt)(libmp.mpf_abs(a), bits) if a not in INFINITE else a
    return libmp.mpf_neg(root) if a not in INFINITE and libmp.mpf_sign(a) < 0 else root


def square(a: Raw, bits: int) -> Raw:
    """a^2."""
    return multiply(a, a, bits)


def reciprocal(a: Raw, bits: int) -> Raw:
    """1 / a."""
    return divide(libmp.fone, a, bits)


def sign(a: Raw, bits: int) -> Raw:
    """-1, 0 or 1."""
    return libmp.fnan if a == libmp.fnan else libmp.from_int(libmp.mpf_sign(a))


def absolute(a: Raw, bits: int) -> Raw:
    """|a|."""
    return libmp.mpf_abs(a)


def degrees(a: Raw, bits: int) -> Raw:
    """180 a / pi."""
    return divide(multiply(a, libmp.from_int(180), bits + GUARD), libmp.mpf_pi(bits + GUARD), bits)


def radians(a: Raw, bits: int) -> Raw:
    """pi a / 180."""
    return divide(multiply(a, libmp.mpf_pi(bits + GUARD), bits + GUARD), libmp.from_int(180), bits)


def expit(a: Raw, bits: int) -> Raw:
    """1 / (1 + e^-a)."""
    return exp(libmp.mpf_neg(logaddexp(libmp.fzero, libmp.mpf_neg(a), bits + GUARD)), bits)


def logit(a: Raw, bits: int) -> Raw:
    """log(a / (1 - a))."""
    return subtract(log(a, bits + GUARD), log1p(libmp.mpf_neg(a), bits + GUARD), bits)


def ndtr(a: Raw, bits: int) -> Raw:
    """The normal distribution function, erfc(-a / sqrt 2) / 2."""
    root = libmp.mpf_sqrt(libmp.ftwo, bits + GUARD, NEAREST)
    tail = or_nan(libmp.mpf_erfc)(divide(libmp.mpf_neg(a), root, bits + GUARD), bits)
    return libmp.mpf_shift(tail, -1)


UNARY: dict[str, Callable[[Raw, int], Raw]] = {
    "exp": exp, "log": log, "log1p": log1p, "expm1": expm1, "log2": log2, "log10": log10, "exp2": exp2,
    "sqrt": or_nan(libmp.mpf_sqrt), "cbrt": cbrt, "square": square, "reciprocal": reciprocal,
    "sin": or_nan(libmp.mpf_sin), "cos": or_nan(libmp.mpf_cos), "tan": or_nan(libmp.mpf_tan),
    "arcsin": or_nan(libmp.mpf_asin), "arccos": or_nan(libmp.mpf_acos), "arctan": or_nan(libmp.mpf_atan),
    "sinh": or_nan(libmp.mpf_sinh), "cosh": or_nan(libmp.mpf_cosh), "tanh": or_nan(libmp.mpf_tanh),
    "arcsinh": or_nan(libmp.mpf_asinh), "arccosh": or_nan(libmp.mpf_acosh), "arctanh": or_nan(libmp.mpf_atanh),
    "fabs": absolute, "absolute": absolute, "sign": sign,
    "degrees": degrees, "rad2deg": degrees, "radians": radians, "deg2rad": radians,
    "rint": or_nan(libmp.mpf_nint), "floor": or_nan(libmp.mpf_floor), "ceil": or_nan(libmp.mpf_ceil),
    "trunc": lambda a, bits: (libmp.mpf_ceil if libmp.mpf_sign(a) < 0 else libmp.mpf_floor)(a, bits, NEAREST),
    "expit": expit, "logit": logit, "ndtr": ndtr, "erf": or_nan(libmp.mpf_erf), "erfc": or_nan(libmp.mpf_erfc),
    "gamma": or_nan(libmp.mpf_gamma), "gammaln": or_nan(libmp.mpf_loggamma), "psi": or_nan(libmp.mpf_psi0),
}  # fmt: skip
BINARY: dict[str, Callable[[Raw, Raw, int], Raw]] = {
    "add": add, "subtract": subtract, "multiply": multiply,
    "arctan2": or_nan(libmp.mpf_atan2), "hypot": or_nan(libmp.mpf_hypot), "logaddexp": logaddexp,
    "logaddexp2": logaddexp2, "copysign": copysign, "heaviside": heaviside, "xlogy": xlogy, "float_power": power,
    "power": power, "true_divide": divide, "floor_divide": floor_divide, "remainder": remainder,
}  # fmt: skip
OPERATORS = frozenset({"add", "subtract", "multiply", "true_divide", "floor_divide", "remainder", "power"})
STAIRS = frozenset({"rint", "floor", "ceil", "trunc", "floor_divide", "remainder", "sign", "copysign", "heaviside"})
PLAIN = frozenset(
    {"square", "fabs", "absolute", "sign", "rint", "floor", "ceil", "trunc", "copysign", "heaviside"}
    | {"add", "subtract", "multiply", "true_divide", "reciprocal", "floor_divide", "remainder", "sqrt"}
)
SLOW = {"logaddexp": 50, "logaddexp2": 50, "expit": 75, "power": 50, "float_power": 50}
SLOW |= dict.fromkeys(("erf", "erfc", "ndtr"), 200) | dict.fromkeys(("gamma", "gammaln", "psi"), 500)


def weight(name: str, exponent: Raw = libmp.fhalf) -> int:
    """The cost of a function beside that of a product, as measured at 2432 bits."""
    if name in PLAIN or (name == "power" and exponent[2] >= 0):
        return 1  # a whole power is a few products
    return SLOW.get(name, 25)
