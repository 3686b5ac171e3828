"""Slopes far below the spacing of f are decided by its own code on hundreds of digits; code that leaves is refused."""

from __future__ import annotations

import functools
import math
import struct
import subprocess
import sys
from itertools import product

import mpmath
import numpy as np
import pytest
from mpmath import mp

import gradverify as gv
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.oracles.arbitrary import Arbitrary, functions, value
from gradverify.points import KINDS, Seeded, point
from gradverify.quantifiers import tangent

EPS = float(np.finfo(np.float64).eps)


def subject(f, x, **at):
    return gv.Subject("f", f, gv.Domain({"x": gv.At(x, **at)}), vjp=lambda g, x: g)


def ask(f, x, *, seed=0, v=None, **at):
    x = np.asarray(x, float)
    rng = np.random.default_rng(seed)
    u = tangent(subject(f, x, **at), Vectors((x,)), rng, (0,))
    v = rng.standard_normal(np.shape(f(x.copy()))) if v is None else np.asarray(v, float)
    return Arbitrary().directional(subject(f, x, **at), Vectors((x,)), u, Vectors((v,), bare=True)), u[0], v


def truth(f, x, u, v, digits=120):
    """<v, f'(x) u> by ``mpmath.diff`` of a function written in mpmath, on nested lists."""
    with mp.workdps(digits):

        def along(t):
            y = f((np.vectorize(mp.mpf, otypes=[object])(x) + t * np.vectorize(mp.mpf, otypes=[object])(u)).tolist())
            flat = np.asarray(y, object).ravel()
            return mp.fsum(mp.mpf(w) * a for w, a in zip(np.ravel(v), flat, strict=True))

        return mp.diff(along, 0)


def off(found, true):
    """How far the answer is from the truth, in units of its own error."""
    with mp.workdps(50):
        return (
            float(abs(mp.mpf(found.value) - true) / mp.mpf(found.error)) if found.error else float(found.value != true)
        )


def each(f):
    return lambda x: [f(t) for t in x]


def rows(f):
    return lambda x: [f(row) for row in x]


# Entry by entry: the function in NumPy, the same in mpmath, and a map of any real number into its domain.
REAL, POSITIVE, UNIT, ABOVE = (lambda x: x), np.abs, (lambda x: x / (1 + np.abs(x))), (lambda x: 1 + np.abs(x))
ENTRYWISE = {
    "sin": (np.sin, mp.sin, REAL), "cos": (np.cos, mp.cos, REAL), "tan": (np.tan, mp.tan, UNIT),
    "exp": (np.exp, mp.exp, REAL), "expm1": (np.expm1, mp.expm1, REAL),
    "exp2": (np.exp2, lambda t: mp.mpf(2) ** t, REAL),
    "log": (np.log, mp.log, POSITIVE), "log1p": (np.log1p, lambda t: mp.log(1 + t), POSITIVE),
    "log2": (np.log2, lambda t: mp.log(t, 2), POSITIVE), "log10": (np.log10, mp.log10, POSITIVE),
    "sqrt": (np.sqrt, mp.sqrt, POSITIVE), "cbrt": (np.cbrt, lambda t: mp.sign(t) * mp.cbrt(abs(t)), REAL),
    "square": (np.square, lambda t: t**2, REAL), "reciprocal": (np.reciprocal, lambda t: 1 / t, REAL),
    "sinh": (np.sinh, mp.sinh, REAL), "cosh": (np.cosh, mp.cosh, REAL), "tanh": (np.tanh, mp.tanh, REAL),
    "arcsin": (np.arcsin, mp.asin, UNIT), "arccos": (np.arccos, mp.acos, UNIT), "arctan": (np.arctan, mp.atan, REAL),
    "arcsinh": (np.arcsinh, mp.asinh, REAL), "arccosh": (np.arccosh, mp.acosh, ABOVE),
    "arctanh": (np.arctanh, mp.atanh, UNIT),
    "absolute": (np.abs, abs, REAL), "cube": (lambda x: x**3, lambda t: t**3, REAL),
    "power": (lambda x: x**2.5, lambda t: t ** mp.mpf(2.5), POSITIVE),
    "exponential": (lambda x: 1.5**x, lambda t: mp.mpf(1.5) ** t, REAL),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda t: 1 / (1 + mp.exp(-t)), REAL),
    "softplus": (lambda x: np.logaddexp(0, x), lambda t: mp.log(1 + mp.exp(t)), REAL),
    "logaddexp": (lambda x: np.logaddexp(x, 2 * x), lambda t: mp.log(mp.exp(t) + mp.exp(2 * t)), REAL),
    "rational": (lambda x: 1 / (1 + x * x), lambda t: 1 / (1 + t * t), REAL),
    "log of square": (lambda x: np.log(1 + x * x), lambda t: mp.log(1 + t * t), REAL),
    "hypot": (lambda x: np.hypot(x, 1.0), lambda t: mp.sqrt(t * t + 1), REAL),
    "arctan2": (lambda x: np.arctan2(x, 2.0), lambda t: mp.atan(t / 2), REAL),
    "maximum": (lambda x: np.maximum(x, 0.1), lambda t: max(t, mp.mpf(0.1)), REAL),
    "where": (lambda x: np.where(x > 0, x, 0.5 * np.sin(x)), lambda t: t if t > 0 else mp.sin(t) / 2, REAL),
    "clip": (lambda x: np.clip(x, -0.3, 0.7) ** 2, lambda t: min(max(t, mp.mpf(-0.3)), mp.mpf(0.7)) ** 2, REAL),
    "gelu": (
        lambda x: 0.5 * x * (1 + np.tanh(0.75 * (x + 0.125 * x**3))),
        lambda t: t / 2 * (1 + mp.tanh((t + t**3 / 8) * 3 / 4)), REAL,
    ),
    "a tiny part": (lambda x: x - np.sin(x), lambda t: t - mp.sin(t), REAL),
    "fraction": (lambda x: (x - np.floor(x)) ** 2, lambda t: (t - mp.floor(t)) ** 2, REAL),
}  # fmt: skip
SCALES = (1e-12, 1e-6, 1e-3, 1.0, 30.0, 1e3)


