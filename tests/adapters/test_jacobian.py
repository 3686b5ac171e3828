"""Gradients, Jacobians and Hessians in every form that people return them in, and what is said of the other forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradverify as gv

RNG = np.random.default_rng(0)
A = RNG.standard_normal((3, 2))
AB = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])


def only(report: gv.Report) -> Any:
    (finding,) = report.findings
    return finding


# f(x) = |x A|^2 / 2, of a matrix


def half_square(x):
    return 0.5 * ((x @ A) ** 2).sum()


def half_square_grad(x):
    return x @ A @ A.T


def flat_hess(x):
    return np.kron(np.eye(len(x)), A @ A.T)


def whole_hess(x):
    return np.einsum("ac,bd->abcd", np.eye(len(x)), A @ A.T)


class Sparse:
    """What scipy.sparse matrices have in common."""

    def __init__(self, dense):
        self.dense = dense

    def toarray(self):
        return self.dense


@pytest.mark.parametrize(
    "hess", [flat_hess, whole_hess, lambda x: Sparse(flat_hess(x)), lambda x: np.asmatrix(flat_hess(x))]
)
def test_the_hessian_by_a_matrix_is_flat_or_whole_or_sparse(hess):
    report = gv.check(half_square, grad=half_square_grad, hess=hess, inputs=gv.Box("n 3"))
    assert report.ok, str(report)


@pytest.mark.parametrize(("hess", "index"), [(flat_hess, (4, 5)), (whole_hess, (1, 1, 1, 2))])
def test_the_entry_is_named_in_the_form_that_was_returned(hess, index):
    def wrong(x):
        h = np.array(hess(x))
        h[index] += 0.5
        return h

    finding = only(gv.check(half_square, grad=half_square_grad, hess=wrong, inputs=RNG.standard_normal((2, 3))))
    assert (finding.argument, finding.index) == ("hess", index)
    assert finding.claimed - finding.expected == pytest.approx(0.5, rel=1e-9)


# f(a, b) = |a|^2 sum(b) + sum(b^3), of two vectors


def mixed(a, b):
    return (a * a).sum() * b.sum() + (b**3).sum()


def mixed_grad(a, b):
    return 2 * a * b.sum(), (a * a).sum() + 3 * b**2


def blocks(a, b):
    across = 2 * np.outer(a, np.ones(len(b)))
    return [[2 * b.sum() * np.eye(len(a)), across], [across.T, np.diag(6 * b)]]


def test_the_hessian_by_several_inputs_is_blocks_or_one_matrix():
    inputs = gv.Box("n"), gv.Box("m")
    assert gv.check(mixed, grad=mixed_grad, hess=blocks, inputs=inputs).ok
    assert gv.check(mixed, grad=mixed_grad, hess=lambda a, b: np.block(blocks(a, b)), inputs=inputs).ok


def test_a_wrong_block_is_named_by_its_place_among_the_blocks():
    def wrong(a, b):
        h = blocks(a, b)
        h[1][0] = h[1][0].copy()
        h[1][0][2, 1] = 7
        return h

    finding = only(gv.check(mixed, grad=mixed_grad, hess=wrong, inputs=AB))
    assert (finding.place, finding.claimed, finding.expected) == ("hess[1][0][2, 1]", 7.0, pytest.approx(4.0))


def test_a_wrong_entry_of_the_one_matrix_is_named_by_its_place_in_it():
    def wrong(a, b):
        h = np.block(blocks(a, b))
        h[4, 1] = 7
        return h

    finding = only(gv.check(mixed, grad=mixed_grad, hess=wrong, inputs=AB))
    assert (finding.place, finding.claimed, finding.expected) == ("hess[4, 1]", 7.0, pytest.approx(4.0))


def test_what_is_not_differentiated_has_no_rows_and_no_columns():
    def f(w, i):
        return (w[i] ** 3).sum()

    def grad(w, i):
        d = np.zeros_like(w)
        np.add.at(d, i, 3 * w[i] ** 2)
        return d, None

    def hess(w, i):
        d = np.zeros_like(w)
        np.add.at(d, i, 6 * w[i])
        return np.diag(d)

    inputs = gv.Box("n"), gv.Box("m", kind="index", high="n")
    for form in (hess, lambda w, i: ((hess(w, i), None), (None, None)), lambda w, i: ((hess(w, i),),)):
        assert gv.check(f, grad=grad, hess=form, inputs=inputs).ok
    report = gv.check(f, grad=grad, hess=lambda w, i: 2 * hess(w, i), inputs=inputs)
    assert only(report).argument == "hess"


def test_a_jacobian_of_several_outputs_is_a_tuple_of_them():
    def f(x):
        return x.sum(), x**2

    def jac(x):
        return np.ones_like(x), np.diag(2 * x)

    assert gv.check(f, jac=jac, inputs=gv.Box("n")).ok
    x = np.array([2.0, 3.0])
    finding = only(gv.check(f, jac=lambda x: (jac(x)[0], jac(x)[1] + np.diag([0.0, 3.0])), inputs=x))
    assert (finding.place, finding.claimed, finding.expected) == ("jac[1][1, 1]", 9.0, pytest.approx(6.0))


def test_the_gradient_of_a_scalar_is_told_by_the_entry_of_its_argument_with_its_own_numbers():
    finding = only(gv.check(mixed, grad=lambda a, b: (mixed_grad(a, b)[0], 2 * mixed_grad(a, b)[1]), inputs=AB))
    assert finding.argument == "b"
    k = finding.index[0]
    right = mixed_grad(*AB)[1][k]
    assert (finding.claimed, finding.expected) == (2 * right, pytest.approx(right))


def test_a_gradient_may_be_a_row_and_its_hessian_is_judged_all_the_same():
    report = gv.check(
        lambda x: (x**2).sum(), grad=lambda x: 2 * x[None], hess=lambda x: 2 * np.eye(len(x)), inputs=gv.Box("n")
    )
    assert report.ok


def test_whole_numbers_take_the_input_s_type():
    report = gv.check(lambda x: 3 * x, jac=lambda x: 3 * np.eye(len(x), dtype=int), inputs=gv.Box("n", dtype="float32"))
    assert report.ok


@pytest.mark.parametrize(("request_", "message"), [
    ({"hess": lambda a, b: np.ones((4, 5))},
     r"hess returned shape (4, 5); over all entries of the inputs it is (5, 5); it may also be blocks, hess[i][j]"),
    ({"hess": lambda a, b: blocks(a, b)[:1]}, "hess returned 1 array(s) for 2 outputs"),
    ({"hess": lambda a, b: blocks(a, b)[0]}, "hess returned hess[0] with 1 array(s) for 2 inputs"),
    ({"hess": lambda a, b: list(zip(*blocks(a, b), strict=True))},
     "hess returned hess[1][0] of shape (2, 3); for an input of shape (2,) and a value of shape (3,) it is (3, 2)"),
    ({"grad": lambda a, b: mixed_grad(a, b)[0]}, "grad returned 1 array(s) for 2 inputs"),
    ({"grad": lambda a, b: (mixed_grad(a, b)[0][:, None], mixed_grad(a, b)[1])},
     "grad returned grad[0] of shape (2, 1); the gradient of a scalar has its input's shape (2,)"),
])  # fmt: skip
def test_what_is_no_matrix_of_these_inputs_is_told_with_what_would_be(request_, message):
    report = gv.check(mixed, **({"grad": mixed_grad} | request_), inputs=AB)
    assert report.status == "FAILS"
    assert message in str(report)


def test_a_product_takes_one_input():
    with pytest.raises(gv.Misuse, match="hessp= takes one input x and a direction p; there are 2 inputs"):
        gv.check(mixed, grad=mixed_grad, hessp=lambda x, p: p, inputs=AB)


def test_naming_an_entry_leaves_the_inputs_alone():
    def greedy(x):
        h = 3.0 * np.eye(2)
        x[...] = 0
        return h

    x = np.array([1.0, 2.0])
    report = gv.check(lambda x: (x**2).sum(), grad=lambda x: 2 * x, hess=greedy, inputs=x)
    assert x.tolist() == [1.0, 2.0]
    assert [f.inputs[0].tolist() for f in report.findings] == [[1.0, 2.0]] * len(report.findings)
    assert {f.law for f in report.findings} >= {"pullback_is_the_derivative"}
