"""Equal expressions are one node; what the normal form, the fields and the balls say of them agrees with each other."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import pytest
from flint import arb, ctx, fmpq

from gradverify.symbolic import expression as ex
from gradverify.symbolic.branches import READINGS, as_meant, as_printed, exactly
from gradverify.symbolic.decide import Assumptions, Decider, Undefined, enclose
from gradverify.symbolic.derivative import gradient
from gradverify.symbolic.entries import UFUNCS
from gradverify.symbolic.field import vanishes

x, y, z = (ex.symbol(name) for name in "xyz")
p, q = ex.symbol("p", fmpq(0)), ex.symbol("q", fmpq(0))
root = UFUNCS["sqrt"]


@pytest.mark.parametrize(("one", "other"), [
    (x + y, y + x),
    (2 * x + 3 * x, 5 * x),
    (x * y / y, x),
    (x - x, ex.ZERO),
    ((2 * x + 2 * y) / 2, x + y),
    ((2 * x + 2 * y) * z, 2 * ((x + y) * z)),
    (ex.exp(ex.log(p)), p),
    (ex.log(ex.exp(x)), x),
    (ex.exp(-ex.log(1 + ex.exp(x))), 1 / (1 + ex.exp(x))),
    (ex.exp(-x), 1 / ex.exp(x)),
    (root(p * p), p),
    (root(x * x), ex.absolute(x)),
    (root(ex.number(8)), 2 * root(ex.number(2))),
    (root(x * y) * root(x * y), x * y),
    (ex.sin(-x), -ex.sin(x)),
    (ex.above(2 * x), ex.above(x)),
    (ex.above(-x), 1 - ex.above(x)),
    (ex.above(x) * ex.above(x), ex.above(x)),
    (ex.above(ex.exp(x)), ex.ONE),
    (ex.above(-p), ex.ZERO),
    (ex.above(x * p), ex.above(x)),
    (ex.absolute(p), p),
    (ex.largest([x, ex.largest([y, z])]), ex.largest([z, y, x])),
    (ex.exp(ex.infinity(-1)), ex.ZERO),
    (ex.maximum(x, ex.infinity(-1)), x),
])  # fmt: skip
def test_equal_things_are_one_node(one: ex.Expr, other: ex.Expr) -> None:
    assert one is other


IDENTITIES = [
    ex.exp(x + y) - ex.exp(x) * ex.exp(y),
    (x + y) * (x - y) - (x * x - y * y),
    ex.sin(x) * ex.sin(x) + ex.cos(x) * ex.cos(x) - 1,
    ex.sin(x + y) - ex.sin(x) * ex.cos(y) - ex.cos(x) * ex.sin(y),
    ex.log(ex.exp(x) + ex.exp(y)) - x - ex.log(1 + ex.exp(y - x)),
    ex.log(p * q) - ex.log(p) - ex.log(q),
    ex.log(6 * p) - ex.log(2 * p) - ex.log(ex.number(3)),
    UFUNCS["tanh"](x) - (2 / (1 + ex.exp(-2 * x)) - 1),
    root(p) * root(q) - root(p * q),
    root(1 + x * x) * root(1 + x * x) - 1 - x * x,
    ex.erf(-x) + ex.erf(x),
    ex.power(p, fmpq(1, 3)) * ex.power(p, fmpq(2, 3)) - p,
    ex.exp(x / 2) * ex.exp(x / 2) - ex.exp(x),
]
NEARLY = [
    ex.exp(x + y) - ex.exp(x) * ex.exp(y) * ex.number(fmpq(1000001, 1000000)),
    ex.sin(x) * ex.sin(x) + ex.cos(x) * ex.cos(x) - 1 - x / 10**9,
    ex.log(ex.exp(x) + ex.exp(y)) - x - ex.log(1 + ex.exp(x - y)),
    root(1 + x * x) - 1 - x * x / 2,
    ex.exp(x / 2) * ex.exp(x / 3) - ex.exp(x),
    ex.log(p + q) - ex.log(p) - ex.log(q),
    ex.erf(2 * x) - 2 * ex.erf(x),
    ex.power(p, fmpq(1, 3)) - root(p),
    ex.above(x) - ex.above(y),
    ex.largest([x, y]) - x,
]


@pytest.mark.parametrize("e", IDENTITIES, ids=ex.words)
def test_identities_vanish_in_fields_and_no_ball_excludes_zero(e: ex.Expr) -> None:
    assert vanishes(e)
    assert Decider(assume(e)).refuted(e) is None


@pytest.mark.parametrize("e", NEARLY, ids=ex.words)
def test_what_is_nearly_an_identity_does_not_vanish_and_a_ball_says_where(e: ex.Expr) -> None:
    assert not vanishes(e)
    decision = Decider(assume(e)).zero(e)
    assert decision.status == "nonzero"
    assert not decision.ball.contains(0)


def assume(*some: ex.Expr) -> Assumptions:
    return Assumptions(tuple(e for e in ex.reachable(some) if e.kind == ex.SYMBOL))


def test_a_maximum_is_opaque_until_it_matters() -> None:
    m = ex.largest([x, y, z])
    shifted = ex.exp(x - m) / (ex.exp(x - m) + ex.exp(y - m) + ex.exp(z - m))
    assert vanishes(shifted - ex.exp(x) / (ex.exp(x) + ex.exp(y) + ex.exp(z)))
    assert not vanishes(m - x)
    assert Decider(assume(m)).zero(m - ex.total(w * a for a, w in ex.winners(m))).status == "zero"


def test_labels_that_sum_to_1_are_used_where_they_are_assumed() -> None:
    t = tuple(ex.symbol(f"t{i}", fmpq(0), fmpq(1)) for i in range(3))
    short = ex.total(t) - 1
    assert Decider(Assumptions(t, (t,))).zero(short).status == "zero"
    assert Decider(Assumptions(t)).zero(short).status == "nonzero"


def test_conditions_that_contradict_each_other_need_not_hold() -> None:
    a, b, c = ex.above(x - y), ex.above(y - z), ex.above(x - z)
    assert Decider(assume(a, b, c)).zero(a * b * (1 - c)).status == "zero"
    assert Decider(assume(a, b, c)).zero(a * (1 - b) * (1 - c)).status == "nonzero"


FUNCTIONS = [
    ex.exp(x * y) / (1 + x * x),
    ex.log(1 + p * q) * root(p),
    ex.sin(x * y) + ex.cos(x / (2 + y * y)),
    ex.erf(x) * ex.arctan(y),
    ex.maximum(x, y) * ex.absolute(x - 2 * y),
    ex.largest([x, y, z]) * z,
    UFUNCS["tanh"](x * z) + UFUNCS["log1p"](ex.exp(y)),
    UFUNCS["cbrt"](x) + UFUNCS["arcsinh"](y),
    UFUNCS["arctan2"](y, x),
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=ex.words)
def test_gradients_are_what_differences_of_balls_say(f: ex.Expr) -> None:
    """Central differences with a step of 2^-100, in 1600 bits: right to 60 digits, and not our calculus."""
    symbols = [e for e in ex.reachable([f]) if e.kind == ex.SYMBOL]
    slopes = gradient(f, symbols, vanishes)
    at, h = assume(f).point(random.Random(3)), fmpq(1, 2**100)
    for s, slope in zip(symbols, slopes, strict=True):
        (value,) = enclose([slope], at, 1600)
        (up,) = enclose([f], at | {s: at[s] + h}, 1600)
        (down,) = enclose([f], at | {s: at[s] - h}, 1600)
        ctx.prec, before = 1600, ctx.prec
        try:
            assert abs((up - down) / arb(2 * h) - value) < arb(10) ** -55
        finally:
            ctx.prec = before


def test_what_has_no_value_says_so() -> None:
    for e, value in ((ex.log(x), -1), (root(x), -1), (1 / x, 0), (ex.above(x), 0)):
        with pytest.raises(Undefined):
            enclose([e], {x: fmpq(value)}, 100)
    with pytest.raises(ZeroDivisionError):
        1 / (x - x)
    with pytest.raises(ValueError, match="infinity minus infinity"):
        ex.infinity(1) - ex.infinity(1)


@pytest.mark.parametrize(("value", "printed", "meant"), [
    (0.1, Fraction(1, 10), Fraction(1, 10)),
    (3 * 0.044715, Fraction(str(3 * 0.044715)), Fraction(str(3 * 0.044715))),
    (1 / 3, Fraction(repr(1 / 3)), Fraction(1, 3)),
    (-2.5, Fraction(-5, 2), Fraction(-5, 2)),
])  # fmt: skip
def test_floats_can_be_read_exactly_as_printed_or_as_meant(value: float, printed: Any, meant: Any) -> None:
    def rational(e: ex.Expr) -> Fraction:
        return Fraction(int(e.value.p), int(e.value.q))

    assert rational(exactly(value)) == Fraction(value)
    assert rational(as_printed(value)) == printed
    assert abs(rational(as_meant(value)) - meant) < Fraction(1, 10**12)
    assert len(READINGS) == 3


def test_roots_of_pi_are_recognised() -> None:
    import math

    assert as_meant(math.sqrt(2 / math.pi)) is root(2 / ex.PI)
    assert as_meant(-math.sqrt(2)) is -root(ex.number(2))
