"""Every loss here is a Subject that answers one number, the mean over the batch.

The shortcut dL/ds = (p - t) / n, with p = softmax(s), *needs labels that sum to 1*: in general
dL/ds = (p sum(t) - t) / n. That is why the labels' Box says ``simplex`` or ``one-hot``.
"""

from __future__ import annotations

import numpy as np

from gradverify._arrays import Array
from gradverify._domain import Box, Domain
from gradverify._subject import Subject
from gradverify.nn.functions import DTYPES, log_softmax_value, softmax_value


def cross_entropy_value(s: Array, t: Array) -> Array:
    """L = -(1/n) sum_k t_k (s_k - log sum_c exp(s_c)), logits "n k", labels "n k" -> ""."""
    loss: Array = -np.sum(t * log_softmax_value(s)) / s.shape[0]
    return loss


def cross_entropy_vjp(g: Array, s: Array, t: Array) -> tuple[Array, None]:
    """dL/ds = (p - t) / n, because each row of labels sums to 1; the labels are not differentiated."""
    return g * (softmax_value(s) - t) / s.shape[0], None


cross_entropy = Subject(
    name="cross_entropy",
    value=cross_entropy_value,
    vjp=cross_entropy_vjp,
    domain=Domain({"s": Box("n k"), "t": Box("n k", kind="simplex")}),
    spec="cross_entropy",
    dtypes=DTYPES,
    call="gv.nn.cross_entropy",
)

cross_entropy_one_hot = Subject(
    name="cross_entropy_one_hot",
    value=cross_entropy_value,
    vjp=cross_entropy_vjp,
    domain=Domain({"s": Box("n k"), "t": Box("n k", kind="one-hot")}),
    spec="cross_entropy",
    dtypes=DTYPES,
    call="gv.nn.cross_entropy_one_hot",
)


def cross_entropy_index_value(s: Array, y: Array) -> Array:
    """The cross-entropy with the class numbers y, "n", for labels: L = -(1/n) sum log p_y."""
    return cross_entropy_value(s, _is_class(y, s))


def cross_entropy_index_vjp(g: Array, s: Array, y: Array) -> tuple[Array, None]:
    """dL/ds = (p - [k = y]) / n, where p_y - 1 is written as -(the sum of the other p).

    So a confident right answer keeps a small gradient: p_y itself rounds to 1. (Soft labels have no such form.)
    """
    right = _is_class(y, s)
    others = softmax_value(s) * ~right
    return g * (others - right * np.sum(others, axis=-1, keepdims=True)) / s.shape[0], None


def _is_class(y: Array, s: Array) -> Array:
    same: Array = np.expand_dims(y, -1) == np.arange(s.shape[-1])
    return same


cross_entropy_index = Subject(
    name="cross_entropy_index",
    value=cross_entropy_index_value,
    vjp=cross_entropy_index_vjp,
    domain=Domain({"s": Box("n k"), "y": Box("n", kind="index", high="k")}),
    spec="cross_entropy",
    dtypes=DTYPES,
    call="gv.nn.cross_entropy_index",
)


def negative_log_likelihood_value(p: Array, t: Array) -> Array:
    """L = -(1/n) sum_k t_k log p_k, probabilities "n k" > 0, labels "n k" -> "".

    The second step of the chain softmax, then this. As a function of logits prefer
    ``cross_entropy``: a probability that has rounded to 0 has no logarithm.
    """
    loss: Array = -np.sum(t * np.log(p)) / p.shape[0]
    return loss


def negative_log_likelihood_vjp(g: Array, p: Array, t: Array) -> tuple[Array, None]:
    """dL/dp = -t / (n p), p taken as free positive numbers; the labels are not differentiated."""
    return -g * t / p / p.shape[0], None


negative_log_likelihood = Subject(
    name="negative_log_likelihood",
    value=negative_log_likelihood_value,
    vjp=negative_log_likelihood_vjp,
    domain=Domain({"p": Box("n k", low=1e-6, high=1.0), "t": Box("n k", kind="simplex")}),
    spec="loss",
    dtypes=DTYPES,
    call="gv.nn.negative_log_likelihood",
)


def mse_value(y: Array, t: Array) -> Array:
    """The mean of (y - t)^2 over all entries, "n k", "n k" -> ""."""
    loss: Array = np.mean((y - t) * (y - t))
    return loss


def mse_vjp(g: Array, y: Array, t: Array) -> tuple[Array, Array]:
    """dL/dy = 2 (y - t) / size, and dL/dt = -dL/dy."""
    dy = g * (2 * (y - t) / y.size)
    return dy, -dy


mse = Subject(
    name="mse",
    value=mse_value,
    vjp=mse_vjp,
    domain=Domain({"y": Box("n k"), "t": Box("n k")}),
    spec="loss",
    dtypes=DTYPES,
    call="gv.nn.mse",
)

LOSSES = (cross_entropy, cross_entropy_one_hot, cross_entropy_index, negative_log_likelihood, mse)
