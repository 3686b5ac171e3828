"""The Taylor remainder's rate never calls a right slope wrong, and calls most wrong ones so, with no step to choose."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest

import gradverify as gv
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.oracles.taylor import STEPS, Rate, Remainders, nothing, remainder_rate, right, wrong
from gradverify.quantifiers import tangent


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def softmax_along(x, u):
    p = softmax(x)
    return p * (u - np.sum(p * u))


def entrywise(slope):
    return lambda x, u: slope(x) * u


# Functions and their derivatives along u, by hand.
FUNCTIONS = {
    "sin": (np.sin, entrywise(np.cos)), "exp": (np.exp, entrywise(np.exp)),
    "cube": (lambda x: x**3, entrywise(lambda x: 3 * x**2)),
    "linear": (lambda x: 0.3 * x, entrywise(lambda x: 0.3 + 0 * x)),
    "log": (lambda x: np.log(np.abs(x) + 1), entrywise(lambda x: np.sign(x) / (np.abs(x) + 1))),
    "rational": (lambda x: 1 / (1 + x * x), entrywise(lambda x: -2 * x / (1 + x * x) ** 2)),
    "tanh": (np.tanh, entrywise(lambda x: 1 / np.cosh(x) ** 2)),
    "root": (lambda x: np.sqrt(x * x + 1), entrywise(lambda x: x / np.sqrt(x * x + 1))),
    "softmax": (softmax, softmax_along),
    "sharp bend": (lambda x: np.logaddexp(0, 1e4 * x), entrywise(lambda x: 1e4 / (1 + np.exp(-1e4 * x)))),
    "sum of squares": (lambda x: np.array([np.sum(x * x)]), lambda x, u: np.array([np.sum(2 * x * u)])),
    "big offset": (lambda x: np.sin(x) + 1e6, entrywise(np.cos)),
}  # fmt: skip
SCALES = (1e-8, 1e-4, 1e-2, 1.0, 30.0, 1e3, 1e6)
TYPES = ("float64", "float32", "float16")
# Where the slope is well above the spacing of f, and the function smooth over a step of a sixteenth:
PLAIN = ("sin", "exp", "cube", "linear", "log", "rational", "root", "softmax", "sum of squares")
ORDINARY = (1e-2, 1.0, 30.0)


def ask(f, x, claimed, *, seed=0, v=None):
    """``claimed(u, v)`` says what is claimed."""
    x = np.asarray(x)
    subject = gv.Subject("f", f, gv.Domain({"x": gv.At(x)}), vjp=lambda g, x: g)
    rng = np.random.default_rng(seed)
    wide = x.astype(np.float64)
    u = tangent(subject, Vectors((wide,)), rng, (0,))
    v = rng.standard_normal(f(wide).shape) if v is None else v
    return remainder_rate(subject, Vectors((x,)), u, Vectors((v,), bare=True), claimed(u[0], v))


def verdict(found):
    return "cannot here" if isinstance(found, CannotHere) else found.verdict


def claims(along, x, off):
    """The right slope, rounded as a gradient in x's type is, and ``off`` of the sizes of its terms added."""

    def claimed(u, v):
        terms, size = along(x.astype(np.float64), u), np.mean(np.abs(u))
        rounded = (terms / size).astype(x.dtype).astype(np.float64) * size
        return float(np.sum(v * rounded) + off * np.sum(np.abs(v * terms)))

    return claimed


def sweep(off, seeds, names=tuple(FUNCTIONS), scales=SCALES, dtypes=TYPES):
    """How often which verdict was given, and on what."""
    cases = []
    for name, scale, dtype, seed in product(names, scales, dtypes, range(seeds)):
        f, along = FUNCTIONS[name]
        with np.errstate(all="ignore"):
            x = (scale * np.random.default_rng(seed).standard_normal(4)).astype(dtype)
            if not np.all(np.isfinite(x)) or not np.all(np.isfinite(f(x.astype(np.float64)))):
                continue
            found = ask(f, x, claims(along, x, off), seed=seed)
        cases.append((verdict(found), name, scale, dtype, seed))
    return Counter(case[0] for case in cases), cases


