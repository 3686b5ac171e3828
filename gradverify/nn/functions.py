"""Every op here is a Subject: a plain NumPy forward, the vjp we claim for it, and where we claim it.

Written so that a claim survives extremes. Exponentials are taken of numbers <= 0, ``1 + small`` goes
through ``log1p`` (inside ``np.logaddexp``), and a slope such as ``1 - tanh(x)^2`` is written as the
product it equals, so that a far tail is a small number and not a rounded zero. What comes in decides
the type: float32 gives float32, longdouble gives longdouble. Nothing overflows while the largest
input is below half of its type's largest number; sums and products that leave the type by
themselves (``linear``, the squares in ``layer_norm``) overflow as they must.
"""

from __future__ import annotations

import math

import numpy as np

from gradverify._arrays import Array
from gradverify._domain import Box, Domain
from gradverify._subject import Subject

DTYPES = ("float64", "float32")


def _below_maximum(x: Array) -> Array:
    """x minus its largest entry along the last axis: numbers <= 0, at least one of them 0."""
    z: Array = x - np.max(x, axis=-1, keepdims=True)
    return z


# -- along the last axis -------------------------------------------------------------------------


def softmax_value(x: Array) -> Array:
    """p_k = exp(x_k) / sum_c exp(x_c), "n k" -> "n k"; a shift of a row changes nothing, so we shift it to <= 0."""
    e = np.exp(_below_maximum(x))
    p: Array = e / np.sum(e, axis=-1, keepdims=True)
    return p


def softmax_vjp(g: Array, x: Array) -> Array:
    """dp/dx = diag(p) - p p', a symmetric matrix, so the pullback of g is p * (g - <g, p>)."""
    p = softmax_value(x)
    dx: Array = p * (g - np.sum(g * p, axis=-1, keepdims=True))
    return dx


softmax = Subject(
    name="softmax",
    value=softmax_value,
    vjp=softmax_vjp,
    domain=Domain({"x": Box("n k")}),
    spec="softmax",
    dtypes=DTYPES,
    call="gv.nn.softmax",
)


def log_softmax_value(x: Array) -> Array:
    """log p_k = x_k - log sum_c exp(x_c), "n k" -> "n k"; near 0 it is -(sum of the other p), not 0.

    The sum of exponentials is folded by ``logaddexp`` after the shift: the largest entry
    contributes exactly 0 and the rest enter through ``log1p``.
    """
    z = _below_maximum(x)
    return z - np.logaddexp.reduce(z, axis=-1, keepdims=True)


def log_softmax_vjp(g: Array, x: Array) -> Array:
    """d log p_k / dx_j = [k = j] - p_j, so the pullback of g is g - p sum(g)."""
    dx: Array = g - softmax_value(x) * np.sum(g, axis=-1, keepdims=True)
    return dx


log_softmax = Subject(
    name="log_softmax",
    value=log_softmax_value,
    vjp=log_softmax_vjp,
    domain=Domain({"x": Box("n k")}),
    spec="log_softmax",
    dtypes=DTYPES,
    call="gv.nn.log_softmax",
)


def log_sum_exp_value(x: Array) -> Array:
    """log sum_c exp(x_c), "n k" -> "n"."""
    y: Array = np.logaddexp.reduce(x, axis=-1)
    return y


def log_sum_exp_vjp(g: Array, x: Array) -> Array:
    """The gradient of log-sum-exp is softmax."""
    dx: Array = np.expand_dims(g, -1) * softmax_value(x)
    return dx


log_sum_exp = Subject(
    name="log_sum_exp",
    value=log_sum_exp_value,
    vjp=log_sum_exp_vjp,
    domain=Domain({"x": Box("n k")}),
    dtypes=DTYPES,
    call="gv.nn.log_sum_exp",
)


EPSILON = 1e-5  # what layer_norm adds to the variance; a row of equal numbers then has a derivative


