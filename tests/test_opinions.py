"""Rounding that a formula cannot help is told from rounding that code adds; lone differences may be outvoted."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify._domain import At, Domain
from gradverify._subject import Subject
from gradverify._vectors import Estimate, Vectors, vectors
from gradverify.opinions import remainder_doubts

LAW = "pullback_is_the_derivative"


def hilbert(n: int) -> np.ndarray:
    return 1.0 / (np.arange(n)[:, None] + np.arange(n) + 1)


def ill_conditioned(cast=lambda a: a, times: float = 1.0, n: int = 8):
    """1/2 y' inv(e^t H) y at a Hilbert matrix H; the derivative multiplies by an inverse that has lost nine digits.

    From n = 12 on, H is singular to 16 digits: the value is lost too.
    """
    y = np.linspace(-1, 2, n)

    def value(t):
        return y @ np.linalg.solve(np.exp(t) * hilbert(n), y) / 2

    def vjp(g, t):
        c = np.exp(t) * hilbert(n)
        inverse = cast(np.linalg.inv(c))
        return -g * (y @ inverse @ c @ inverse @ y) / 2 * times

    return gv.check(value, vjp=vjp, inputs=np.array(0.3), laws=LAW)


@pytest.mark.parametrize("n", [8, 12])
def test_a_formula_that_loses_its_digits_is_right_and_noted_where_more_digits_confirm_it(n):
    report = ill_conditioned(n=n)
    assert report.status == "HOLDS", str(report)
    assert "right in 730 digits; in float64 rounding takes" in str(report)


def test_what_more_digits_refute_or_cannot_be_had_in_fails():
    assert ill_conditioned(times=1.01).status == "FAILS"
    assert ill_conditioned(times=1.01, n=12).status == "FAILS"
    assert ill_conditioned(cast=lambda a: a.astype(np.float32).astype(float)).status == "FAILS"


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


@pytest.mark.parametrize("far", [[-800.0], [-800.0, 1.0, 0.3]])
def test_a_formula_that_overflows_fails_however_right_it_is_in_more_digits(far):
    def naive(g, x):
        e = np.exp(-x)
        return g * e / (1 + e) ** 2

    report = gv.check(sigmoid, vjp=naive, inputs=np.array(far), laws=LAW)
    assert report.status == "FAILS", str(report)
    assert "730 digits" not in str(report)
    right = gv.check(sigmoid, vjp=lambda g, x: g * sigmoid(x) * sigmoid(-x), inputs=np.array(far), laws=LAW)
    assert right.status != "FAILS"
    assert "730 digits" not in str(right)


def doubts(claimed: float, known: Estimate) -> str:
    """What Taylor's remainder says of a claimed slope of x^3 at 0.7, which is 1.47, against differences that say so."""
    subject = Subject("cube", lambda x: x**3, Domain({"x": At(np.array([0.7]))}), vjp=lambda g, x: claimed * g)
    return remainder_doubts(subject, vectors([[0.7]]), vectors([[0.5]]), Vectors((np.ones(1),), bare=True), known)


def test_differences_that_stand_alone_are_outvoted_by_a_remainder_that_falls_as_it_must():
    lone = Estimate(0.9, 1e-9, source="float64 differences", scale=0.9)
    assert doubts(1.47, lone).startswith("float64 differences and the Taylor remainder disagree: ")
    assert not doubts(1.8, lone)
    seconded = Estimate(0.9, 1e-9, source="float64 differences", scale=0.9, second=Estimate(0.9, 1e-9))
    assert not doubts(1.47, seconded)
    assert not doubts(1.47, Estimate(0.9, 1e-9, source="complex step", scale=0.9))
    assert not doubts(1.47, Estimate(0.735 + 1e-7, 1e-9, source="float64 differences", scale=0.735))


CANCELLING = {
    "(1 - cos x) / x^2": (
        lambda x: (1 - np.cos(x)) / x**2,
        lambda g, x: g * (np.sin(x) / x**2 - 2 * (1 - np.cos(x)) / x**3),
        np.array([1e-6, 2e-6]),
    ),
    "(exp x - 1) / x": (
        lambda x: (np.exp(x) - 1) / x,
        lambda g, x: g * (np.exp(x) / x - (np.exp(x) - 1) / x**2),
        np.array([1e-8, 2e-8]),
    ),
}


@pytest.mark.parametrize(("factor", "told"), [(1, "HOLDS"), (1.01, "FAILS"), (2, "FAILS"), (-1, "FAILS")])
@pytest.mark.parametrize("name", CANCELLING)
def test_where_every_digit_is_lost_the_formula_itself_is_judged(name, factor, told):
    f, vjp, x = CANCELLING[name]
    found = [gv.check(f, vjp=lambda g, x: factor * vjp(g, x), inputs=x, seed=seed).status for seed in range(4)]
    assert found == [told] * 4