def test_a_right_slope_is_never_called_wrong_at_any_scale_or_type():
    counts, cases = sweep(0.0, 5)
    assert not [case for case in cases if case[0] == "wrong"]
    assert counts.total() >= 1_000
    ordinary = [c for c in cases if c[1] in PLAIN and c[2] in ORDINARY and c[3] != "float16"]
    assert sum(c[0] == "right" for c in ordinary) >= 0.95 * len(ordinary)
    assert counts["right"] >= 0.45 * counts.total()  # a float16 claim is rounded too coarsely for a bound


@pytest.mark.parametrize("off", [1e-3, -0.05, -2.0])
def test_a_wrong_slope_is_called_wrong_and_never_right(off):
    counts, cases = sweep(off, 5, PLAIN, ORDINARY, ("float64", "float32"))
    assert counts["right"] == 0
    assert counts["wrong"] >= 0.95 * counts.total(), [case for case in cases if case[0] != "wrong"]


def test_a_wrong_slope_is_right_nowhere():
    assert sweep(1e-3, 1)[0]["right"] == 0


def test_it_says_so_in_a_sentence():
    found = ask(np.sin, [0.4, 1.2], lambda u, v: 1.01 * float(np.sum(v * u * np.cos([0.4, 1.2]))))
    assert found.why == "the Taylor remainder falls as h^1.00, not h^2"
    assert found.value == pytest.approx(1, abs=0.02)
    assert found.error < 0.2
    assert found.steps[0] / found.steps[-1] >= 1024
    found = ask(np.sin, [0.4, 1.2], lambda u, v: float(np.sum(v * u * np.cos([0.4, 1.2]))))
    assert found.why == "the Taylor remainder falls as h^2.00"
    assert found.verdict == "right"
    found = ask(lambda x: 0.25 * x, [0.5, 1.0], lambda u, v: float(np.sum(v * u * 0.25)))
    assert (found.verdict, found.value) == ("right", math.inf)
    assert found.why == "the Taylor remainder is within rounding at all but a few steps"


def test_the_granted_error_of_an_estimate_is_not_held_against_the_claim():
    def claimed(u, v):
        true = float(np.sum(v * u * np.cos([0.4, 1.2])))
        return Estimate(1.01 * true, 0.02 * abs(true))

    assert ask(np.sin, [0.4, 1.2], claimed).verdict == "cannot tell"


def test_an_error_of_a_few_roundings_is_not_called_wrong_however_clearly_it_shows():
    found = ask(lambda x: 0.1 * x, [0.5], lambda u, v: float(np.sum(v * u * 0.1)) * (1 + 1e-9))
    assert found.verdict == "right"
    found = ask(lambda x: 0.1 * x, [0.5], lambda u, v: float(np.sum(v * u * 0.1)) * (1 + 1e-5))
    assert found.verdict == "wrong"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_at_a_kink_no_subgradient_is_called_wrong(share):
    for f in (lambda x: np.maximum(x, 0), lambda x: np.maximum(x, 0) + 10 * np.sin(x) - 10 * x):
        assert ask(f, [0.0], lambda u, v: float(np.sum(share * u * v))).verdict == "cannot tell"


@pytest.mark.parametrize("beside", [1e-2, 1e-5, 1e-8, 1e-10, 1e-12, 1e-14])
def test_beside_a_kink_the_slope_is_not_called_wrong(beside):
    for sign in (1, -1):
        found = ask(
            lambda x: np.maximum(x, 1.0) + x,
            [1.0 + sign * beside],
            lambda u, v, sign=sign: float(np.sum((1 + (sign > 0)) * u * v)),
        )
        assert verdict(found) != "wrong"


def test_a_rounded_function_keeps_its_slope_and_loses_a_wrong_one():
    x = np.array([0.4, 1.1])
    for digits in (4, 6, 9, 12):

        def f(x, digits=digits):
            return np.round(np.sin(x), digits)

        for seed in range(10):
            assert verdict(ask(f, x, lambda u, v: float(np.sum(v * u * np.cos(x))), seed=seed)) != "wrong"
            assert verdict(ask(f, x, lambda u, v: 0.0, seed=seed)) != "right"


