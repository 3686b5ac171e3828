"""The generator tries what a plain random draw does not: literals, kinks, ends, ties, sizes of one, layouts."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify.points import KINDS, Seeded, literals, point

LIMIT = 17.25


def drawn(domain, dtype="float64", seed=0, extra=()):
    return [point(domain, kind, dtype, Seeded(np.random.default_rng([seed, k])), extra) for k, kind in enumerate(KINDS)]


def branchy(x, scale=0.125):
    def inner(y):
        return np.where(y > 3.5, y, scale)

    return inner(x) + LIMIT


def test_literals_are_constants_defaults_closures_and_module_numbers():
    assert {0.125, 3.5, 17.25} <= set(literals(branchy))
    assert literals(np.sin, None) == ()


def test_a_branch_taken_only_beyond_a_literal_is_tried_and_its_wrong_slope_found():
    def f(x):
        return np.where(x > 20.0, 3 * x, x)

    def wrong(g, x):
        return g * np.where(x > 20.0, 1.0, 1.0).astype(x.dtype)

    def right(g, x):
        return g * np.where(x > 20.0, 3.0, 1.0).astype(x.dtype)

    assert gv.check(f, vjp=wrong, inputs=gv.Box("n"), dtype="float64").status == "FAILS"
    assert gv.check(f, vjp=right, inputs=gv.Box("n"), dtype="float64").findings[:1] == ()


def test_special_values_ties_and_ends_are_hit_exactly():
    kinked = gv.Domain({"x": gv.Box("n k", kinks=(0.25,))})
    values = np.concatenate([p[0].ravel() for s in range(5) for p in drawn(kinked, extra=(7.5,), seed=s)])
    assert {0.0, 1.0, -1.0, 0.5, 0.25, 7.5, -7.5} <= set(values.tolist())
    between = gv.Domain({"x": gv.Box("n k", low=-2, high=3)})
    bounded = np.concatenate([p[0].ravel() for s in range(5) for p in drawn(between, seed=s)])
    assert {-2.0, 3.0} <= set(bounded.tolist())
    assert bounded.min() >= -2
    assert bounded.max() <= 3
    tied = [p[0] for p in drawn(gv.Domain({"x": gv.Box("n k")})) if p[0].shape[-1] > 1]
    assert any((np.sort(a, -1)[:, -1] == np.sort(a, -1)[:, -2]).any() for a in tied)


@pytest.mark.parametrize("shape", ["", "n"])
def test_an_end_is_hit_exactly_at_every_point_of_its_kind_a_single_number_s_too(shape):
    (kind,) = (kind for kind in KINDS if kind.ends)
    domain = gv.Domain({"x": gv.Box(shape, low=0)})
    for seed in range(20):
        (x,) = point(domain, kind, "float64", Seeded(np.random.default_rng(seed)), ())
        assert np.any(x == 0)


def test_sizes_of_one_and_the_largest_and_other_memory_layouts_are_tried():
    points = [p[0] for p in drawn(gv.Domain({"x": gv.Box("n k")}, {"n": (1, 6), "k": (1, 7)}))]
    assert any(a.shape[0] == 1 for a in points)
    assert any(a.shape[1] == 1 for a in points)
    assert any(a.shape == (6, 7) for a in points)
    assert any(not a.flags.c_contiguous for a in points)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_labels_sum_to_one_exactly_in_every_type(dtype):
    for (p,) in drawn(gv.Domain({"p": gv.Box("n k", kind="simplex")}, {"k": (1, 9)}), dtype):
        assert np.all(p.astype(float).sum(-1) == 1)
        corner = (p == 1).any(-1)  # at the ends of the domain some rows are hard labels
        assert np.all((p > 0) | corner[..., None])


def test_kinds_are_what_they_say():
    domain = gv.Domain({
        "i": gv.Box("n", kind="index", high="k"), "t": gv.Box("n k", kind="one-hot"), "s": gv.Box("n", kind="sign"),
        "m": gv.Box("n", kind="mask"), "a": gv.Box("k k", kind="positive-definite"),
    })  # fmt: skip
    for i, t, s, m, a in drawn(domain):
        assert np.all((i >= 0) & (i < t.shape[1]))
        assert np.array_equal(t.sum(-1), np.ones(len(t)))
        assert set(s.tolist()) <= {-1.0, 1.0}
        assert m.dtype == bool
        assert np.all(np.linalg.eigvalsh(a) > 0)


def test_the_seed_decides_everything():
    domain = gv.Domain({"x": gv.Box("n k")})
    for (a,), (b,) in zip(drawn(domain, seed=3), drawn(domain, seed=3), strict=True):
        assert np.array_equal(a, b)
    assert not np.array_equal(drawn(domain, seed=3)[0][0], drawn(domain, seed=4)[0][0])


@pytest.mark.parametrize("wrong_above", [0.5, 0.95])
@pytest.mark.parametrize(("low", "high"), [(-20, 20), (0, 100), (-1, 1)])
def test_a_finite_box_is_filled_so_that_what_is_wrong_in_a_part_of_it_shows(low, high, wrong_above):
    limit = low + wrong_above * (high - low)

    def vjp(g, x):
        return g * np.cos(x) * np.where(x > limit, 0.5, 1).astype(x.dtype)

    box = gv.Box("n", low=low, high=high)
    found = [gv.check(np.sin, vjp=vjp, inputs=box, seed=seed).status for seed in range(4)]
    assert found.count("FAILS") >= (4 if wrong_above == 0.5 else 3)
