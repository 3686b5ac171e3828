"""Second derivatives and forward rules: right ones hold, every usual mistake is seen and named by its entry."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mutants import GRADIENT, LOWER_TRIANGULAR

import gradverify as gv
from gradverify.laws import hessian_is_symmetric, pushforward_is_linear, pushforward_is_shaped_like_the_value

X = np.array([-1.2, 1.0, 0.3, 2.0])
ANY = {"inputs": gv.Box("n"), "sizes": {"n": (2, 5)}}
BY = gv.Sampling(smallest=False)
ABOUT = (
    "pullback_is_the_derivative",
    "pushforward_is_the_derivative",
    "pullback_is_the_adjoint",
    "pushforward_is_linear",
    "pushforward_is_shaped_like_the_value",
    "hessian_is_symmetric",
)


# Rosenbrock's function as scipy.optimize has it, but for the dtype, which is kept


def rosen(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosen_der(x):
    d = np.zeros_like(x)
    d[:-1] += -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    d[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return d


def rosen_hess(x):
    diagonal = np.zeros_like(x)
    diagonal[:-1] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    diagonal[1:] += 200
    return np.diag(diagonal) - np.diag(400 * x[:-1], 1) - np.diag(400 * x[:-1], -1)


def rosen_hess_prod(x, p):
    out = (200 * np.r_[0, np.ones(len(x) - 1)]).astype(x.dtype) * p
    out[:-1] += (1200 * x[:-1] ** 2 - 400 * x[1:] + 2) * p[:-1] - 400 * x[:-1] * p[1:]
    out[1:] -= 400 * x[:-1] * p[:-1]
    return out


def log_sum_exp(x):
    return x.max() + np.log(np.exp(x - x.max()).sum())


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def softmax_jacobian(x):
    p = softmax(x)
    return np.diag(p) - np.outer(p, p)


def softmax_product(x, v):
    p = softmax(x)
    return p * v - p * (p @ v)


FUNCTIONS = {
    "rosen": (rosen, rosen_der, rosen_hess, rosen_hess_prod),
    "log-sum-exp": (log_sum_exp, softmax, softmax_jacobian, softmax_product),
}


def failing(report: gv.Report) -> list[str]:
    return [v.law for v in report.verdicts if v.status == "FAILS"]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_right_hessians_and_products_hold_and_are_decided(name, dtype):
    if (name, dtype) == ("rosen", "float16"):
        pytest.skip("its values overflow float16")
    f, grad, hess, hessp = FUNCTIONS[name]
    report = gv.check(f, grad=grad, hess=hess, hessp=hessp, dtype=dtype, **ANY)
    assert report.status == "HOLDS", str(report)
    found = {v.law: v for v in report.verdicts if v.subject.startswith("the gradient")}
    for law in ABOUT:
        assert found[law].status == "HOLDS"
        assert found[law].decisive > 0.4 * found[law].trials, found[law]


def off_by(change: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda x: change(rosen_hess(x).copy(), x)


def one_entry(factor: float) -> Callable[[Any, Any], Any]:
    def change(h: Any, x: Any) -> Any:
        h[0, 1] *= factor
        return h

    return change


@pytest.mark.parametrize(("wrong", "where"), [
    (lambda h, x: 2 * h, [(i, j) for i in range(4) for j in range(4) if abs(i - j) < 2]),
    (lambda h, x: h - 2 * np.diag([1.0, 1, 1, 0]), [(0, 0), (1, 1), (2, 2)]),
    (lambda h, x: np.diag(np.diag(h)), [(i, j) for i in range(4) for j in range(4) if abs(i - j) == 1]),
    (one_entry(-1), [(0, 1)]),
    (one_entry(1 + 1e-6), [(0, 1)]),
    (one_entry(1 + 1e-9), [(0, 1)]),
])  # fmt: skip
def test_a_wrong_hessian_fails_at_its_entry_with_its_numbers(wrong, where):
    hess = off_by(wrong)
    report = gv.check(rosen, grad=rosen_der, hess=hess, inputs=X)
    assert failing(report) == ["pullback_is_the_derivative"]
    (finding,) = report.findings
    assert finding.index in where
    assert finding.claimed == hess(X)[finding.index]
    assert finding.expected == pytest.approx(rosen_hess(X)[finding.index], rel=1e-12)
    assert f"at hess[{finding.index[0]}, {finding.index[1]}]: claimed" in str(report)


def test_a_transposed_jacobian_that_is_not_symmetric_fails_at_an_entry_off_its_diagonal():
    def shear(x):
        return np.array([x[0] * x[1], x[1] ** 2])

    def jac(x):
        return np.array([[x[1], x[0]], [0, 2 * x[1]]])

    assert gv.check(shear, jac=jac, inputs=gv.Box("2")).ok
    report = gv.check(shear, jac=lambda x: jac(x).T, inputs=np.array([3.0, 5.0]))
    (finding,) = report.findings
    assert (finding.place, finding.claimed, finding.expected) in [("jac[0, 1]", 0.0, 3.0), ("jac[1, 0]", 3.0, 0.0)]


def test_one_wrong_entry_among_ninety_thousand_is_named():
    x = np.random.default_rng(0).standard_normal(300)

    def hess(x):
        h = rosen_hess(x)
        h[171, 172] *= 1.001
        return h

    report = gv.check(rosen, grad=rosen_der, hess=hess, inputs=x)
    assert [f.place for f in report.findings] == ["hess[171, 172]"]


DIRECTIONS: dict[str, Callable[[Any], Any]] = {
    "forgets it": np.ones_like,
    "squares it": np.square,
    "drops its sign": np.abs,
    "clips it": lambda p: np.clip(p, -1, 1),
    "normalises it": lambda p: p / np.linalg.norm(p),
}


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("name", DIRECTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_a_forward_rule_that_is_not_linear_is_told_without_an_oracle(name, n, seed):
    f = gv.Subject(
        name, lambda x: x**3, gv.Domain({"x": gv.At(X[-n:])}), jvp=lambda p, x: 3 * x**2 * DIRECTIONS[name](p)
    )
    verdict = gv.examine(pushforward_is_linear, f, by=BY, seed=seed)
    assert verdict.status == "FAILS"
    assert verdict.findings[0].argument == "value"
    assert gv.examine(pushforward_is_linear, dataclasses.replace(f, jvp=lambda p, x: 3 * x**2 * p), by=BY).decisive


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_product_that_is_not_linear_in_its_direction_fails_as_a_derivative_too(name):
    report = gv.check(rosen, grad=rosen_der, hessp=lambda x, p: rosen_hess(x) @ DIRECTIONS[name](p), inputs=X)
    assert failing(report) == ["pushforward_is_the_derivative", "pushforward_is_linear"]


def test_a_wrong_product_fails_at_an_entry_and_says_along_which_direction():
    def product(x, p):
        out = rosen_hess_prod(x, p)
        out[1] += 0.5 * p[2]
        return out

    report = gv.check(rosen, grad=rosen_der, hess=rosen_hess, hessp=product, inputs=X)
    (finding,) = report.findings
    assert finding.place == "pushforward(x, u)[1]"
    step = float(finding.cause.removeprefix("the tangent u is ").split()[0])
    assert finding.cause.endswith(" at x[2], and 0 elsewhere")
    assert finding.claimed - finding.expected == pytest.approx(0.5 * step, rel=1e-8)  # nine digits of it are told
    assert "not judged: it rests on pushforward_is_the_derivative" in str(report)  # what holds the two together


def test_a_product_is_held_to_the_hessian_where_both_are_claimed():
    both = {"grad": rosen_der, "hess": rosen_hess, "inputs": X, "laws": "pullback_is_the_adjoint"}
    assert gv.check(rosen, hessp=rosen_hess_prod, **both).ok
    report = gv.check(rosen, hessp=lambda x, p: (1 + 1e-9) * rosen_hess_prod(x, p), **both)
    assert failing(report) == ["pullback_is_the_adjoint"]


@pytest.mark.parametrize("answer", [lambda u: u[:, None], lambda u: u.astype("float32"), lambda u: (u, u)])
def test_a_forward_rule_of_another_shape_dtype_or_count_fails_by_that_law_alone(answer):
    report = gv.check(lambda x: 2 * x, jvp=lambda u, x: answer(2 * u), inputs=X)
    assert failing(report) == ["pushforward_is_shaped_like_the_value"]
    assert report.findings[0].expected == "float64 (4,)"


def test_the_shape_of_a_right_tangent_is_that_of_each_output():
    report = gv.check(lambda x: (x.sum(), 2 * x), jvp=lambda u, x: (u.sum(), 2 * u), inputs=gv.Box("n"))
    (verdict,) = (v for v in report.verdicts if v.law == pushforward_is_shaped_like_the_value.name)
    assert report.ok
    assert verdict.status == "HOLDS"


@pytest.mark.parametrize("rule", ["hess", "hessp"])
@pytest.mark.parametrize("size", [1e-6, 1e-9])
def test_a_hessian_that_is_not_symmetric_is_told_without_an_oracle_and_names_the_two_entries(rule, size):
    hess = off_by(one_entry(1 + size))
    rules = {"hess": hess} if rule == "hess" else {"hessp": lambda x, p: hess(x) @ p}
    report = gv.check(rosen, grad=rosen_der, inputs=X, laws="hessian_is_symmetric", **rules)
    assert failing(report) == ["hessian_is_symmetric"]
    assert "H differs most between x[0] and x[1]: 480" in report.findings[0].argument
    assert str(report).count("H differs most") == 1
    assert [v.subject for v in report.verdicts] == ["the gradient of rosen"]  # of rosen itself it says nothing


def test_a_gradient_of_nothing_has_the_right_jacobian_and_is_not_symmetric():
    report = gv.check(LOWER_TRIANGULAR)
    assert failing(report) == ["hessian_is_symmetric"]
    assert gv.check(GRADIENT).ok


def test_symmetry_is_judged_in_every_size_and_of_several_inputs():
    def f(a, b):
        return (a * a).sum() * b.sum() + (b**3).sum()

    def grad(a, b):
        return 2 * a * b.sum(), (a * a).sum() + 3 * b**2

    def hess(a, b):
        across = 2 * np.outer(a, np.ones(len(b)))
        return (2 * b.sum() * np.eye(len(a)), across), (across.T, np.diag(6 * b))

    inputs = gv.Box("n"), gv.Box("m")
    assert gv.check(f, grad=grad, hess=hess, inputs=inputs).ok

    def lopsided(a, b):
        (aa, ab), (ba, bb) = hess(a, b)
        return (aa, ab), (1.01 * ba, bb)

    report = gv.check(f, grad=grad, hess=lopsided, inputs=inputs, laws="hessian_is_symmetric")
    assert failing(report) == ["hessian_is_symmetric"]


def test_the_laws_are_proved_on_symbols_and_their_breaches_refuted():
    quadratic = gv.Subject(
        "x1^2 x2", lambda x: np.stack([2 * x[0] * x[1], x[0] ** 2]), gv.Domain({"x": gv.Box("2")}),
        vjp=lambda g, x: np.stack([2 * x[1] * g[0] + 2 * x[0] * g[1], 2 * x[0] * g[0]]), spec="gradient",
    )  # fmt: skip
    assert gv.examine(hessian_is_symmetric, quadratic, by=gv.Proof()).status == "HOLDS"
    swirl = dataclasses.replace(
        quadratic, value=lambda x: np.stack([x[1], -x[0]]), vjp=lambda g, x: np.stack([-g[1], g[0]])
    )
    assert gv.examine(hessian_is_symmetric, swirl, by=gv.Proof()).status == "FAILS"
    sine = gv.Subject("sin", np.sin, gv.Domain({"x": gv.Box("n")}), jvp=lambda u, x: u * np.cos(x))
    assert gv.examine(pushforward_is_linear, sine, by=gv.Proof()).status == "HOLDS"
    square = dataclasses.replace(sine, jvp=lambda u, x: u * u * np.cos(x))
    assert gv.examine(pushforward_is_linear, square, by=gv.Proof()).status == "FAILS"


@pytest.mark.parametrize("seed", range(4))
def test_the_witness_of_a_wrong_hessian_reproduces_it_and_clears_a_right_one(seed):
    hess = off_by(one_entry(1.01))
    report = gv.check(rosen, grad=rosen_der, hess=hess, hessp=rosen_hess_prod, seed=seed, **ANY)
    (finding,) = report.findings
    names = {"rosen": rosen, "rosen_der": rosen_der, "rosen_hess_prod": rosen_hess_prod}
    line = finding.witness.replace("hess=f", "hess=hess")
    with pytest.raises(gv.LawBroken) as broken:
        exec(line, {**names, "hess": hess, "f": hess})
    assert f"at {finding.place}: claimed" in str(broken.value)
    exec(line, {**names, "hess": rosen_hess, "f": rosen_hess})


def test_a_cotangent_unlike_every_value_is_misuse():
    with pytest.raises(gv.Misuse, match=r"cotangent= has shape \(3,\); it must be like the value of rosen"):
        gv.check(rosen, grad=rosen_der, hess=rosen_hess, inputs=X, cotangent=np.ones(3))


def test_a_spec_is_the_function_s_and_its_gradient_keeps_its_own():
    report = gv.check(log_sum_exp, grad=softmax, hess=softmax_jacobian, spec="activation", **ANY)
    laws = {v.subject: {w.law for w in report.verdicts if w.subject == v.subject} for v in report.verdicts}
    assert report.ok
    assert "finite_in_finite_out" in laws["log_sum_exp"]
    assert "finite_in_finite_out" not in laws["the gradient of log_sum_exp"]
    assert "hessian_is_symmetric" in laws["the gradient of log_sum_exp"]
