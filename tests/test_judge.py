"""The judge accuses no right code, sees small mistakes, and refutes nothing with a blunt oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradverify as gv
from gradverify._claim import at_most, equal, raises, same_bits
from gradverify._vectors import CannotHere, Estimate, vectors
from gradverify.faults import fault as planted
from gradverify.judge import judge


def tanh_off_by(error: float, dtype: str = "float64"):
    def vjp(g, x):
        return (g * (1 - np.tanh(x) ** 2) * x.dtype.type(1 + error)).astype(x.dtype)

    return gv.check(np.tanh, vjp=vjp, inputs=np.linspace(-1, 2, 7).astype(dtype), laws="pullback_is_the_derivative")


@pytest.mark.parametrize(
    ("dtype", "seen", "hidden"), [("float64", 1e-9, 1e-16), ("float32", 1e-5, 1e-17), ("float16", 1e-5, 1e-17)]
)
def test_a_relative_mistake_is_seen_down_to_the_rounding_of_the_type(dtype, seen, hidden):
    assert tanh_off_by(seen, dtype).status == "FAILS"
    assert tanh_off_by(hidden, dtype).status == "HOLDS"


def test_the_smallest_mistake_it_says_it_sees_is_seen_when_tripled():
    smallest = tanh_off_by(0.0).verdicts[0].smallest
    assert 0 < smallest < 1e-10
    assert tanh_off_by(30 * smallest).status == "FAILS"


def test_a_hidden_float32_cast_is_not_excused():
    def vjp(g, x):
        return (g * np.cos(x)).astype(np.float32).astype(float)

    assert gv.check(np.sin, vjp=vjp, inputs=np.linspace(-1, 2, 5)).status == "FAILS"


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0])
def test_right_functions_hold_in_every_type_and_are_decided(dtype, scale):
    pairs = [
        (np.sin, lambda g, x: g * np.cos(x)), (lambda x: x * x, lambda g, x: 2 * g * x),
        (lambda x: (x * x).sum(), lambda g, x: 2 * g * x), (np.arctan, lambda g, x: g / (1 + x * x)),
        (lambda x: x / (1 + np.abs(x)), lambda g, x: g / (1 + np.abs(x)) ** 2),
    ]  # fmt: skip
    statuses = []
    for f, vjp in pairs:
        for seed in range(4):
            x = (scale * np.random.default_rng(seed).standard_normal(5)).astype(dtype)
            statuses.append(gv.check(f, vjp=vjp, inputs=x, seed=seed, laws="pullback_is_the_derivative").status)
    assert "FAILS" not in statuses
    assert statuses.count("HOLDS") >= 0.9 * len(statuses)


def test_an_oracle_whose_error_is_near_the_gap_refutes_nothing():
    near = judge(equal(Estimate(1.0), Estimate(2.0, 0.2, source="an oracle")))
    far = judge(equal(Estimate(1.0), Estimate(2.0, 0.01, source="an oracle")))
    assert (near.outcome, far.outcome) == ("blunt", "disagrees")
    assert "not far below the gap" in near.reason


def test_two_oracles_that_disagree_refute_nothing():
    second = Estimate(1.0, 1e-9, source="differences")
    found = judge(equal(Estimate(1.0), Estimate(2.0, 1e-9, source="complex step", second=second)))
    assert found.outcome == "blunt"
    assert found.reason == "complex step and differences disagree here"


def test_no_oracle_and_an_infinite_error_are_blunt():
    assert judge(equal(Estimate(1.0), CannotHere("a kink"))).reason == "a kink"
    assert judge(equal(Estimate(1.0), Estimate(2.0, math.inf))).outcome == "blunt"


def test_arrays_are_compared_entry_by_entry():
    left, right = vectors([np.array([1.0, 2.0, 3.0])]), vectors([np.array([1.0, 2.5, 3.0])])
    found = judge(equal(left, right))
    assert (found.outcome, found.part, found.index, found.left, found.right) == ("disagrees", 0, (1,), 2.0, 2.5)
    assert judge(equal(left, left)).outcome == "agrees"
    assert judge(at_most(left, right)).outcome == "agrees"
    assert judge(at_most(right, left)).outcome == "disagrees"


def test_bits_tell_types_shapes_and_signed_nans():
    a = vectors([np.array([1.0, np.nan])])
    assert judge(same_bits(a, a)).outcome == "agrees"
    assert judge(same_bits(a, vectors([np.array([1.0, 0.0])]))).outcome == "disagrees"
    assert judge(same_bits(a, vectors([np.array([[1.0, np.nan]])]))).outcome == "disagrees"


def test_raises_counts_what_was_raised_instead():
    def fail():
        raise KeyError("x")

    assert judge(raises(KeyError, fail)).outcome == "agrees"
    assert judge(raises(ValueError, fail)).outcome == "disagrees"
    assert judge(raises(ValueError, lambda: None)).outcome == "disagrees"


def test_a_claimed_infinity_is_refuted_only_where_the_truth_is_well_in_range():
    small = gv.check(lambda x: 3 * x, vjp=lambda g, x: g * np.where(x > 1, np.inf, 3), inputs=np.array([0.5, 2.0]))
    assert small.findings[0].place == "x[1]"
    huge = gv.check(lambda x: 1 / x, vjp=lambda g, x: -g / x / x, inputs=gv.At(np.array([1e-160, 1.0]), low=0))
    assert huge.status != "FAILS"


# -- float32 where the function itself loses digits ------------------------------------------------


def far_from_0(offset: float, spread: float, seed: int) -> tuple[np.ndarray, ...]:
    """Rows near ``offset`` for layer_norm: x - mean(x) loses log2(offset / spread) bits of float32's 24."""
    x = (offset + spread * np.random.default_rng(seed).standard_normal((2, 5))).astype(np.float32)
    return x, np.ones(5, np.float32), np.zeros(5, np.float32)


