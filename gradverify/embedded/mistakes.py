"""Mistakes that people make in these derivatives: every Method must refute them, and hold what is right beside them.

They show, in every run, that the checks can fail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gradverify._arrays import Array
from gradverify._domain import Box, Domain
from gradverify._subject import Subject
from gradverify.nn import cross_entropy, softmax
from gradverify.nn.functions import linear_value, linear_vjp, relu_value, relu_vjp, softmax_value


@dataclass(frozen=True)
class Mistake:
    """A wrong subject, what is wrong with it in words, and the right one."""

    what: str
    wrong: Subject
    right: Subject


def _named(name: str, subject: Subject) -> Subject:
    """The subject as a witness imports it: ``name`` is the variable of this module that holds it."""
    return replace(subject, name=name.replace("_", " "), call=name, setup=f"from {__name__} import {name}")


def _forgets_the_rest(g: Array, x: Array) -> Array:
    return g * softmax_value(x)


softmax_without_the_rest = _named("softmax_without_the_rest", replace(softmax, vjp=_forgets_the_rest))

ANY_LABELS = Domain({"s": Box("n k"), "t": Box("n k", low=0.0, high=2.0)})


def _right_for_any_labels(g: Array, s: Array, t: Array) -> tuple[Array, None]:
    return g * (softmax_value(s) * np.sum(t, axis=-1, keepdims=True) - t) / s.shape[0], None


cross_entropy_of_any_labels = _named(
    "cross_entropy_of_any_labels", replace(cross_entropy, domain=ANY_LABELS, spec="", vjp=_right_for_any_labels)
)
labels_taken_to_sum_to_1 = _named("labels_taken_to_sum_to_1", replace(cross_entropy, domain=ANY_LABELS, spec=""))


def _forgets_the_mean(g: Array, s: Array, t: Array) -> tuple[Array, None]:
    return g * (softmax_value(s) - t), None


mean_forgotten = _named("mean_forgotten", replace(cross_entropy, vjp=_forgets_the_mean))


def _two_layers(x: Array, V: Array, b: Array, W: Array, c: Array) -> Array:
    """relu(relu(x V + b) W + c), every layer as wide as the input."""
    return relu_value(linear_value(relu_value(linear_value(x, V, b)), W, c))


def _two_layers_vjp(g: Array, x: Array, V: Array, b: Array, W: Array, c: Array) -> tuple[Array, ...]:
    z = linear_value(x, V, b)
    h = relu_value(z)
    dh, dW, dc = linear_vjp(relu_vjp(g, linear_value(h, W, c)), h, W, c)
    dx, dV, db = linear_vjp(relu_vjp(dh, z), x, V, b)
    return dx, dV, db, dW, dc


def _masked_by_the_next_layer(g: Array, x: Array, V: Array, b: Array, W: Array, c: Array) -> tuple[Array, ...]:
    h = relu_value(linear_value(x, V, b))
    y = linear_value(h, W, c)
    dh, dW, dc = linear_vjp(relu_vjp(g, y), h, W, c)
    dx, dV, db = linear_vjp(relu_vjp(dh, y), x, V, b)
    return dx, dV, db, dW, dc


SQUARE = Domain(
    {"x": Box("n d"), "V": Box("d d"), "b": Box("d"), "W": Box("d d"), "c": Box("d")}, {"n": (1, 3), "d": (1, 3)}
)
two_relu_layers = _named("two_relu_layers", Subject("", _two_layers, SQUARE, vjp=_two_layers_vjp))
masked_by_the_next_layer = _named(
    "masked_by_the_next_layer", Subject("", _two_layers, SQUARE, vjp=_masked_by_the_next_layer)
)

MISTAKES = (
    Mistake("softmax backward p * g, the rest of diag(p) - p p' forgotten", softmax_without_the_rest, softmax),
    Mistake("p - t where the labels do not sum to 1", labels_taken_to_sum_to_1, cross_entropy_of_any_labels),
    Mistake("p - t not divided by the batch size", mean_forgotten, cross_entropy),
    Mistake("a ReLU mask taken from the next layer's output", masked_by_the_next_layer, two_relu_layers),
)