@pytest.mark.parametrize("name", ENTRYWISE)
def test_the_truth_lies_within_the_error_at_every_scale(name):
    f, exact, into = ENTRYWISE[name]
    answered = asked = 0
    for seed, scale in enumerate(SCALES):
        x = into(scale * np.random.default_rng(seed).standard_normal(3))
        with np.errstate(all="ignore"):
            found, u, v = ask(f, x, seed=seed)
        if isinstance(found, CannotHere) and ("not finite" in found.reason or "does not answer" in found.reason):
            continue  # exp at 1e3; a maximum that is its constant
        asked += 1
        if isinstance(found, CannotHere):
            continue
        answered += 1
        true = truth(each(exact), x, u, v, digits=900 if scale >= 30 else 120)
        assert off(found, true) <= 1, (scale, found, true)
        assert found.error <= EPS * abs(found.value) + 2.0**-1074, scale  # nothing but the float that holds it
    assert answered == asked >= 2
    assert answered >= 5 or name in ("maximum", "clip")


def matrix(x):
    return mp.matrix(x)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def mp_softmax(row):
    e = [mp.exp(t - max(row)) for t in row]
    return [t / sum(e) for t in e]


def mp_standard(row):
    mean = sum(row) / len(row)
    inverse = 1 / mp.sqrt(sum((t - mean) ** 2 for t in row) / len(row) + mp.mpf(1e-5))
    return [(t - mean) * inverse for t in row]


def mp_variance(row):
    mean = sum(row) / len(row)
    return sum((t - mean) ** 2 for t in row) / len(row)


def layer_norm(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)


def cross_entropy(x):
    return -np.sum(T * (x - np.logaddexp.reduce(x, axis=-1, keepdims=True))) / len(x)


def mp_cross_entropy(x):
    terms = [
        mp.mpf(t) * (a - mp.log(sum(map(mp.exp, r))))
        for r, labels in zip(x, T, strict=True)
        for a, t in zip(r, labels, strict=True)
    ]
    return -sum(terms) / len(x)


def by_hand(x):
    """Loops, Python's own sum and max, a list made into an array, entries taken one by one."""
    x = np.asarray(x)
    out = np.zeros(x.shape, dtype=x.dtype)
    for i, row in enumerate(x):
        top = max(row)
        weights = [np.exp(t - top) for t in row]
        out[i] = np.array(weights) / sum(weights)
    return out


