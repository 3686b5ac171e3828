"""What is said of the chance of error is true: by simulation, and of errors planted so that they nearly cancel."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify._chance import CHANCE, COMPARISONS, GRAIN, NOISE, TIMES, missed, sigmas
from gradverify._domain import At, Domain
from gradverify._render import CHANCES
from gradverify._subject import Subject
from gradverify._vectors import vectors
from gradverify.floats import Floats
from gradverify.judge import judge
from gradverify.judge.numbers import LIMITED
from gradverify.judge.scatter import _scatter
from gradverify.laws import pullback_is_the_derivative
from gradverify.quantifiers import tangent

X = np.array([1.25, -0.5, 3.0, 0.75, -2.0, 10.0])
DRAWS = 100_000


def tangents(x, **bounds):
    """One tangent at x many times over: entries are drawn each by itself."""
    many = np.tile(x, DRAWS)
    subject = Subject("f", np.sin, Domain({"x": At(many, **bounds)}))
    return tangent(subject, vectors([many]), np.random.default_rng(5), (0,))[0].reshape(DRAWS, -1)


def within(share, count=DRAWS):
    """The largest frequency that a chance of ``share`` leads to, five standard deviations out."""
    return share + 5 * math.sqrt(share / count)


# -- a wrong gradient that is missed ------------------------------------------------------------


ERRORS = {
    "one": [1, 0, 0, 0, 0, 0],
    "a pair that cancels": [1, -1, 0, 0, 0, 0],
    "a pair of almost one size": [1, -1.001, 0, 0, 0, 0],
    "all of one size": [1, 1, 1, 1, 1, 1],
    "one large among small": [1, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3],
    "halves that cancel it": [1, 0.5, 0.5, 0, 0, 0],
}


@pytest.mark.parametrize("e", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("width", [0.5, 0.1, 0.01, 0.001])
def test_an_error_hides_along_a_tangent_no_more_often_than_its_width_says(e, width):
    s = np.abs(X)
    seen = np.abs(tangents(X) @ (np.array(e) / s))
    assert np.mean(seen < width * max(np.abs(e))) <= within(width + GRAIN)


def test_the_bound_is_reached_by_two_errors_of_one_size():
    seen = np.abs(tangents(X) @ (np.array(ERRORS["a pair that cancels"]) / np.abs(X)))
    assert 0.09 < np.mean(seen < 0.1) < 0.11


def test_one_error_by_itself_never_hides():
    u = tangents(X)
    assert np.all(np.abs(u) >= np.abs(X) * (0.5 - GRAIN))
    assert np.all(np.abs(u) <= np.abs(X) * (1.5 + GRAIN))


def test_the_grain_of_a_tangent_is_no_coarser_than_told():
    x = np.array([1.0, 1.5, np.nextafter(2.0, 0), 1e-3])
    apart = [np.diff(np.unique(np.abs(u))).min() for u in tangents(x).T]
    assert np.all(np.array(apart) / (2 * x) <= GRAIN)


def judged(rule, seed):
    """What is said of a rule for sin along both directions of a point."""
    with_rule, by = Subject("f", np.sin, Domain({"x": At(X)}), vjp=rule), Floats()
    trial = by.given(with_rule, {}, seed)
    for attempt in range(2):
        drawn = trial.draw(attempt, (0,))
        (claim,) = pullback_is_the_derivative(f=trial.subject, x=trial.x, u=drawn.u, v=drawn.v, D=by.oracle)
        yield judge(claim), drawn.v[0]


@pytest.mark.parametrize("kind", ["one", "a pair that cancels"])
@pytest.mark.parametrize("times", [4, 16, TIMES])
def test_a_planted_error_is_missed_no_more_often_than_told(kind, times):
    count, lost = 100, []
    for seed in range(count):
        right = list(judged(lambda g, x: g * np.cos(x), seed))
        assert all(found.outcome == "agrees" for found, _ in right)
        least = max(found.smallest[0].entry / LIMITED.entry * np.max(np.abs(v * np.cos(X) * X)) for found, v in right)
        e = times * least * np.array(ERRORS[kind]) / np.abs(X)
        wrong = judged(lambda g, x, e=e: g * np.cos(x) + e, seed)
        lost.append(all(found.outcome == "agrees" for found, _ in wrong))
    assert np.mean(lost) <= (within(missed(times), count) if kind != "one" else 0)


def test_near_a_bound_steps_are_of_random_size_too():
    u = np.abs(tangents(np.array([1e-3, 2.0]), low=0.0))
    assert np.all(np.ptp(u, axis=0) > 0)


# -- a right rule that fails ----------------------------------------------------------------------


def test_the_chance_is_split_over_all_that_may_be_compared():
    assert sigmas(0.05) == pytest.approx(1.959964)
    assert math.erfc(NOISE / math.sqrt(2)) * COMPARISONS < CHANCE
    assert NOISE >= 10
    assert missed(TIMES) < CHANCE < missed(TIMES / 2)


def test_a_deviation_worked_out_from_few_values_is_rarely_far_too_small():
    """Six tables, as at a point in float64; with three of them silent. Against F(z/10), z normal, worked out."""
    rng, count = np.random.default_rng(11), 400_000
    wide, narrow = (np.sort(_scatter(rng.standard_normal((7, count)), orders)) for orders in ((3, 4), (2, 3, 4)))
    t = np.linspace(0, 1.5, 3001)[1:]
    density = 2 * NOISE * np.exp(-((NOISE * t) ** 2) / 2) / math.sqrt(2 * math.pi) * (t[1] - t[0])
    share = [np.searchsorted(table, t) / count for table in (wide, narrow)]
    assert float((density * share[0] ** 3).sum()) < 1 / 6e5
    assert float((density * (share[0] * share[1]) ** 3).sum()) < 2e-10


# -- how it is told -------------------------------------------------------------------------------


def test_a_report_says_its_chance_in_one_line_and_in_json():
    report = gv.check(np.sin, vjp=lambda g, x: g * np.cos(x), inputs=X)
    assert str(report).splitlines().count(CHANCES) == 1
    assert len(CHANCES) <= 120
    assert f"{TIMES} times" in CHANCES
    told = json.loads(report.to_json())["chance"]
    assert told == {"fails though right": CHANCE, "missed": CHANCE, "times the least seen": TIMES}


def test_a_proof_and_a_report_that_decided_nothing_have_another_chance_or_none():
    proved = gv.check(nn.tanh, by=gv.Proof(), laws="pullback_is_the_derivative")
    assert proved.status == "HOLDS"
    for report in (proved, gv.check(np.floor, vjp=lambda g, x: 0 * g, inputs=X, laws="pullback_is_the_derivative")):
        assert CHANCES not in str(report)
        assert json.loads(report.to_json())["chance"] == {}
