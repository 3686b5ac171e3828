"""A right formula that loses the digits its inputs have fails a law of its own, and only that one."""

from __future__ import annotations

import numpy as np
import pytest
from mutants import MUTANTS, RIGHT_BUT_HARD, STANDARDISED, standardised, standardised_vjp

import gradverify as gv

FAR = 1e4 + np.random.default_rng(0).standard_normal((3, 5))


def verdicts(f, vjp, inputs, **more):
    laws = ("pullback_is_the_derivative", "pullback_is_accurate")
    return {v.law: v for v in gv.check(f, vjp=vjp, inputs=inputs, laws=laws, **more).verdicts}


def hypotenuse_less_x(x):
    return np.sqrt(x * x + 1) - x


CANCELLING = {
    "x / r - 1": (
        hypotenuse_less_x,
        lambda g, x: g * (x / np.sqrt(x * x + 1) - 1),
        lambda g, x: -g / (np.sqrt(x * x + 1) * (np.sqrt(x * x + 1) + x)),
        np.array([1e4, 3e5]),
    ),
    "1 - sigmoid": (
        lambda x: -np.logaddexp(0, -x),
        lambda g, x: g * (1 - 1 / (1 + np.exp(-x))),
        lambda g, x: g / (1 + np.exp(x)),
        np.array([20.0, 30.0]),
    ),
    "1 - cos": (
        lambda x: 2 * (np.sin(x / 2) / x) ** 2,
        lambda g, x: g * (x * np.sin(x) - 2 * (1 - np.cos(x))) / x**3,
        lambda g, x: g * (np.sin(x) / x**2 - 4 * np.sin(x / 2) ** 2 / x**3),
        np.array([0.02, 0.03]),
    ),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_a_formula_that_cancels_is_the_derivative_and_fails_by_the_digits_it_loses(name):
    f, cancels, _, x = CANCELLING[name]
    found = verdicts(f, cancels, x)
    assert found["pullback_is_the_derivative"].status == "HOLDS"
    (finding,) = found["pullback_is_accurate"].findings
    assert "digits are lost that the inputs have" in finding.cause
    assert 1e-12 < abs(finding.claimed / finding.expected - 1) < 0.1


@pytest.mark.parametrize("name", [n for n in CANCELLING if n != "1 - cos"])
def test_the_same_derivative_written_without_cancellation_holds(name):
    f, _, keeps, x = CANCELLING[name]
    assert {v.status for v in verdicts(f, keeps, x).values()} == {"HOLDS"}


def test_more_than_half_of_the_digits_lost_is_noted_by_a_default_check():
    f, cancels, keeps, x = CANCELLING["x / r - 1"]
    says = "rounding takes more than half of the digits: pullback_is_accurate asks whether it must"
    report = gv.check(f, vjp=cancels, inputs=x)
    assert report.ok
    assert says in str(report)
    assert says not in str(gv.check(f, vjp=keeps, inputs=x))


def test_a_spec_that_claims_stability_fails_where_a_default_check_holds():
    def by_squares(g, x):
        return standardised_vjp(g, x, "squares")

    def value(x):
        return standardised(x)[0]

    assert gv.check(value, vjp=by_squares, inputs=FAR).ok
    report = gv.check(value, vjp=by_squares, inputs=FAR, spec="normalisation")
    assert [f.law for f in report.findings] == ["pullback_is_accurate"]
    assert gv.check(value, vjp=standardised_vjp, inputs=FAR, spec="normalisation").ok


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_the_inputs_rounding_takes_is_granted_in_every_type(dtype):
    """Near 100 a row of float32 is known to 1e-5 of its spread, and so is the gradient."""
    right, wrong = STANDARDISED, MUTANTS["pullback_is_accurate"]
    assert gv.check(right, laws="pullback_is_accurate", dtype=dtype).verdicts[0].status == "HOLDS"
    assert gv.check(wrong, laws="pullback_is_accurate", dtype=dtype).status == "FAILS"


def test_squares_that_overflow_in_float16_are_digits_lost():
    x = np.array([[3084.0, 0.5, 1846.0, -1.5]], "float16")
    (finding,) = gv.check(STANDARDISED, laws="pullback_is_accurate", inputs=x).findings
    assert finding.claimed == 0.0
    assert abs(finding.expected) > 1e-4


@pytest.mark.parametrize("share", [1e-13, 1e-11])
def test_a_factor_of_a_few_hundred_roundings_is_seen_in_float64(share):
    def off_in_float64(g, x):
        return g * np.cos(x) * (1 + share * (x.dtype == np.float64))

    x = np.linspace(-1, 1, 7)
    assert gv.check(np.sin, vjp=off_in_float64, inputs=x, laws="pullback_is_accurate").status == "FAILS"


def test_hard_right_code_is_not_accused():
    reports = [gv.check(s, laws="pullback_is_accurate") for s in RIGHT_BUT_HARD]
    assert [str(r) for r in reports if r.status == "FAILS"] == []
    assert sum(r.verdicts[0].status == "HOLDS" for r in reports) >= 0.9 * len(reports)


def test_a_rule_that_answers_in_no_wider_type_is_not_judged_and_says_why():
    def in_float64(g, x):
        return g * np.cos(np.array([float(number) for number in x]))

    (verdict,) = gv.check(np.sin, vjp=in_float64, inputs=np.linspace(-1, 1, 5), laws="pullback_is_accurate").verdicts
    assert verdict.status == "UNDECIDED"
    assert "the rule answers in no wider type than its inputs'" in verdict.reason


def test_what_is_judged_in_one_type_alone_says_so():
    def vjp(g, x):
        return g * np.cos(x if x.dtype == np.float32 else x.astype(np.float64))

    (verdict,) = gv.check(
        np.sin, vjp=vjp, inputs=gv.Box("n"), laws="pullback_is_accurate", by=gv.Sampling(points=1)
    ).verdicts
    assert verdict.status == "HOLDS"
    assert [n for n in verdict.notes if n.startswith("not judged in float64: the rule answers in no wider type")]


def test_where_long_double_is_refused_the_rule_is_asked_in_730_digits():
    a = np.array([[2.0, 1.0], [1.0, 3.0]])  # linalg takes no long double

    def vjp(g, a):
        return g * np.linalg.inv(a).T

    def off(g, a):
        return vjp(g, a) * (1 + 1e-10 * (np.asarray(a).dtype == np.float64))

    def log_determinant(a):
        return np.linalg.slogdet(a)[1]

    (right,), (wrong,) = (
        gv.check(log_determinant, vjp=rule, inputs=a, laws="pullback_is_accurate").verdicts for rule in (vjp, off)
    )
    assert (right.status, wrong.status) == ("HOLDS", "FAILS")
