"""A gradient that is right in another convention than the one judged is told so, with the way to say which is meant."""

from __future__ import annotations

import numpy as np
import pytest
from complex_pairs import BOX, HOLOMORPHIC, OTHER, RIGHT, Z, energy, failing, only, square

import gradverify as gv


@pytest.mark.parametrize("name", RIGHT)
def test_what_holds_in_one_convention_holds_in_the_other_conjugated(name):
    f, vjp = RIGHT[name]
    report = gv.check(f, vjp=lambda g, z: np.conj(vjp(np.conj(g), z)), inputs=Z, convention="jax")
    assert report.status == "HOLDS", str(report)
    assert "gradients are dL/da - i dL/db for z = a + ib (JAX's convention)" in str(report)


@pytest.mark.parametrize("name", [n for n in RIGHT if n not in ("identity", "real", "sum", "conj")])
def test_a_gradient_right_under_the_other_convention_fails_and_is_told_so(name):
    f, vjp = RIGHT[name]
    report = gv.check(f, vjp=lambda g, z: np.conj(vjp(np.conj(g), z)), inputs=Z)
    assert failing(report) == ["pullback_is_the_derivative"]
    cause = only(report).cause
    assert cause == f'{OTHER}: take conjugates, or write convention="jax"'
    assert cause in str(report)


def test_under_jax_s_convention_the_other_one_is_pytorch_s():
    report = gv.check(energy, vjp=lambda g, z: 2 * g * z, inputs=Z, convention="jax")
    yours = "dL/da + i dL/db (PyTorch's); gv.check judges dL/da - i dL/db (JAX's)"
    assert f'{yours}: take conjugates, or write convention="torch"' in only(report).cause


@pytest.mark.parametrize("name", HOLOMORPHIC)
@pytest.mark.parametrize(("wrong", "cause"), [
    (np.conj, "the conjugate of what is answered is right"),
    (lambda g: g.real + 0j, "claimed = 0 on all 6 entries of"),
    (lambda g: 2 * g, "claimed = 2 x expected on all 6 entries of"),
    (lambda g: g * (1 + 1e-6), "claimed = 1.000001 x expected on all 6 entries of"),
    (lambda g: g * np.exp(1e-6j), "a small number is off"),
])  # fmt: skip
def test_a_wrong_gradient_fails_at_a_part_of_its_argument(name, wrong, cause):
    f, vjp = RIGHT[name]
    report = gv.check(f, vjp=lambda g, z: wrong(vjp(g, z)), inputs=Z, name=name)
    assert failing(report) == ["pullback_is_the_derivative"]
    finding = only(report)
    argument, part = finding.argument.split(".")
    assert part in ("real", "imag")
    assert cause in finding.cause
    right = vjp(finding.cotangent[0] + 1j * finding.cotangent[1], Z)
    assert finding.expected == pytest.approx(getattr(right, part)[finding.index], rel=1e-7)
    assert finding.claimed == pytest.approx(getattr(wrong(right), part)[finding.index], rel=1e-12)
    assert f"at {argument}.{part}[{finding.index[0]}, {finding.index[1]}]: claimed" in str(report)


@pytest.mark.parametrize(("claim", "says"), [
    (lambda g, z: g * z, "half of dL/da + i dL/db (PyTorch's), as a Wirtinger derivative is: twice that is right"),
    (lambda g, z: g * np.conj(z), "half of dL/da - i dL/db (JAX's), as a Wirtinger derivative is"),
])  # fmt: skip
def test_a_wirtinger_derivative_is_told_from_a_gradient(claim, says):
    assert says in only(gv.check(energy, vjp=claim, inputs=Z)).cause


def test_matrix_products_hold_and_one_without_conjugates_is_told():
    a, b = Z, Z.T + 1
    right = gv.check(np.matmul, vjp=lambda g, a, b: (g @ b.conj().T, a.conj().T @ g), inputs=(a, b))
    assert right.ok
    wrong = gv.check(lambda a, b: a @ b, vjp=lambda g, a, b: (g @ b.T, a.T @ g), inputs=(a, b))
    assert OTHER in only(wrong).cause
    one = gv.check(lambda a, b: a @ b, vjp=lambda g, a, b: (g @ b.conj().T, a.T @ g), inputs=(a, b))
    assert only(one).argument in ("b.real", "b.imag")


# -- the conventions are those of the frameworks that they are named after


def in_torch(name):
    torch = pytest.importorskip("torch")
    inside = {
        "softmax": lambda z: torch.exp(z) / torch.exp(z).sum(-1, keepdim=True),
        "born": lambda z: z.abs() ** 2 / (z.abs() ** 2).sum(-1, keepdim=True),
        "square": lambda z: z**2, "conj": torch.conj, "fft": torch.fft.fft, "abs": torch.abs,
    }  # fmt: skip

    def vjp(g, z):
        leaf = torch.tensor(z, requires_grad=True)
        return torch.autograd.grad(inside[name](leaf), leaf, torch.tensor(g))[0].resolve_conj().numpy()

    return vjp