@pytest.mark.parametrize(("offset", "spread"), [(1000, 1e-2), (1000, 0.1), (300, 1e-3), (100, 0.1), (50, 1.0)])
def test_a_float32_layer_norm_of_rows_far_from_0_is_not_accused(offset: float, spread: float) -> None:
    statuses = [gv.check(gv.nn.layer_norm, inputs=far_from_0(offset, spread, s), seed=s).status for s in range(4)]
    assert "FAILS" not in statuses
    assert statuses.count("HOLDS") == 4 or offset / spread > 500


@pytest.mark.parametrize("fault", ["twice too large", "the sign is wrong", "transposed"])
@pytest.mark.parametrize(("offset", "spread"), [(1000, 0.1), (100, 0.1), (50, 1.0)])
def test_a_gross_mistake_there_still_fails(fault: str, offset: float, spread: float) -> None:
    wrong = planted(fault).apply(gv.nn.layer_norm)
    assert gv.check(wrong, inputs=far_from_0(offset, spread, 0)).status == "FAILS"


def test_an_answer_that_is_off_in_float32_alone_is_not_excused_where_no_digits_are_lost() -> None:
    for fault in ("wrong in float32 only", "rounded to a coarser type on the way"):
        wrong = planted(fault).apply(gv.nn.layer_norm)
        assert gv.check(wrong, inputs=far_from_0(1, 1.0, 0)).status == "FAILS"


# -- what the inputs' own rounding makes of an answer ------------------------------------------------


def standardised(x):
    eps = x.dtype.type(1e-5)
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


def standardised_vjp(g, x):
    spread = np.sqrt(x.var(-1, keepdims=True) + x.dtype.type(1e-5))
    z = (x - x.mean(-1, keepdims=True)) / spread
    return (g - g.mean(-1, keepdims=True) - z * (g * z).mean(-1, keepdims=True)) / spread


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_sums_taken_in_another_order_are_no_fault_of_the_layout(offset):
    x = np.random.default_rng(0).normal(size=(3, 16)) + offset
    for seed in range(4):
        assert gv.check(standardised, vjp=standardised_vjp, inputs=x, seed=seed).status != "FAILS"


def test_a_layout_that_is_wrong_by_1e_9_is_seen_far_from_0_too():
    def by_layout(g, x):
        return standardised_vjp(g, x) * (1 if x.flags.c_contiguous else 1 + 1e-9)

    x = np.random.default_rng(0).normal(size=(3, 16)) + 100
    report = gv.check(standardised, vjp=by_layout, inputs=x)
    assert [f.law for f in report.findings] == ["layout_does_not_matter"]


@pytest.mark.parametrize("offset", [100, 300])
def test_a_half_type_that_rounds_the_mean_away_is_not_accused(offset):
    x = (np.random.default_rng(5).normal(size=(4, 8)) + offset).astype("float16")
    found = {str(gv.check(standardised, vjp=standardised_vjp, inputs=x, seed=seed).status) for seed in range(4)}
    assert found <= {"UNDECIDED", "HOLDS"}
    low_alone = lambda g, x: standardised_vjp(g, x) * (1.2 if x.dtype == np.float16 else 1)  # noqa: E731
    assert gv.check(standardised, vjp=low_alone, inputs=x - np.float16(offset)).status == "FAILS"
