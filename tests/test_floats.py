"""Every entry of a cotangent counts; small mistakes are seen, in few digits those of the answer alone."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify._vectors import Vectors, vectors
from gradverify.quantifiers import cotangent

LAW = "pullback_is_the_derivative"


@pytest.mark.parametrize("short", [True, False])
def test_every_entry_of_a_cotangent_counts_and_its_signs_are_even(short):
    (v,) = cotangent(vectors([np.zeros((40, 50))]), np.random.default_rng(3), short=short)
    assert np.abs(v).min() >= 0.5
    assert np.abs(v).max() <= 1.5
    assert 900 < np.count_nonzero(v > 0) < 1100
    assert np.array_equal(8 * v, np.round(8 * v)) == short


# -- an answer in few digits beside its twin -------------------------------------------------------


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x):
    c = x - x.mean(axis=-1, keepdims=True)
    return c / np.sqrt((c * c).mean(axis=-1, keepdims=True) + x.dtype.type(1e-3))


def layer_norm_vjp(g, x):
    c = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + x.dtype.type(1e-3))
    z = c * r
    return r * (g - g.mean(axis=-1, keepdims=True) - z * (g * z).mean(axis=-1, keepdims=True))


SMOOTH = {
    "tanh": (np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2)),
    "exp": (np.exp, lambda g, x: g * np.exp(x)),
    "square": (lambda x: x * x, lambda g, x: 2 * g * x),
    "softmax": (softmax, lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(axis=-1, keepdims=True))),
    "layer_norm": (layer_norm, layer_norm_vjp),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(("dtype", "times"), [("float16", 1.2), ("float32", 1.0001)])
def test_a_fault_of_the_low_type_alone_fails_and_the_right_rule_holds(name, dtype, times):
    f, vjp = SMOOTH[name]

    def low_only(g, x):
        out = vjp(g, x)
        return (times * out).astype(x.dtype) if x.dtype == dtype else out

    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal((4, 5)).astype(dtype)
        assert gv.check(f, vjp=vjp, inputs=x, seed=seed, laws=LAW).status == "HOLDS"
        assert gv.check(f, vjp=low_only, inputs=x, seed=seed, laws=LAW).status == "FAILS"


# -- small mistakes --------------------------------------------------------------------------------


def logdet(a):
    return np.linalg.slogdet(a)[1]


def softplus(x):
    return np.logaddexp(x, 0)


SHARP = {
    "logdet, which runs in float64 and in many digits": (
        logdet, lambda g, a: g * np.linalg.inv(a).T, np.eye(4) + np.random.default_rng(2).standard_normal((4, 4)) / 8
    ),
    "softplus, which has no complex step": (
        softplus, lambda g, x: g / (1 + np.exp(-x)), np.random.default_rng(2).standard_normal((3, 4))
    ),
    "a product": (
        lambda x: x @ np.arange(1.0, 9.0).reshape(4, 2), lambda g, x: g @ np.arange(1.0, 9.0).reshape(4, 2).T,
        np.random.default_rng(2).standard_normal((9, 4)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARP)
@pytest.mark.parametrize("entries", ["all", "one"])
def test_a_relative_mistake_of_3e_10_is_seen(name, entries):
    f, vjp, x = SHARP[name]
    place = np.unravel_index(np.argmax(np.abs(vjp(np.ones(np.shape(f(x))), x))), x.shape)

    def wrong(g, x):
        out = np.array(vjp(g, x))
        out[... if entries == "all" else place] *= 1 + 3e-10
        return out

    for seed in range(3):
        assert gv.check(f, vjp=vjp, inputs=x, laws=LAW, seed=seed).status == "HOLDS"
        assert gv.check(f, vjp=wrong, inputs=x, laws=LAW, seed=seed).status == "FAILS"


# -- ties that are valid for some cotangents -------------------------------------------------------


def test_a_rule_at_a_tie_has_to_be_valid_for_cotangents_of_all_signs():
    def all_to_the_first(g, x):
        out = np.zeros_like(x)
        for value, weight in zip(np.sort(x), g, strict=True):
            out[np.flatnonzero(x == value)[0]] += weight
        return out

    statuses = [
        gv.check(np.sort, vjp=all_to_the_first, inputs=np.array([1.0, 1.0, 2.0]), laws=LAW, seed=seed).status
        for seed in range(8)
    ]
    assert statuses.count("FAILS") >= 7


def test_vectors_that_say_so_have_random_signs():
    from gradverify._domain import At, Domain
    from gradverify._subject import Subject
    from gradverify.quantifiers import tangent

    subject = Subject("f", np.sin, Domain({"x": At(np.ones(500))}), vjp=lambda g, x: g)
    u = tangent(subject, vectors([np.ones(500)]), np.random.default_rng(1), (0,))
    assert u.random
    assert 200 < np.count_nonzero(u[0] > 0) < 300
    assert not Vectors((np.ones(3),)).random
