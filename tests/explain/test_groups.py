"""Members of a group that are wrong are found by what groups of them are off by, and no right one is named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradverify.explain.groups import TWO, Gap, Groups, Unknown


def groups(count, wrong, bar=1e-9):
    """Members that are off by these amounts, each in its own share; and how often they were measured."""
    rng = np.random.default_rng(count)
    shares = rng.uniform(0.5, 1.5, count) * rng.choice([-1.0, 1.0], count)
    off, asked = np.zeros(count), []
    for i, amount in wrong.items():
        off[i] = amount

    def measure(first, weights):
        asked.append(len(weights))
        moved = shares[first : first + len(weights)] * weights
        return Gap(float(off[first : first + len(weights)] @ moved), bar)

    found = Groups(count, measure)
    return found, found.together(0, count), asked


@pytest.mark.parametrize("count", [2, 9, 1000, 10**6])
@pytest.mark.parametrize("where", [0.0, 0.37, 1.0])
def test_a_single_member_is_pointed_at_by_a_few_measurements(count, where):
    at = round(where * (count - 1))
    found, whole, asked = groups(count, {at: 0.01})
    assert found.alone(whole) == at
    assert len(asked) <= 1 + 2 * math.ceil(math.log(count, 1000) + 1)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [2, 3, 10, 25])
def test_several_members_are_all_found(k, seed):
    rng = np.random.default_rng(seed)
    at = rng.choice(10**5, k, replace=False)
    found, whole, asked = groups(10**5, dict(zip(at.tolist(), rng.normal(size=k) + 2, strict=True)))
    assert np.flatnonzero(found.wrong(whole)).tolist() == sorted(at.tolist())
    assert len(asked) <= 20 * k + 10


def test_equal_and_opposite_mistakes_are_both_found():
    found, whole, _ = groups(4096, {17: 1.0, 18: -1.0, 900: 1.0, 3000: -1.0})
    assert np.flatnonzero(found.wrong(whole)).tolist() == [17, 18, 900, 3000]


def test_runs_are_found_by_their_ends():
    wrong = dict.fromkeys([*range(100, 164), *range(900, 1000)], 1.0)
    found, whole, asked = groups(1000, wrong)
    assert np.flatnonzero(found.wrong(whole, TWO)).tolist() == sorted(wrong)
    assert len(asked) <= 150


def test_every_so_manyth_member_is_found_and_nothing_else_is_taken_for_it():
    found, _, asked = groups(1000, dict.fromkeys(range(2, 1000, 7), 1.0))
    assert np.flatnonzero(found.strided()).tolist() == list(range(2, 1000, 7))
    assert len(asked) <= 50
    for others in ({3: 1.0}, dict.fromkeys([*range(2, 1000, 7), 3], 1.0), dict.fromkeys(range(1000), 1.0)):
        with pytest.raises(Unknown):
            groups(1000, others)[0].strided()


def test_of_too_many_it_is_said_that_they_cannot_be_told_after_a_few_measurements():
    wrong = dict.fromkeys(np.random.default_rng(0).choice(10**5, 5000, replace=False).tolist(), 1.0)
    found, whole, asked = groups(10**5, wrong)
    assert found.spread()
    assert not found.throughout(0, 10**5)
    with pytest.raises(Unknown):
        found.wrong(whole, TWO)
    assert len(asked) <= 60


def test_what_no_measurement_can_tell_is_unknown():
    found, whole, _ = groups(100, {3: 1.0}, bar=math.inf)
    assert not whole.wrong
    assert found.alone(whole) is None
    with pytest.raises(Unknown):
        Groups(100, lambda first, weights: Gap(1.0 if len(weights) == 100 else 0.0, 0.1)).wrong(Gap(1.0, 0.1))


def test_of_halves_the_one_that_is_further_off_is_followed():
    found, _, asked = groups(10**5, {77_000: 1.0, 10: 0.01})
    first, last = found.one(8)
    assert 77_000 in range(first, last)
    assert last - first <= 8
    assert len(asked) <= 40
