"""For every law a Subject with one planted fault that it must catch; and right Subjects that are hard."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

import gradverify as gv
from gradverify import nn
from gradverify.faults import fault

NETWORK = nn.network((4, 3, 3, 2))


def softmax_with_a_temperature_of_its_own(x):
    """Not invariant to a shift: the scale depends on the mean."""
    return nn.softmax(x * (1 + 0.01 * np.tanh(x.mean(-1, keepdims=True))).astype(x.dtype))


def from_the_next_layer(g, *inputs):
    """The seed's classic: the ReLU mask is taken from what the next layer puts out."""
    x, labels, *rest = inputs
    weights = list(zip(rest[::2], rest[1::2], strict=True))
    kept, h = [], x
    for n, (w, b) in enumerate(weights):
        kept.append(h)
        h = h @ w + b
        h = np.maximum(h, 0) if n < len(weights) - 1 else h
    e = np.exp(h - h.max(-1, keepdims=True))
    d = g * (e / e.sum(-1, keepdims=True) - labels) / len(x)
    out: list[Any] = []
    for n in reversed(range(len(weights))):
        w, _ = weights[n]
        out = [kept[n].T @ d, d.sum(0), *out]
        d = d @ w.T
        if n:
            after = (kept[n] @ w)[:, : d.shape[1]]
            d = d * (np.resize(after, d.shape) > 0)
    return (d, None, *out)


def counting(g, *inputs, calls=[0]):  # noqa: B006 - the shared list is the fault
    calls[0] += 1
    return nn.tanh.vjp(g, *inputs) * (1 + 0.1 * (calls[0] % 3))


def as_it_lies(g, x):
    """The numbers are taken as they lie in memory, as a kernel does that is handed a bare pointer."""
    return (g.ravel(order="K") * (1 - np.tanh(x.ravel(order="K")) ** 2)).reshape(x.shape)


def standardised(x, by=None):
    """Every row less its mean, over its spread: of the deviations, or of the squares less the square of the mean."""
    mean = x.mean(-1, keepdims=True)
    square = (x * x).mean(-1, keepdims=True) - mean * mean if by == "squares" else np.var(x, -1, keepdims=True)
    return (x - mean) / np.sqrt(square + x.dtype.type(1e-5)), np.sqrt(square + x.dtype.type(1e-5))


def standardised_vjp(g, x, by=None):
    """The right formula; by the squares it cancels where a row is far from 0."""
    z, spread = standardised(x, by)
    return (g - g.mean(-1, keepdims=True) - z * (g * z).mean(-1, keepdims=True)) / spread


def replaced(subject: gv.Subject, **changes: Any) -> gv.Subject:
    return dataclasses.replace(subject, **changes)


def forward_rule(factor: float) -> gv.Subject:
    return replaced(nn.tanh, jvp=lambda u, x: factor * u * (1 - np.tanh(x) ** 2), dtypes=("float64",))


GRADIENT = replaced(nn.softmax, name="the gradient of log-sum-exp", spec="gradient")
STANDARDISED = gv.Subject(
    "standardised",
    lambda x: standardised(x)[0],
    gv.Domain({"x": gv.Box("n k")}, {"k": (2, 5)}),
    vjp=standardised_vjp,
    spec="normalisation",
)
LOWER_TRIANGULAR = gv.Subject(
    "no gradient", np.cumsum, gv.Domain({"x": gv.Box("n")}), vjp=lambda g, x: np.cumsum(g[::-1])[::-1], spec="gradient"
)

MUTANTS: dict[str, gv.Subject] = {
    "pullback_is_the_derivative": replaced(nn.softmax, vjp=lambda g, x: nn.softmax(x) * g),
    "pullback_is_accurate": replaced(STANDARDISED, vjp=lambda g, x: standardised_vjp(g, x, "squares")),
    "pushforward_is_the_derivative": forward_rule(1.01),
    "pullback_is_the_adjoint": forward_rule(-1.0),
    "pullback_is_linear": fault("the cotangent has lost its sign").apply(nn.tanh),
    "pullback_of_zero_is_zero": replaced(nn.tanh, vjp=lambda g, x: (g + x.dtype.type(1)) * (1 - np.tanh(x) ** 2)),
    "pushforward_is_linear": replaced(forward_rule(1.0), jvp=lambda u, x: np.abs(u) * (1 - np.tanh(x) ** 2)),
    "pushforward_is_shaped_like_the_value": replaced(
        forward_rule(1.0), jvp=lambda u, x: u[None] * (1 - np.tanh(x) ** 2)
    ),
    "hessian_is_symmetric": LOWER_TRIANGULAR,
    "pullback_remembers_nothing": fault("the first answer is kept").apply(nn.tanh),
    "inputs_are_left_unchanged": fault("writes into an input").apply(nn.tanh),
    "same_answer_twice": replaced(nn.tanh, vjp=counting),
    "layout_does_not_matter": replaced(nn.tanh, vjp=as_it_lies),
    "shape_and_dtype_are_kept": fault("of the wrong dtype").apply(nn.tanh),
    "finite_in_finite_out": replaced(
        nn.softmax, value=lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)
    ),
    "softmax_lands_on_the_simplex": replaced(nn.softmax, value=lambda x: nn.softmax(x) * x.dtype.type(1.001)),
    "softmax_ignores_a_shift": replaced(nn.softmax, value=softmax_with_a_temperature_of_its_own),
    "log_softmax_ignores_a_shift": replaced(nn.log_softmax, value=lambda x: x - np.abs(x).max(-1, keepdims=True)),
    "a_shift_leaves_no_trace": replaced(nn.softmax, vjp=lambda g, x: nn.softmax(x) * g),
    "cross_entropy_is_at_least_the_label_entropy": replaced(
        nn.cross_entropy, value=lambda s, t: nn.cross_entropy(s, t) * s.dtype.type(0.2)
    ),
    "hidden_units_are_balanced": replaced(NETWORK, vjp=from_the_next_layer),
}  # fmt: skip


