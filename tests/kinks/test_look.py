"""At kinks of many kinds a valid slope holds, whoever differentiates, and an invalid one fails."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify._domain import At, Domain
from gradverify._subject import Subject
from gradverify._vectors import vectors
from gradverify.kinks import chain_rule_values
from gradverify.kinks.chain import in_hull

RNG = np.random.default_rng(0)


def statuses(f, vjp, inputs, seeds=5, **more):
    return [str(gv.check(f, vjp=vjp, inputs=inputs, seed=seed, **more).status) for seed in range(seeds)]


def centred(x):
    return x - x.mean(0)


def relu_of_centred(x):
    return np.maximum(centred(x), 0)


def its_pullback(slope):
    """With this slope at 0."""
    return lambda g, x: centred(g * ((centred(x) > 0) + slope * (centred(x) == 0))).astype(x.dtype)


@pytest.mark.parametrize("n", [2, 3, 30])
@pytest.mark.parametrize("slope", [0, 0.5, 1])
def test_a_relu_of_centred_values_that_are_all_0_has_any_slope_that_the_chain_rule_gives(slope, n):
    assert statuses(relu_of_centred, its_pullback(slope), np.full(n, 0.5)) == ["HOLDS"] * 5


@pytest.mark.parametrize("slope", [-1, 2, 5])
def test_and_no_other(slope):
    assert statuses(relu_of_centred, its_pullback(slope), np.full(3, 0.5)) == ["FAILS"] * 5


def test_it_is_not_the_derivative_and_strict_says_so():
    x = np.full(2, 0.5)
    report = gv.check(relu_of_centred, vjp=its_pullback(0), inputs=x)
    assert "outside the slopes nearby, and what the chain rule gives (maximum); right at all neighbours" in str(report)
    assert gv.check(relu_of_centred, vjp=its_pullback(0), inputs=x, strict=True).status == "FAILS"


def normalised(x):
    return np.maximum((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), 0)


def normalised_vjp(g, x):
    spread = np.sqrt(x.var(0) + 1e-5)
    z = (x - x.mean(0)) / spread
    g = g * (z > 0)
    return ((g - g.mean(0) - z * (g * z).mean(0)) / spread).astype(x.dtype)


def test_a_relu_after_batch_normalisation_holds_on_constant_columns():
    assert statuses(normalised, normalised_vjp, gv.Box("n k"), seeds=4) == ["HOLDS"] * 4


def middle(g, x):
    out = np.zeros_like(x)
    out[np.argsort(x, kind="stable")[len(x) // 2]] = g
    return out


def test_a_median_of_equal_numbers_holds_though_every_line_through_them_looks_smooth():
    """It is odd along every direction: steps that cross the ties all agree on a slope that no side has."""
    assert statuses(np.median, middle, np.ones(3)) == ["HOLDS"] * 5
    assert statuses(np.median, middle, gv.Box("n"), sizes={"n": 3}) == ["HOLDS"] * 5


def test_a_median_that_gives_two_of_them_all_fails():
    def two(g, x):
        return g * np.array([1.0, 1.0, 0.0])

    assert statuses(np.median, two, np.ones(3)) == ["FAILS"] * 5


@pytest.mark.parametrize("n", [3000, 20_000])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda g, x: 2 * g * (x > 0),
        lambda g, x: g * (x > 0) * (x < x.max()),
        lambda g, x: g * (x > 0.01),
    ],
    ids=["doubled", "one left out", "of another threshold"],
)
def test_a_wrong_relu_of_thousands_fails_by_the_law_of_the_derivative(wrong, n):
    report = gv.check(lambda x: np.maximum(x, 0), vjp=wrong, inputs=RNG.normal(size=n))
    assert [f.law for f in report.findings] == ["pullback_is_the_derivative"]


def test_of_thousands_of_kinks_the_convention_is_told():
    x = np.maximum(RNG.normal(size=100_000), 0)
    report = gv.check(lambda x: np.maximum(x, 0), vjp=lambda g, x: g * (x > 0), inputs=x)
    assert report.ok
    assert ": 0 is claimed, any value from " in str(report)
    assert "isolated" not in str(report)


@pytest.mark.parametrize(("slope", "told"), [(0.0, "HOLDS"), (1.0, "HOLDS"), (5.0, "FAILS"), (-1.0, "FAILS")])
def test_clip_at_its_ends_takes_any_slope_between(slope, told):
    def clipped(x):
        return np.clip(centred(x), 0, 1)

    def rule(g, x):
        z = centred(x)
        return centred(g * np.where((z > 0) & (z < 1), 1, slope * ((z == 0) | (z == 1))))

    assert statuses(clipped, rule, np.full(4, 0.25), seeds=3) == [told] * 3


@pytest.mark.parametrize("slope", [-1.7, 1.2, 1.5, 3])
@pytest.mark.parametrize("n", [5, 9])
def test_no_sign_beyond_1_holds_in_a_total_variation_that_is_0(n, slope):
    """Most of a wrong sum telescopes away: it shows at the two ends alone."""

    def rule(g, x):
        q = np.where((d := np.diff(x)) == 0, slope, np.sign(d))
        return g * (np.concatenate([[0], q]) - np.concatenate([q, [0]]))

    found = statuses(lambda x: np.abs(np.diff(x)).sum(), rule, np.full(n, 0.5), seeds=3)
    assert found == ["FAILS"] * 3


@pytest.mark.parametrize("slope", [-1, 0, 0.5, 1])
def test_any_sign_up_to_1_does(slope):
    def rule(g, x):
        q = np.where((d := np.diff(x)) == 0, slope, np.sign(d))
        return g * (np.concatenate([[0], q]) - np.concatenate([q, [0]]))

    found = statuses(lambda x: np.abs(np.diff(x)).sum(), rule, np.full(5, 0.5), seeds=3)
    assert "FAILS" not in found


@pytest.mark.parametrize(
    ("slopes", "told"),
    [
        ((1, -1), "HOLDS"),
        ((0, 0), "HOLDS"),
        ((0.5, -0.5), "HOLDS"),
        ((1, 1), "FAILS"),
        ((1, 0), "FAILS"),
        ((2, -2), "FAILS"),
    ],
)
def test_both_sides_of_a_difference_at_0_take_opposite_slopes(slopes, told):
    def rule(g, a, b):
        return tuple(g * np.where(a == b, at, side * np.sign(a - b)) for at, side in zip(slopes, (1, -1), strict=True))

    found = statuses(lambda a, b: np.abs(a - b), rule, (np.ones(3), np.ones(3)), seeds=4)
    assert found == [told] * 4


def test_a_plane_parts_what_is_no_mixture():
    corners = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    for inside in ([0, 0], [0.5, 0.5], [1, 0], [-0.25, 0.1]):
        assert in_hull(np.array(inside, float), corners)
    for outside in ([0.51, 0.51], [1.001, 0], [-1, 0], [5, 5]):
        assert not in_hull(np.array(outside, float), corners)


@pytest.mark.parametrize("greatest", [lambda x: np.max(x, axis=-1), lambda x: x.max(-1), lambda x: np.sort(x)[..., -1]])
@pytest.mark.parametrize(
    ("share", "told"), [("all", "FAILS"), ("none", "FAILS"), ("shared", "HOLDS"), ("first", "HOLDS")]
)
def test_the_greatest_of_tied_ones_gives_a_slope_of_1_in_all(greatest, share, told):
    x = np.array([[1.0, 1.0, 0.2], [0.7, 0.7, 0.7]])

    def rule(g, x):
        tied = x == x.max(-1, keepdims=True)
        count, first = tied.sum(-1, keepdims=True), np.cumsum(tied, -1) == 1
        weights = {"all": 1.0, "none": count == 1, "shared": 1 / count, "first": first}
        return g[..., None] * tied * weights[share]

    assert statuses(greatest, rule, x, seeds=3) == [told] * 3


@pytest.mark.parametrize(("slope", "told"), [(1.5, "FAILS"), (-2, "FAILS"), (0, "HOLDS"), (1, "HOLDS")])
def test_of_many_slopes_that_jump_those_furthest_outside_are_asked_about(slope, told):
    def differences(x):
        return x[1:] - x[:-1], x[:, 1:] - x[:, :-1]

    def variation(x):
        return sum(np.abs(d).sum() for d in differences(x))

    def rule(g, x):
        down, right = (np.where(d == 0, slope, np.sign(d)) for d in differences(x))
        out = np.zeros_like(x)
        out[1:] += down
        out[:-1] -= down
        out[:, 1:] += right
        out[:, :-1] -= right
        return g * out

    found = statuses(variation, rule, np.full((6, 6), 0.5), seeds=3)
    assert found == ["FAILS"] * 3 if told == "FAILS" else "FAILS" not in found


@pytest.mark.parametrize(("weight", "told"), [(0.0, "HOLDS"), (1.0, "HOLDS"), (-1.0, "FAILS"), (2.0, "FAILS")])
def test_where_a_maximum_starts_from_a_number_that_ties_nothing_need_come_back(weight, told):
    x = np.array([[1.0, 0.3, 0.2], [0.7, 2.0, 0.5]])

    def rule(g, x):
        greatest = x == x.max(-1, keepdims=True)
        return g[..., None] * greatest * np.where(x == 1, weight, x > 1)

    assert statuses(lambda x: np.max(x, axis=-1, initial=1.0), rule, x, seeds=3) == [told] * 3


def test_both_sides_of_a_maximum_and_the_number_it_starts_from_are_taken():
    x = vectors([np.array([1.0, 0.3])])
    subject = Subject("f", lambda x: np.max(x, axis=-1, initial=1.0), Domain({"x": At(x[0])}))
    direction, v = vectors([np.array([1.0, 0.0])]), vectors([np.array(1.0)])
    assert set(chain_rule_values(subject, x, direction, v, np.random.default_rng(0))) == {0.0, 1.0}
