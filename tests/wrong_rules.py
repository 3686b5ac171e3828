"""Wrong derivatives of the kinds that people write, with the inputs that each is checked at: witnesses import them."""

from __future__ import annotations

import numpy as np

import gradverify as gv

MATRIX = gv.Box("n k")


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def without_its_sum(g, x):
    return g * softmax(x)


def overflowing(g, x):
    p = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


def affine(x, w, b):
    return x @ w + b


def transposed(g, x, w, b):
    return g @ w, x.T @ g, g.sum(axis=0)


def mean_of_the_bias(g, x, w, b):
    return g @ w.T, x.T @ g, g.mean(axis=0)


def largest(x):
    return x.max(axis=-1)


def all_that_tie(g, x):
    return (x == x.max(axis=-1, keepdims=True)) * g[..., None]


def sine(x):
    return np.sin(x)


def twice(g, x):
    return 2 * g * np.cos(x)


def second_row(g, x):
    return g * np.cos(x) * np.where(np.arange(len(x)) == 1, 1.5, 1)[:, None]


def in_float32(g, x):
    return g * np.cos(x) * (1.001 if x.dtype == np.float32 else 1)


def ignoring(g, x):
    return np.cos(x)


def in_place(g, x):
    return np.multiply(g, np.cos(x), out=g)


def raising(g, x):
    return g @ x


def rows_of(table, rows):
    return table[rows]


def overwritten(g, table, rows):
    out = np.zeros_like(table)
    out[rows] = g
    return out, None


def relu(x):
    return np.maximum(x, 0)


def without_mask(g, x):
    return g


def pushed(u, x):
    return -u * np.cos(x)


EMBEDDING = (gv.Box("v d"), gv.Box("n", kind="index", high="v"))
LAYER = (gv.Box("n k"), gv.Box("k k"), gv.Box("k"))
VJPS = [
    (softmax, without_its_sum, MATRIX),
    (softmax, overflowing, MATRIX),
    (affine, transposed, LAYER),
    (affine, mean_of_the_bias, LAYER),
    (largest, all_that_tie, MATRIX),
    (sine, twice, MATRIX),
    (sine, twice, np.random.default_rng(0).normal(size=(3, 4))),
    (sine, second_row, MATRIX),
    (sine, in_float32, gv.Box("n", dtype="float32")),
    (sine, ignoring, MATRIX),
    (sine, in_place, MATRIX),
    (sine, raising, gv.Box("n k", dtype="float64")),
    (rows_of, overwritten, EMBEDDING),
    (relu, without_mask, gv.Box("n")),
]