def pair(name: str, f: Callable[..., Any], vjp: Callable[..., Any], *arrays: Any, **at: Any) -> gv.Subject:
    places = {f"x{k}": a if isinstance(a, gv.At) else gv.At(np.asarray(a), **at) for k, a in enumerate(arrays)}
    return gv.Subject(name, f, gv.Domain(places), vjp=vjp)


def scatter(g, w, i):
    d = np.zeros_like(w)
    np.add.at(d, i, g)
    return d, None


def unsort(g, x):
    d = np.zeros_like(x)
    d[np.argsort(x, kind="stable")] = g
    return d


def first_maximum(g, x):
    d = np.zeros_like(x)
    d[x.argmax()] = g
    return d


def shared(g, x):
    return g * (x == x.max()) / (x == x.max()).sum()


def log_sum_exp(x):
    return x.max() + np.log(np.exp(x - x.max()).sum())


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def softmax_vjp(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum())


def inverse_vjp(g, a):
    return -np.linalg.inv(a).T @ g @ np.linalg.inv(a).T


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def huber(x):
    return np.where(np.abs(x) <= 1, x * x / 2, np.abs(x) - 0.5)


def unit_norm(g, x):
    r = np.sqrt((x * x).sum())
    return g * x / (r if r > 0 else 1.0)


WEIGHTS = 10.0 ** np.arange(-10, 11, 4)
RNG = np.random.default_rng(0)
NEAR_SINGULAR = np.ones((3, 3)) + 1e-3 * RNG.standard_normal((3, 3))
READ_ONLY = RNG.standard_normal(5)
READ_ONLY.flags.writeable = False

RIGHT_BUT_HARD: tuple[gv.Subject, ...] = (
    pair("relu at 0", lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), [0.0, 1.0, 0.0, -2.0]),
    pair("relu beside 0", lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0), [3e-9, -3e-9, 0.4]),
    pair("abs at 0", np.abs, lambda g, x: g * np.sign(x), [0.0, -1.0, 2.0]),
    pair("clip at its ends", lambda x: np.clip(x, -1, 1), lambda g, x: g * ((x > -1) & (x < 1)), [-1.0, 1.0, 0.3]),
    pair("max of a tie, first", lambda x: x.max(), first_maximum, [0.5, 2.0, 2.0]),
    pair("max of a tie, shared", lambda x: x.max(), shared, [2.0, 2.0, 1.0]),
    pair("max near a tie", lambda x: x.max(), lambda g, x: g * (x == x.max()), [1.0, 1.0 + 1e-8, 0.5]),
    pair("sort with ties", np.sort, unsort, [1.0, 0.0, 1.0, -2.0]),
    pair("norm at 0", lambda x: np.sqrt((x * x).sum()), unit_norm, np.zeros(3)),
    pair("huber at its joint", huber, lambda g, x: g * np.clip(x, -1, 1), [1.0, -1.0, 0.3]),
    pair("softmax in float32", softmax, softmax_vjp, np.float32([9, 8, 1])),
    pair("log-sum-exp near 1e8", log_sum_exp, lambda g, x: g * softmax(x), 1e8 + RNG.standard_normal(5)),
    pair("weighted squares", lambda x: WEIGHTS @ (x * x), lambda g, x: 2 * g * WEIGHTS * x, RNG.standard_normal(6)),
    pair("ninth power", lambda x: x**9, lambda g, x: 9 * g * x**8, [3.0, -2.5, 0.01]),
    pair("fast sine", lambda x: np.sin(1e3 * x), lambda g, x: 1e3 * g * np.cos(1e3 * x), RNG.standard_normal(4)),
    pair("saturated sigmoid", sigmoid, lambda g, x: g * sigmoid(x) * sigmoid(-x), [-40.0, 15.0, 45.0]),
    pair("log near 0", np.log, lambda g, x: g / x, [1e-8, 1e-5, 1.0], low=0),
    pair("tiny squares", lambda x: (x * x).sum(), lambda g, x: 2 * g * x, 1e-12 * RNG.standard_normal(4)),
    pair("huge logs", np.log, lambda g, x: g / x, [1e12, 3e12], low=0),
    pair("inverse, ill-conditioned", np.linalg.inv, inverse_vjp, NEAR_SINGULAR),
    pair("rounded to 9 decimals", lambda x: np.round(np.sin(x), 9), lambda g, x: g * np.cos(x), RNG.standard_normal(3)),
    pair("embedding, repeated indices", lambda w, i: w[i], scatter, RNG.standard_normal((5, 3)), np.array([1, 1, 4])),
    pair("transposed view", lambda x: x.T, lambda g, x: g.T, RNG.standard_normal((3, 4))),
    pair("stride-0 gradient", lambda x: x.sum(1), lambda g, x: np.broadcast_to(g[:, None], x.shape), np.ones((3, 4))),
    pair("reversed input", np.cumsum, lambda g, x: np.cumsum(g[::-1])[::-1], RNG.standard_normal(5)[::-1]),
    pair("Fortran order", np.sin, lambda g, x: g * np.cos(x), np.asfortranarray(RNG.standard_normal((3, 4)))),
    pair("read-only", np.sin, lambda g, x: g * np.cos(x), READ_ONLY),
    pair("scalar", np.sin, lambda g, x: g * np.cos(x), 0.3),
    pair("tanh in float16", np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), np.float16([0.3, -1.2, 0.8])),
)  # fmt: skip