def in_place(x):
    y = x.astype(x.dtype)
    y -= y.mean(axis=-1, keepdims=True)
    y[y < 0] *= 0.1
    y[:, 0] = 2.0
    return np.concatenate([y, np.zeros_like(x)], axis=1)


def mp_in_place(x):
    centred = [[t - sum(row) / len(row) for t in row] for row in x]
    return [
        [mp.mpf(2), *(t * mp.mpf(0.1) if t < 0 else t for t in row[1:]), *([mp.mpf(0)] * len(row))] for row in centred
    ]


T = np.array([[0.25, 0.5, 0.25], [1.0, 0.0, 0.0], [0.0, 0.125, 0.875]])
SPD = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 5.0]])
W = np.array([[0.5, -1.0], [2.0, 0.3], [-0.7, 1.1]])
WHOLE = {
    "softmax": (softmax, rows(mp_softmax)), "by hand": (by_hand, rows(mp_softmax)), "in place": (in_place, mp_in_place),
    "cross entropy": (cross_entropy, mp_cross_entropy), "layer norm": (layer_norm, rows(mp_standard)),
    "variance": (lambda x: np.var(x, axis=-1), rows(mp_variance)),
    "deviation": (lambda x: x.std(axis=1), rows(lambda r: mp.sqrt(mp_variance(r)))),
    "mean": (lambda x: np.mean(x * x), lambda x: sum(t * t for r in x for t in r) / 9),
    "product": (lambda x: np.prod(x, axis=1), rows(lambda r: r[0] * r[1] * r[2])),
    "running sum": (
        lambda x: np.cumsum(np.sin(x), axis=1), rows(lambda r: [sum(map(mp.sin, r[: i + 1])) for i in range(3)]),
    ),
    "sort": (
        lambda x: np.sort(x, axis=1) * [1.0, 2.0, 3.0], rows(lambda r: [(i + 1) * t for i, t in enumerate(sorted(r))]),
    ),
    "largest": (lambda x: x.max(axis=1) - np.min(x, axis=1), rows(lambda r: max(r) - min(r))),
    "argmax": (lambda x: np.take_along_axis(x, np.argmax(x, 1)[:, None], 1) ** 2, rows(lambda r: [max(r) ** 2])),
    "product of matrices": (lambda x: x @ W, lambda x: (matrix(x) * matrix(W)).tolist()),
    "matrix from the left": (lambda x: W.T.dot(x), lambda x: (matrix(W).T * matrix(x)).tolist()),
    "einsum": (lambda x: np.einsum("ij,ik->jk", x, x), lambda x: (matrix(x).T * matrix(x)).tolist()),
    "outer": (lambda x: np.outer(x[0], x[1]), lambda x: [[a * b for b in x[1]] for a in x[0]]),
    "trace": (lambda x: np.trace(x @ x), lambda x: sum((matrix(x) ** 2)[i, i] for i in range(3))),
    "norm": (np.linalg.norm, lambda x: mp.sqrt(sum(t * t for r in x for t in r))),
    "stack": (
        lambda x: np.stack([x[0] * x[1], np.exp(x[2])]),
        lambda x: [[a * b for a, b in zip(x[0], x[1], strict=True)], [mp.exp(t) for t in x[2]]],
    ),
    "solve": (lambda x: np.linalg.solve(x, W), lambda x: (matrix(x) ** -1 * matrix(W)).tolist()),
    "inverse": (np.linalg.inv, lambda x: (matrix(x) ** -1).tolist()),
    "determinant": (np.linalg.det, lambda x: mp.det(matrix(x))),
    "log determinant": (lambda x: np.linalg.slogdet(x)[1], lambda x: mp.log(abs(mp.det(matrix(x))))),
    "cholesky": (
        lambda x: np.linalg.cholesky((x + x.T) / 2 + 4 * np.eye(3)),
        lambda x: mp.cholesky((matrix(x) + matrix(x).T) / 2 + 4 * mp.eye(3)).tolist(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_functions_of_whole_matrices_are_right_and_sharp(name):
    f, exact = WHOLE[name]
    for seed, scale in enumerate((1e-12, 1e-3, 1.0, 1e3)):
        noise = np.random.default_rng(seed).standard_normal((3, 3))
        x = SPD + noise / 8 if name in ("cholesky", "log determinant") else scale * noise
        found, u, v = ask(f, x, seed=seed)
        assert isinstance(found, Estimate), (scale, found)
        true = truth(exact, x, u, v, digits=1200 if scale == 1e3 else 120)
        assert off(found, true) <= 1, (scale, found, true)
        assert found.error <= EPS * abs(found.value) + 2.0**-1074, scale


# What float64, extended precision and the complex step cannot decide: the gradient is below the spacing of f.
HOT = np.array([[1.0, 0.0, 0.0]])
BELOW = {
    "softmax with one winner": (softmax, rows(mp_softmax), [[0.0, 46.0, 1.0]], 1e-17),
    "softmax at logits 500": (softmax, rows(mp_softmax), [[0.0, 500.0, 430.0]], 1e-25),
    "softmax at logits 500, even further": (softmax, rows(mp_softmax), [[500.0, 0.0]], 1e-200),
    "cross-entropy at its optimum": (
        lambda x: -np.sum(HOT * np.log(softmax(x))), lambda x: -mp.log(mp_softmax(x[0])[0]), [[36.0, 0.0, 1.0]], 1e-12,
    ),
    "log(1 + x^2) at 1e-8": (lambda x: np.log(1 + x * x), each(lambda t: mp.log(1 + t * t)), [1e-8], 1e-14),
    "log(1 + x^2) at 1e-100": (lambda x: np.log(1 + x * x), each(lambda t: mp.log(1 + t * t)), [1e-100], 1e-198),
    "sum of sines, stationary": (
        lambda x: np.sum(np.sin(x)), lambda x: sum(map(mp.sin, x)), [1.5707963267948966, 4.71238898038469], 1e-15,
    ),
    "saturated sigmoid": (lambda x: 1 / (1 + np.exp(-x)), each(lambda t: 1 / (1 + mp.exp(-t))), [40.0, 700.0], 1e-14),
    "saturated tanh less 1": (lambda x: np.tanh(x) - 1, each(lambda t: mp.tanh(t) - 1), [300.0], 1e-255),
    "x - sin x at 1e-100": (lambda x: x - np.sin(x), each(lambda t: t - mp.sin(t)), [1e-100], 1e-298),
}  # fmt: skip


@pytest.mark.parametrize("name", BELOW)
def test_slopes_below_the_spacing_of_the_function_are_decided(name):
    f, exact, x, size = BELOW[name]
    found, u, v = ask(f, x)
    assert isinstance(found, Estimate), found
    assert off(found, truth(exact, np.asarray(x), u, v, digits=1500)) <= 1
    assert 0 < abs(found.value) < size
    assert found.error <= EPS * abs(found.value) + 2.0**-1074


def test_a_slope_below_every_float_is_0_with_an_error_and_a_sum_that_cannot_move_is_0():
    found, _, _ = ask(lambda x: 1 / (1 + np.exp(-x)), [800.0])
    assert (found.value, found.error) == (0.0, 2 * 2.0**-1074)
    found, _, _ = ask(softmax, [[0.3, 1.0, -2.0]], v=np.ones((1, 3)))
    assert abs(found.value) <= found.error < 1e-60
    found, _, _ = ask(lambda x: 1e50 * np.array([np.sum(softmax(x))]), [[0.3, 1.0, -2.0]])  # moves by rounding alone
    assert abs(found.value) <= found.error < 1e-200


def bisected(x, fineness):
    """The cube root of 1 + x, found by comparisons alone: a float that goes up in stairs."""
    low, high = 0.0, 4.0
    while high - low > fineness:
        middle = (low + high) / 2
        low, high = (middle, high) if middle**3 < 1 + x[0] else (low, middle)
    return low


def sparse(x):
    """sparsemax with its threshold found by bisection, as written in practice."""
    low = np.max(x) - 1
    for k in range(1, 40):
        middle = low + 0.5**k
        low = np.where(np.sum(np.maximum(x - middle, 0)) >= 1, middle, low)
    return np.maximum(x - low, 0)


@functools.cache
def memory():
    return []


def keeps(x):
    memory().append(x * 1)
    return memory()[-2] * x if len(memory()) > 1 else x * x


def survives(x):
    try:
        return x * float(x[0])
    except Exception:
        return x * 0.7


def buffered(x):
    out = np.zeros(x.shape)
    for i in range(len(x)):
        out[i] = x[i] ** 2
    return out


def through_item(x):
    return np.array([math.sin(t.item()) for t in x]) * x


LEAVES = {
    "cast by asarray": (lambda x: np.sin(np.asarray(x, float)), "turns its inputs into floats"),
    "cast by astype": (lambda x: np.sin(x.astype(np.float64)), "turns its inputs into floats"),
    "cast to float32": (lambda x: np.sin(x.astype(np.float32)).astype(float), "turns its inputs into floats"),
    "math": (lambda x: x * math.exp(x[0]), "turns its inputs into floats"),
    "float": (lambda x: np.array([float(t) ** 2 for t in x]), "turns its inputs into floats"),
    "item": (through_item, "turns its inputs into floats"),
    "a scalar of NumPy's": (lambda x: x * np.float64(x[0]), "turns its inputs into floats"),
    "a float buffer": (buffered, "turns its inputs into floats"),
    "an out argument": (lambda x: np.multiply(x, 2.0, out=np.zeros(x.shape)), "raised"),
    "a float accumulator": (lambda x: np.sum(x, dtype=np.float64), "turns its inputs into floats"),
    "interpolation": (lambda x: np.interp(x, [-9.0, 9.0], [0.0, 1.0]), "raised TypeError"),
    "swallowed": (survives, "turns its inputs into floats"),
    "complex": (lambda x: (x * np.exp(1j * x)).real, "complex"),
    "text": (lambda x: x * float(str(x[0])), "as text"),
    "formatted": (lambda x: x * float(f"{x[0]:.3f}"), "as text"),
    "bytes": (lambda x: x * len(x.tobytes()), "bytes"),
    "packed": (lambda x: x * struct.unpack("d", struct.pack("d", x[0]))[0], "turns its inputs into floats"),
    "numbers kept": (keeps, "keeps numbers from one call to the next"),
    "limits of its type": (lambda x: np.maximum(x, np.finfo(x.dtype).tiny), "raised"),
    "an answer in floats": (lambda x: np.ones(2), "answers in float64"),
    "a function unknown here": (lambda x: np.nextafter(x, 1.0), "np.nextafter"),
    "a transform": (lambda x: np.fft.rfft(x).real, "raised"),
    "another branch for objects": (lambda x: x if x.dtype == float else 2 * x, "another value on these numbers"),
    "another shape for objects": (lambda x: x if x.dtype == float else np.stack([x, x]), "another shape"),
    "too much work": (lambda x: sum(np.exp(x / (k + 1)) for k in range(900)), "operations"),
    "without an answer": (lambda x: x if x.dtype == float else None, "computes with NoneType"),
    "an exit": (lambda x: x if x.dtype == float else exit(3), "raised SystemExit"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAVES)
def test_code_that_leaves_this_arithmetic_is_refused_with_the_reason(name):
    f, why = LEAVES[name]
    memory.cache_clear()
    found, _, _ = ask(f, [0.4, 1.1])
    assert isinstance(found, CannotHere), found
    assert found.reason.startswith("arbitrary precision: ")
    assert why in found.reason


@pytest.mark.parametrize(("f", "x", "why"), [
    (lambda x: np.maximum(x, 0), [0.0], "one-sided"), (np.abs, [0.0], "one-sided"), (np.sign, [0.0], "jump"),
    (lambda x: np.where(x > 1, 2 * x, x), [1.0], "jump"), (lambda x: np.sort(x), [1.0, 1.0], "one-sided"),
    (lambda x: np.max(x), [2.0, 2.0], "one-sided"), (lambda x: np.clip(x, 0, 1), [1.0], "one-sided"),
    (np.cbrt, [0.0], "infinite slope"), (np.sqrt, [0.0], "not finite"), (np.floor, [1.0], "jump"),
    (lambda x: np.sin(x) + 1e-9 * np.abs(x - 0.5), [0.5], "one-sided"), (np.linalg.norm, [0.0, 0.0], "one-sided"),
    (lambda x: np.maximum(x, 0), [0.0, 3.0], "output 0"),
    (lambda x: x + np.random.default_rng().standard_normal(x.shape), [0.5], "noise"),
    (lambda x: np.where(x > 0, x, 1.0) * 0 + 1.0, [0.5], "does not answer"),
    (lambda x: np.round(np.sin(x), 9), [0.4], "does not answer"),
    (lambda x: np.round(np.sin(x), 9) + 1e-3 * x, [0.4], "stairs"),
    (lambda x: (x * 1e7).astype(int) * 1e-7 + 1e-3 * x, [0.4], "stairs"),
    (lambda x: bisected(x, 1e-5) + 1e-3 * x, [0.4], "stairs"), (lambda x: bisected(x, 1e-12) * x, [0.4], "stairs"),
    (lambda x: bisected(x, 1e-15) * x, [0.4], "stairs"), (lambda x: sparse(x), [0.4, 0.3, -0.2], "stairs"),
])  # fmt: skip
def test_kinks_jumps_stairs_and_noise_have_no_slope(f, x, why):
    found, _, _ = ask(f, x)
    assert isinstance(found, CannotHere), found
    if why != "noise":
        assert why in found.reason


def test_what_only_looks_like_a_kink_has_its_slope():
    for f, slope in [
        (lambda x: np.maximum(x, 0) - np.maximum(-x, 0), 1.0), (lambda x: x * np.abs(x), 0.0),
        (lambda x: np.abs(x) ** 1.5, 0.0),
        (np.square, 0.0), (lambda x: x**3, 0.0), (lambda x: np.sin(x) + np.abs(x) ** 1.5, 1.0),
    ]:  # fmt: skip
        found, u, v = ask(f, [0.0])
        assert isinstance(found, Estimate), found
        assert abs(found.value - slope * u[0] * v[0]) <= found.error <= 1e-16
    for beside in (1e-300, -1e-300, 1e-9):  # no step is so small elsewhere, nor are these stairs
        found, u, v = ask(lambda x: np.maximum(x, 0) + x, [beside])
        assert found.value == pytest.approx((1 + (beside > 0)) * u[0] * v[0], rel=EPS)
    for beside in (1e-3, -1e-3, 1e-9, -1e-9, 1e-14, -1e-14):
        found, u, v = ask(lambda x, k=beside: np.maximum(x - (1 - k), 0) + x, [1.0])
        assert found.value == pytest.approx((1 + (beside > 0)) * u[0] * v[0], rel=EPS)


def test_low_types_and_other_arguments_are_taken_as_they_are():
    x, k, t = np.array([0.1, 0.7], np.float32), np.array([1, 0, 1]), np.array([0.3, 0.9, 0.2], np.float16)

    def f(x, k, t):
        return t * np.log1p(np.exp(x[k]))

    f_subject = gv.Subject("f", f, gv.Domain({"x": gv.At(x), "k": gv.At(k), "t": gv.At(t)}), vjp=lambda g, x, k, t: g)
    u, v = np.array([0.5, 0.25]), np.array([1.0, -2.0, 3.0])
    nothing = np.zeros(0)
    found = Arbitrary().directional(
        f_subject, Vectors((x, k, t)), Vectors((u, nothing, nothing)), Vectors((v,), bare=True)
    )
    with mp.workdps(60):
        exact = mp.fsum(
            mp.mpf(float(a)) * b * mp.mpf(float(d)) / (1 + mp.exp(-mp.mpf(float(c))))
            for a, b, c, d in zip(t, v, x[k], u[k], strict=True)
        )
    assert off(found, exact) <= 1
    assert found.error <= EPS * abs(found.value)


def test_bfloat16_is_taken_at_its_own_numbers():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = np.array([0.1, 3.0], bfloat16)
    found = Arbitrary().directional(subject(np.sin, x), Vectors((x,)), Vectors((np.ones(2),)), Vectors((np.ones(2),)))
    with mp.workdps(40):
        assert off(found, mp.cos(mp.mpf(float(x[0]))) + mp.cos(3)) <= 1


@pytest.mark.parametrize("f", [*gv.nn.FUNCTIONS, *gv.nn.LOSSES], ids=lambda f: f.name)
def test_our_own_networks_run_unchanged_and_our_own_gradients_agree(f):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = Vectors(point(f.domain, KINDS[0], "float64", Seeded(rng), f.literals))
        y = f.forward(x)
        v = Vectors(tuple(rng.standard_normal(p.shape) for p in y), bare=y.bare)
        gradient = f.pullback(x, v)
        u = tangent(f, x, rng, tuple(k for k, g in enumerate(gradient) if g.size))
        found = Arbitrary().directional(f, x, u, v)
        if isinstance(found, CannotHere):
            assert "does not answer" in found.reason  # a softmax over one class
            continue
        terms = np.concatenate([(g * d).ravel() for g, d in zip(gradient, u, strict=True) if g.size])
        size = sum(float(np.abs(w).sum()) for w in v) * max(float(np.max(np.abs(p))) for p in y)
        assert abs(found.value - terms.sum()) <= 64 * EPS * (np.abs(terms).sum() + size)


EDGES = (0.3, -0.3, 0.0, 1.0, -1.0, 2.5, -2.5, 700.0, -700.0, 1e-300)


@pytest.mark.parametrize("name", [n for n in (*functions.UNARY, *functions.BINARY) if hasattr(np, n)])
def test_each_function_has_numpy_s_value_in_and_out_of_its_domain(name):
    """NumPy's own functions at 53 bits are the reference: infinite at poles, NaN outside the domain."""
    ours = functions.UNARY.get(name) or functions.BINARY[name]
    alone = (*EDGES, np.inf, -np.inf, np.nan) if name in functions.UNARY else EDGES
    for given in product(alone, repeat=1 if name in functions.UNARY else 2):
        with np.errstate(all="ignore"):
            expected = float(getattr(np, name)(*given))
        raw = ours(*map(functions.exact, given), 120)
        if np.isinf(expected) and np.all(np.isfinite(given)) and raw not in functions.INFINITE:
            assert mp.make_mpf(raw) > 1e308 or mp.make_mpf(raw) < -1e308  # no overflow here
        else:
            assert float(mp.make_mpf(raw)) == pytest.approx(expected, rel=1e-13, abs=1e-40, nan_ok=True), given


def test_options_in_force_and_several_outputs_are_heeded():
    x = np.array([[0.3, -0.2], [1.0, 2.0]])
    two = gv.Subject(
        "f", lambda x, axis=0: (x.sum(axis=axis), np.exp(x)), gv.Domain({"x": gv.At(x)}), vjp=lambda g, x: g[1]
    )
    u = np.ones((2, 2))
    v = Vectors((np.array([1.0, -3.0]), np.zeros((2, 2))))
    found = Arbitrary().directional(two.given({"axis": 1}), Vectors((x,)), Vectors((u,)), v)
    assert found.value == -4.0


def test_the_inputs_the_precision_of_mpmath_and_the_warnings_stay_as_they_were():
    x = np.array([0.25, 0.5])
    before = x.copy()
    mp_before = mpmath.mp.prec

    def changes(x):
        x *= 2
        return np.log(x)

    found, u, v = ask(changes, x.copy())
    assert found.value == pytest.approx(float((v * u / x).sum()), rel=1e-15)
    assert np.array_equal(x, before)
    assert mpmath.mp.prec == mp_before


def test_mpmath_is_not_loaded_before_it_is_asked():
    code = "import sys, gradverify.oracles.arbitrary; sys.exit('mpmath' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_large_inputs_and_long_runs_are_left_to_others():
    found, _, _ = ask(np.sin, np.linspace(0.1, 1, 2_001))
    assert found.reason == "arbitrary precision: 2,001 entries are too many"
    found, _, _ = ask(lambda x: x @ x, np.eye(30))
    assert "the function takes more than 20,000 operations" in found.reason
    found, _, _ = ask(lambda x: x @ x, np.eye(20) + 1.0)
    assert isinstance(found, Estimate)


def test_the_value_itself_is_known_to_hundreds_of_digits():
    x = np.array([[0.0, 500.0]])
    (p,) = value(subject(softmax, x), Vectors((x,)))
    assert p.shape == (1, 2)
    with mp.workdps(300):
        assert abs(p[0, 0] * mp.exp(500) * (1 + mp.exp(-500)) - 1) < mp.mpf(10) ** -290
    assert isinstance(value(subject(lambda x: np.asarray(x, float), x), Vectors((x,))), CannotHere)
    (nothing,) = value(subject(np.log, x), Vectors((x,)))
    assert nothing[0, 0] == -mp.inf


def test_a_value_that_float64_misses_by_its_own_rounding_is_still_the_same_function():
    found, u, v = ask(lambda x: np.log(1 + x * x) * 1e30, [1e-9])  # float64 says 0
    assert found.value == pytest.approx(float(2e-9 * 1e30 * u[0] * v[0]), rel=1e-15)
