"""The functions have the values, the tails and the Jacobians that other sources give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from gradverify import nn
from gradverify._subject import Subject

X = np.array([[0.3, -1.2, 2.5, 0.0], [5.0, 5.0, 5.0, 5.0], [-30.0, 0.0, 3.0, 700.0]])


@pytest.mark.parametrize(
    ("op", "reference"),
    [
        (nn.softmax, lambda x: special.softmax(x, axis=-1)),
        (nn.log_softmax, lambda x: special.log_softmax(x, axis=-1)),
        (nn.log_sum_exp, lambda x: special.logsumexp(x, axis=-1)),
        (nn.sigmoid, special.expit),
        (nn.softplus, lambda x: -special.log_expit(-x)),
        (nn.tanh, np.vectorize(math.tanh)),
        (nn.gelu, np.vectorize(lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))),
        (nn.relu, np.vectorize(lambda x: x if x > 0 else 0.0)),
        (nn.leaky_relu, np.vectorize(lambda x: x if x > 0 else x / 100)),
    ],
    ids=lambda p: getattr(p, "name", ""),
)
def test_values_are_those_of_scipy_and_math(op: Subject, reference: object) -> None:
    np.testing.assert_allclose(op(X), reference(X), rtol=2e-15, atol=1e-16)  # type: ignore[operator]


def test_softmax_of_the_logarithms_of_1_2_3_4() -> None:
    np.testing.assert_allclose(nn.softmax(np.log([[1.0, 2.0, 3.0, 4.0]])), [[0.1, 0.2, 0.3, 0.4]], rtol=1e-15)


def test_softmax_is_unchanged_by_a_shift() -> None:
    """Quarters and a shift by a whole number are exact in binary, so the answers agree bit for bit."""
    x = np.array([[0.25, -1.5, 3.0]])
    np.testing.assert_array_equal(nn.softmax(x + 1000), nn.softmax(x))
    assert not np.array_equal(nn.softmax(x + np.array([1000.0, 0, 0])), nn.softmax(x))


def test_softmax_has_the_jacobian_diag_p_minus_p_p() -> None:
    x = np.array([[0.2, -0.7, 1.1]])
    p = special.softmax(x[0])
    rows = [nn.softmax.vjp(e[None], x)[0] for e in np.eye(3)]  # type: ignore[misc]
    np.testing.assert_allclose(rows, np.diag(p) - np.outer(p, p), atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tails_are_small_numbers_not_zeros(dtype: str) -> None:
    """Each truth is written with log1p or exp alone; a formula with 1 - p, 1 + tanh or log(1 + e) gives 0 here."""
    eps = np.finfo(dtype).eps
    at = np.array([[40.0]], dtype)
    one = np.ones_like(at)
    tail = math.exp(-40)
    for got, truth in (
        (nn.softplus(-at), tail),
        (nn.sigmoid(-at), tail),
        (nn.sigmoid.vjp(one, at), tail),  # type: ignore[misc]
        (nn.tanh.vjp(one, at / 2), 4 * tail),  # type: ignore[misc]
        (nn.log_softmax(np.array([[40, 0]], dtype))[:, :1], -tail),
        (nn.log_sum_exp(np.array([[0, -40]], dtype)), tail),
    ):
        assert abs(float(got.item()) / truth - 1) < 4 * eps
    z = math.sqrt(8 / math.pi) * (4 + 0.044715 * 64)  # gelu's gate at -4 is about exp(-z); z is rounded too
    assert abs(float(nn.gelu(np.array([[-4]], dtype)).item()) / (-4 / (1 + math.exp(z))) - 1) < 4 * z * eps


def test_the_tanh_form_of_gelu_is_within_5e_4_of_the_erf_form() -> None:
    x = np.linspace(-8, 8, 4001)
    erf_form = np.array([v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in x])
    distance = np.max(np.abs(nn.gelu(x) - erf_form))
    assert 4e-4 < distance < 5e-4


@pytest.mark.parametrize("size", [3e4, 1e18, 1e38])
def test_gelu_is_settled_however_large_the_input(size: float) -> None:
    x = np.array([[size, -size]], "float32")
    np.testing.assert_array_equal(nn.gelu(x), [[np.float32(size), 0]])
    np.testing.assert_array_equal(nn.gelu.vjp(np.ones_like(x), x), [[1, 0]])  # type: ignore[misc]


def test_layer_norm_of_1_2_3_is_worked_out_by_hand() -> None:
    """Mean 2, variance 2/3."""
    r = 1 / math.sqrt(2 / 3 + 1e-5)
    got = nn.layer_norm(np.array([[1.0, 2.0, 3.0]]), np.array([1.0, 1.0, 2.0]), np.array([0.0, 5.0, 0.0]))
    np.testing.assert_allclose(got, [[-r, 5, 2 * r]], rtol=1e-15)


def test_layer_norm_has_a_gradient_where_a_row_is_constant() -> None:
    x, one = np.full((1, 3), 7.0), np.ones(3)
    dx, _, _ = nn.layer_norm.vjp(np.array([[1.0, 0.0, 0.0]]), x, one, 0 * one)  # type: ignore[misc]
    np.testing.assert_allclose(dx, np.array([[2, -1, -1]]) / 3 / math.sqrt(1e-5), rtol=1e-14)


def test_at_the_corner_relu_takes_the_slope_0_and_leaky_relu_its_small_one() -> None:
    zero, g = np.zeros((1, 1)), np.array([[3.0]])
    assert nn.relu.vjp(g, zero).item() == 0  # type: ignore[misc]
    assert nn.leaky_relu.vjp(g, zero, slope=0.25).item() == 0.75  # type: ignore[misc]


def test_linear_by_hand() -> None:
    x, W, b = np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [1.0, -1.0]]), np.array([10.0, 20.0])
    np.testing.assert_array_equal(nn.linear(x, W, b), [[15, 18]])
    dx, dW, db = nn.linear.vjp(np.array([[1.0, 10.0]]), x, W, b)  # type: ignore[misc]
    np.testing.assert_array_equal(dx, [[3, -9]])
    np.testing.assert_array_equal(dW, [[1, 10], [2, 20]])
    np.testing.assert_array_equal(db, [1, 10])
