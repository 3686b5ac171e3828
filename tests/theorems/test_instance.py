"""The second judge: points that satisfy the hypotheses, values in balls, and what it will not call agreement."""

from __future__ import annotations

from fractions import Fraction

import pytest
from flint import arb

from gradverify.theorems import acceptance
from gradverify.theorems.acceptance import Reason, Refused, accept
from gradverify.theorems.algebra import Normal
from gradverify.theorems.ball import Undefined, ball, decimal, differ, narrow, precision
from gradverify.theorems.derivation import Derivation, Hypothesis, step
from gradverify.theorems.draw import drawn, whole
from gradverify.theorems.index import times
from gradverify.theorems.instance import ROUNDS, Equality, Instances, NoPoint, Setting
from gradverify.theorems.notation import Array, D, Function, Sum, delta, each, exp, log, relu, slope
from gradverify.theorems.rules import Rule
from gradverify.theorems.term import Delta, Index, Label, Sigma, Size, Term, term

K, M = Size("K"), Size("M")
k, j, c = K.indices("k j c")
m, o = M.indices("m o")
s, t, q = (Array(name, (K,)) for name in "stq")
a, b = Array("a"), Array("b")
y = Array("y", (K,), into=K)
F = Function("F", (s,), (), None)
SUM_TO_ONE = Equality(Sum(k, t[k]), term(1), t)


def seen(left: object, right: object, *equalities: Equality, arrays: tuple[Array, ...] = (s, t, q, a, b, y)):
    setting = Setting((K, M), arrays, frozenset((q,)), equalities=equalities)
    return Instances(setting).compare(term(left), term(right))


# Points


def test_every_size_is_1_2_and_3_in_turn_and_no_two_are_always_alike() -> None:
    sizes = [point.sizes for point in Instances(Setting((K, M), ())).points]
    assert sizes == [{"K": 1, "M": 2}, {"K": 2, "M": 3}, {"K": 3, "M": 1}, {"K": 2, "M": 3}]


def test_points_are_rational_positive_where_they_should_be_and_the_last_has_ties_and_zeros() -> None:
    points = Instances(Setting((K,), (s, q, y), frozenset((q,)))).points
    assert len(points) == ROUNDS
    assert all(isinstance(v, Fraction) for point in points for v in point.values["s"].values())
    assert all(v > 0 for point in points for v in point.values["q"].values())
    assert any(v < 0 for point in points for v in point.values["s"].values())
    assert set(points[-1].values["s"].values()) <= {-1, 0, 1}
    assert all(0 <= v < point.sizes["K"] for point in points for v in point.values["y"].values())


def test_points_satisfy_a_hypothesis_exactly_also_where_the_array_is_positive() -> None:
    for positive in (frozenset[Array](), frozenset((t,))):
        points = Instances(Setting((K,), (s, t), positive, equalities=(SUM_TO_ONE,))).points
        assert all(sum(point.values["t"].values()) == 1 for point in points)
        assert all(v > 0 for point in points for v in point.values["t"].values()) or not positive


def test_points_satisfy_a_hypothesis_for_every_value_of_its_free_indices() -> None:
    T = Array("T", (M, K))
    rows = Equality(Sum(k, T[m, k]), term(1), T)
    for point in Instances(Setting((K, M), (T,), equalities=(rows,))).points:
        for n in range(point.sizes["M"]):
            assert sum(v for at, v in point.values["T"].items() if at[0] == n) == 1


def test_points_leave_out_what_is_not_zero() -> None:
    for point in Instances(Setting((K,), (s,), nonzero=(s[k],))).points:
        assert all(point.values["s"].values())


def test_where_no_point_is_found_that_is_said() -> None:
    with pytest.raises(NoPoint, match=r"no point at .*'K': 1.* satisfies the hypotheses"):
        Instances(Setting((K,), (t,), equalities=(Equality(Sum(k, t[k] ** 2), term(-1), t),)))
    with pytest.raises(NoPoint, match="could not be evaluated in rational numbers"):
        Instances(Setting((K,), (t,), equalities=(Equality(Sum(k, exp(t[k])), term(2), t),)))


def test_a_hypothesis_without_a_point_is_refused() -> None:
    impossible = Hypothesis("impossible", Sum(k, t[k] ** 2), term(-1), fixes=t)
    d = Derivation("d", "d", Sum(k, t[k] ** 2) * a, -a.as_term(), (step(-a, "hypothesis", uses=("impossible",)),),
                   (impossible,))  # fmt: skip
    refused = accept(d)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.BLUNT
    assert "no point" in refused.found.lower()


def test_drawn_numbers_belong_to_their_words_and_never_change() -> None:
    """Written down once: they stand in no certificate, but a change would change what every theorem was tried at."""
    assert [drawn("s", (0,), 1, 0), drawn("s", (1,), 1, 0), drawn("s", (0,), 2, 0)] == DRAWN
    assert whole(1000, "y", 3) == 900
    assert all(Fraction(1, 7) <= abs(drawn(n)) <= 4 for n in range(500))


DRAWN = [Fraction(-8, 5), Fraction(-1), Fraction(3, 5)]