def test_small_steps_that_move_only_a_small_summand_are_not_believed():
    """Below the quantum of the large summands only a tiny one answers, smoothly, and at one rate."""

    def f(x):
        return np.array([np.float64(np.sum(np.logaddexp(0, x) - x)) - 0.0])

    for seed in range(20):
        x = np.array([40.0, 35.0, 20.0, -1e-3]) + np.random.default_rng(seed).standard_normal(4)
        found = ask(f, x, lambda u, v, x=x: float(np.sum(v[0] * u * (1 / (1 + np.exp(-x)) - 1))), seed=seed)
        assert verdict(found) != "wrong"


def test_noise_flat_ground_and_infinities_are_told():
    rng = np.random.default_rng(0)
    noisy = ask(lambda x: x + 1e-3 * rng.standard_normal(x.shape), [0.5, 0.7], lambda u, v: 0.0)
    assert verdict(noisy) in ("cannot tell", "cannot here")
    flat = ask(lambda x: 0 * x, [0.5, 0.7], lambda u, v: 1.0)
    assert verdict(flat) != "right"
    assert "is nan" in ask(np.sin, [0.5], lambda u, v: math.nan).reason
    assert "not finite" in ask(lambda x: np.log(np.where(x > 0.99, x, 0 * x)), [1.0], lambda u, v: 1.0).reason


def test_a_function_that_raises_is_not_here():
    def f(x):
        if x.flat[0] != 0.5:
            raise ValueError("only here")
        return x

    found = ask(f, [0.5], lambda u, v: 1.0)
    assert "only here" in found.reason


# Each guard against a planted fault: remainders that pass without it.

H = np.array(STEPS)
FINE = 1e-6 + 0 * H  # granted to the claim, at every step


def remainders(odd, even, movement=None, rounding=1e-16):
    return Remainders(H, odd, even, np.ones(H.shape) if movement is None else movement, rounding, np.ones(H.shape))


def test_an_error_shows_as_a_rate_of_1_and_only_what_looks_like_one_is_left_out():
    found = wrong(remainders(1e-3 * H, H**2), FINE)
    assert isinstance(found, Rate)
    assert found.verdict == "wrong"
    assert wrong(remainders(1e-3 * H, H**2), 1e4 * FINE) is None  # within what is granted to the claim
    assert wrong(remainders(1e-3 * H, 1e-3 * H), FINE) is None  # an even part as large: a kink
    assert wrong(remainders(1e-3 * H * (H < 2.0**-20), H**2, rounding=1e-14), FINE) is None  # over too few steps
    assert wrong(remainders(1e-3 * H, H**2, rounding=1e-4), FINE) is None  # within rounding
    late = np.where(H > 2.0**-9, 1e-9, 1e-3 * H)
    assert wrong(remainders(late, 0 * H), FINE) is None  # at larger steps the claim explains what moved
    assert wrong(remainders(late, 0 * H, movement=late), FINE) is not None  # ... or nothing moved


def test_a_rate_of_2_is_called_right_only_with_a_bound_on_the_error():
    found = right(remainders(0 * H, H**2), FINE)
    assert found.value == pytest.approx(2, abs=1e-9)
    assert right(remainders(1e-3 * H, H**2), FINE) is None  # the rate turns to 1
    assert right(remainders(0 * H, H**2, rounding=1e-3), FINE) is None  # rounding hides everything below
    assert right(remainders(1e-3 * H, 0 * H), 1e4 * FINE) is None  # what is granted to the claim hides it
    assert right(remainders(0 * H, H**1.5), FINE) is None  # not smooth: the claim may be one of two slopes
    assert nothing(remainders(0 * H, H**2, rounding=1.0)).why.startswith("rounding hides")
    assert "a kink nearby" in nothing(remainders(H, H)).why
