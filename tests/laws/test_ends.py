"""What lies at an end of its range is held against its limit from inside; what cannot be is said not to be judged."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv

INSIDE = "at an end of its range, against what it tends to from inside"
NOT_JUDGED = "what lies at an end of its range is not judged"


def status(f, vjp, inputs, seed=0):
    return gv.check(f, vjp=vjp, inputs=inputs, seed=seed).status


def shifted_sine(x):
    return np.sin(x + 1)


def wrong_on_black_and_white(g, x):
    return g * np.cos(x + 1) * np.where((x == 0) | (x == 1), -1, 1).astype(x.dtype)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("place", [gv.Box("n k", low=0, high=1), gv.At(np.array([0.0, 0.5, 1.0]), low=0, high=1)])
def test_a_sign_that_is_wrong_at_the_ends_alone_fails(place, seed):
    by = gv.Sampling(smallest=False)
    report = gv.check(shifted_sine, vjp=wrong_on_black_and_white, inputs=place, seed=seed, by=by)
    (finding,) = report.findings
    assert finding.cause.startswith(INSIDE)
    assert finding.claimed == pytest.approx(-finding.expected, rel=1e-5)


def test_where_every_entry_is_at_an_end_right_holds_and_wrong_fails():
    place = gv.At(np.array([0.0, 1.0]), low=0, high=1)
    assert status(shifted_sine, lambda g, x: g * np.cos(x + 1), place) == "HOLDS"
    assert status(shifted_sine, wrong_on_black_and_white, place) == "FAILS"


def test_a_rule_that_is_wrong_up_to_the_end_is_found_just_inside():
    def half_above_10(g, x):
        return g * 2 * x * np.where(x > 10, 0.5, 1)

    report = gv.check(np.square, vjp=half_above_10, inputs=gv.At(np.array([20.0, 1.4, -0.1]), low=-20, high=20))
    assert report.findings[0].where == "just inside the ends of its range"


SMOOTH_INSIDE = {
    "x^1.5": (lambda x: x**1.5, lambda g, x: g * 1.5 * np.sqrt(x), gv.Box("n", low=0)),
    "arcsin": (np.arcsin, lambda g, x: g / np.sqrt(1 - x * x), gv.Box("n", low=-1, high=1)),
    "steep": (lambda x: np.exp(-1000 * x), lambda g, x: -1000 * g * np.exp(-1000 * x), gv.Box("n", low=0, high=1)),
    "fast": (lambda x: np.sin(100 * x), lambda g, x: 100 * g * np.cos(100 * x), gv.Box("n", low=0, high=10)),
    "norm": (
        lambda x: np.sqrt((x * x).sum(-1)),
        lambda g, x: g[..., None] * x / np.maximum(np.sqrt((x * x).sum(-1)), x.dtype.type(1e-30))[..., None],
        gv.Box("n k", low=0),
    ),
}


@pytest.mark.parametrize("name", SMOOTH_INSIDE)
def test_a_right_rule_holds_at_an_end_however_its_function_ends_there(name):
    assert [status(*SMOOTH_INSIDE[name], seed=seed) for seed in range(3)] == ["HOLDS"] * 3


def test_where_the_gradient_has_no_limit_the_end_is_said_not_to_be_judged():
    report = gv.check(np.sqrt, vjp=lambda g, x: g / (2 * np.sqrt(x)), inputs=gv.Box("n", low=0))
    assert report.ok
    assert f"{NOT_JUDGED} where its gradient has no limit" in str(report)


def test_where_the_function_compares_any_convention_holds_and_the_report_says_so():
    def clip(x):
        return np.clip(x, 0, 1)

    for slope in (0, 1):
        rule = lambda g, x, at=slope: g * np.where((x > 0) & (x < 1), 1, at).astype(x.dtype)  # noqa: E731
        report = gv.check(clip, vjp=rule, inputs=gv.Box("n", low=0, high=1))
        assert report.ok
        assert (f"{NOT_JUDGED}: clip compares (maximum" in str(report)) == (slope == 0)  # 1 is the limit from inside


CLOSE = {
    "clip of probabilities": (
        lambda p: np.clip(p, 1e-7, 1 - 1e-7),
        lambda g, p: g * ((p > 1e-7) & (p < 1 - 1e-7)).astype(p.dtype),
    ),
    "smooth absolute value": (lambda x: np.sqrt(x * x + 1e-12), lambda g, x: g * x / np.sqrt(x * x + 1e-12)),
    "a decay of 1e-9": (lambda x: np.exp(-x / 1e-9), lambda g, x: -g * np.exp(-x / 1e-9) / 1e-9),
    "relu of 1e-8 less": (lambda x: np.maximum(x - 1e-8, 0), lambda g, x: g * (x > 1e-8)),
    "sort": (np.sort, lambda g, x: g[np.argsort(np.argsort(x, kind="stable"), kind="stable")]),
}


@pytest.mark.parametrize("name", CLOSE)
@pytest.mark.parametrize("place", [gv.Box("n", low=0, high=1), gv.At(np.array([0.0, 1e-8, 0.5, 1.0]), low=0, high=1)])
def test_a_bend_closer_to_the_end_than_any_limit_is_taken_from_is_no_fault(name, place):
    found = [status(*CLOSE[name], place, seed=seed) for seed in range(6)]
    assert "FAILS" not in found
    assert found.count("HOLDS") >= 5


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("x", [[[0, 0, 0.5]], [[0, 0.2, 0.5], [0, 0.7, 0.3]]])
def test_ties_that_do_not_matter_excuse_nothing_at_an_end(x):
    def doubled_at_0(g, x):
        p = softmax(x)
        return p * (g - (g * p).sum(-1, keepdims=True)) * np.where(x == 0, 2, 1)

    assert status(softmax, doubled_at_0, gv.At(np.array(x), low=0, high=1)) == "FAILS"


@pytest.mark.parametrize("slope", [-1, 2])
def test_at_an_end_that_is_a_kink_no_slope_holds_that_the_chain_rule_does_not_give(slope):
    def rule(g, x):
        return g * np.where(x > 0, 1, slope)

    assert status(lambda x: np.maximum(x, 0), rule, gv.At(np.array([0.0, 0.5]), low=0)) == "FAILS"


@pytest.mark.parametrize("place", [gv.Box("n", low=0), gv.At(np.array([0.0, 0.5]), low=0), gv.At(np.zeros(3), low=0)])
def test_a_forward_rule_is_judged_at_an_end_too(place):
    def f(x):
        return x + x * x

    def right(u, x):
        return u * (1 + 2 * x)

    def wrong(u, x):
        return right(u, x) * (x != 0)

    assert gv.check(f, jvp=right, inputs=place).status != "FAILS"
    assert gv.check(f, jvp=wrong, inputs=place).status == "FAILS"


def test_a_forward_rule_whose_slope_is_infinite_at_an_end_is_not_accused_there():
    report = gv.check(np.sqrt, jvp=lambda u, x: u / (2 * np.sqrt(x)), inputs=gv.Box("n", low=0))
    assert report.ok


def test_nan_at_an_end_where_the_function_is_smooth_fails():
    place = gv.At(np.array([0.0, 0.5]), low=0)
    assert status(np.sin, lambda g, x: np.where(x == 0, np.nan, g * np.cos(x)), place) == "FAILS"


def test_where_rounding_hides_what_the_function_does_at_an_end_nothing_is_alleged():
    """A bend at 1e-8 beside 1e6: the rule tends to 1 from inside, and only f could say that it is 0 at the end."""
    report = gv.check(
        lambda x: 1e6 + np.sqrt(x * x + 1e-16),
        vjp=lambda g, x: g * x / np.sqrt(x * x + 1e-16),
        inputs=gv.At(np.array([0.0, 0.5]), low=0),
    )
    assert report.status != "FAILS"
    assert f"{NOT_JUDGED}: the function's own rounding hides" in str(report)