# Values


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Sum(k, term(1)), K.number),
        (Sum((k, m), s[k]), M.number * Sum(k, s[k])),
        (D(s[k] ** 3 * t[j], s[j]), 3 * s[k] ** 2 * t[j] * delta(k, j)),
        (D(exp(s[k] * t[k]), s[j]), exp(s[k] * t[k]) * t[k] * delta(k, j)),
        (D(log(q[k]), q[j]), delta(k, j) / q[k]),
        (D(q[k] ** Fraction(1, 2), q[j]), q[k] ** Fraction(-1, 2) * delta(k, j) / 2),
        (D(D(exp(s[k] * a), s[j]), a), delta(k, j) * (exp(s[k] * a) + s[k] * a * exp(s[k] * a))),
        (D(F(each(c, 2 * s[c] + a)), s[j]), 2 * F(each(c, 2 * s[c] + a)).by(j)),
        (D(F(each(c, 2 * s[c] + a)), a), Sum(k, F(each(c, 2 * s[c] + a)).by(k))),
        (D(F(t).by(k), t[j]), D(F(t).by(j), t[k])),
        (D(s[y.at(k)], s[j]), delta(y.at(k), j)),
        (exp(exp(exp(q[k]))), exp(exp(exp(q[k]))) * exp(a) * exp(-a)),
        (exp(term(1)) * exp(s[k]), exp(s[k] + 1)),
    ],
)
def test_values_are_what_calculus_says(left: object, right: object) -> None:
    opinion = seen(left, right)
    assert opinion.agrees, opinion
    assert seen(left, right * 2).counterexample
    assert seen(left, -right).counterexample
    assert seen(left, right + 1).counterexample


def test_the_relu_is_the_line_it_is_on_its_side_of_zero() -> None:
    opinion = Instances(Setting((K,), (s,), nonzero=(s[k],))).compare(D(relu(s[k]), s[j]), slope(s[k]) * delta(k, j))
    assert opinion.agrees
    at_the_kink = Equality(s[k], term(0), s)
    assert "at the kink" in seen(D(relu(s[k]), s[j]), delta(k, j), at_the_kink).trouble
    assert "the slope of the ReLU at 0" in seen(slope(s[k]), term(1), at_the_kink).trouble
    assert seen(relu(s[k]) - relu(-s[k]), s[k]).agrees, "0 has a value, if no derivative"


# What is not called agreement


def test_a_counterexample_can_be_followed_by_hand() -> None:
    opinion = seen(Sum(k, s[k]), Sum(k, s[k] ** 2), arrays=(s,))
    assert opinion.counterexample == (
        "at K = 1, M = 2; s = (-5/4): the left side is -1.2500000, the right side 1.5625000"
    )
    there = seen(s[k] * t[j], s[j] * t[k], arrays=(s, t)).counterexample
    assert there.startswith("at K = 2, M = 3; s = (-8/5, -1); t = (3, -3/7), with j = 1, k = 2:")


def test_two_zeros_are_no_agreement_and_zero_with_summands_is() -> None:
    assert "would not be seen" in seen(0 * s[k], 0 * t[k]).trouble
    assert seen(s[k] - s[k], term(0)).agrees
    assert seen(Sum(k, D(Sum(c, s[c] - t[c]), a)), term(0)).trouble


def test_one_side_of_a_kink_is_no_agreement() -> None:
    assert "on one side of 0" in seen(relu(q[k]), q[k]).trouble


def test_what_has_no_value_is_no_agreement() -> None:
    for left, why in (
        (log(s[k]), "not positive"),
        (s[k] ** Fraction(1, 2), "not positive"),
        (1 / (a - a), "no finite"),
    ):
        assert why in seen(left, left).trouble, why


def test_balls_are_narrow_or_do_not_count() -> None:
    with precision(64):
        third = ball(Fraction(1, 3))
        assert not narrow(third), "64 bits are 19 digits"
        assert differ(ball(Fraction(1, 3)), ball(Fraction(1, 3) + Fraction(1, 10**18)))
    with precision(160):
        assert narrow(ball(Fraction(1, 3)))
        assert not differ(ball(Fraction(1, 3)), third)
        assert decimal(ball(Fraction(1, 3))) == "0.33333333"
        assert not narrow(arb("0 +/- 1e-29"))
    with pytest.raises(ZeroDivisionError, match="inside"), precision(99):
        raise ZeroDivisionError("inside")
    assert issubclass(Undefined, Exception)


def test_a_difference_far_behind_the_point_is_seen() -> None:
    tiny = term(Fraction(1, 10**60))
    assert seen(exp(s[k]), exp(s[k]) + tiny).agrees, "to 30 digits, as it says"
    assert seen(exp(s[k]), exp(s[k]) * (1 + Fraction(1, 10**25))).counterexample


# A law of ours that is wrong is caught by the second judge


def unsound_contraction(t: Term, n: Normal) -> Term | None:
    """What was once thought: the sum over k of delta(y_k, j) a_k is a_j."""
    if isinstance(t, Sigma) and len(t.binds) == 1:
        parts = t.body.terms if not isinstance(t.body, Delta) else (t.body,)
        for x in parts:
            if isinstance(x, Delta):
                inside = [p for p in x.points if isinstance(p, Label) and t.binds[0] in p.free]
                other = [p for p in x.points if isinstance(p, Index) and p not in t.binds]
                if inside and other:
                    from gradverify.theorems.index import rename

                    return times(rename(z, {t.binds[0]: other[0]}) for z in parts if z is not x)
    return None


def test_an_unsound_law_is_caught_by_the_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {**acceptance.BY_NAME, "unsound": Rule("unsound", "", (unsound_contraction,))}
    monkeypatch.setattr(acceptance, "BY_NAME", rules)
    left = Sum(k, delta(y.at(k), j) * s[k])
    refused = accept(Derivation("d", "d", left, s[j], (step(s[j], "unsound"),)))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.FALSE
    assert "The calculus accepts it" in refused.found
    assert "please report it" in refused.found
