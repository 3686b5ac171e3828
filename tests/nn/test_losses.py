"""The losses have the values others give, and the seed's chain and its shortcut agree where labels sum to 1."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error

from gradverify import nn

S = np.array([[0.5, -1.0, 2.0], [3.0, 3.0, 0.0], [-0.5, 0.25, 0.0]])
Y = np.array([2, 0, 1])
SOFT = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.25, 0.25, 0.5]])


def test_cross_entropy_is_scikit_learns_log_loss() -> None:
    expected = log_loss(Y, nn.softmax(S))
    assert nn.cross_entropy_index(S, Y) == pytest.approx(expected, rel=1e-15)
    assert nn.cross_entropy_one_hot(S, np.eye(3)[Y]) == pytest.approx(expected, rel=1e-15)


def test_mse_is_scikit_learns() -> None:
    assert nn.mse(S, SOFT) == pytest.approx(mean_squared_error(SOFT, S), rel=1e-15)


def test_equal_logits_lose_ln_k() -> None:
    assert nn.cross_entropy(np.full((2, 10), 7.0), np.eye(10)[:2]) == pytest.approx(math.log(10), rel=1e-15)


def test_the_forward_form_and_the_two_step_chain_are_one_function() -> None:
    assert nn.cross_entropy(S, SOFT) == pytest.approx(float(nn.negative_log_likelihood(nn.softmax(S), SOFT)), rel=1e-15)


def test_minus_t_over_p_through_softmax_is_p_minus_t() -> None:
    """dL/ds = (diag(p) - p p') (-t/p) = p sum(t) - t = p - t."""
    p = nn.softmax(S)
    dp, _ = nn.negative_log_likelihood.vjp(1.0, p, SOFT)  # type: ignore[misc]
    np.testing.assert_allclose(dp, -SOFT / p / 3, rtol=1e-15)
    np.testing.assert_allclose(nn.softmax.vjp(dp, S), (p - SOFT) / 3, atol=1e-16)  # type: ignore[misc]
    np.testing.assert_allclose(nn.cross_entropy.vjp(1.0, S, SOFT)[0], (p - SOFT) / 3, atol=1e-16)  # type: ignore[misc]


def test_the_shortcut_needs_labels_that_sum_to_1() -> None:
    t = 2 * SOFT
    p = nn.softmax(S)
    dp, _ = nn.negative_log_likelihood.vjp(1.0, p, t)  # type: ignore[misc]
    by_chain = nn.softmax.vjp(dp, S)  # type: ignore[misc]
    np.testing.assert_allclose(by_chain, (2 * p - t) / 3, atol=1e-15)
    assert np.max(np.abs(nn.cross_entropy.vjp(1.0, S, t)[0] - by_chain)) > 0.1  # type: ignore[misc]
    assert {box.kind for op in nn.LOSSES[:2] for box in list(op.domain.arguments.values())[1:]} == {
        "simplex",
        "one-hot",
    }


def test_far_logits_cost_their_distance_and_no_more() -> None:
    s, t = np.array([[1e4, 0.0]]), np.array([[0.0, 1.0]])
    assert nn.cross_entropy(s, t) == 1e4
    np.testing.assert_array_equal(nn.cross_entropy.vjp(1.0, s, t)[0], [[1, -1]])  # type: ignore[misc]
    with np.errstate(divide="ignore"):
        assert np.isinf(nn.negative_log_likelihood(nn.softmax(s), t))  # the chain cannot do this


def test_a_confident_right_answer_costs_its_tail() -> None:
    assert nn.cross_entropy_index(np.array([[40.0, 0.0]]), np.array([0])) == pytest.approx(math.exp(-40), rel=1e-15)


def test_class_numbers_and_one_hot_labels_have_one_gradient() -> None:
    by_index, none = nn.cross_entropy_index.vjp(1.0, S, Y)  # type: ignore[misc]
    by_label, _ = nn.cross_entropy_one_hot.vjp(1.0, S, np.eye(3)[Y])  # type: ignore[misc]
    np.testing.assert_allclose(by_index, by_label, rtol=1e-15, atol=1e-16)
    assert none is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_by_class_number_a_confident_right_answer_keeps_its_gradient(dtype: str) -> None:
    """p_y - 1 = -exp(-40) to rounding; the difference itself, as soft labels need it, is 0 here."""
    s = np.array([[40, 0]], dtype)
    dx, _ = nn.cross_entropy_index.vjp(np.ones((), dtype), s, np.array([0]))  # type: ignore[misc]
    np.testing.assert_allclose(dx, [[-math.exp(-40), math.exp(-40)]], rtol=4 * np.finfo(dtype).eps)
    assert nn.cross_entropy.vjp(1.0, s, np.array([[1.0, 0.0]]))[0][0, 0] == 0  # type: ignore[misc]
