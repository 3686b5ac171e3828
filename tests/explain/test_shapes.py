"""Sizes are made as small as still fails, in every array that has them, and within their ranges."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify.explain.shapes import shorter

X, W = np.arange(20.0).reshape(5, 4), np.arange(12.0).reshape(4, 3)
BOXES = (gv.Box("n k"), gv.Box("k m"))
LEAST = {"n": 1, "k": 1, "m": 1}


def test_every_array_with_a_size_loses_the_same_part_of_it():
    x, w = shorter((X, W), lambda arrays: True, BOXES, LEAST)
    assert x.tolist() == [[0.0]]
    assert w.tolist() == [[0.0]]
    assert X.shape == (5, 4)


def test_what_is_needed_is_kept():
    x, w = shorter((X, W), lambda a: 19.0 in a[0] and a[1].shape[1] > 1, BOXES, LEAST)
    assert x.tolist() == [[19.0]]
    assert w.shape == (1, 2)


def test_no_size_goes_below_its_least():
    x, _ = shorter((X, W), lambda arrays: True, BOXES, {"n": 3, "k": 4, "m": 1})
    assert x.shape == (3, 4)


def test_where_nothing_smaller_fails_the_very_arrays_come_back():
    x, w = shorter((X, W), lambda arrays: False, BOXES, LEAST)
    assert x is X
    assert w is W


@pytest.mark.parametrize(
    "held",
    [
        gv.Box("n k", kind="one-hot"),
        gv.Box("n k", low=np.arange(4.0) - 9, high=np.arange(4.0)),
        gv.Box("n", kind="index", high="k"),
    ],
)
def test_classes_bounds_and_what_an_index_counts_stay(held):
    other = np.eye(4)[[0, 1, 2, 3, 0]] if held.kind != "index" else np.arange(5) % 4
    x, y = shorter((X, other), lambda arrays: True, (gv.Box("n k"), held), LEAST)
    assert x.shape[1] == 4
    assert y.shape[0] == x.shape[0]


def test_a_given_array_is_left_as_it_is():
    x, w = shorter((X, W), lambda arrays: True, (gv.At(X), gv.Box("k m")), LEAST)
    assert x is X
    assert w.shape == (1, 1)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def overflowing(g, x):
    p = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


CASES = {
    "an overflow": (softmax, overflowing, "inputs=np.array([[800.0]]"),
    "a tie": (lambda x: x.max(-1), lambda g, x: (x == x.max(-1, keepdims=True)) * g[:, None], "[[0.0, 0.0]]"),
    "a wrong row": (np.sin, lambda g, x: g * np.cos(x) * (1 + (np.arange(len(x)) == 1))[:, None], "[[0.0], [0.0]]"),
    "float32 alone": (np.sin, lambda g, x: g * np.cos(x) * (1 + (x.itemsize < 8) / 1024), '[[0.0]], "float32"'),
}


@pytest.mark.parametrize("name", CASES)
def test_a_typical_failure_becomes_what_a_person_would_write(name):
    f, vjp, witness = CASES[name]
    report = gv.check(f, vjp=vjp, inputs=gv.Box("n k"), dtype=["float64", "float32"], name="f")
    assert witness in report.findings[0].witness