def layer_norm_value(x: Array, gain: Array, bias: Array) -> Array:
    """gain * (x - mean) / sqrt(variance + 1e-5) + bias over the last axis, variance / d; "n d", "d", "d" -> "n d".

    Ba, Kiros & Hinton, Layer Normalization (2016), equations 3 and 4.
    """
    centred, inverse = _standard(x)
    y: Array = gain * (centred * inverse) + bias
    return y


def layer_norm_vjp(g: Array, x: Array, gain: Array, bias: Array) -> tuple[Array, Array, Array]:
    """With h the normalised row and d = g * gain: dx = (d - mean(d) - h mean(d h)) / sqrt(variance + 1e-5).

    The two means take away the parts of d along (1, ..., 1) and along h: moving x in those directions
    leaves h as it is, up to the 1e-5.
    """
    centred, inverse = _standard(x)
    h, d = centred * inverse, g * gain
    dx = inverse * (d - np.mean(d, axis=-1, keepdims=True) - h * np.mean(d * h, axis=-1, keepdims=True))
    return dx, np.sum(g * h, axis=0), np.sum(g, axis=0)


def _standard(x: Array) -> tuple[Array, Array]:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred, 1 / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + EPSILON)


layer_norm = Subject(
    name="layer_norm",
    value=layer_norm_value,
    vjp=layer_norm_vjp,
    domain=Domain({"x": Box("n d"), "gain": Box("d"), "bias": Box("d")}),
    spec="normalisation",
    dtypes=DTYPES,
    call="gv.nn.layer_norm",
)


# -- affine --------------------------------------------------------------------------------------


def linear_value(x: Array, W: Array, b: Array) -> Array:
    """x W + b, "n i", "i o", "o" -> "n o"."""
    y: Array = x @ W + b
    return y


def linear_vjp(g: Array, x: Array, W: Array, b: Array) -> tuple[Array, Array, Array]:
    """dx = g W', dW = x' g, db = the sum of g over the batch."""
    return g @ W.T, x.T @ g, np.sum(g, axis=0)


linear = Subject(
    name="linear",
    value=linear_value,
    vjp=linear_vjp,
    domain=Domain({"x": Box("n i"), "W": Box("i o"), "b": Box("o")}),
    spec="linear",
    dtypes=DTYPES,
    call="gv.nn.linear",
)


# -- entry by entry ------------------------------------------------------------------------------


def relu_value(x: Array) -> Array:
    """max(x, 0)."""
    y: Array = np.maximum(x, 0)
    return y


def relu_vjp(g: Array, x: Array) -> Array:
    """The slope is 1 where x > 0, else 0; at the corner x = 0 we take 0, one of the subgradients [0, 1]."""
    return g * (x > 0)


relu = Subject(
    name="relu",
    value=relu_value,
    vjp=relu_vjp,
    domain=Domain({"x": Box("n d", kinks=(0.0,))}),
    spec="activation",
    dtypes=DTYPES,
    call="gv.nn.relu",
)


def leaky_relu_value(x: Array, slope: float = 0.01) -> Array:
    """x where x > 0, else slope * x."""
    return np.where(x > 0, x, slope * x)


def leaky_relu_vjp(g: Array, x: Array, slope: float = 0.01) -> Array:
    """The slope is 1 where x > 0, else ``slope``, the corner included."""
    return np.where(x > 0, g, slope * g)


leaky_relu = Subject(
    name="leaky_relu",
    value=leaky_relu_value,
    vjp=leaky_relu_vjp,
    domain=Domain({"x": Box("n d", kinks=(0.0,))}),
    spec="activation",
    dtypes=DTYPES,
    options={"slope": (0.01, 0.25)},
    call="gv.nn.leaky_relu",
)


def tanh_value(x: Array) -> Array:
    """tanh(x)."""
    y: Array = np.tanh(x)
    return y


