"""An oracle's answer lies within its own error of the truth, or it says why it has none."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradverify as gv
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify.kinks.boundary import boundaries, chain_rule_values
from gradverify.oracles import ORACLES, ComplexStep, Extended, FiniteDifference, Ladder
from gradverify.oracles.line import moved
from gradverify.quantifiers import tangent

# Derivatives by hand.
FUNCTIONS = {
    "sin": (np.sin, np.cos), "exp": (np.exp, np.exp), "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "log": (lambda x: np.log(np.abs(x) + 1), lambda x: np.sign(x) / (np.abs(x) + 1)),
    "rational": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "root": (lambda x: np.sqrt(x * x + 1), lambda x: x / np.sqrt(x * x + 1)),
}  # fmt: skip
SCALES = (1e-6, 1e-2, 1.0, 30.0)


def ask(oracle, f, x, *, seed=0, **at):
    x = np.asarray(x, float)
    subject = gv.Subject("f", f, gv.Domain({"x": gv.At(x, **at)}), vjp=lambda g, x: g)
    rng = np.random.default_rng(seed)
    u = tangent(subject, Vectors((x,)), rng, (0,))
    v = Vectors((rng.standard_normal(np.shape(f(x))),), bare=True)
    return oracle.directional(subject, Vectors((x,)), u, v), u[0], v[0]


@pytest.mark.parametrize("oracle", [kind() for kind in ORACLES], ids=lambda o: type(o).__name__)
def test_the_truth_lies_within_the_error_and_most_points_are_answered(oracle):
    answered = asked = 0
    for name, (f, slope) in FUNCTIONS.items():
        for scale in SCALES:
            for seed in range(3):
                x = scale * np.random.default_rng(seed).standard_normal(4)
                found, u, v = ask(oracle, f, x, seed=seed)
                asked += 1
                if isinstance(found, CannotHere):
                    continue
                answered += 1
                terms = v * slope(x) * u
                slack = 16 * np.finfo(float).eps * np.abs(terms).sum()  # of the hand formula itself
                assert abs(found.value - terms.sum()) <= found.error + slack, (name, scale, seed)
    floor = {"Arbitrary": 0.9, "ComplexStep": 0.7, "Extended": 0.9, "FiniteDifference": 0.9, "Ladder": 0.95}[
        type(oracle).__name__
    ]
    assert answered >= floor * asked


def test_the_ladder_is_sharp():
    found, _, _ = ask(Ladder(), np.sin, [0.3, 1.2])
    assert isinstance(found, Estimate)
    assert found.error <= 1e-13 * abs(found.value)


@pytest.mark.parametrize(("f", "why"), [
    (np.abs, "dropped the imaginary part"), (lambda x: np.sqrt((x * x.conj()).real), "dropped the imaginary part"),
    (lambda x: x * np.abs(x), "do not confirm"), (lambda x: np.float32(x).astype(float), "raised ComplexWarning"),
])  # fmt: skip
def test_the_complex_step_s_self_test_trips(f, why):
    found, _, _ = ask(ComplexStep(), f, [0.5, -1.2])
    assert isinstance(found, CannotHere)
    assert why in found.reason


def test_extended_precision_trips_over_a_hidden_float64():
    found, _, _ = ask(Extended(), lambda x: np.sin(np.asarray(x, float)), [0.5, -1.2])
    assert isinstance(found, CannotHere)
    assert "does not compute in long double" in found.reason


@pytest.mark.parametrize(("f", "x"), [
    (lambda x: np.maximum(x, 0), [0.0]), (np.abs, [0.0]), (np.floor, [1.0]), (np.sign, [0.0]),
    (lambda x: np.maximum(x, 1.0), [1.0]),
])  # fmt: skip
@pytest.mark.parametrize("oracle", [FiniteDifference(), ComplexStep(), Ladder()], ids=lambda o: type(o).__name__)
def test_at_a_kink_or_a_jump_there_is_no_answer(oracle, f, x):
    found, _, _ = ask(oracle, f, x)
    assert isinstance(found, CannotHere) or found.error > abs(found.value)


def test_noise_is_not_taken_for_a_slope():
    rng = np.random.default_rng(0)
    found, _, _ = ask(FiniteDifference(), lambda x: x + 1e-3 * rng.standard_normal(x.shape), [0.5, 0.7])
    assert isinstance(found, CannotHere) or found.error > 1e-3


def test_a_rounded_function_is_not_flat():
    found, u, v = ask(FiniteDifference(), lambda x: np.round(np.sin(x), 9), [0.4, 1.1])
    assert isinstance(found, Estimate)
    truth = float((v * np.cos([0.4, 1.1]) * u).sum())
    assert abs(found.value - truth) <= found.error
    assert found.error < 0.01 * abs(truth)


@pytest.mark.parametrize("x", [1.0 + 1e-8, 1.0 + 1e-7])
def test_a_kink_closer_than_most_steps_is_seen_past(x):
    found, u, v = ask(Ladder(), lambda x: np.maximum(x, 1.0), [x])
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(float((v * (x > 1) * u)[0]), rel=1e-12)


def test_steps_are_exact_and_stay_within_the_bounds():
    x = np.random.default_rng(3).uniform(0, 1, 50)
    subject = gv.Subject("f", np.log, gv.Domain({"x": gv.At(x, low=0, high=1)}), vjp=lambda g, x: g / x)
    u = tangent(subject, Vectors((x,)), np.random.default_rng(0), (0,))
    for k in (6, 20, 34):
        h = math.ldexp(1.0, -k)
        there = moved(Vectors((x,)), u, h)[0]
        assert np.array_equal(there.astype(np.longdouble), x.astype(np.longdouble) + np.longdouble(h) * u[0])
        assert np.all((there > 0) & (there < 1))


def test_boundaries_are_recorded_and_smooth_code_has_none():
    def told(f, x):
        return boundaries(gv.Subject("f", f, gv.Domain({"x": gv.At(np.asarray(x))})), Vectors((np.asarray(x),)))

    assert told(lambda x: np.maximum(x, 0) - np.maximum(-x, 0), [0.0]) == ["maximum"]
    assert told(lambda x: np.where(x > 0, x, 0), [0.0]) == ["greater"]
    assert told(lambda x: np.sort(x), [1.0, 1.0]) == ["sort"]
    assert told(np.abs, [0.0, 1.0]) == ["absolute"]
    assert told(lambda x: np.sin(x) * x, [0.0]) == []
    assert told(lambda x: np.maximum(x, 0), [1.0]) == []


def test_the_chain_rule_s_values_are_those_of_every_choice_of_sides():
    def f(x):
        return np.maximum(x, 0) - np.maximum(-x, 0)

    subject = gv.Subject("f", f, gv.Domain({"x": gv.At(np.zeros(1))}))
    one = Vectors((np.ones(1),))
    assert set(chain_rule_values(subject, Vectors((np.zeros(1),)), one, one, np.random.default_rng(0))) == {
        0.0,
        1.0,
        2.0,
    }


@pytest.mark.parametrize("oracle", [FiniteDifference(), Ladder(), Ladder(careful=True)])
def test_steps_that_are_periods_of_the_function_are_not_believed(oracle):
    # At 2134, steps of 2134/64 and 2134/256 are nearly 16 and 4 periods of sin(3x): differences agree on -27, not 5404.
    found, u, v = ask(oracle, lambda x: np.sin(3 * x), [2134.0])
    truth = float(3 * np.cos(3 * 2134.0) * u[0] * v[0])
    assert isinstance(found, CannotHere) or abs(found.value - truth) <= found.error + 1e-9 * abs(truth)
    for seed in range(40):
        x = np.random.default_rng(seed).uniform(500, 6000, 3)
        found, u, v = ask(oracle, lambda x: np.sin(3 * x), x, seed=seed)
        truth = float((v * 3 * np.cos(3 * x) * u).sum())
        assert isinstance(found, CannotHere) or abs(found.value - truth) <= found.error + 1e-9 * abs(truth)


def test_a_gap_that_a_blunter_answer_settles_is_not_put_to_a_finer_one():
    def shares(x):  # no complex step; they sum to 1, so that the slope is 0, which no bar is far below
        return np.exp(x - np.logaddexp.reduce(x, axis=-1, keepdims=True)).sum(-1)

    x = np.zeros((2, 3))
    fine, _, _ = ask(Ladder(careful=True), shares, x)
    enough, _, _ = ask(Ladder(careful=True, enough=1e-6), shares, x)
    assert fine.source == "arbitrary precision"
    assert fine.error < enough.error <= 1e-6
    assert enough.source == "longdouble differences"
    assert enough.second.source == "float64 differences"


def test_a_small_gap_is_put_to_an_oracle_that_is_sharp_enough_for_it():
    def logdet(a):  # in float64 and in many digits only
        return np.linalg.slogdet(a)[1]

    a = np.eye(4) + np.random.default_rng(2).standard_normal((4, 4)) / 8
    plain, _, _ = ask(Ladder(), logdet, a)
    assert plain.source == "float64 differences"
    sharp, _, _ = ask(Ladder(enough=plain.error / 100), logdet, a)
    assert sharp.source == "arbitrary precision"
    assert sharp.error <= plain.error / 100


@pytest.mark.parametrize("base", [1e3, 1e5, 1e7, 1e8])
def test_steps_that_are_whole_periods_do_not_pass_for_standing_still(base):
    """Far from 0 a step is longer than a period; over whole ones a sawtooth does not move, and its slope is 1."""
    x = base + np.array([0.3, 0.6, 0.2])
    for f, vjp in ((lambda t: t % 1.0, lambda g, t: g), (lambda t: 3 * (t % 1) ** 2, lambda g, t: 6 * g * (t % 1))):
        assert [gv.check(f, vjp=vjp, inputs=x, seed=seed).status for seed in range(3)] == ["HOLDS"] * 3
    assert gv.check(lambda t: t % 1.0, vjp=lambda g, t: -g, inputs=x).status != "HOLDS"


@pytest.mark.parametrize("base", [1e3, 1e8, 1e12])
def test_an_output_that_really_stands_still_far_from_0_has_slope_0(base):
    x = np.array([-base, base, 1.0])
    assert gv.check(lambda t: np.maximum(t, 0), vjp=lambda g, t: g * (t > 0), inputs=x).status == "HOLDS"
    assert gv.check(lambda t: np.maximum(t, 0), vjp=lambda g, t: g, inputs=x).status == "FAILS"
