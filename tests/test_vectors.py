"""Vectors add, scale and multiply as numbers do, and what they lose is in their error."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gradverify._arrays import clone
from gradverify._floating import unit
from gradverify._vectors import Estimate, Misfit, Vectors, vectors


def exact(parts) -> Fraction:
    return sum((Fraction(float(x)) for p in parts for x in np.ravel(p)), Fraction(0))


@pytest.mark.parametrize("seed", range(5))
def test_an_inner_product_lies_within_its_own_error_of_the_exact_one(seed):
    rng = np.random.default_rng(seed)
    a = vectors([10.0 ** rng.uniform(-8, 8, (50,)) * rng.choice([-1, 1], 50), rng.standard_normal((3, 4))])
    b = vectors([rng.standard_normal(50), rng.standard_normal((3, 4))])
    truth = sum(
        Fraction(float(x)) * Fraction(float(y))
        for p, q in zip(a, b, strict=True)
        for x, y in zip(p.flat, q.flat, strict=True)
    )
    got = a.inner(b)
    assert 0 < got.error < 1e-8 * sum(np.abs(p * q).sum() for p, q in zip(a, b, strict=True))
    assert abs(Fraction(got.value) - truth) <= Fraction(got.error) + Fraction(abs(got.value)) * Fraction(2) ** -52


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_a_sum_keeps_its_type_and_carries_what_rounding_it_lost(dtype):
    rng = np.random.default_rng(1)
    a, b = (Vectors((rng.standard_normal(200).astype(dtype),)) for _ in range(2))
    total = a + 0.3 * b
    assert total[0].dtype == dtype
    lost = np.abs(total[0].astype(np.longdouble) - (a[0].astype(np.longdouble) + np.longdouble(0.3) * b[0]))
    assert np.all(lost <= total.bars()[0])
    assert lost.max() > 0


def test_short_numbers_add_without_any_error():
    a, b = vectors([np.array([0.5, -3.0])]), vectors([np.array([0.125, 2.0])])
    assert np.array_equal((a + 2.0 * b)[0], [0.75, 1.0])


def test_shapes_that_differ_are_a_misfit_and_empty_parts_count_for_nothing():
    with pytest.raises(Misfit, match=r"shapes \(2,\) and \(1, 2\) differ"):
        vectors([np.ones(2)]).inner(vectors([np.ones((1, 2))]))
    assert vectors([np.ones(2), np.zeros(0)]).inner(vectors([np.ones(2), np.ones(3)])).value == 2


def test_an_error_that_is_no_number_is_infinite():
    assert Estimate(1.0, float("nan")).error == float("inf")


def test_estimates_add_their_errors():
    both = Estimate(1.0, 0.5) - 2.0 * Estimate(3.0, 0.25)
    assert (both.value, both.error) == (-5.0, 1.0)


@pytest.mark.parametrize("make", [
    lambda a: a, np.asfortranarray, lambda a: a[::-1], lambda a: a[:, ::2], lambda a: a.T,
    lambda a: np.broadcast_to(a[0], a.shape),
])  # fmt: skip
def test_a_clone_has_the_same_numbers_strides_and_permissions_in_other_memory(make):
    a = make(np.arange(12.0).reshape(3, 4))
    b = clone(a)
    assert np.array_equal(a, b)
    assert (a.strides, a.flags.writeable) == (b.strides, b.flags.writeable)
    assert not np.shares_memory(a, b)


def test_the_unit_of_a_type_is_its_spacing_at_one():
    assert [unit(t) for t in ("float64", "float32", "float16", "int64")] == [2.0**-52, 2.0**-23, 2.0**-10, 0.0]
