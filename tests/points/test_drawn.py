"""A point drawn number by number is the same again from the numbers that made it, and none from others."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify.points import KINDS
from gradverify.points.drawn import Drawn, Stale, drawn_point, remembered

SUBJECT = gv.Subject("f", np.sin, gv.Domain({"x": gv.Box("n k", low=-2, high=3), "y": gv.Box("n")}), literals=(0.125,))
CELL = (("float64", "float32"), ({}, {"axis": 0}))


def plainest(low, high, width):
    return int(low) if width == 0 else min(max(0.0, low), high)


def numbers(seed):
    """Any choice at all, as a search makes them."""
    rng = np.random.default_rng(seed)
    return lambda low, high, width: int(rng.integers(low, high + 1)) if width == 0 else float(rng.uniform(low, high))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_least_choices_make_the_plain_point(kind):
    p = drawn_point(Drawn(plainest), SUBJECT, kind, CELL)
    assert set(p.made) == {0}
    assert p.options == {}
    x, y = p.arrays
    assert (x.dtype, y.dtype) == ("float64", "float64")
    usual = {"usual": (3, 4), "first one": (1, 4), "last one": (3, 1), "most": (5, 5)}
    assert x.shape == usual[kind.sizes]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_point_is_the_same_from_the_numbers_that_made_it(kind):
    for seed in range(20):
        p = drawn_point(Drawn(numbers(seed)), SUBJECT, kind, CELL)
        again = drawn_point(Drawn(remembered(p.made)), SUBJECT, kind, CELL)
        assert (again.made, again.options, again.seed) == (p.made, p.options, p.seed)
        for a, b in zip(p.arrays, again.arrays, strict=True):
            assert (a.dtype, a.shape, a.strides, a.tobytes()) == (b.dtype, b.shape, b.strides, b.tobytes())
        x = p.arrays[0].astype(float)
        assert np.all((x >= -2) & (x <= 3))


@pytest.mark.parametrize("change", [
    lambda made: made[:-1], lambda made: (*made[:1], 10**9, *made[2:]), lambda made: (*made[:1], -1, *made[2:]),
    lambda made: (*made[:1], None, *made[2:]), lambda made: (*made[:1], True, *made[2:]), lambda made: (0.5, *made[1:]),
    lambda made: (),
])  # fmt: skip
def test_numbers_that_do_not_fit_make_no_point(change):
    made = drawn_point(Drawn(plainest), SUBJECT, KINDS[0], CELL).made
    with pytest.raises(Stale):
        drawn_point(Drawn(remembered(change(made))), SUBJECT, KINDS[0], CELL)


def test_literals_of_the_source_and_kinks_are_set_exactly():
    seen = {
        float(v) for seed in range(200) for v in drawn_point(Drawn(numbers(seed)), SUBJECT, KINDS[0], CELL).arrays[1]
    }
    assert 0.125 in seen


def test_a_scalar_and_an_empty_array_are_drawn_too():
    scalar = gv.Subject("f", np.sin, gv.Domain({"x": gv.Box(""), "y": gv.Box("n")}, {"n": (0, 0)}))
    shapes = {tuple(a.shape for a in drawn_point(Drawn(numbers(s)), scalar, KINDS[0], CELL).arrays) for s in range(20)}
    assert shapes == {((), (0,))}