def tanh_vjp(g: Array, x: Array) -> Array:
    """tanh' = 1 / cosh^2, with 1 / cosh(x) = 2 / (exp(x) + exp(-x)); 1 - tanh^2 would round to 0 from |x| = 19 on."""
    sech = 2 * np.exp(-np.logaddexp(x, -x))
    dx: Array = g * sech * sech
    return dx


tanh = Subject(
    name="tanh",
    value=tanh_value,
    vjp=tanh_vjp,
    domain=Domain({"x": Box("n d")}),
    spec="activation",
    dtypes=DTYPES,
    call="gv.nn.tanh",
)


def sigmoid_value(x: Array) -> Array:
    """s(x) = 1 / (1 + exp(-x)), written exp(-log(1 + exp(-x))) so that neither tail overflows or vanishes early."""
    s: Array = np.exp(-np.logaddexp(0, -x))
    return s


def sigmoid_vjp(g: Array, x: Array) -> Array:
    """s' = s(x) s(-x); written s (1 - s), it would round to 0 from x = 37 on."""
    dx: Array = g * (sigmoid_value(x) * sigmoid_value(-x))
    return dx


sigmoid = Subject(
    name="sigmoid",
    value=sigmoid_value,
    vjp=sigmoid_vjp,
    domain=Domain({"x": Box("n d")}),
    spec="activation",
    dtypes=DTYPES,
    call="gv.nn.sigmoid",
)


def softplus_value(x: Array) -> Array:
    """log(1 + exp(x)): x at one end, exp(x) at the other."""
    y: Array = np.logaddexp(0, x)
    return y


def softplus_vjp(g: Array, x: Array) -> Array:
    """The slope of softplus is the sigmoid."""
    return g * sigmoid_value(x)


softplus = Subject(
    name="softplus",
    value=softplus_value,
    vjp=softplus_vjp,
    domain=Domain({"x": Box("n d")}),
    spec="activation",
    dtypes=DTYPES,
    call="gv.nn.softplus",
)


ROOT_8_OVER_PI = math.sqrt(8 / math.pi)
CUBIC = 0.044715
SETTLED = 100.0  # beyond +-100 the gate of gelu is exactly 0 or 1 in every floating type, longdouble included


def gelu_value(x: Array) -> Array:
    """x s(sqrt(8/pi) (x + 0.044715 x^3)): the tanh form of GELU, with 1 + tanh(u) = 2 s(2u), s the sigmoid.

    Hendrycks & Gimpel, Gaussian Error Linear Units (2016), section 2. It differs from the erf form
    x Phi(x) by up to 5e-4; written with s it keeps the left tail that 1 + tanh rounds away.
    """
    return x * sigmoid_value(_gate(x))


def gelu_vjp(g: Array, x: Array) -> Array:
    """The slope is s(z) + x s(z) s(-z) z', z the argument of the gate; z' = 0 where the gate is settled."""
    z, near = _gate(x), _near(x)
    slope = ROOT_8_OVER_PI * (1 + CUBIC * (3 * near * near)) * (near == x)
    s = sigmoid_value(z)
    dx: Array = g * (s + x * (s * sigmoid_value(-z)) * slope)
    return dx


def _near(x: Array) -> Array:
    near: Array = np.clip(x, -SETTLED, SETTLED)
    return near


def _gate(x: Array) -> Array:
    near = _near(x)
    z: Array = ROOT_8_OVER_PI * (near + CUBIC * (near * near * near))
    return z


gelu = Subject(
    name="gelu",
    value=gelu_value,
    vjp=gelu_vjp,
    domain=Domain({"x": Box("n d")}),
    spec="activation",
    dtypes=DTYPES,
    call="gv.nn.gelu",
)

FUNCTIONS = (
    softmax,
    log_softmax,
    log_sum_exp,
    layer_norm,
    linear,
    relu,
    leaky_relu,
    tanh,
    sigmoid,
    softplus,
    gelu,
)