def in_jax(name):
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    inside = {
        "softmax": lambda z: jnp.exp(z) / jnp.exp(z).sum(-1, keepdims=True),
        "born": lambda z: jnp.abs(z) ** 2 / (jnp.abs(z) ** 2).sum(-1, keepdims=True),
        "square": lambda z: z**2, "conj": jnp.conj, "fft": jnp.fft.fft, "abs": jnp.abs,
    }  # fmt: skip

    def vjp(g, z):
        with jax.enable_x64(True):
            return np.asarray(jax.vjp(inside[name], jnp.asarray(z))[1](jnp.asarray(g))[0])

    return vjp


@pytest.mark.parametrize("name", ["square", "softmax", "born", "fft", "abs", "conj"])
@pytest.mark.parametrize(("framework", "convention"), [(in_torch, "torch"), (in_jax, "jax")])
def test_a_framework_s_own_gradients_hold_under_the_convention_of_its_name(name, framework, convention):
    f = RIGHT[name][0]
    request = {"vjp": framework(name), "inputs": Z, "laws": "pullback_is_the_derivative"}
    assert gv.check(f, **request, convention=convention).status == "HOLDS"
    if name != "conj":  # which is its own conjugate, in both of its arguments
        other = gv.check(f, **request, convention={"torch": "jax", "jax": "torch"}[convention])
        assert f'write convention="{convention}"' in only(other).cause


def test_a_complex_value_without_an_imaginary_part_has_a_complex_cotangent_and_that_is_told():
    def norm(z):
        return np.vdot(z, z)  # complex128, and real

    assert gv.check(norm, vjp=lambda g, z: 2 * g.real * z, inputs=Z).ok
    report = gv.check(norm, vjp=lambda g, z: 2 * g * z, inputs=Z)
    assert only(report).cause == (
        "the value has a complex type and no imaginary part, and the rule is right for real cotangents: "
        "return the real part"
    )
    assert "return the real part" in only(gv.check(norm, grad=lambda z: 2 * z, inputs=Z)).cause
    assert gv.check(lambda z: norm(z).real, grad=lambda z: 2 * z, inputs=Z).ok


# -- forward rules, Jacobians, second derivatives


def test_forward_rules_are_the_same_in_both_conventions_and_held_to_the_pullback():
    def jvp(u, z):
        return 2 * z * u

    for convention in ("torch", "jax"):
        assert gv.check(square, jvp=jvp, inputs=BOX, convention=convention).ok
    wrong = gv.check(square, jvp=lambda u, z: 2 * np.conj(z) * u, inputs=Z)
    assert only(wrong).argument in ("pushforward(x, u).real", "pushforward(x, u).imag")
    both = {"vjp": lambda g, z: 2 * g * z, "jvp": jvp, "laws": "pullback_is_the_adjoint", "inputs": Z}
    assert gv.check(square, **both, convention="jax").ok
    assert not gv.check(square, **both).ok


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_a_jacobian_of_a_complex_value_has_dy_is_j_dz_in_both_conventions(convention):
    z = {"inputs": gv.Box("n", dtype="complex128"), "convention": convention}
    assert gv.check(square, jac=lambda z: np.diag(2 * z), **z).ok
    wrong = gv.check(square, jac=lambda z: np.diag(2 * np.conj(z)), **z)
    assert only(wrong).cause == "its conjugate is right: a Jacobian J of a complex value has dy = J dz"
    neither = gv.check(lambda z: z + np.conj(z) / 2, jac=lambda z: 1.5 * np.eye(len(z), dtype=z.dtype), **z)
    assert only(neither).cause == "dy = J dz is what holomorphic functions have; for another one give vjp="


def test_a_product_with_the_hessian_is_a_forward_rule_of_the_gradient_and_symmetric():
    def quartic(z):
        return (np.abs(z) ** 4).sum()

    def grad(z):
        return 4 * np.abs(z) ** 2 * z

    def hessp(z, p):
        return 8 * (np.conj(z) * p).real * z + 4 * np.abs(z) ** 2 * p

    z = gv.Box("n", dtype="complex128")
    report = gv.check(quartic, grad=grad, hessp=hessp, inputs=z)
    assert report.ok, str(report)
    assert "HOLDS     hessian_is_symmetric" in str(report)
    other = {"grad": lambda z: np.conj(grad(z)), "hessp": lambda z, p: np.conj(hessp(z, p)), "convention": "jax"}
    report = gv.check(quartic, inputs=z, **other)
    assert report.ok, str(report)
    assert "hessian_is_symmetric" not in str(report)  # the pair (dL/da, -dL/db) is the gradient of nothing
    with pytest.raises(gv.Misuse, match="no complex matrix is the Hessian by a complex input; give hessp= in its"):
        gv.check(quartic, grad=grad, hess=lambda z: np.eye(3), inputs=Z)


def test_a_real_argument_with_a_complex_value_has_its_cotangent_in_one_of_the_conventions():
    def vjp(g, x):
        return len(x) * np.fft.ifft(np.r_[g, np.zeros(len(x) - len(g))]).real

    at = {"inputs": np.arange(6.0), "name": "rfft"}
    assert gv.check(np.fft.rfft, vjp=vjp, **at).ok
    report = gv.check(np.fft.rfft, vjp=lambda g, x: vjp(np.conj(g), x), **at)
    assert OTHER in only(report).cause
    assert gv.check(np.fft.rfft, vjp=lambda g, x: vjp(np.conj(g), x), convention="jax", **at).ok
