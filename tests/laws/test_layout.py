"""Code that takes arrays as they lie in memory fails by the layout law, and only by it; code that does not holds."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv

LAW = "layout_does_not_matter"
X = np.array([[0.3, -0.7, 1.1], [0.9, 0.2, -0.4]])


def flattened_in_place(g, x):
    g = g.view()
    g.shape = (-1,)  # refuses what is not contiguous
    return (g * np.cos(x).ravel()).reshape(x.shape)


def first_of_an_expanded(g, x):
    return (g.ravel()[0] if 0 in g.strides else g) * np.cos(x)


def as_if_forward(g, x):
    if any(s < 0 for s in x.strides):
        return g * np.cos(x[::-1])
    return g * np.cos(x)


@pytest.mark.parametrize(("vjp", "how"), [
    (flattened_in_place, "its arrays transposed (column-major): it raised AttributeError"),
    (lambda g, x: np.cos(x) * np.sum(g * 0 + (0 in g.strides)) + np.cos(x) * g, "its cotangent expanded"),
    (as_if_forward, "its arrays reversed (negative strides)"),
    (lambda g, x: g * np.cos(x) * (2 - x.flags.writeable), "its arrays strided and read-only"),
])  # fmt: skip
def test_a_vjp_that_minds_the_layout_fails_and_says_which(vjp, how):
    (found,) = gv.check(np.sin, vjp=vjp, inputs=X, laws=LAW).findings
    assert how in found.cause


def test_a_function_that_minds_the_layout_fails_too():
    def sine(x):
        return np.sin(x) if x.flags.c_contiguous else np.sin(x) * 1.5

    (found,) = gv.check(sine, vjp=lambda g, x: g * np.cos(x), inputs=X, laws=LAW).findings
    assert "sine, its inputs transposed (column-major)" in found.cause


@pytest.mark.parametrize("inputs", [X, X[0], np.array(0.3), np.asfortranarray(X), X[::-1], gv.Box("n k")])
def test_right_code_holds_in_every_layout(inputs):
    def vjp(g, x):
        return g * np.cos(x)

    assert gv.check(np.sin, vjp=vjp, inputs=inputs).status == "HOLDS"
